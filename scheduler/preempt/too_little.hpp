// Too little: whether a task would lack room though all had gone whom it may have stop by its tier.
//
// From counts: what is free, what those leave who go, and what all leave who might be asked, less
// what is kept for others; not what is reserved or guaranteed. Whoever has too little is not
// searched for, and takes nobody else's search: of those, a pass makes a few only.
//
// It is a function of the state; what is remembered of searches in vain (hopeless.hpp) is added to,
// and saves the counting where it says the same.
#pragma once

#include "scheduler/place/gang.hpp"
#include "scheduler/state/state.hpp"

namespace sched {

// `booked`: what the caller has booked; it counts now and is not remembered.
bool has_too_little(State& state, TaskId task, Time now, const Overlay& booked);

}  // namespace sched
