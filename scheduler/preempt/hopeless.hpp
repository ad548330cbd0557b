// Hopeless: shapes for which nobody's stopping would make room, and for how long that is sure.
//
// A search that found nobody is not repeated with every event. It is remembered by how many Pods
// the gang lacked with all gone who might be asked, all gone who were asked already, and nothing
// kept for anybody. From then on room can only come node by node: something that was no victim
// ends there, or becomes one. One such change of a node brings at most as many Pods as the largest
// node takes, so that the answer stands for at least missing / that many of them.
//
// State::loosened counts those changes, where they are made; the ends of guarantees are counted
// here, as time alone brings them. A node that comes, or changes its size or its zone, ends all
// certainty; one that is cordoned, comes back or goes is one change.
//
// This never changes an answer: it only saves the search.
#pragma once

#include "scheduler/state/state.hpp"

namespace sched {

// Whether a search for a task of this shape and tier, now, is known to find nobody.
bool is_hopeless(const State& state, ShapeId shape, Tier tier, Time now);

// `missing`: Pods; at least 1.
void remember_hopeless(State& state, ShapeId shape, Tier tier, Time now, std::int64_t missing);

}  // namespace sched
