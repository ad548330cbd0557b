// PlanCheck: the plan as a whole, and what a start says of its task.
#include "scheduler/audit/plan_check.hpp"

namespace sched {

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
  check_room(start, task->second);
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

std::vector<std::string> Auditor::check(const Plan& plan, Time now) const {
  std::vector<std::string> violations = PlanCheck(*this, now).run(plan);
  for (std::string& more : check_preemptions(plan, now)) violations.push_back(std::move(more));
  for (std::string& more : check_reservations(plan, now)) violations.push_back(std::move(more));
  return violations;
}

}  // namespace sched
