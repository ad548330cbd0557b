// State: who was asked to stop, and for whom the room is kept.
#include <algorithm>

#include "scheduler/limits.hpp"
#include "scheduler/state/state.hpp"

namespace sched {

bool State::on(const Evict& d) {
  const TaskId id = find(d.task);
  if (id == kNoId || !decided(tasks[id])) return false;
  const TaskRecord& task = tasks[id];
  if (task.evicted_by == d.by && task.evicted_at == d.at) return false;
  mark_leaving(id, d.by, d.at);
  loosened += tasks[id].ranks.size() + tasks[id].pods.size();
  if (!held.empty()) wake_all();  // what it leaves may be part of what is kept for a holder
  return true;
}

void State::mark_leaving(TaskId id, const std::string& by, Time at) {
  tasks[id].evicted_by = by;
  tasks[id].evicted_at = at;
  if (by.empty())
    leaving.erase(id);
  else
    leaving.insert(id);
}

// Taken as it is said, since the task's size may be told later: whether it names a node for each
// Pod is asked when it is used (preempt/holds.hpp). Only more nodes than any gang has are refused.
bool State::on(const Hold& d) {
  const TaskId id = find(d.task);
  if (id == kNoId || tasks[id].state != TaskState::kWaiting) return false;
  TaskRecord& task = tasks[id];
  const std::vector<std::string>& nodes = d.placement.nodes;
  if (nodes.size() > static_cast<std::size_t>(kGangMax)) return false;
  if (nodes.empty() && task.hold.empty()) return false;
  if (task.hold == nodes && task.hold_until == d.until) return false;
  task.hold = nodes;
  task.hold_until = nodes.empty() ? Time{} : d.until;
  if (nodes.empty())
    held.erase(id);
  else
    held.insert(id);
  // What was kept for it is free for others now, or the other way round.
  wake_all();
  return true;
}

bool State::waits_high() const {
  return std::any_of(queues.begin(), queues.end(),
                     [](const QueueRecord& queue) { return queue.waiting[0] > 0; });
}

bool State::may_preempt_somebody(bool high, Time now) const {
  if (!unprotected.empty()) return true;
  return high && !protected_until.empty() && protected_until.begin()->first <= now.ns;
}

void State::forget_hold(TaskId id) {
  if (held.erase(id) == 0) return;
  tasks[id].hold.clear();
  tasks[id].hold_until = {};
  wake_all();
}

}  // namespace sched
