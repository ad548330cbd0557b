// Spread: the node with the least load, for queues that spread instead of packing.
//
// Of the nodes of a zone that take a Pod of the profile: nodes to be used last come last; a Pod
// that asks for no device leaves nodes with devices to others; one that does goes where most of
// them are free; then where most is left of the scarcer of CPU and memory; then into the pool of the
// zone of which the smallest share is in use; then by name. Content only.
#pragma once

#include <cstdint>
#include <functional>

#include "scheduler/state/cluster.hpp"

namespace sched {

// kNoId when there is none. Adds the nodes it looked at to `looked`: those that are less loaded but
// do not fit, and one or two more in each bucket of free devices. `open`: which classes of nodes
// may be taken; null: all.
NodeId least_loaded(const Cluster& cluster, ProfileId profile, ZoneId zone, std::int64_t& looked,
                    const std::function<bool(ClassId)>& open = nullptr);

// The same among the nodes of a domain; of the whole zone where that is none (kNoId, kAnyDomain).
NodeId least_loaded_in(const Cluster& cluster, ProfileId profile, ZoneId zone, DomainId domain,
                       std::int64_t& looked, const std::function<bool(ClassId)>& open);

}  // namespace sched
