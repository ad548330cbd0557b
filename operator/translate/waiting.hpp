// Why a task waits, in words for people. Pure.
#pragma once

#include <string>

#include "scheduler/plan.hpp"

namespace fermi {

// The engine's sentence; for what can never start, what would have to change; and when room is
// expected, if that is known.
std::string why_waits(const sched::Reason& reason);

// Whether the task is not taken in as things are: no waiting will mend that, or its tenant has as
// many in line as it may.
bool is_hopeless(const sched::Reason& reason);

// Takes a time over from what was shown before when it has hardly moved: by less than a tenth of
// what is left to wait. An estimate that moves all the time (a task that overruns its own) would
// else be written all the time.
void keep_times(const sched::Reason& shown, sched::Time now, sched::Reason& reason);

}  // namespace fermi
