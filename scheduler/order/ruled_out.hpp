// RuledOut: which of the wishes of a filter leave no node, in words for people.
#pragma once

#include <string>

#include "scheduler/place/filter.hpp"
#include "scheduler/state/cluster.hpp"

namespace sched {

// Of a filter that no node of the zone (kNoId: of all) satisfies: the wishes that no node satisfies
// even alone, with what there is instead ("no node lies in z; zones: a, b"), or else that all of
// them together are too much, by name. The task's own pool and GPU model are told elsewhere; they
// are named here only where they are met alone. "" where there is no node at all.
//
// Costs one look at each class of nodes for each wish; where single nodes are named, at each node.
std::string ruled_out(const Cluster& cluster, const Filter& filter, ZoneId zone);

}  // namespace sched
