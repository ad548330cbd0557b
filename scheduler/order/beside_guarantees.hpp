// What is guaranteed to other queues, as the reason why a task waits.
#pragma once

#include <optional>

#include "scheduler/plan.hpp"
#include "scheduler/state/state.hpp"

namespace sched {

// `r`: what is known of the reason so far. Nothing when that is not why.
// Other queues are guaranteed too much for it ever to start.
std::optional<Reason> never_beside_guarantees(State& state, const TaskRecord& task, Reason r);
// There is room for some of it, and what is guaranteed to others of the whole cluster is in the
// way.
std::optional<Reason> kept_of_all(const State& state, const TaskRecord& task, Reason r);
// There are places, and what is guaranteed to others of their nodes is in the way.
std::optional<Reason> kept_by_place(const State& state, const Shape& shape, Reason r);

}  // namespace sched
