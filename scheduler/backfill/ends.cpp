#include "scheduler/backfill/ends.hpp"

#include <algorithm>

namespace sched {

Time end_after(Time now, std::int64_t duration_ns) {
  constexpr std::int64_t kLongest = std::int64_t{1} << 61;
  const bool ends = duration_ns > 0 && duration_ns < kLongest && now.ns < kLongest;
  return ends ? Time{now.ns + duration_ns} : kEndless;
}

Time expected_end(const State& state, const TaskRecord& task, Time now) {
  const std::int64_t duration = task.task.expected_duration_ns;
  if (task.state != TaskState::kRunning) return end_after(now, duration);
  const Time end = end_after(task.since, duration);
  if (end > now) return end;
  if (state.config.overrun == Overrun::kEndsNow) return now;
  return end_after(now, std::max<std::int64_t>(now.ns - task.since.ns, 1));
}

}  // namespace sched
