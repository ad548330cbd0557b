// Words: how conflicts name times.
#pragma once

#include <string>

#include "scheduler/delta.hpp"

namespace sched {

// "2026-03-01 14:05:00 UTC"; to the second, rounded down.
std::string utc(Time at);

}  // namespace sched
