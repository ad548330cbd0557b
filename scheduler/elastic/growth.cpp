#include "scheduler/elastic/growth.hpp"

#include <algorithm>

#include "scheduler/fair/tenant_limits.hpp"
#include "scheduler/state/devices.hpp"

namespace sched {

// One gang while it gets more.
struct Growth::Filling {
  const Gang& gang;
  const Shape& shape;
  const Shape::Group& group;
  Amounts served;            // of one Pod, as shares count it
  std::vector<ZoneId> used;  // in the order of the ranks
  std::map<ZoneId, DomainId> domain_of;
  std::set<NodeId> useless;  // nodes that are not asked again
  std::vector<NodeId> found;
  std::optional<Kept> kept;  // what others' guarantees of some of the nodes leave to it
  std::int64_t& looked;

  bool full() const {
    return static_cast<std::int64_t>(gang.ranks.size() + found.size()) >= gang.most;
  }
};

Growth::Growth(State& state, std::vector<ShapeId> waited_for, const std::vector<NodeId>& meant)
    : state_(state), waited_for_(std::move(waited_for)), quiet_(state.cluster), overlay_(state) {
  for (const NodeId node : meant) answers_[node] = true;
}

Growth::~Growth() {
  for (auto charge = charges_.rbegin(); charge != charges_.rend(); ++charge) {
    state_.pretend_more(charge->task, charge->node, charge->request, charge->served, -1);
  }
  overlay_.undo(0);
}

std::vector<NodeId> Growth::more(const Gang& gang, std::int64_t& looked) {
  const Shape& shape = state_.shapes[gang.shape];
  const Shape::Group& group = shape.groups.front();
  Filling filling{
      gang,
      shape,
      group,
      served_of(group.request, state_.names.of_model(group.request, shape.gpu_model), state_.names),
      {},
      {},
      {},
      {},
      {},
      looked};
  const Profile& profile = state_.cluster.profile(group.profile);
  for (const NodeId node : gang.ranks) {
    const ZoneId zone = state_.cluster.cls(state_.cluster.node(node).cls).zone;
    const bool known = filling.domain_of.contains(zone);
    if (!known) filling.used.push_back(zone);
    if (!known) filling.domain_of[zone] = state_.cluster.domain_of(profile, node);
  }
  const bool lends_nothing = !gang.borrows && state_.granting > 0;
  if (shape.guards != kNoId || lends_nothing) {
    Shape more = shape;
    if (lends_nothing) more.guards = state_.tasks[gang.task].queue;
    more.total = {};
    more.total.plus(group.request, gang.most - std::ssize(gang.ranks));
    const auto beside = gang.keeps_own ? Kept::Beside::kOwnToo : Kept::Beside::kNow;
    filling.kept.emplace(state_, more, beside,
                         gang.covers != nullptr ? *gang.covers : Cover(state_, more.guards));
  }
  // Its nodes are told to be in other zones than when it started.
  if (shape.policy == ZonePolicy::kSingle && filling.used.size() > 1) return {};
  for (const ZoneId zone : zones_to_try(filling)) {
    if (filling.full()) break;
    if (may_lie_in(filling, zone)) fill_zone(filling, zone);
  }
  return std::move(filling.found);
}

// Those in use first, then those with most room.
std::vector<ZoneId> Growth::zones_to_try(const Filling& filling) const {
  std::vector<ZoneId> zones = filling.used;
  if (filling.shape.policy == ZonePolicy::kSingle) return zones;
  std::vector<ZoneId> others;
  for (const auto& [name, zone] : state_.cluster.zones()) {
    if (!filling.domain_of.contains(zone)) others.push_back(zone);
  }
  const Profile& profile = state_.cluster.profile(filling.group.profile);
  std::stable_sort(others.begin(), others.end(), [&](ZoneId a, ZoneId b) {
    return profile.zones[a].slots > profile.zones[b].slots;
  });
  zones.insert(zones.end(), others.begin(), others.end());
  return zones;
}

bool Growth::may_lie_in(const Filling& filling, ZoneId zone) const {
  const std::string& wanted = filling.group.zone;
  if (!wanted.empty() && state_.cluster.zone(zone).name != wanted) return false;
  if (filling.domain_of.contains(zone)) return true;
  const Shape& shape = filling.shape;
  const auto zones = static_cast<std::int64_t>(filling.used.size());
  if (shape.max_zones > 0 && zones >= shape.max_zones) return false;
  return std::all_of(filling.used.begin(), filling.used.end(), [&](ZoneId used) {
    const bool near = state_.cluster.region(used) == state_.cluster.region(zone);
    if (shape.policy == ZonePolicy::kSameRegion && !near) return false;
    return shape.max_latency_us <= 0 || state_.latency_us(used, zone) <= shape.max_latency_us;
  });
}

// The first node that takes a Pod, in the packing order, of those nobody waits for. A zone that was
// not used before has its domain from the first one that is taken.
NodeId Growth::next(Filling& filling, ZoneId zone, DomainId domain) {
  const Profile& profile = state_.cluster.profile(filling.group.profile);
  Cluster::Walk walk(state_.cluster, filling.group.profile, zone);
  for (NodeId node = walk.next(filling.looked).node; node != kNoId;
       node = walk.next(filling.looked).node) {
    if (filling.useless.contains(node)) continue;
    const DomainId here = state_.cluster.domain_of(profile, node);
    const bool fits =
        !filling.shape.one_domain || (here != kNoId && (domain == kNoId || here == domain));
    if (fits && !waited_for(node)) return node;
    filling.useless.insert(node);
  }
  return kNoId;
}

// Pod by Pod: each counts for what the next may have.
void Growth::fill_zone(Filling& filling, ZoneId zone) {
  while (!filling.full()) {
    const auto known = filling.domain_of.find(zone);
    const bool fresh = known == filling.domain_of.end();
    // Its nodes there were in a domain when it started, and are not any more.
    if (!fresh && filling.shape.one_domain && known->second == kNoId) return;
    const NodeId node = next(filling, zone, fresh ? kNoId : known->second);
    if (node == kNoId) return;
    if (!take_one(filling, node)) {
      filling.useless.insert(node);
      continue;
    }
    if (!fresh) continue;
    filling.used.push_back(zone);
    const Profile& profile = state_.cluster.profile(filling.group.profile);
    filling.domain_of[zone] = state_.cluster.domain_of(profile, node);
  }
}

bool Growth::take_one(Filling& filling, NodeId node) {
  const TaskId task = filling.gang.task;
  const QueueRecord& queue = state_.queues[state_.tasks[task].queue];
  if (!promises_kept(filling) || !leaves_guaranteed(filling, node)) return false;
  const std::vector<QueueRecord::Limit> before = queue.limits;
  const Amounts& request = filling.group.request;
  state_.pretend_more(task, node, request, filling.served, 1);
  if (!keeps_maxima(before, queue.limits)) {
    state_.pretend_more(task, node, request, filling.served, -1);
    return false;
  }
  if (filling.kept) filling.kept->take(state_.cluster.node(node).node, request, 1);
  charges_.push_back({task, node, request, filling.served});
  overlay_.book(node, request);
  filling.found.push_back(node);
  return true;
}

// As for a start of one Pod more. Where quotas of some nodes count, what is kept for others of the
// queue would have to be counted, too: until they run, it gets nothing.
bool Growth::promises_kept(const Filling& filling) {
  const TaskId id = filling.gang.task;
  const TaskRecord& task = state_.tasks[id];
  const QueueRecord& queue = state_.queues[task.queue];
  if (!queue.known || queue.queue.closed) return false;
  if (!queue.limits.empty() && promised_to_others(state_, id).tasks > 0) return false;
  const Amounts& request = filling.group.request;
  if (!fits_maximum(queue, beside_promised(state_, id, request), false)) return false;
  if (!tenant_may_have(state_, id, filling.served)) return false;
  // High borrows nothing, whatever its queue may.
  const Tier tier = filling.gang.borrows ? tier_of(task.task, queue) : Tier::kHigh;
  return !takes_guaranteed(state_, task.queue, static_cast<int>(tier), request);
}

bool Growth::leaves_guaranteed(Filling& filling, NodeId node) {
  if (!filling.kept) return true;
  return filling.kept->pods(state_.cluster.node(node).node, filling.group.request) > 0;
}

bool Growth::waited_for(NodeId node) {
  const auto [known, fresh] = answers_.try_emplace(node, false);
  if (!fresh) return known->second;
  const NodeRecord& record = state_.cluster.node(node);
  const std::string& zone = record.node.zone;
  const auto wants = [&](const Shape::Group& group) {
    return (group.zone.empty() || group.zone == zone) &&
           state_.cluster.open_to(group.profile, node) && slots(record.total, group.request) > 0;
  };
  for (const ShapeId id : waited_for_) {
    const Shape& shape = state_.shapes[id];
    const auto names = [&](const GroupZone& g) { return g.zone == zone; };
    const bool here = shape.group_zones.empty() ||
                      std::any_of(shape.group_zones.begin(), shape.group_zones.end(), names);
    known->second =
        known->second || (here && std::any_of(shape.groups.begin(), shape.groups.end(), wants));
  }
  return known->second;
}

}  // namespace sched
