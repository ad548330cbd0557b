#include "scheduler/backfill/future.hpp"

#include <algorithm>

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

Time Future::next() const {
  Time time = kEndless;
  if (next_late_ < late_.size()) time = std::min(time, late_[next_late_].first);
  if (!state_.ends.at_end(next_end_)) {
    time = std::min(time, Time{state_.ends.get(next_end_).first});
  }
  if (next_started_ < started_.size()) time = std::min(time, started_[next_started_].at);
  return time;
}

}  // namespace sched
