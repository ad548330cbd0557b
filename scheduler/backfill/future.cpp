#include "scheduler/backfill/future.hpp"

#include <algorithm>

namespace sched {

Late late(const State& state, Time now) {
  Late out;
  for (auto at = state.ends.begin(); at != state.ends.end() && at->first <= now.ns; ++at) {
    out.emplace_back(expected_end(state, state.tasks[at->second], now), at->second);
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
  if (next_end_ != state_.ends.end()) time = std::min(time, Time{next_end_->first});
  if (next_started_ < started_.size()) time = std::min(time, started_[next_started_].at);
  return time;
}

}  // namespace sched
