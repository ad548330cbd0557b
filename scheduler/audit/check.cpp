// Auditor: the checks of one plan.
#include <algorithm>
#include <optional>

#include "scheduler/audit/audit.hpp"
#include "scheduler/audit/group_check.hpp"
#include "scheduler/audit/guarantee_check.hpp"
#include "scheduler/audit/limit_check.hpp"
#include "scheduler/audit/rules.hpp"
#include "scheduler/limits.hpp"

namespace sched {
namespace {

// Whether one could run wherever the other runs, and is due the same.
bool same_wishes(const Task& a, const Task& b) {
  return a.groups == b.groups && a.tier == b.tier && a.zone_policy == b.zone_policy &&
         a.max_zones == b.max_zones && a.min_per_zone == b.min_per_zone &&
         a.max_skew == b.max_skew && a.max_latency_us == b.max_latency_us && a.pool == b.pool &&
         a.gpu_model == b.gpu_model && a.node_selector == b.node_selector &&
         a.affinity == b.affinity && a.tolerations == b.tolerations &&
         a.allowed_zones == b.allowed_zones && a.excluded_nodes == b.excluded_nodes &&
         a.topology_level == b.topology_level && a.topology_required == b.topology_required &&
         a.group_uid == b.group_uid && a.group_zones == b.group_zones &&
         a.group_skew == b.group_skew && a.replaces == b.replaces;
}

// What was not stated is longer than anything. A shorter task may pass a longer one where it ends
// before a reservation begins.
bool lasts_longer(const Task& a, const Task& b) {
  if (b.expected_duration_ns <= 0) return false;
  return a.expected_duration_ns <= 0 || a.expected_duration_ns > b.expected_duration_ns;
}

// Where a queue learns, what is predicted for the one is not known here; but who says the same is
// predicted the same.
bool says_the_same(const Task& a, const Task& b) {
  return a.expected_duration_ns == b.expected_duration_ns;
}

bool group_names(const Task& task, const std::string& zone) {
  const auto& zones = task.group_zones;
  return task.group_uid.empty() || zones.empty() ||
         std::any_of(zones.begin(), zones.end(),
                     [&](const GroupZone& g) { return g.zone == zone; });
}

}  // namespace

// One reading of one plan. Starts are read in order: each sees what those before it took.
class PlanCheck {
 public:
  PlanCheck(const Auditor& known, Time now)
      : known_(known), now_(now), limits_(known), groups_(known) {}

  std::vector<std::string> run(const Plan& plan) {
    for (const Start& start : plan.starts) planned_.insert(start.task);
    for (const Start& start : plan.starts) read(start);
    for (const Move& move : plan.moves) check_move(move);
    return std::move(violations_);
  }

 private:
  using Amount = Auditor::Amount;
  using Charge = audit::Charge;
  using Known = Auditor::Known;

  void say(const Start& start, const std::string& what) {
    violations_.push_back(start.task + ": " + what);
  }
  void read(const Start& start);
  bool cools_off(const Known& task) const {
    const Time until = std::max(task.task.not_before, task.rejected_until);
    return until.ns > 0 && until > now_;  // 0 and before: not asked for
  }
  bool ready(const Known& task) const;
  void check_task(const Start& start, const Known& task);
  bool check_ranks(const Start& start, const Known& task, const Queue& queue);
  void check_device(const Start& start, std::size_t rank, const PodGroup& group, const Node& node);
  void check_zones(const Start& start, const Known& task, const Queue& queue);
  void check_room(const Start& start, const Known& task);
  void check_move(const Move& move);
  void check_quota(const Start& start, const Known& task, const Queue& queue);
  void check_guarantees(const Start& start, const Known& task, const Queue& queue);
  bool was_kept(const Start& start, const Known& task) const;
  __int128 idle(const Queue& queue, const std::string& resource);
  __int128 free_for(const Charge& asked, const Known& task, const std::string& resource);
  void check_order(const Start& start, const Known& task, const Queue& queue);
  bool may_ever_start(const Known& task, const Queue& queue) const;
  double share(const Queue& queue, const std::string& tenant);
  bool passes_poorer(const Task& ahead, const Task& task, const Queue& queue);
  bool cluster_could_hold(const Known& task, const Queue& queue) const;
  bool lacks_together(const Known& task, const Queue& queue) const;
  audit::NodeUse in_use(const std::string& node) const;
  const std::string& region_of(const std::string& zone);

  const Auditor& known_;
  const Time now_;
  LimitCheck limits_;
  GroupCheck groups_;
  std::set<std::string> planned_;                // by the whole plan
  std::set<std::string> done_;                   // read so far
  std::map<std::string, std::string> regions_;   // by zone, once they are needed
  std::map<std::string, audit::NodeUse> taken_;  // by node, by the starts read so far
  std::map<std::string, Auditor::Usage> more_;   // by queue
  // By queue and tenant, what the starts read so far add; and what all nodes have.
  std::map<std::pair<std::string, std::string>, Charge> given_;
  Charge owned_;
  // On nodes that take Pods, before the plan; and what is left on shared devices beside it.
  std::optional<Charge> free_;
  Charge free_parts_;
  std::optional<GuaranteeCheck> guarantees_;
  std::vector<std::string> violations_;
};

// Checks that need a later one's assumptions stop here: without a whole gang on known nodes there
// is nothing more to say about zones and room.
void PlanCheck::read(const Start& start) {
  auto task = known_.tasks_.find(start.task);
  if (task == known_.tasks_.end()) return say(start, "no such task");
  if (!done_.insert(start.task).second) return say(start, "starts twice");
  auto queue = known_.queues_.find(task->second.task.queue);
  if (queue == known_.queues_.end()) return say(start, "its queue does not exist");
  check_task(start, task->second);
  check_order(start, task->second, queue->second);
  Charge& given = given_[{queue->first, task->second.task.tenant}];
  for (const auto& [name, value] :
       Auditor::shares_of(task->second.task, task->second.task.groups)) {
    given[name] += value;
  }
  if (!check_ranks(start, task->second, queue->second)) return;
  check_guarantees(start, task->second, queue->second);
  check_quota(start, task->second, queue->second);
  check_zones(start, task->second, queue->second);
  for (const std::string& wrong : groups_.add(start, task->second)) say(start, wrong);
  check_room(start, task->second);
}

// The room is there beside all that starts.
void PlanCheck::check_move(const Move& move) {
  std::vector<std::string> wrong = groups_.check(move);
  if (wrong.empty()) {
    const std::size_t before = violations_.size();
    check_room({move.task, move.attempt, move.placement, 1, 0}, known_.tasks_.at(move.task));
    if (violations_.size() == before) return;
  }
  for (std::string& what : wrong) violations_.push_back(std::move(what));
}

bool PlanCheck::ready(const Known& task) const {
  return task.phase == Auditor::Phase::kWaits && !task.task.held && task.task.not_before <= now_ &&
         task.rejected_until <= now_;
}

void PlanCheck::check_task(const Start& start, const Known& task) {
  if (task.phase != Auditor::Phase::kWaits) say(start, "it does not wait");
  if (task.task.held) say(start, "it is held");
  if (cools_off(task)) say(start, "it is in back-off");
  if (start.attempt != task.task.attempt) say(start, "the attempt is not the task's");
}

// --- nodes

bool PlanCheck::check_ranks(const Start& start, const Known& task, const Queue& queue) {
  std::int64_t pods = 0;
  for (const PodGroup& group : task.task.groups) {
    pods += std::clamp<std::int64_t>(group.count, 0, kGangMax + 1);
  }
  if (pods == 0 || pods > kGangMax ||
      start.placement.nodes.size() != static_cast<std::size_t>(pods)) {
    say(start, "the gang is not whole: " + std::to_string(start.placement.nodes.size()) + " of " +
                   std::to_string(pods) + " Pods placed");
    return false;
  }
  bool known = true;
  for (std::size_t rank = 0; rank < start.placement.nodes.size(); ++rank) {
    const std::string& name = start.placement.nodes[rank];
    auto node = known_.nodes_.find(name);
    if (node == known_.nodes_.end()) {
      say(start, "node " + name + " does not exist");
      known = false;
      continue;
    }
    if (!node->second.ready) say(start, "node " + name + " is not ready");
    if (node->second.unschedulable) say(start, "node " + name + " is cordoned");
    const std::string why = audit::refuses(node->second, task.task, queue);
    if (!why.empty()) say(start, "node " + name + " " + why);
    const PodGroup* group = Auditor::group_of(task.task.groups, rank);
    check_device(start, rank, *group, node->second);
    if (!group->zone.empty() && node->second.zone != group->zone) {
      say(start, "rank " + std::to_string(rank) + " lies in " + node->second.zone + ", not in " +
                     group->zone);
    }
  }
  return known;
}

// Who asks for a part is given one device of a node that shares them; nobody else is given one.
void PlanCheck::check_device(const Start& start, std::size_t rank, const PodGroup& group,
                             const Node& node) {
  const bool part = audit::asked(group).milli > 0;
  const std::int64_t device = audit::device_at(start.placement, rank);
  const std::string who = "rank " + std::to_string(rank);
  if (part && !node.gpu_sharing) {
    say(start, who + " shares a device of node " + node.name + ", which shares none");
  }
  if (part && (device < 0 || device >= kDeviceNumbers)) {
    say(start, who + " shares a device, and is not told which");
  }
  if (!part && device >= 0) say(start, who + " is told a device, and shares none");
}

// The region that most nodes of a zone name; the first by name among equals. All zones are read in
// one go, and only by plans that need it.
const std::string& PlanCheck::region_of(const std::string& zone) {
  if (regions_.empty()) {
    std::map<std::string, std::map<std::string, std::int64_t>> votes;
    for (const auto& [name, node] : known_.nodes_) ++votes[node.zone][node.region];
    for (const auto& [of, regions] : votes) {
      std::int64_t most = 0;
      for (const auto& [region, count] : regions) {
        if (count > most) regions_[of] = region;
        most = std::max(most, count);
      }
    }
  }
  return regions_[zone];
}

void PlanCheck::check_zones(const Start& start, const Known& task, const Queue& queue) {
  std::map<std::string, std::int64_t> per_zone;
  for (const std::string& node : start.placement.nodes) ++per_zone[known_.nodes_.at(node).zone];
  audit::Geography geography{known_.config_, {}};
  const bool needs_regions = per_zone.size() > 1;
  for (const auto& [zone, count] : per_zone) {
    geography.region_of[zone] = needs_regions ? region_of(zone) : "";
  }
  std::set<std::string> eligible;
  if (task.task.zone_policy == ZonePolicy::kSpread) {
    for (const auto& [name, node] : known_.nodes_) {
      if (!audit::refuses(node, task.task, queue).empty()) continue;
      if (audit::fits_empty(node, task.task.groups[0]) > 0) eligible.insert(node.zone);
    }
  }
  const std::string wrong = audit::zones_wrong(task.task, per_zone, eligible, geography);
  if (!wrong.empty()) say(start, wrong);
  std::vector<const Node*> ranks;
  for (const std::string& node : start.placement.nodes) ranks.push_back(&known_.nodes_.at(node));
  // Room that was kept was numbered when it was found; labels may have changed since.
  const std::string below =
      audit::topology_wrong(task.task, known_.config_.topology, ranks, task.hold.nodes.empty());
  if (!below.empty()) say(start, below);
  if (start.zones != static_cast<std::int64_t>(per_zone.size())) {
    say(start, "says it uses " + std::to_string(start.zones) + " zones");
  }
}

audit::NodeUse PlanCheck::in_use(const std::string& node) const {
  audit::NodeUse used;
  if (auto pods = known_.pods_on_.find(node); pods != known_.pods_on_.end()) {
    for (const std::string& uid : pods->second) {
      const PodUpsert& pod = known_.pods_.at(uid);
      used.add(audit::asked(pod), pod.device);
    }
  }
  auto holders = known_.holders_on_.find(node);
  if (holders == known_.holders_on_.end()) return used;
  for (const std::string& uid : holders->second) {
    const Known& task = known_.tasks_.at(uid);
    for (std::size_t rank = 0; rank < task.placement.nodes.size(); ++rank) {
      if (task.placement.nodes[rank] != node || task.seen.contains(rank)) continue;
      used.add(audit::asked(*Auditor::group_of(task.groups, rank)),
               audit::device_at(task.placement, rank));
    }
  }
  return used;
}

// What Pods do not ask for may be overdrawn by others; only what they ask for is checked.
void PlanCheck::check_room(const Start& start, const Known& task) {
  std::map<std::string, audit::NodeUse> asked;
  for (std::size_t rank = 0; rank < start.placement.nodes.size(); ++rank) {
    const PodGroup* group = Auditor::group_of(task.task.groups, rank);
    asked[start.placement.nodes[rank]].add(audit::asked(*group),
                                           audit::device_at(start.placement, rank));
  }
  for (const auto& [node, more] : asked) {
    audit::NodeUse before = in_use(node);
    before.add(taken_[node]);
    audit::NodeUse after = before;
    after.add(more);
    Amount has = Auditor::amounts(known_.nodes_.at(node).allocatable);
    for (const std::string& name : more.resources()) {
      if (after.taken(name) <= has[name]) continue;
      say(start, "node " + node + " has " + std::to_string(has[name]) + " of " + name + ", " +
                     std::to_string(before.taken(name)) + " used, and is given " +
                     std::to_string(after.taken(name) - before.taken(name)));
    }
    for (const auto& [name, devices] : more.shared) {
      for (const auto& [device, milli] : devices) {
        const std::int64_t sum = after.shared[name][device];
        if (sum <= 1000) continue;
        say(start, "device " + std::to_string(device) + " of node " + node + " is shared by " +
                       std::to_string(sum) + " thousandths");
      }
    }
    taken_[node].add(more);
  }
}

// --- queue

// Counts what the plan adds, start by start, on top of what runs.
void PlanCheck::check_quota(const Start& start, const Known& task, const Queue& queue) {
  if (queue.closed) say(start, "its queue is closed");
  Auditor::Usage now;
  if (auto at = known_.usage_.find(queue.name); at != known_.usage_.end()) now = at->second;
  Auditor::Usage& more = more_[queue.name];
  ++more.tasks;
  Charge own;
  for (const PodGroup& group : task.task.groups) {
    audit::charge(own, group, std::clamp<std::int64_t>(group.count, 0, kGangMax));
  }
  for (const auto& [name, value] : own) more.amount[name] += value;
  if (queue.max_running > 0 && now.tasks + more.tasks > queue.max_running) {
    say(start, "the queue runs more than " + std::to_string(queue.max_running) + " tasks");
  }
  for (const std::string& wrong : limits_.add(start, task, queue)) say(start, wrong);
  if (!queue.has_maximum) return;
  for (const auto& [name, maximum] : audit::limits(queue.maximum)) {
    if (own[name] > 0 && now.amount[name] + more.amount[name] > maximum) {
      say(start, "the queue exceeds its maximum of " + name);
    }
  }
}

// What of its guarantee a queue does not use, as of the starts read so far.
__int128 PlanCheck::idle(const Queue& queue, const std::string& resource) {
  if (!queue.has_guaranteed) return 0;
  const Charge guaranteed = audit::limits(queue.guaranteed);
  const auto at = guaranteed.find(resource);
  if (at == guaranteed.end()) return 0;
  __int128 used = more_[queue.name].amount[resource];
  if (auto now = known_.usage_.find(queue.name); now != known_.usage_.end()) {
    if (auto own = now->second.amount.find(resource); own != now->second.amount.end()) {
      used += own->second;
    }
  }
  return std::max<__int128>(at->second - used, 0);
}

// What is left of shared devices is of use only to those who ask for parts.
__int128 PlanCheck::free_for(const Charge& asked, const Known& task, const std::string& resource) {
  if (!free_) {
    free_.emplace();
    for (const auto& [name, node] : known_.nodes_) {
      if (!node.ready || node.unschedulable) continue;
      const audit::NodeUse used = in_use(name);
      for (const auto& [what, has] : audit::limits(node.allocatable)) {
        const __int128 left = has - __int128{used.taken(what)} * audit::unit_of(what);
        (*free_)[what] += std::max<__int128>(left, 0);
        const auto shared = used.shared.find(what);
        if (shared == used.shared.end() || left < 0) continue;
        for (const auto& [device, milli] : shared->second) {
          free_parts_[what] += std::max<std::int64_t>(1000 - milli, 0);
        }
      }
    }
  }
  bool in_parts = false;
  for (const PodGroup& group : task.task.groups) {
    in_parts = in_parts || (group.count > 0 && audit::asked(group).shared == resource);
  }
  if (!asked.contains(resource)) return 0;
  return (*free_)[resource] + (in_parts ? free_parts_[resource] : 0);
}

// Whether it starts in the room that was kept for it. That others stopped for it was proved then,
// by its tier or by what its queue is guaranteed: nobody's guarantee is asked again.
bool PlanCheck::was_kept(const Start& start, const Known& task) const {
  return task.hold_until > now_ && start.placement.nodes == task.hold.nodes;
}

// Read before the start is counted. Within its own guarantee a queue may take what there is.
void PlanCheck::check_guarantees(const Start& start, const Known& task, const Queue& queue) {
  if (!guarantees_) {
    guarantees_.emplace(known_);
    const auto used = [this](const std::string& node) { return in_use(node); };
    if (guarantees_->concerns()) guarantees_->look(used);
  }
  if (guarantees_->concerns()) {
    const std::string wrong = was_kept(start, task) ? "" : guarantees_->wrong(start, task, queue);
    if (!wrong.empty()) say(start, wrong);
    return guarantees_->add(start.placement.nodes, task.task);
  }
  if (was_kept(start, task)) return;
  const bool high = std::max(task.task.tier, queue.tier) == Tier::kHigh;
  if (audit::may_borrow(queue) && !high) return;
  Charge asked;
  for (const PodGroup& group : task.task.groups) {
    audit::charge(asked, group, std::max<std::int64_t>(group.count, 0));
  }
  for (const auto& [resource, value] : asked) {
    __int128 kept = 0;
    for (const auto& [name, other] : known_.queues_) {
      if (name != queue.name) kept += idle(other, resource);
    }
    if (kept == 0 || value <= idle(queue, resource)) continue;
    __int128 given = 0;
    for (const auto& [name, more] : more_) {
      if (auto at = more.amount.find(resource); at != more.amount.end()) given += at->second;
    }
    if (value > free_for(asked, task, resource) - given - kept) {
      say(start, "takes " + resource + " that is guaranteed to other queues");
    }
  }
}

// Pods that each zone, or the best part of it that the task requires, could hold if it were empty,
// group by group.
bool PlanCheck::cluster_could_hold(const Known& task, const Queue& queue) const {
  std::vector<std::map<std::string, __int128>> room(task.task.groups.size());
  std::vector<std::map<std::pair<std::string, std::string>, __int128>> parts(room.size());
  for (const auto& [name, node] : known_.nodes_) {
    if (!audit::refuses(node, task.task, queue).empty()) continue;
    if (!group_names(task.task, node.zone)) continue;
    const std::string part = task.task.topology_required && !task.task.topology_level.empty()
                                 ? audit::domain_of(task.task, known_.config_.topology, node)
                                 : "the zone";
    for (std::size_t g = 0; g < room.size(); ++g) {
      if (part.empty()) continue;
      __int128& here = parts[g][{node.zone, part}];
      here += audit::fits_empty(node, task.task.groups[g]);
      room[g][node.zone] = std::max(room[g][node.zone], here);
    }
  }
  std::set<std::string> single;
  for (const auto& of_group : room) {
    for (const auto& [zone, fits] : of_group) single.insert(zone);
  }
  for (std::size_t g = 0; g < room.size(); ++g) {
    const PodGroup& group = task.task.groups[g];
    __int128 sum = 0;
    for (const auto& [zone, fits] : room[g]) {
      if (group.zone.empty() || group.zone == zone) sum += fits;
      if (fits < group.count) single.erase(zone);
    }
    if (sum < group.count) return false;
    std::erase_if(single, [&](const std::string& z) {
      return !room[g].contains(z) || (!group.zone.empty() && group.zone != z);
    });
  }
  const bool one = task.task.zone_policy == ZonePolicy::kSingle || audit::in_one_zone(task.task);
  return !one || !single.empty();
}

// Whether groups that want room of one zone, or of any, ask together for more than its nodes have.
bool PlanCheck::lacks_together(const Known& task, const Queue& queue) const {
  if (task.task.groups.size() < 2) return false;
  std::map<std::string, Charge> need, have;  // by zone; "" for all
  for (const PodGroup& group : task.task.groups) {
    const std::int64_t count = std::clamp<std::int64_t>(group.count, 0, kGangMax + 1);
    audit::charge(need[""], group, count);
    if (!group.zone.empty()) audit::charge(need[group.zone], group, count);
  }
  for (const auto& [name, node] : known_.nodes_) {
    if (!audit::refuses(node, task.task, queue).empty()) continue;
    const auto takes = [&, &zone = node.zone, shares = node.gpu_sharing](const PodGroup& group) {
      return (group.zone.empty() || group.zone == zone) &&
             (shares || audit::asked(group).milli == 0);
    };
    if (std::none_of(task.task.groups.begin(), task.task.groups.end(), takes)) continue;
    for (const auto& [resource, amount] : audit::limits(node.allocatable)) {
      have[""][resource] += amount;
      if (!node.zone.empty()) have[node.zone][resource] += amount;
    }
  }
  for (auto& [zone, asked] : need) {
    for (const auto& [resource, amount] : asked) {
      if (amount > have[zone][resource]) return true;
    }
  }
  return false;
}

// Whether it is certain that the task could start some day; what depends on a combination of
// zones is left alone.
bool PlanCheck::may_ever_start(const Known& task, const Queue& queue) const {
  const Task& t = task.task;
  const bool combines = t.max_latency_us > 0 || t.max_zones > 0 || t.min_per_zone > 0 ||
                        t.zone_policy == ZonePolicy::kSameRegion ||
                        t.zone_policy == ZonePolicy::kSpread;
  std::int64_t pods = 0;
  Charge own;
  for (const PodGroup& group : t.groups) {
    const std::int64_t count = std::clamp<std::int64_t>(group.count, 0, kGangMax + 1);
    pods += count;
    if (pods > kGangMax) return false;
    audit::charge(own, group, count);
  }
  if (combines || pods == 0) return false;
  if (t.topology_required && t.groups.size() > 1) return false;
  if (queue.has_maximum) {
    for (const auto& [name, maximum] : audit::limits(queue.maximum)) {
      if (own[name] > maximum) return false;
    }
  }
  for (const Quota& quota : queue.quotas) {
    if (!quota.has_maximum) continue;
    for (const auto& [name, maximum] : audit::limits(quota.maximum)) {
      if (own[name] > maximum) return false;  // it depends on where it goes
    }
  }
  return cluster_could_hold(task, queue) && !lacks_together(task, queue);
}

// A tenant's dominant share by its weight, as of the starts read so far. Only clear differences are
// spoken of, so that rounding does not matter.
double PlanCheck::share(const Queue& queue, const std::string& tenant) {
  if (owned_.empty()) {
    for (const auto& [name, node] : known_.nodes_) {
      for (const auto& [resource, value] : audit::limits(node.allocatable)) {
        owned_[resource] += value;
        if (audit::counts_gpus(resource)) owned_[resource + "@" + node.gpu_model] += value;
      }
    }
  }
  Charge used = given_[{queue.name, tenant}];
  if (auto at = known_.tenants_.find({queue.name, tenant}); at != known_.tenants_.end()) {
    for (const auto& [resource, value] : at->second) used[resource] += value;
  }
  double most = 0;
  for (const auto& [resource, value] : used) {
    if (resource == "pods" || resource == "ephemeral-storage" || owned_[resource] <= 0) continue;
    most = std::max(most, static_cast<double>(value) / static_cast<double>(owned_[resource]));
  }
  const auto weight = queue.tenant_weights.find(tenant);
  const std::int64_t w = weight == queue.tenant_weights.end() ? 1 : weight->second;
  return most / static_cast<double>(std::clamp<std::int64_t>(w, 1, kWeightMax));
}

// Whether one that could run in its place waits for a tenant that has clearly less.
bool PlanCheck::passes_poorer(const Task& ahead, const Task& task, const Queue& queue) {
  constexpr double kClearly = 1e-9;
  return ahead.tenant != task.tenant && audit::by_share(queue) &&
         share(queue, ahead.tenant) < share(queue, task.tenant) * (1 - kClearly);
}

// Walks the line ahead of a start. In a strict queue everybody ahead must start too; elsewhere at
// least those with the same wishes, unless it has room held for it alone (the first hundred are
// looked at). Where tenants take turns,
// "ahead" is within the tenant.
void PlanCheck::check_order(const Start& start, const Known& task, const Queue& queue) {
  auto line = known_.lines_.find(queue.name);
  if (line == known_.lines_.end()) return;
  const Auditor::Seat own = known_.seat(task.task);
  const bool strict = audit::is_strict(queue), turns = audit::by_tenant(queue);
  // What is kept for a task is for nobody before it.
  const bool kept = !task.hold.nodes.empty() && task.hold_until > now_ &&
                    task.hold.nodes == start.placement.nodes;
  int looked = 0;
  for (const Auditor::Seat& seat : line->second) {
    if (std::get<0>(seat) > std::get<0>(own) || ((!strict || turns) && ++looked > 100)) return;
    if (!turns && !(seat < own)) return;
    const std::string& uid = std::get<3>(seat);
    const Known& ahead = known_.tasks_.at(uid);
    if (done_.contains(uid) || !ready(ahead)) continue;
    const bool peer = !turns || ahead.task.tenant == task.task.tenant;
    const bool same = task.hold.nodes.empty() && same_wishes(ahead.task, task.task) &&
                      (queue.learned ? says_the_same(ahead.task, task.task)
                                     : !lasts_longer(ahead.task, task.task));
    if (same && turns && limits_.admits(ahead, queue) &&
        passes_poorer(ahead.task, task.task, queue)) {
      return say(start, "passes " + uid + ", which asks for the same for a tenant with less");
    }
    if (!peer || !(seat < own)) continue;
    if (same && limits_.admits(ahead, queue)) {
      return say(start, "passes " + uid + ", which asks for the same and waits before it");
    }
    if (strict && !kept && limits_.admits(ahead, queue) && may_ever_start(ahead, queue)) {
      return say(start, "passes " + uid + ", which blocks its queue");
    }
  }
}

std::vector<std::string> Auditor::check(const Plan& plan, Time now) const {
  std::vector<std::string> violations = PlanCheck(*this, now).run(plan);
  for (std::string& more : check_preemptions(plan, now)) violations.push_back(std::move(more));
  return violations;
}

}  // namespace sched
