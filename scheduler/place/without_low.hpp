// Without Low: the room there would be without the Low tasks that may be asked to stop.
//
// Whoever waits above Low may have these at once (preempt/promise.hpp), so that each look ahead for
// such a task begins there. It is kept per profile, in Pods that fit, and made true again for the
// nodes that changed since it was asked for last: in a large cluster there are many more Low tasks
// than changes between two looks.
//
// What a task uses on a node where it was not placed is left out.
#pragma once

#include "scheduler/state/state.hpp"

namespace sched {

// True until something changes.
const Profile::WithoutLow& without_low(State& state, ProfileId profile);
// What the Low tasks use there that may be asked to stop.
Amounts low_on(const State& state, NodeId node);

}  // namespace sched
