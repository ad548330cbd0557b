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

namespace {

// Those peers whose turns end before they do.
Late turns_of(const State& state, TaskId id, Time now) {
  Late out;
  for (const auto& [over, peer] : state.queues[state.tasks[id].queue].turns_over) {
    const Time from = may_rotate_from(state, id, peer, now);
    if (from >= kEndless || from >= expected_end(state, state.tasks[peer], now)) continue;
    out.emplace_back(from, peer);
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

// Most of a large cluster may yield at once, to any task that is not Low: for these no record is
// read, and what has one moment is not sorted. (Where somebody past his end is taken to end now, he
// ends by himself.)
Late yielding(const State& state, TaskId id, Time now, bool but_low) {
  const TaskRecord& task = state.tasks[id];
  if (tier_of(task.task, state.queues[task.queue]) == Tier::kLow) return turns_of(state, id, now);
  const bool all_go_on = state.config.overrun != Overrun::kEndsNow;
  Late out, then;
  for (const Askable& other : state.askable) {
    if (other.leaving || other.unevictable) continue;
    if (other.tier == Tier::kLow && but_low) continue;
    if (other.tier == Tier::kLow && all_go_on) {
      out.emplace_back(now, other.task);
      continue;
    }
    const Time from = may_have_stop_from(state, id, other.task, now);
    if (from >= kEndless) continue;
    if (from < expected_end(state, state.tasks[other.task], now)) {
      (from > now ? then : out).emplace_back(from, other.task);
    }
  }
  std::sort(then.begin(), then.end());
  out.insert(out.end(), then.begin(), then.end());
  return out;
}

std::vector<bool> Future::by_task(const State& state, const Late& yielding) {
  if (yielding.empty()) return {};
  std::vector<bool> early(state.tasks.size());
  for (const auto& [from, task] : yielding) early[task] = true;
  return early;
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
