// Ends: when what runs is expected to end, and what its end gives back.
//
// A task that stated no duration is endless. One that has begun ends at `since` + duration; one
// that holds a decision and does not run yet, a duration from now. One past its expected end is
// estimated anew from past runs (learn/estimate.hpp), or taken to end now (ConfigUpdate::overrun).
#pragma once

#include "scheduler/learn/estimate.hpp"
#include "scheduler/state/state.hpp"

namespace sched {

inline constexpr Time kEndless{std::int64_t{1} << 62};

// `now` + `duration_ns`, kEndless for a duration of 0.
Time end_after(Time now, std::int64_t duration_ns);
// Of a reserved or running task.
Estimate expectation(const State& state, const TaskRecord& task, Time now);
inline Time expected_end(const State& state, const TaskRecord& task, Time now) {
  return expectation(state, task, now).end;
}

}  // namespace sched
