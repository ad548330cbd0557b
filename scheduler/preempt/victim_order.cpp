#include "scheduler/preempt/victim_order.hpp"

#include <algorithm>
#include <limits>

namespace sched {

Candidate rate(const State& state, TaskId id, Time now, bool turns) {
  const TaskRecord& task = state.tasks[id];
  Askable facts;
  facts.task = id;
  facts.tier = tier_of(task.task, state.queues[task.queue]);
  facts.runs = task.state == TaskState::kRunning;
  facts.guarantee_ns = task.task.guarantee_until.ns;
  facts.turn_ns = task.turn_ns;
  facts.since_ns = task.since.ns;
  facts.gpu_milli = task.gpu_milli;
  facts.cpu = task.booked.base[kCpu];
  facts.pods = static_cast<std::int64_t>(task.ranks.size());
  facts.checkpoint_every_ns = task.task.checkpoint_every_ns;
  return rate(facts, now, turns);
}

Candidate rate(const Askable& task, Time now, bool turns) {
  Candidate c;
  c.task = task.task;
  c.pods = static_cast<std::size_t>(task.pods);
  c.begun = std::numeric_limits<std::int64_t>::max();
  const bool medium = task.tier == Tier::kMedium;
  const std::int64_t safe = turns ? task.turn_ns : medium ? task.guarantee_ns : 0;
  if (task.runs && safe > 0 && safe < now.ns) c.overdue = __int128{now.ns} - safe;
  if (!task.runs) return c;
  c.begun = task.since_ns;
  __int128 lost = std::max<__int128>(0, __int128{now.ns} - task.since_ns);
  if (task.checkpoint_every_ns > 0) lost %= task.checkpoint_every_ns;
  c.gpu_work = lost * task.gpu_milli;
  if (c.gpu_work == 0) c.cpu_work = lost * task.cpu;
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
