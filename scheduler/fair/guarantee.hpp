// Guarantee: room that is kept for a queue, and who may use it while it is idle.
//
// A queue's guarantee names amounts of resources. What of it the queue does not use is idle. The
// tasks of another queue may use idle guaranteed room only if that other queue pools, and High
// tasks never: what is borrowed is taken back at the owner's first demand, and High is never
// preempted. Everybody may use what no guarantee covers, and his own guarantee always.
//
// Guarantees that together exceed the cluster are kept first come, first served.
#pragma once

#include "scheduler/state/state.hpp"

namespace sched {

// The resource of which this gang would take room that is guaranteed to others, how much of it is
// left to its queue, and how much is kept for others; nothing when there is none.
struct Guarded {
  ResourceId resource = kNoResource;
  std::int64_t left = 0, kept = 0;
};
std::optional<Guarded> takes_guaranteed(const State& state, QueueId queue, int tier,
                                        const Amounts& total);

// Whether the queue uses less than its guarantee of some resource. Asked of the queue, not of the
// task that is next: who is known not to fit must not change the order of the others.
bool within_guarantee(const QueueRecord& queue);

// What of this its queue may claim back from others: the amounts of those resources that the queue
// is guaranteed, when with them it stays within its guarantee of each; else nothing.
Amounts claim_of(const State& state, QueueId queue, const Amounts& total);
// Whether a queue uses more than it is guaranteed of something that is claimed, when so much of its
// use is gone.
bool borrows(const QueueRecord& queue, const Amounts& claim, const Amounts& gone);

// What a queue uses beyond its guarantee, of the resources that are guaranteed to others: what can
// be taken back from it.
Amounts borrowed(const State& state, QueueId queue);

}  // namespace sched
