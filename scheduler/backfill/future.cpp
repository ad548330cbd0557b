#include "scheduler/backfill/future.hpp"

#include <algorithm>

#include "scheduler/preempt/promise.hpp"

namespace sched {

Late late(const State& state, Time now) {
  Late out;
  for (auto at = state.ends.begin(); !state.ends.at_end(at); at = state.ends.next(at)) {
    const auto [end, id] = state.ends.get(at);
    if (end > now.ns) break;
    out.emplace_back(expected_end(state, state.tasks[id], now), id);
  }
  for (const TaskId id : state.starting) {
    const Time end = expected_end(state, state.tasks[id], now);
    if (end < kEndless) out.emplace_back(end, id);
  }
  std::sort(out.begin(), out.end());
  return out;
}

Late yielding(const State& state, TaskId id, Time now) {
  Late out;
  const TaskRecord& task = state.tasks[id];
  if (tier_of(task.task, state.queues[task.queue]) == Tier::kLow) return out;
  for (const Askable& other : state.askable) {
    if (other.leaving || other.unevictable) continue;
    const Time from = may_preempt_from(state, id, other.task, now);
    if (from >= kEndless) continue;
    if (from < expected_end(state, state.tasks[other.task], now))
      out.emplace_back(from, other.task);
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<TaskId> Future::by_task(const Late& yielding) {
  std::vector<TaskId> tasks;
  tasks.reserve(yielding.size());
  for (const auto& [from, task] : yielding) tasks.push_back(task);
  std::sort(tasks.begin(), tasks.end());
  return tasks;
}

Time Future::next() const {
  Time time = kEndless;
  if (next_early_ < yielding_.size()) time = std::min(time, yielding_[next_early_].first);
  if (next_late_ < late_.size()) time = std::min(time, late_[next_late_].first);
  if (!state_.ends.at_end(next_end_)) {
    time = std::min(time, Time{state_.ends.get(next_end_).first});
  }
  if (next_started_ < started_.size()) time = std::min(time, started_[next_started_].at);
  return time;
}

}  // namespace sched
