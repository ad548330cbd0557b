// Hopeless: shapes for which nobody's stopping would make room, and for how long that is sure.
//
// A search that found nobody is not repeated with every event. It is remembered by how many Pods
// the gang lacked with all gone who might be asked and all who were asked already, beside what is
// kept for holders. From then on room can only come node by node: something that was no victim ends
// there, or becomes one, or a hold is given up. One such change of a node brings at most as many
// Pods as the largest node takes, so that the answer stands for at least missing / that many of
// them.
//
// Beyond that many it is looked at what they really brought, on the nodes that they touched: a Pod
// of somebody else that goes leaves CPU where the devices are what lacks; a node that is cordoned
// and comes back is what it was. As long as that is less than what is missing, nobody's stopping
// would make room. State::loosenings knows the last of them.
//
// State::loosened counts those changes, where they are made; the ends of guarantees are counted
// here, as time alone brings them. A node that comes, or changes its size or its zone, ends all
// certainty; one that is cordoned, comes back or goes is one change.
//
// This never changes an answer: it only saves the search.
#pragma once

#include "scheduler/state/state.hpp"

namespace sched {

// Whether a search for this waiting task, now, is known to find nobody. Never of one that holds
// room: what is kept for it is its own, and its twins' searches did not count it.
bool is_hopeless(State& state, TaskId task, Time now);

// The same where counting the changes is enough to know it. `in_sum`: since even in sum there would
// be too few places.
bool is_hopeless_from_counts(const State& state, TaskId task, Time now, bool in_sum);

// The same, since even in sum there would be too few places.
bool is_hopeless_in_sum(State& state, TaskId task, Time now);

// The same beside all that is promised to others (State::promises), of a task that was promised
// room itself: it leaves all promises of its tiers alone, whatever the order. What is kept for a
// promise shrinks only with the changes that are counted, with promises that are given up (counted,
// too, node by node) and when the time of one is over.
bool is_hopeless_beside(const State& state, TaskId task, Time now);
void remember_hopeless_beside(State& state, TaskId task, Time now, std::int64_t missing);

// `missing`: Pods; at least 1.
void remember_hopeless(State& state, ShapeId shape, Tier tier, Time now, std::int64_t missing);

}  // namespace sched
