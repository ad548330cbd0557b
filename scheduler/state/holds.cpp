// State: who was asked to stop, and for whom the room is kept.
#include "scheduler/state/state.hpp"

namespace sched {

bool State::on(const Evict& d) {
  const TaskId id = find(d.task);
  if (id == kNoId || !decided(tasks[id])) return false;
  TaskRecord& task = tasks[id];
  if (task.evicted_by == d.by && task.evicted_at == d.at) return false;
  task.evicted_by = d.by;
  task.evicted_at = d.at;
  return true;
}

// A hold names its nodes; one that names too few or too many is none at all.
bool State::on(const Hold& d) {
  const TaskId id = find(d.task);
  if (id == kNoId || tasks[id].state != TaskState::kWaiting) return false;
  TaskRecord& task = tasks[id];
  std::int64_t pods = 0;
  for (const PodGroup& group : task.task.groups) pods += std::max<std::int64_t>(group.count, 0);
  const bool whole = static_cast<std::int64_t>(d.placement.nodes.size()) == pods;
  const std::vector<std::string> nodes = whole ? d.placement.nodes : std::vector<std::string>{};
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

void State::forget_hold(TaskId id) {
  if (held.erase(id) == 0) return;
  tasks[id].hold.clear();
  tasks[id].hold_until = {};
  wake_all();
}

}  // namespace sched
