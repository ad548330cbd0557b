// Why a task waits, in words for people. Pure.
#pragma once

#include <string>

#include "scheduler/plan.hpp"

namespace fermi {

// The engine's sentence; for what can never start, what would have to change; and when room is
// expected, if that is known.
std::string why_waits(const sched::Reason& reason);

// Reasons that no waiting will mend as things are.
bool is_hopeless(sched::ReasonCode code);

// Takes a time over from what was shown before when it has hardly moved: by less than a tenth of
// what is left to wait. An estimate that moves all the time (a task that overruns its own) would
// else be written all the time.
void keep_times(const sched::Reason& shown, sched::Time now, sched::Reason& reason);

}  // namespace fermi
