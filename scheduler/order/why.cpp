#include "scheduler/order/why.hpp"

#include <algorithm>
#include <tuple>

#include "scheduler/fair/kept.hpp"
#include "scheduler/fair/tenant_limits.hpp"
#include "scheduler/order/beside_guarantees.hpp"
#include "scheduler/order/holders.hpp"
#include "scheduler/order/over_quota.hpp"
#include "scheduler/order/ruled_out.hpp"
#include "scheduler/place/group.hpp"
#include "scheduler/state/devices.hpp"

namespace sched {
namespace {

// What the nodes that match a profile have, in one zone or in all.
struct Scope {
  std::int64_t nodes = 0;    // that match
  std::int64_t open = 0;     // and are ready and not cordoned
  std::int64_t fitting = 0;  // and take one Pod now
  std::int64_t slots = 0, empty = 0;
  Amounts free, total;  // of the open ones
  Amounts owned;        // of all that match
};

// Sums of the class where the filter is about classes; where it is about single nodes, each node
// is asked.
void add_class(const Cluster& cluster, const Profile& p, ClassId id, Scope& scope) {
  const NodeClass& c = cluster.cls(id);
  const Profile::Cell& cell = p.cells[id];
  scope.slots += cell.slots;
  scope.empty += cell.empty;
  scope.fitting += cell.fitting;
  if (!p.node_level) {
    scope.nodes += c.nodes;
    scope.owned.plus(c.total);
    if (!c.open) return;
    scope.open += c.nodes;
    scope.total.plus(c.total);
    scope.free.plus(c.free);
    return;
  }
  for (const auto& [devices, nodes] : c.by_free_devices) {
    for (auto at = nodes.begin(); !nodes.at_end(at); at = nodes.next(at)) {
      const NodeRecord& record = cluster.node(nodes.get(at).node);
      if (!match_node(p.filter, record.node)) continue;
      ++scope.nodes;
      scope.owned.plus(record.total);
      if (!c.open) continue;
      ++scope.open;
      scope.total.plus(record.total);
      scope.free.plus(record.free);
    }
  }
}

Scope scope_of(const Cluster& cluster, const Profile& p, ZoneId zone) {
  Scope scope;
  for (const auto& [name, id] : cluster.zones()) {
    if (zone != kNoId && zone != id) continue;
    for (const ClassId c : cluster.zone(id).classes) {
      if (p.cells[c].match != Match::kNo) add_class(cluster, p, c, scope);
    }
  }
  return scope;
}

// The nodes of one domain of the topology, each asked.
Scope scope_of(const Cluster& cluster, ProfileId id, DomainId domain) {
  const Profile& p = cluster.profile(id);
  Scope scope;
  scope.slots = p.domains.slots(domain);
  scope.empty = p.domains.empty(domain);
  for (const NodeId node : cluster.domains().domain(domain).nodes) {
    const NodeRecord& record = cluster.node(node);
    if (p.cells[record.cls].match == Match::kNo || !match_node(p.filter, record.node)) continue;
    ++scope.nodes;
    scope.owned.plus(record.total);
    if (!cluster.cls(record.cls).open) continue;
    ++scope.open;
    scope.fitting += p.node_slots[node] > 0;
    scope.total.plus(record.total);
    scope.free.plus(record.free);
  }
  return scope;
}

// GPUs first, then other devices by name, then CPU, memory and the rest: what people ask about.
std::vector<ResourceId> asked(const State& state, const Amounts& request) {
  std::vector<ResourceId> ids;
  for (const auto& [id, amount] : request.extended) ids.push_back(id);
  std::sort(ids.begin(), ids.end(), [&](ResourceId a, ResourceId b) {
    const std::string &x = state.names.name(a), &y = state.names.name(b);
    return std::tuple{!is_gpu(x), x, a} < std::tuple{!is_gpu(y), y, b};
  });
  for (ResourceId id = 0; id < kFirstExtended; ++id) {
    if (request.base[id] > 0) ids.push_back(id);
  }
  return ids;
}

// What there is of a resource, in the unit in which it is asked for: for parts what is left on
// shared devices, and the free ones, in thousandths.
std::int64_t there(const Amounts& has, ResourceId id) {
  if (!is_milli(id)) return has.at(id);
  const ResourceId whole = whole_of(id);
  __int128 sum = exactly(has.at(whole), whole);
  for (const auto& [device, milli] : has.extended) {
    if (is_device(device) && whole_of(device) == whole) sum += milli;
  }
  constexpr std::int64_t kMost = std::int64_t{1} << 62;
  return static_cast<std::int64_t>(std::min<__int128>(sum, kMost));
}

// The resource that is missing most, by free / needed; the first asked for when none is missing.
ResourceId scarcest(const State& state, const Shape::Group& g, const Amounts& has, bool& missing) {
  ResourceId worst = kNoResource;
  missing = false;
  for (const ResourceId id : asked(state, g.request)) {
    if (worst == kNoResource) worst = id;
    const auto need = static_cast<__int128>(g.request.at(id)) * g.count;
    if (there(has, id) >= need) continue;
    const auto worst_need = static_cast<__int128>(g.request.at(worst)) * g.count;
    if (!missing || there(has, id) * worst_need < there(has, worst) * need) worst = id;
    missing = true;
  }
  return worst == kNoResource ? kPods : worst;
}

// Writes the numbers of the resource that is scarcest in what is free, or in all there is. Returns
// whether it is missing in sum.
bool tell(const State& state, const Shape::Group& g, const Scope& scope, Room room, Reason& r) {
  const bool now = room == Room::kNow;
  bool missing = false;
  const ResourceId id = scarcest(state, g, now ? scope.free : scope.owned, missing);
  r.resource = state.names.text(id);
  r.needed = g.request.at(id) * g.count;
  r.free = there(scope.free, id);
  r.total = there(now ? scope.total : scope.owned, id);
  r.nodes_needed = g.count;
  r.nodes_fitting = scope.fitting;
  r.nodes_eligible = now ? scope.open : scope.nodes;
  return missing;
}

// By name, among those that somebody asks for.
ResourceId named(const State& state, const Amounts& request, const std::string& name) {
  for (const ResourceId id : asked(state, request)) {
    if (state.names.text(id) == name) return id;
  }
  return kPods;
}

// Whether enough nodes have the devices that its Pods ask for, whatever else they lack. From
// counts; not where single nodes are asked.
bool devices_suffice(const Cluster& cluster, const Shape::Group& g, ZoneId only) {
  const Profile& p = cluster.profile(g.profile);
  std::int64_t pods = 0;
  for (const auto& [name, zone] : cluster.zones()) {
    if (p.node_level || (only != kNoId && only != zone)) continue;
    for (const ClassId id : cluster.zone(zone).classes) {
      const NodeClass& c = cluster.cls(id);
      const std::int64_t asks = c.device == kNoResource ? 0 : g.request.at(c.device);
      if (!c.open || asks == 0 || p.cells[id].match == Match::kNo) continue;
      for (const auto& [devices, nodes] : c.by_free_devices) {
        pods += devices / asks * static_cast<std::int64_t>(nodes.size());
      }
    }
  }
  return pods >= g.count;
}

// Devices are not in pieces: it is something else that those lack who have them.
void tell_beside_devices(const State& state, const Shape::Group& g, const Scope& s, Reason& r) {
  ResourceId worst = kNoResource;
  const auto need = [&g](ResourceId id) {
    return static_cast<__int128>(g.request.at(id)) * g.count;
  };
  for (const ResourceId id : asked(state, g.request)) {
    if (id >= kFirstExtended) continue;
    const bool less =
        worst == kNoResource || there(s.free, id) * need(worst) < there(s.free, worst) * need(id);
    if (less) worst = id;
  }
  if (worst == kNoResource) return;
  r.resource = state.names.text(worst);
  r.needed = g.request.at(worst) * g.count;
  r.free = there(s.free, worst);
  r.total = there(s.total, worst);
  r.detail = "not enough of it where the devices are free";
}

class Teller {
 public:
  Teller(State& state, Pass& pass, Time now, const Shape& shape, Reason base)
      : state_(state), pass_(pass), now_(now), shape_(shape), base_(std::move(base)) {}

  // No node satisfies the filters, or the empty cluster is too small.
  Reason hopeless() const;
  // It could run here, but not now.
  Reason no_room() const;
  // There was no room when its turn came, and there is by what starts behind it.
  Reason not_then() const;

 private:
  ZoneId zone_of(const Shape::Group& g) const {
    return g.zone.empty() ? kNoId : state_.cluster.find_zone(g.zone);
  }
  bool no_such_zone(const Shape::Group& g) const { return !g.zone.empty() && zone_of(g) == kNoId; }
  Scope scope(const Shape::Group& g, ZoneId zone) const {
    return scope_of(state_.cluster, state_.cluster.profile(g.profile), zone);
  }
  std::string combination() const;
  std::string far_apart() const;
  Reason topology(Room room) const;
  Reason competing() const;
  const Shape::Group* without_domain(Room room) const;
  DomainId best_domain(const Shape::Group& g, Room room) const;
  Reason below_the_zone(const Shape::Group& g, Room room) const;
  void tell_holders(const Shape::Group& g, ZoneId zone, std::int64_t slots, Reason& r) const;
  bool together(const std::string* zone, Reason& r) const;
  std::string unknown(const Reason& r) const;
  std::int64_t largest(const Shape::Group& g, ZoneId zone, ResourceId id) const;
  void too_large(const Shape::Group& g, const Scope& s, Reason& r) const;

  State& state_;
  Pass& pass_;
  const Time now_;
  const Shape& shape_;
  const Reason base_;
};

std::string in_time(std::int64_t us) {
  return us % 1000 == 0 ? std::to_string(us / 1000) + " ms" : std::to_string(us) + " us";
}

// The wish about zones, in words that a sentence can end with.
std::string Teller::combination() const {
  if (!shape_.group.empty()) return "in a zone where its group may have one more";
  const auto limit = shape_.max_latency_us;
  if (shape_.policy == ZonePolicy::kSingle) return "in one zone";
  if (limit > 0) return "in zones at most " + in_time(limit) + " apart";
  if (shape_.policy == ZonePolicy::kSameRegion) {
    if (shape_.max_zones <= 0) return "in the zones of one region";
    const bool one = shape_.max_zones == 1;
    return (one ? "in one zone" : "in at most " + std::to_string(shape_.max_zones) + " zones") +
           std::string(" of one region");
  }
  if (shape_.policy == ZonePolicy::kSpread) return "spread evenly over the zones";
  if (shape_.max_zones > 0) return "in at most " + std::to_string(shape_.max_zones) + " zones";
  return "";
}

// The first group for which the domains of its level have no room, taken alone.
const Shape::Group* Teller::without_domain(Room room) const {
  if (!shape_.one_domain) return nullptr;
  for (const Shape::Group& g : shape_.groups) {
    std::int64_t sum = 0, most = 0;
    for (const auto& [name, zone] : state_.cluster.zones()) {
      if (!g.zone.empty() && g.zone != name) continue;
      const std::int64_t here = slots_in_zone(state_, shape_, g, zone, room);
      sum += here;
      most = std::max(most, here);
    }
    if ((shape_.policy == ZonePolicy::kSingle ? most : sum) < g.count) return &g;
  }
  return nullptr;
}

// The first by zone and path of those with most room; kNoId when nodes are in none.
DomainId Teller::best_domain(const Shape::Group& g, Room room) const {
  const DomainRoom& domains = state_.cluster.profile(g.profile).domains;
  DomainId best = kNoId;
  if (domains.level() == kNoId) return best;
  const auto has = [&](DomainId d) {
    return room == Room::kNow ? domains.slots(d) : domains.empty(d);
  };
  for (const auto& [name, zone] : state_.cluster.zones()) {
    if (!g.zone.empty() && g.zone != name) continue;
    for (const DomainId domain : state_.cluster.domains().of(zone, domains.level())) {
      if (best == kNoId || has(domain) > has(best)) best = domain;
    }
  }
  return best;
}

// There would be room for the group, but not in one domain of its level: numbers of the best.
Reason Teller::below_the_zone(const Shape::Group& g, Room room) const {
  Reason r = base_;
  r.code = room == Room::kEmpty ? ReasonCode::kNever : ReasonCode::kTopology;
  const std::string& level = state_.cluster.profile(g.profile).level;
  const DomainId best = best_domain(g, room);
  if (best == kNoId) {
    r.code = ReasonCode::kConstraint;
    r.zone = g.zone;
    r.detail = "no node lies in a " + level;
    for (const TopologyLevel& known : state_.config.topology) {
      if (known.name == level) r.detail += ", which the label " + known.label + " tells";
    }
    return r;
  }
  tell(state_, g, scope_of(state_.cluster, g.profile, best), room, r);
  r.detail = "in one " + level;
  if (!g.zone.empty()) r.detail += " of " + g.zone;
  return r;
}

// Two zones that are named and lie further apart than asked for; "" when there are none.
std::string Teller::far_apart() const {
  for (const Shape::Group& a : shape_.groups) {
    for (const Shape::Group& b : shape_.groups) {
      const ZoneId from = zone_of(a), to = zone_of(b);
      if (shape_.max_latency_us <= 0 || from == kNoId || to == kNoId) continue;
      const std::int64_t us = state_.latency_us(from, to);
      if (us <= shape_.max_latency_us) continue;
      return a.zone + " and " + b.zone + " are " + in_time(us) + " apart, and at most " +
             in_time(shape_.max_latency_us) + " is asked for";
    }
  }
  return "";
}

// Each group would fit, the zones together do not: numbers of the zone with most room.
Reason Teller::topology(Room room) const {
  Reason r = base_;
  r.code = room == Room::kEmpty ? ReasonCode::kNever : ReasonCode::kTopology;
  r.detail = far_apart();
  if (!r.detail.empty()) {
    r.nodes_needed = shape_.pods;
    return r;
  }
  r.detail = combination();
  const Shape::Group& g = shape_.groups.front();
  ZoneId best = zone_of(g);
  std::int64_t most = -1;
  const auto& sums = state_.cluster.profile(g.profile).zones;
  std::set<ZoneId> named = group_zones(state_, shape_);
  if (!shape_.group.empty() && room == Room::kNow) {
    named.clear();
    for (const auto& zones : group_stages(state_, shape_)) named.insert(zones.begin(), zones.end());
  }
  for (const auto& [name, id] : state_.cluster.zones()) {
    const std::int64_t slots = room == Room::kNow ? sums[id].slots : sums[id].empty;
    if (!g.zone.empty() || slots <= most || !named.contains(id)) continue;
    most = slots;
    best = id;
  }
  const Scope s = scope(g, best);
  tell(state_, g, s, room, r);
  if (best != kNoId) r.zone = state_.cluster.zone(best).name;
  if (room == Room::kNow) tell_holders(g, best, s.slots, r);
  return r;
}

// Of the resource that the numbers are about.
void Teller::tell_holders(const Shape::Group& g, ZoneId zone, std::int64_t slots, Reason& r) const {
  const Wanted wanted{g.profile, zone, named(state_, g.request, r.resource), g.count - slots};
  r.holders = holders(state_, wanted, pass_.late(), now_);
}

std::string list(const std::set<std::string>& names) {
  constexpr std::size_t kTold = 5;
  std::string text;
  std::size_t told = 0;
  for (const std::string& name : names) {
    if (++told > kTold) return text + " and " + std::to_string(names.size() - kTold) + " more";
    text += (text.empty() ? "" : ", ") + name;
  }
  return text;
}

// Of the wishes that no node at all meets: what there is instead.
std::string Teller::unknown(const Reason& r) const {
  std::set<std::string> models, pools, zones;
  for (const auto& [name, id] : state_.cluster.zones()) {
    if (!name.empty()) zones.insert(name);
    for (const ClassId c : state_.cluster.zone(id).classes) {
      const Node& example = state_.cluster.cls(c).example;
      if (!example.gpu_model.empty()) models.insert(example.gpu_model);
      if (!example.pool.empty()) pools.insert(example.pool);
    }
  }
  std::string text;
  const auto add = [&](const std::string& what, const std::string& wish,
                       const std::set<std::string>& known) {
    if (wish.empty() || known.contains(wish)) return;
    text += (text.empty() ? "" : "; ") +
            (known.empty() ? "no node says its " + what : what + "s: " + list(known));
  };
  add("GPU model", r.gpu_model, models);
  add("pool", r.pool, pools);
  add("zone", r.zone, zones);
  return text;
}

// The most that one of the nodes has.
std::int64_t Teller::largest(const Shape::Group& g, ZoneId zone, ResourceId resource) const {
  std::int64_t most = 0;
  const Profile& p = state_.cluster.profile(g.profile);
  for (const auto& [name, id] : state_.cluster.zones()) {
    if (zone != kNoId && zone != id) continue;
    for (const ClassId c : state_.cluster.zone(id).classes) {
      if (p.cells[c].match == Match::kNo) continue;
      for (const auto& [devices, nodes] : state_.cluster.cls(c).by_free_devices) {
        for (auto at = nodes.begin(); !nodes.at_end(at); at = nodes.next(at)) {
          const NodeRecord& record = state_.cluster.node(nodes.get(at).node);
          if (!match_node(p.filter, record.node)) continue;
          most = std::max(most, record.total.at(resource));
        }
      }
    }
  }
  return most;
}

// Not one Pod fits anywhere: tells what it asks for more of than any node has.
void Teller::too_large(const Shape::Group& g, const Scope& s, Reason& r) const {
  for (const ResourceId id : asked(state_, g.request)) {
    const std::int64_t most = largest(g, zone_of(g), id);
    if (most >= g.request.at(id)) continue;
    r.resource = state_.names.name(id);
    r.needed = g.request.at(id) * g.count;
    r.total = s.owned.at(id);
    r.free = most;
    return;
  }
}

// Groups that each fit alone, and together need more than all nodes of theirs have.
bool Teller::together(const std::string* zone, Reason& r) const {
  const auto lack = joint_lack(state_, shape_, zone);
  if (!lack) return false;
  r.resource = state_.names.text(lack->resource);
  r.needed = lack->needed;
  r.total = lack->total;
  r.zone = zone != nullptr ? *zone : "";
  return true;
}

// The first group that the empty cluster cannot hold; if each can be held, it is the combination.
Reason Teller::hopeless() const {
  Reason r = base_;
  r.code = ReasonCode::kNever;
  if (shape_.groups.empty() || shape_.too_large) {
    r.detail = shape_.too_large ? "the gang is larger than any allowed" : "it asks for no Pods";
    r.nodes_needed = shape_.pods;
    return r;
  }
  for (const Shape::Group& g : shape_.groups) {
    const Scope s = no_such_zone(g) ? Scope{} : scope(g, zone_of(g));
    if (s.nodes > 0 && s.empty >= g.count) continue;
    tell(state_, g, s, Room::kEmpty, r);
    r.zone = g.zone;
    r.pods_empty = s.empty;
    if (s.nodes == 0) {
      r.code = ReasonCode::kConstraint;
      r.detail = has_parts(g.request) && !no_such_zone(g)
                     ? "a part of a GPU is given only on nodes that share theirs"
                     : unknown(r);
      const Filter& filter = state_.cluster.profile(g.profile).filter;
      if (r.detail.empty()) r.detail = ruled_out(state_.cluster, filter, zone_of(g));
    } else {
      r.free = 0;
      if (s.empty == 0 && r.total >= r.needed) too_large(g, s, r);
    }
    return r;
  }
  for (const Shape::Group& g : shape_.groups) {
    if (!g.zone.empty() && together(&g.zone, r)) return r;
  }
  if (together(nullptr, r)) return r;
  if (const Shape::Group* const g = without_domain(Room::kEmpty)) {
    return below_the_zone(*g, Room::kEmpty);
  }
  return topology(Room::kEmpty);
}

// The first group that lacks slots; if none does, the combination of zones, or groups that stand
// in each other's way.
Reason Teller::no_room() const {
  Reason r = base_;
  if (!shape_.group.empty() && group_stages(state_, shape_).empty()) {
    r.code = ReasonCode::kTopology;
    r.detail = "no zone of its group may have one more now";
    return r;
  }
  for (const Shape::Group& g : shape_.groups) {
    const Scope s = scope(g, zone_of(g));
    if (s.slots >= g.count) continue;
    const bool missing = tell(state_, g, s, Room::kNow, r);
    r.code = missing ? ReasonCode::kCapacity : ReasonCode::kFragmentation;
    r.zone = g.zone;
    if (missing) tell_holders(g, zone_of(g), s.slots, r);
    if (!missing && devices_suffice(state_.cluster, g, zone_of(g))) {
      tell_beside_devices(state_, g, s, r);
    }
    if (s.open < s.nodes) {
      if (!r.detail.empty()) r.detail += "; ";
      r.detail += std::to_string(s.nodes - s.open) +
                  (s.nodes - s.open == 1 ? " more node is" : " more nodes are") +
                  " not ready or cordoned";
    }
    return r;
  }
  if (const Shape::Group* const g = without_domain(Room::kNow)) {
    return below_the_zone(*g, Room::kNow);
  }
  if (!combination().empty() && divide(state_, shape_, Room::kNow).splits.empty()) {
    return topology(Room::kNow);
  }
  return competing();
}

Reason Teller::not_then() const {
  return combination().empty() ? competing() : topology(Room::kNow);
}

// Every group would fit alone: together they do not.
Reason Teller::competing() const {
  Reason r = base_;
  const Shape::Group& g = shape_.groups.front();
  const Scope s = scope(g, zone_of(g));
  tell(state_, g, s, Room::kNow, r);
  r.code = ReasonCode::kFragmentation;
  r.detail = "its groups compete for the same nodes";
  return r;
}

// Whether one that was asked to stop leaves what is kept for the task. Asked by that task, or by
// one that does not need it any more.
bool makes_room(const State& state, TaskId leaves, TaskId id) {
  const std::string& by = state.tasks[leaves].evicted_by;
  const TaskId asked_by = state.find(by);
  if (by != state.tasks[id].task.uid && state.held.contains(asked_by)) return false;
  const std::vector<NodeId>& kept = state.held_rooms.at(id).ranks;
  const std::vector<Use>& uses = state.uses(leaves);
  return std::any_of(uses.begin(), uses.end(), [&kept](const Use& use) {
    return std::find(kept.begin(), kept.end(), use.node) != kept.end();
  });
}

// The tasks that were asked to stop for this one, or are by this plan: the first few by name, with
// what they have of the first resource that it asks for.
bool leaving(const State& state, const Pass& pass, TaskId id, Reason& r) {
  std::set<TaskId> tasks;
  const bool waits_for_room = state.held_rooms.contains(id);
  for (const TaskId other : waits_for_room ? state.leaving : std::set<TaskId>{}) {
    if (makes_room(state, other, id)) tasks.insert(other);
  }
  // It may be its queue's maximum that lacks, or what is guaranteed to others, wherever they run.
  const bool elsewhere = waits_for_room && tasks.empty();
  for (const TaskId other : elsewhere ? state.leaving : std::set<TaskId>{}) {
    if (state.tasks[other].evicted_by == state.tasks[id].task.uid) tasks.insert(other);
  }
  // Those that gave something up for it go on under another attempt.
  if (waits_for_room) {
    const NodeAmounts& kept = state.held_rooms.at(id).need;
    state.each_passing_use([&](TaskId other, const Use& use) {
      const bool here = std::any_of(kept.begin(), kept.end(),
                                    [&](const auto& part) { return part.first == use.node; });
      if (here) tasks.insert(other);
    });
  }
  if (const Preemption* const preemption = pass.preemption_of(id)) {
    for (const std::string& uid : preemption->victims) tasks.insert(state.find(uid));
    for (const Resize& shrink : preemption->shrinks) tasks.insert(state.find(shrink.task));
  }
  if (tasks.empty()) return false;
  const Shape& shape = state.shapes[state.tasks[id].shape];
  const std::vector<ResourceId> ids = asked(state, shape.groups.front().request);
  const ResourceId resource = ids.empty() ? kPods : ids.front();
  r.code = ReasonCode::kEvicting;
  r.resource = state.names.text(resource);
  r.needed = amount_of(shape.total, resource);
  for (const TaskId other : tasks) {
    const TaskRecord& task = state.tasks[other];
    r.holders.push_back({label(task.task), amount_of(task.booked, resource), {}});
  }
  std::sort(r.holders.begin(), r.holders.end(),
            [](const auto& a, const auto& b) { return a.task < b.task; });
  constexpr std::size_t kTold = 3;
  if (r.holders.size() > kTold) {
    r.detail = " and " + std::to_string(r.holders.size() - kTold) + " more";
    r.holders.resize(kTold);
  }
  return true;
}

// One whose reservation is in the way, with what it has of the resource and until when.
Reason reserved(const State& state, const Pass::InTheWay& way, Reason r) {
  const Calendar::Reserved& ahead = *way.reserved;
  const TaskRecord& task = state.tasks[ahead.task];
  r.reserved = way.what;
  if (way.what == Reason::Reserved::kMaximum) r.queue = task.task.queue;
  r.code = ReasonCode::kReserved;
  r.until = ahead.begin;
  r.detail = label(task.task);
  const Amounts& total = state.shapes[task.shape].total;
  r.holders = {{r.detail, amount_of(total, named(state, total, r.resource)),
                ahead.end < kEndless ? ahead.end : Time{}}};
  return r;
}

// It would fit, and nothing that was promised is in its way: only one of its queue that was
// promised nothing yet.
Reason behind_unpromised(const State& state, TaskId blocker, Reason r) {
  r.unpromised = true;
  r.code = ReasonCode::kBlockedHead;
  r.detail = label(state.tasks[blocker].task);
  return r;
}

}  // namespace

// What no time can mend comes first, then what others must mend, then room.
Reason why(State& state, Pass& pass, TaskId id, Time now) {
  const TaskRecord& task = state.tasks[id];
  if (task.state != TaskState::kWaiting || pass.starts(id)) return {};
  const QueueRecord& queue = state.queues[task.queue];
  const Shape& shape = state.shapes[task.shape];
  Reason r;
  r.pool = task.task.pool;
  r.gpu_model = task.task.gpu_model;
  const auto simple = [&](ReasonCode code, std::string detail) {
    r.code = code;
    r.detail = std::move(detail);
    return r;
  };
  if (!queue.known) return simple(ReasonCode::kNoQueue, task.task.queue);
  if (task.task.held) return simple(ReasonCode::kHeld, task.task.held_why);
  if (never(state, task.shape)) {
    return pass.once(task.shape, [&] { return Teller(state, pass, now, shape, r).hopeless(); });
  }
  if (queue.queue.closed) return simple(ReasonCode::kQueueClosed, queue.queue.name);
  if (task.ready_at.ns > 0 && task.ready_at > now) {
    r.until = task.ready_at;
    return simple(ReasonCode::kBackoff, task.rejected_why);
  }
  if (!fits_maximum(queue, shape.total, true)) return quota(state, queue, shape, {}, r);
  if (const auto excess = tenant_excess(state, id, true)) return tenant_limit(queue, *excess, r);
  // Whose room is on its way was promised it before.
  if (!state.held_rooms.contains(id)) {
    if (const auto never = never_beside_guarantees(state, task, r)) return *never;
  }
  if (never_allowed(state, task.shape)) return quota_of_nodes(state, shape, Quotas::kAlone, r);
  if (leaving(state, pass, id, r)) return r;
  if (const auto excess = tenant_excess(state, id, false)) return tenant_limit(queue, *excess, r);
  if (const Calendar::Reserved* own = pass.reservation_of(id)) r.predicted = own->begin;
  if (pass.runs_all_it_may(id)) {
    r.needed = 1;
    r.total = queue.queue.max_running;
    return simple(ReasonCode::kQueueLimit, queue.queue.name);
  }
  const TaskId blocker = pass.blocker(task.queue);
  if (strict(queue.queue) && blocker != kNoId && blocker != id) {
    return simple(ReasonCode::kBlockedHead, label(state.tasks[blocker].task));
  }
  if (!fits_maximum(queue, pass.beside_promised(id), false)) {
    Amounts used = queue.used;
    used.plus(promised_to_others(state, id).amounts);
    return quota(state, queue, shape, used, r);
  }
  if (const auto kept = kept_of_all(state, task, r)) return *kept;
  if (quotas_forbid(state, shape)) return quota_of_nodes(state, shape, Quotas::kNow, r);
  if (const auto kept = kept_by_place(state, shape, r)) return *kept;
  Overlay look(state);
  std::int64_t looked = 0;
  const bool fits = !shape.parked && place_gang(state, shape, look, looked).gang;
  look.undo(0);
  const bool by_quota = !fits && shape.limits != kNoId &&
                        !divide(state, shape, Room::kNow, Quotas::kIgnored).splits.empty();
  if (by_quota) return quota_of_nodes(state, shape, Quotas::kNow, r);
  if (!fits) return Teller(state, pass, now, shape, r).no_room();
  const Pass::InTheWay ahead = pass.in_the_way(id);
  const Teller teller(state, pass, now, shape, r);
  if (ahead.reserved != nullptr) return reserved(state, ahead, teller.no_room());
  if (blocker != kNoId && blocker != id) return behind_unpromised(state, blocker, r);
  return pass.was_blocked(id) ? teller.not_then() : Reason{};
}

}  // namespace sched
