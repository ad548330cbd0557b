// Tenant limits: what a queue lets each of its tenants have at once.
//
//   running    tasks that are placed, and those for which room is kept
//   resources  what these ask for, together; GPUs of all models under the resource's name
//   pending    tasks in line: those beyond the first so many of a tenant start when they have moved
//              up, and not before
//
// Who is at the limit keeps its place and stands in nobody's way, in strict queues too.
#pragma once

#include <optional>
#include <string>

#include "scheduler/state/state.hpp"

namespace sched {

// The first limit that this waiting task would exceed. `alone`: if its tenant had nothing else.
struct TenantExcess {
  std::string resource;  // "tasks", "waiting tasks", or a resource
  std::int64_t needed = 0, left = 0, most = 0;
};
std::optional<TenantExcess> tenant_excess(const State& state, TaskId task, bool alone);
// Whether the tenant of a task that is placed may have so much more, as shares count it.
bool tenant_may_have(const State& state, TaskId task, const Amounts& served);

}  // namespace sched
