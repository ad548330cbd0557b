// Auditor: the checks of what a plan preempts, and what it has to remember for them.
#include <algorithm>

#include "scheduler/audit/audit.hpp"
#include "scheduler/audit/rules.hpp"
#include "scheduler/limits.hpp"

namespace sched {

// Read in order, after the starts: each sees what those before it took and emptied.
class PreemptionCheck {
 public:
  PreemptionCheck(const Auditor& known, Time now) : known_(known), now_(now) {}

  std::vector<std::string> run(const Plan& plan);

 private:
  using Amount = Auditor::Amount;
  using Known = Auditor::Known;

  void say(const Preemption& p, const std::string& what) {
    violations_.push_back(p.task + ": " + what);
  }
  void read(const Preemption& p);
  void check_task(const Preemption& p, const Known& task);
  void check_victims(const Preemption& p, const Known& task);
  std::string forbids(PreemptionKind kind, const Known& above, const Known& below) const;
  bool check_ranks(const Preemption& p, const Known& task, const Queue& queue);
  void check_zones(const Preemption& p, const Known& task, const Queue& queue);
  void check_room(const Preemption& p, const Known& task);
  void take(const std::vector<std::string>& nodes, const std::vector<PodGroup>& groups);
  void take_holds();
  Amount stays(const std::string& node) const;
  int tier(const Task& task) const { return std::get<0>(known_.seat(task)); }

  const Auditor& known_;
  const Time now_;
  std::set<std::string> starting_, done_;
  std::set<std::string> leaving_;        // asked to stop before, or by this plan
  std::map<std::string, Amount> taken_;  // by node: starts, holds, and what was preempted for
  std::map<std::pair<std::string, std::string>, Amount> given_;  // by starts: queue and tenant
  std::vector<std::string> violations_;
};

std::vector<std::string> PreemptionCheck::run(const Plan& plan) {
  if (plan.preemptions.empty()) return {};
  for (const auto& [uid, task] : known_.tasks_) {
    if (!task.evicted_by.empty()) leaving_.insert(uid);
  }
  for (const Start& start : plan.starts) {
    starting_.insert(start.task);
    auto task = known_.tasks_.find(start.task);
    if (task == known_.tasks_.end()) continue;
    const Task& started = task->second.task;
    take(start.placement.nodes, started.groups);
    Amount& given = given_[{started.queue, started.tenant}];
    for (const auto& [name, value] : Auditor::shares_of(started, started.groups)) {
      given[name] += value;
    }
  }
  // A task that has a hold and is in the plan gives that hold up for what the plan says.
  for (const Preemption& p : plan.preemptions) done_.insert(p.task);
  take_holds();
  done_.clear();
  for (const Preemption& p : plan.preemptions) read(p);
  return std::move(violations_);
}

void PreemptionCheck::read(const Preemption& p) {
  auto task = known_.tasks_.find(p.task);
  if (task == known_.tasks_.end()) return say(p, "preempts, but there is no such task");
  if (!done_.insert(p.task).second) return say(p, "preempts twice");
  auto queue = known_.queues_.find(task->second.task.queue);
  if (queue == known_.queues_.end()) return say(p, "preempts, but its queue does not exist");
  check_task(p, task->second);
  check_victims(p, task->second);
  for (const std::string& victim : p.victims) leaving_.insert(victim);
  if (!check_ranks(p, task->second, queue->second)) return;
  check_zones(p, task->second, queue->second);
  check_room(p, task->second);
}

void PreemptionCheck::check_task(const Preemption& p, const Known& task) {
  const Time until = std::max(task.task.not_before, task.rejected_until);
  if (starting_.contains(p.task)) say(p, "preempts, and starts in the same plan");
  if (task.phase != Auditor::Phase::kWaits) say(p, "preempts, but does not wait");
  if (task.task.held) say(p, "preempts, but is held");
  if (until.ns > 0 && until > now_) say(p, "preempts, but is in back-off");
  if (p.attempt != task.task.attempt) say(p, "preempts for an attempt that is not the task's");
}

// --- the promise

void PreemptionCheck::check_victims(const Preemption& p, const Known& task) {
  for (const std::string& uid : p.victims) {
    auto victim = known_.tasks_.find(uid);
    if (victim == known_.tasks_.end()) {
      say(p, "preempts " + uid + ", which does not exist");
    } else if (victim->second.phase != Auditor::Phase::kHolds) {
      say(p, "preempts " + uid + ", which does not run");
    } else if (leaving_.contains(uid)) {
      say(p, "preempts " + uid + ", which was asked to stop already");
    } else if (const std::string why = forbids(p.kind, task, victim->second); !why.empty()) {
      say(p, "preempts " + uid + ", which " + why);
    }
    if (std::count(p.victims.begin(), p.victims.end(), uid) > 1) {
      say(p, "names " + uid + " twice");
    }
  }
}

// Why one may not have the other's room; "" when it may. Written from the table of tiers.
std::string PreemptionCheck::forbids(PreemptionKind kind, const Known& above,
                                     const Known& below) const {
  if (kind == PreemptionKind::kResolution) {
    return known_.forbids_wish(above, below, now_, given_);
  }
  constexpr int kHigh = 0, kMedium = 1, kLow = 2;
  const int asks = tier(above.task), yields = tier(below.task);
  if (below.task.unevictable) return "nobody can ask to stop";
  if (asks == kLow) return "yields to no Low task";
  if (yields == kLow) return "";
  if (asks == kMedium) return "yields to no Medium task";
  auto queue = known_.queues_.find(below.task.queue);
  const std::int64_t cooldown = queue == known_.queues_.end() ? 0 : queue->second.cooldown_ns;
  const __int128 since = __int128{now_.ns} - below.task.last_preempted.ns;
  if (below.task.last_preempted.ns > 0 && since < cooldown) return "was preempted a moment ago";
  if (yields == kHigh) return below.task.preemptible ? "" : "is High";
  if (below.task.preemptible) return "";
  if (!below.runs) return "is starting";
  if (below.task.guarantee_until.ns <= 0) return "has a guarantee without an end";
  if (now_ < below.task.guarantee_until) return "is within its guarantee";
  return "";
}

// --- the proof

bool PreemptionCheck::check_ranks(const Preemption& p, const Known& task, const Queue& queue) {
  std::int64_t pods = 0;
  for (const PodGroup& group : task.task.groups) {
    pods += std::clamp<std::int64_t>(group.count, 0, kGangMax + 1);
  }
  const std::vector<std::string>& nodes = p.placement.nodes;
  if (pods == 0 || pods > kGangMax || nodes.size() != static_cast<std::size_t>(pods)) {
    say(p, "preempts without a node for each Pod");
    return false;
  }
  bool known = true;
  for (std::size_t rank = 0; rank < nodes.size(); ++rank) {
    auto node = known_.nodes_.find(nodes[rank]);
    if (node == known_.nodes_.end()) {
      say(p, "preempts for node " + nodes[rank] + ", which does not exist");
      known = false;
      continue;
    }
    std::string why = audit::refuses(node->second, task.task, queue);
    if (!node->second.ready) why = "is not ready";
    if (node->second.unschedulable) why = "is cordoned";
    const PodGroup* group = Auditor::group_of(task.task.groups, rank);
    if (!group->zone.empty() && node->second.zone != group->zone) why = "is not in " + group->zone;
    if (!why.empty()) say(p, "preempts for node " + nodes[rank] + ", which " + why);
  }
  return known;
}

void PreemptionCheck::check_zones(const Preemption& p, const Known& task, const Queue& queue) {
  std::map<std::string, std::int64_t> per_zone;
  for (const std::string& node : p.placement.nodes) ++per_zone[known_.nodes_.at(node).zone];
  std::map<std::string, std::map<std::string, std::int64_t>> votes;
  std::set<std::string> eligible;
  for (const auto& [name, node] : known_.nodes_) {
    ++votes[node.zone][node.region];
    if (!audit::refuses(node, task.task, queue).empty()) continue;
    const Amount has = Auditor::amounts(node.allocatable);
    const Amount asks = Auditor::amounts(task.task.groups[0].requests);
    const bool holds_one = std::all_of(asks.begin(), asks.end(), [&](const auto& ask) {
      auto at = has.find(ask.first);
      return at != has.end() && at->second >= ask.second;
    });
    if (holds_one) eligible.insert(node.zone);
  }
  audit::Geography geography{known_.config_, {}};
  for (const auto& [zone, regions] : votes) {
    std::int64_t most = 0;
    for (const auto& [region, count] : regions) {
      if (count > most) geography.region_of[zone] = region;
      most = std::max(most, count);
    }
  }
  const std::string wrong = audit::zones_wrong(task.task, per_zone, eligible, geography);
  if (!wrong.empty()) say(p, "preempts for a placement that " + wrong);
}

void PreemptionCheck::take(const std::vector<std::string>& nodes,
                           const std::vector<PodGroup>& groups) {
  for (std::size_t rank = 0; rank < nodes.size(); ++rank) {
    const PodGroup* group = Auditor::group_of(groups, rank);
    if (group == nullptr) return;
    for (const auto& [name, value] : Auditor::amounts(group->requests)) {
      taken_[nodes[rank]][name] += value;
    }
  }
}

// Of those that are not in the plan. A hold that names too few or too many nodes is none.
void PreemptionCheck::take_holds() {
  for (const auto& [uid, task] : known_.tasks_) {
    const bool lasts = !task.hold.empty() && task.hold_until > now_;
    if (!lasts || done_.contains(uid) || starting_.contains(uid)) continue;
    __int128 pods = 0;
    for (const PodGroup& group : task.task.groups) pods += std::max<std::int64_t>(0, group.count);
    if (pods == static_cast<__int128>(task.hold.size())) take(task.hold, task.task.groups);
  }
}

// What is on a node when all who were asked to stop have gone.
PreemptionCheck::Amount PreemptionCheck::stays(const std::string& node) const {
  Amount used;
  const auto add = [&](const Resources& r) {
    for (const auto& [name, value] : Auditor::amounts(r)) used[name] += value;
  };
  if (auto pods = known_.pods_on_.find(node); pods != known_.pods_on_.end()) {
    for (const std::string& uid : pods->second) {
      const PodUpsert& pod = known_.pods_.at(uid);
      if (!leaving_.contains(pod.task)) add(pod.requests);
    }
  }
  auto holders = known_.holders_on_.find(node);
  if (holders == known_.holders_on_.end()) return used;
  for (const std::string& uid : holders->second) {
    if (leaving_.contains(uid)) continue;
    const Known& task = known_.tasks_.at(uid);
    for (std::size_t rank = 0; rank < task.nodes.size(); ++rank) {
      if (task.nodes[rank] != node || task.seen.contains(rank)) continue;
      add(Auditor::group_of(task.groups, rank)->requests);
    }
  }
  return used;
}

void PreemptionCheck::check_room(const Preemption& p, const Known& task) {
  std::map<std::string, Amount> before;
  for (const std::string& node : p.placement.nodes) {
    if (auto at = taken_.find(node); at != taken_.end()) before[node] = at->second;
  }
  take(p.placement.nodes, task.task.groups);
  const std::set<std::string> nodes(p.placement.nodes.begin(), p.placement.nodes.end());
  for (const std::string& node : nodes) {
    Amount used = stays(node);
    Amount has = Auditor::amounts(known_.nodes_.at(node).allocatable);
    for (const auto& [name, value] : taken_[node]) {
      if (value == before[node][name]) continue;  // not asked for by this one
      if (used[name] + value <= has[name]) continue;
      say(p, "preempts for node " + node + ", which has " + std::to_string(has[name]) + " of " +
                 name + " and would need " + std::to_string(used[name] + value));
    }
  }
}

std::vector<std::string> Auditor::check_preemptions(const Plan& plan, Time now) const {
  return PreemptionCheck(*this, now).run(plan);
}

// --- what is remembered

void Auditor::on(const Evict& d) {
  auto known = tasks_.find(d.task);
  if (known == tasks_.end() || known->second.phase != Phase::kHolds) return;
  known->second.evicted_by = d.by;
}

void Auditor::on(const Hold& d) {
  auto known = tasks_.find(d.task);
  if (known == tasks_.end() || known->second.phase != Phase::kWaits) return;
  known->second.hold = d.placement.nodes;
  known->second.hold_until = d.until;
  if (!d.placement.nodes.empty()) wishes_.erase(d.task);
}

}  // namespace sched
