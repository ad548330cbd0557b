// PlanCheck: the plan as a whole, and what a start says of its task.
#include "scheduler/audit/plan_check.hpp"
#include "scheduler/audit/rules.hpp"

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
  // As large as it is to be.
  Known whole = task->second;
  const auto groups = audit::groups_for(whole.task, start.placement.nodes.size());
  if (groups) whole.task.groups = *groups;
  Charge& given = given_[{queue->first, whole.task.tenant}];
  for (const auto& [name, value] : Auditor::shares_of(whole.task, whole.task.groups)) {
    given[name] += value;
  }
  if (!check_ranks(start, whole, queue->second)) return;
  check_guarantees(start, whole, queue->second);
  check_quota(start, whole, queue->second);
  check_zones(start, whole, queue->second);
  for (const std::string& wrong : groups_.add(start, whole)) say(start, wrong);
  check_room(start, whole);
  for (const std::string& wrong : promises_.add(start, whole, queue->second)) say(start, wrong);
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
  // A promise is told as it was made: what broke it since then is for the next tending.
  if (config_.keep_promises) return violations;
  for (std::string& more : check_reservations(plan, now)) violations.push_back(std::move(more));
  return violations;
}

}  // namespace sched
