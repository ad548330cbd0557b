// Amounts: from the API's maps to the engine's records, and back for people.
#pragma once

#include <cstdint>
#include <string>

#include "libk8s/types/meta.hpp"
#include "scheduler/resources.hpp"

namespace fermi {

// "cpu" in milli-cores, "memory" and "ephemeral-storage" in bytes, "pods", and every other name as
// an extended resource. Negative amounts count as none.
sched::Resources to_engine(const k8s::ResourceList& list);
// The same for one Pod: counts as one Pod whatever the list says.
sched::Resources pod_to_engine(const k8s::ResourceList& requests);

// Quantities by Kubernetes name ("cpu": "1500m"), zero amounts left out. Whole devices and parts
// of them are told as one ("nvidia.com/gpu": "1460m").
k8s::StringMap to_quantities(const sched::Resources& resources);

// a + b * times, by resource.
void add(sched::Resources& a, const sched::Resources& b, std::int64_t times = 1);
// Whether every amount of `need` is at most that of `have`.
bool fits(const sched::Resources& need, const sched::Resources& have);

}  // namespace fermi
