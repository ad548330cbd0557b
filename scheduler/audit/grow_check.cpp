// Auditor: the checks of room that elastic gangs get beyond their minimum.
#include <algorithm>

#include "scheduler/audit/plan_check.hpp"
#include "scheduler/audit/rules.hpp"
#include "scheduler/limits.hpp"

namespace sched {

// After the starts: what these have beyond their minimum, then what running gangs get.
void PlanCheck::read_sizes(const Plan& plan) {
  for (const Start& start : plan.starts) {
    const auto task = known_.tasks_.find(start.task);
    if (task == known_.tasks_.end()) continue;
    std::size_t least = 0;
    for (const PodGroup& group : task->second.task.groups) {
      least += static_cast<std::size_t>(std::clamp<std::int64_t>(group.count, 0, kGangMax));
    }
    if (start.placement.nodes.size() <= least) continue;
    std::size_t waited = 0;
    for (const std::string& name : start.placement.nodes) {
      const auto node = known_.nodes_.find(name);
      waited += node != known_.nodes_.end() && waited_for(node->second);
    }
    if (waited > least) say(start, "has more than its minimum where others wait for room");
  }
  for (const Resize& grow : plan.grows) read_grow(grow);
}

// As a start of the Pods that come.
void PlanCheck::read_grow(const Resize& grow) {
  Start added{grow.task, grow.attempt, {}, 0, 0};
  const auto task = known_.tasks_.find(grow.task);
  if (task == known_.tasks_.end()) return say(added, "grows, and there is no such task");
  if (!done_.insert(grow.task).second) return say(added, "grows, and is in the plan already");
  const auto queue = known_.queues_.find(task->second.task.queue);
  if (queue == known_.queues_.end()) return say(added, "grows, and its queue does not exist");
  if (const std::string why = forbids_growth(grow, task->second); !why.empty()) {
    return say(added, "grows, and " + why);
  }
  const auto& nodes = grow.placement.nodes;
  const std::size_t before = task->second.placement.nodes.size();
  const auto whole = audit::groups_for(task->second.task, nodes.size());
  Known more = task->second;
  more.task.groups = *whole;
  for (PodGroup& group : more.task.groups) group.count -= static_cast<std::int64_t>(before);
  added.placement.nodes.assign(nodes.begin() + static_cast<std::ptrdiff_t>(before), nodes.end());
  if (!check_ranks(added, more, queue->second)) return;
  for (const std::string& name : added.placement.nodes) {
    if (waited_for(known_.nodes_.at(name)))
      say(added, "grows onto " + name + ", for which others wait");
  }
  check_guarantees(added, more, queue->second);
  check_quota(added, more, queue->second, 0);
  check_room(added, more);
  Start all = added;
  all.placement = grow.placement;
  more.task.groups = *whole;
  more.hold.nodes = nodes;  // those that it has were numbered before
  std::set<std::string> zones;
  for (const std::string& name : nodes) {
    const auto node = known_.nodes_.find(name);
    if (node == known_.nodes_.end()) return say(added, "grows, and has a node that is gone");
    zones.insert(node->second.zone);
  }
  all.zones = static_cast<std::int64_t>(zones.size());
  check_zones(all, more, queue->second);
}

std::string PlanCheck::forbids_growth(const Resize& grow, const Known& task) const {
  const auto queue = known_.queues_.find(task.task.queue);
  const auto& nodes = grow.placement.nodes;
  const auto& before = task.placement.nodes;
  if (task.phase != Auditor::Phase::kHolds || !task.runs) return "does not run";
  if (!task.evicted_by.empty()) return "was asked to stop";
  if (grow.attempt != task.attempt) return "has another attempt by now";
  if (nodes.size() <= before.size()) return "gets no more than it has";
  if (!audit::groups_for(task.task, nodes.size())) return "may not have so many Pods";
  if (!std::equal(before.begin(), before.end(), nodes.begin())) return "leaves where it runs";
  if (__int128{now_.ns} - task.since.ns < queue->second.cooldown_ns) return "started a moment ago";
  return "";
}

// --- who waits for room, or was promised it

void PlanCheck::list_waiting() {
  waiting_.emplace();
  for (const auto& [name, line] : known_.lines_) {
    const auto queue = known_.queues_.find(name);
    if (queue == known_.queues_.end()) continue;
    for (const Auditor::Seat& seat : line) {
      const Known& task = known_.tasks_.at(std::get<3>(seat));
      if (planned_.contains(task.task.uid) || task.task.held) continue;
      if (surely_wants_room(task, queue->second)) waiting_->push_back(&task);
    }
  }
}

// What depends on combinations of zones, or on what its queue and its tenant may have, is left
// alone. Who can never start beside what others are guaranteed waits for nothing.
bool PlanCheck::surely_wants_room(const Known& task, const Queue& queue) {
  const Task& t = task.task;
  const bool combines = t.zone_policy != ZonePolicy::kAny || t.max_zones > 0 ||
                        t.min_per_zone > 0 || t.max_latency_us > 0 || t.topology_required;
  const bool limited = queue.has_maximum || !queue.quotas.empty() || queue.max_running > 0 ||
                       queue.tenant_limits != TenantLimits{};
  if (combines || limited || queue.closed || t.groups.size() != 1) return false;
  if (t.groups[0].count <= 0 || t.groups[0].count > kGangMax) return false;
  Charge own;
  audit::charge(own, t.groups[0], t.groups[0].count);
  return known_.cluster_could_hold(task, queue) && is_left(task, queue, own);
}

bool PlanCheck::waited_for(const Node& node) {
  if (!waiting_) list_waiting();
  if (!node.ready || node.unschedulable) return false;
  if (promises_.promised(node.name)) return true;
  return std::any_of(waiting_->begin(), waiting_->end(), [&](const Known* task) {
    const PodGroup& group = task->task.groups[0];
    const bool here = (group.zone.empty() || group.zone == node.zone) &&
                      audit::group_names(task->task, node.zone);
    return here && audit::fits_empty(node, group) > 0 &&
           audit::refuses(node, task->task, known_.queues_.at(task->task.queue)).empty();
  });
}

}  // namespace sched
