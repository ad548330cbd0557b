#include "scheduler/backfill/ends.hpp"

namespace sched {

Time end_after(Time now, std::int64_t duration_ns) {
  constexpr std::int64_t kLongest = std::int64_t{1} << 61;
  const bool ends = duration_ns > 0 && duration_ns < kLongest && now.ns < kLongest;
  return ends ? Time{now.ns + duration_ns} : kEndless;
}

Estimate expectation(const State& state, const TaskRecord& task, Time now) {
  const std::int64_t duration = task.task.expected_duration_ns;
  if (task.state != TaskState::kRunning) return {end_after(now, duration), {}};
  const Time end = end_after(task.since, duration);
  if (end > now) return {end, {}};
  if (state.config.overrun == Overrun::kEndsNow) return {now, end};
  const Past::Runs* runs = state.queues[task.queue].past.of(task.task.kind, task.task.tenant);
  return estimate_again(task.since, end, runs, now, kEndless);
}

}  // namespace sched
