// Order: who is tried first behind a blocked head, in a queue that learns.
//
// By duration / sqrt(size), in steps of a sixteenth of a power of two of its square; within a step
// the oldest first. Short ones first, because they give the most for the room that they take; of
// two equally long the wider, because it finds room more rarely; the oldest of those that are about
// the same, because the difference is not worth anybody's wait.
#pragma once

#include <cstdint>

namespace sched {

// The step; smaller goes first. `duration_ns` as predicted; not stated (0 or less) is the last.
std::int64_t backfill_step(std::int64_t size, std::int64_t duration_ns);

}  // namespace sched
