// Words: how conflicts name times and tasks.
#pragma once

#include <string>

#include "scheduler/delta.hpp"

namespace sched {

// "2026-03-01 14:05:00 UTC"; to the second, rounded down.
std::string utc(Time at);

// "namespace/name", or the uid of a task that has neither.
inline std::string label(const Task& task) {
  return task.ns.empty() && task.name.empty() ? task.uid : task.ns + "/" + task.name;
}

}  // namespace sched
