// PlanCheck: who may start before whom.
#include <algorithm>

#include "scheduler/audit/plan_check.hpp"
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

}  // namespace

// Pods that each zone, or the best part of it that the task requires, could hold if it were empty,
// group by group.
bool Auditor::cluster_could_hold(const Known& task, const Queue& queue) const {
  std::vector<std::map<std::string, __int128>> room(task.task.groups.size());
  std::vector<std::map<std::pair<std::string, std::string>, __int128>> parts(room.size());
  for (const auto& [name, node] : nodes_) {
    if (!audit::refuses(node, task.task, queue).empty()) continue;
    if (!audit::group_names(task.task, node.zone)) continue;
    const std::string part = task.task.topology_required && !task.task.topology_level.empty()
                                 ? audit::domain_of(task.task, config_.topology, node)
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
bool Auditor::lacks_together(const Known& task, const Queue& queue) const {
  if (task.task.groups.size() < 2) return false;
  std::map<std::string, audit::Charge> need, have;  // by zone; "" for all
  for (const PodGroup& group : task.task.groups) {
    const std::int64_t count = std::clamp<std::int64_t>(group.count, 0, kGangMax + 1);
    audit::charge(need[""], group, count);
    if (!group.zone.empty()) audit::charge(need[group.zone], group, count);
  }
  for (const auto& [name, node] : nodes_) {
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
bool PlanCheck::may_ever_start(const Known& task, const Queue& queue) {
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
  return known_.cluster_could_hold(task, queue) && !known_.lacks_together(task, queue) &&
         is_left(task, queue, own);
}

// Whether the cluster has so much beside what is guaranteed to other queues, anywhere or on some of
// the nodes.
bool PlanCheck::is_left(const Known& task, const Queue& queue, Charge& own) {
  if (!ever_) ever_.emplace(known_);
  if (ever_->concerns()) {
    if (!looked_at_empty_) ever_->look_at_empty();
    looked_at_empty_ = true;
    return ever_->ever_left(task.task, queue);
  }
  const bool high = std::max(task.task.tier, queue.tier) == Tier::kHigh;
  if (audit::may_borrow(queue) && !high) return true;
  Charge left;
  for (const auto& [name, node] : known_.nodes_) {
    for (const auto& [resource, amount] : audit::limits(node.allocatable)) left[resource] += amount;
  }
  std::set<std::string> guaranteed;
  Charge within;
  for (const auto& [name, other] : known_.queues_) {
    if (!other.has_guaranteed) continue;
    for (const auto& [resource, amount] : audit::limits(other.guaranteed)) {
      if (name == queue.name) {
        within[resource] = amount;
      } else {
        left[resource] -= amount;
        guaranteed.insert(resource);
      }
    }
  }
  return std::all_of(guaranteed.begin(), guaranteed.end(), [&](const std::string& resource) {
    return own[resource] <= left[resource] || own[resource] <= within[resource];
  });
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

// How long a turn lasts: the longest of those who run, a quantum at least.
void PlanCheck::count_members(const Queue& queue, Members& members) const {
  constexpr int kMedium = 1;
  members.turn_ns = queue.quantum_ns;
  for (const auto& [uid, other] : known_.tasks_) {
    if (other.phase == Auditor::Phase::kOver || other.task.queue != queue.name) continue;
    ++members.tasks[other.task.tenant];
    const Task& t = other.task;
    const bool medium = std::get<0>(known_.seat(t)) == kMedium;
    if (!other.runs || !medium || t.unevictable || t.guarantee_until.ns <= 0) continue;
    __int128 over = t.guarantee_until.ns;
    if (t.last_preempted.ns > 0) {
      over = std::max(over, __int128{t.last_preempted.ns} + queue.cooldown_ns);
    }
    members.turn_ns = std::max(members.turn_ns, over - other.since.ns);
  }
}

// For how many rounds it has waited, 0 where it is less than one: the round of a tenant is two
// turns for each of its tasks, by its part of the weights of all who have tasks there.
double PlanCheck::rounds(const Task& task, const Queue& queue) {
  if (!audit::by_tenant(queue) || !audit::takes_turns(queue)) return 0;
  const auto [known, fresh] = members_.try_emplace(queue.name);
  Members& members = known->second;
  if (fresh) count_members(queue, members);
  const auto weight = [&](const std::string& tenant) {
    const auto own = queue.tenant_weights.find(tenant);
    const std::int64_t w = own == queue.tenant_weights.end() ? 1 : own->second;
    return static_cast<double>(std::clamp<std::int64_t>(w, 1, kWeightMax));
  };
  double weights = 0;
  for (const auto& [tenant, tasks] : members.tasks) weights += weight(tenant);
  const double round = 2 * static_cast<double>(members.turn_ns) *
                       static_cast<double>(members.tasks[task.tenant]) * weights /
                       weight(task.tenant);
  const double waited =
      static_cast<double>(now_.ns) - static_cast<double>(std::min(task.submitted, now_).ns);
  return waited < round ? 0 : waited / round;
}

namespace {

constexpr double kClearly = 1e-9;

}  // namespace

// Whether one that could run in its place has waited for more rounds.
bool PlanCheck::passes_longer(const Task& ahead, const Task& task, const Queue& queue) {
  const double waited = ahead.tenant == task.tenant ? 0 : rounds(ahead, queue);
  return waited > 1 + kClearly && waited * (1 - kClearly) > rounds(task, queue);
}

// Whether one that could run in its place waits for a tenant that has clearly less.
bool PlanCheck::passes_poorer(const Task& ahead, const Task& task, const Queue& queue) {
  if (ahead.tenant == task.tenant || !audit::by_share(queue)) return false;
  if (rounds(task, queue) > 1 - kClearly) return false;  // who waits for so long goes first
  return share(queue, ahead.tenant) < share(queue, task.tenant) * (1 - kClearly);
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
                    audit::includes(start.placement.nodes, task.hold.nodes);
  std::set<std::string> firsts;  // tenants whose first task was read
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
    const bool leads = turns && firsts.insert(ahead.task.tenant).second;
    if (same && leads && ahead.hold.nodes.empty() && limits_.admits(ahead, queue) &&
        passes_longer(ahead.task, task.task, queue)) {
      return say(start, "passes " + uid + ", which asks for the same and waits for more rounds");
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

}  // namespace sched
