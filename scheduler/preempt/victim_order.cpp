#include "scheduler/preempt/victim_order.hpp"

#include <algorithm>
#include <limits>

namespace sched {

Candidate rate(const State& state, TaskId id, Time now, bool turns) {
  const TaskRecord& task = state.tasks[id];
  const bool runs = task.state == TaskState::kRunning;
  Candidate c;
  c.task = id;
  c.pods = task.ranks.size();
  c.begun = std::numeric_limits<std::int64_t>::max();
  const bool medium = tier_of(task.task, state.queues[task.queue]) == Tier::kMedium;
  const std::int64_t safe = turns ? task.turn_ns : medium ? task.task.guarantee_until.ns : 0;
  if (runs && safe > 0 && safe < now.ns) c.overdue = __int128{now.ns} - safe;
  if (!runs) return c;
  c.begun = task.since.ns;
  const __int128 age = std::max<__int128>(0, __int128{now.ns} - task.since.ns);
  c.gpu_work = age * task.gpu_milli;
  if (c.gpu_work == 0) c.cpu_work = age * task.booked.base[kCpu];
  return c;
}

bool before(const State& state, const Candidate& a, const Candidate& b) {
  if (a.overdue != b.overdue) return a.overdue > b.overdue;
  if (a.gpu_work != b.gpu_work) return a.gpu_work < b.gpu_work;
  if (a.cpu_work != b.cpu_work) return a.cpu_work < b.cpu_work;
  if (a.pods != b.pods) return a.pods < b.pods;
  if (a.begun != b.begun) return a.begun > b.begun;
  return a.task != b.task && state.tasks[a.task].task.uid < state.tasks[b.task].task.uid;
}

}  // namespace sched
