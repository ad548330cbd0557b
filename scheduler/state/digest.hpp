// Digest: 64 bits over the content of a State, for tests and for journals.
//
// Content only: records, what is booked, the lines, the slots of what waits. Ids, caches and what
// is parked are left out, so that equal histories and equal snapshots give equal digests.
#pragma once

#include <cstdint>

#include "scheduler/state/state.hpp"

namespace sched {

std::uint64_t digest(const State& state);

}  // namespace sched
