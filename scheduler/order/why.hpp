// Why a task waits, as numbers read from the same counts that decided it.
#pragma once

#include "scheduler/order/pass.hpp"
#include "scheduler/plan.hpp"

namespace sched {

// As things stand beside everything the pass has booked. kNone when the task does not wait or the
// pass starts it (or would, were it not cut short).
Reason why(State& state, Pass& pass, TaskId task, Time now);

}  // namespace sched
