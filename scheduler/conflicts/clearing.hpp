// Clearing: of tasks in a given order, those whose end would give a gang its room, none too many.
#pragma once

#include <optional>
#include <vector>

#include "scheduler/backfill/early_ends.hpp"
#include "scheduler/place/trial.hpp"

namespace sched {

// The shortest beginning of `order` without which the gang of the trial fits, less those that turn
// out not to be needed, last first; what is left has ended in the trial. Nothing when all of them
// do not suffice: then the trial has all of them ended. All are placed tasks. The gang does not fit
// before. `early`: the reservations that the trial is beside.
std::optional<std::vector<TaskId>> clear_room(const State& state, Trial& trial,
                                              std::vector<TaskId> order, Overlay& overlay,
                                              std::int64_t& looked, EarlyEnds* early = nullptr);

}  // namespace sched
