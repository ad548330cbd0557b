// OwnRoom: whether a task for which room is kept may fit elsewhere by now, with that room given back.
//
// How many Pods more its nodes would take is remembered with its hold, and looked at again where
// something changed: each pass asks, and most change a few nodes of hundreds. This is no content.
#pragma once

#include "scheduler/state/state.hpp"

namespace sched {

// Told from sums over zones: "no" is certain.
bool sums_allow_without(State& state, const Shape& shape, const HeldRoom& own);

}  // namespace sched
