// Guarantee: room that is kept for a queue, and who may use it while it is idle.
//
// A queue's guarantee names amounts of resources. What of it the queue does not use is idle. The
// tasks of another queue may use idle guaranteed room only if that other queue pools, and High
// tasks never: what is borrowed is taken back at the owner's first demand, and High is never
// preempted. Everybody may use what no guarantee covers, and his own guarantee always.
//
// Guarantees that together exceed the cluster are kept first come, first served.
#pragma once

#include <map>

#include "scheduler/state/state.hpp"

namespace sched {

// The resource of which this gang would take room that is guaranteed to others, how much of it is
// left to its queue, and how much is kept for others; nothing when there is none.
struct Guarded {
  ResourceId resource = kNoResource;
  std::int64_t left = 0, kept = 0;
};
// `more`: what would be free beside what is, of whole devices. `used`: what queues would use beside
// what they do.
std::optional<Guarded> takes_guaranteed(const State& state, QueueId queue, int tier,
                                        const Amounts& total, const Amounts* more = nullptr,
                                        const std::map<QueueId, Amounts>* used = nullptr);

// Whether so much is free, whoever it is kept for: by amounts alone.
bool free_suffices(const State& state, const Amounts& total);

// The same of the whole cluster, if nobody used anything but those of a queue with a guarantee who
// yield to that tier, and do now: then the gang can never start, as things are.
std::optional<Guarded> never_left(const State& state, QueueId queue, int tier,
                                  const Amounts& total);

// Whether the queue uses less than its guarantee of some resource. Asked of the queue, not of the
// task that is next: who is known not to fit must not change the order of the others.
bool within_guarantee(const QueueRecord& queue);

// What of all that it asks for a waiting task may claim back from other queues: the amounts of
// those resources that its queue is guaranteed, when with them the queue stays within its guarantee
// of each, beside what it uses and what is kept for others of its tasks; else nothing.
Amounts claim_of(const State& state, TaskId task);
// Whether a queue uses more than it is guaranteed of something that is claimed, when so much of its
// use is gone.
bool borrows(const QueueRecord& queue, const Amounts& claim, const Amounts& gone);

// What is free of a resource for a gang that asks for so much: what is left on shared devices
// counts for those only who ask for parts. Exactly (state/devices.hpp).
__int128 free_for(const Amounts& total, const Amounts& free, ResourceId id);
// In the unit that the gang asks in.
Guarded told(const Amounts& total, ResourceId id, __int128 left, __int128 kept);
// Adds an amount that was compared exactly; nothing below 0.
void add_exactly(Amounts& to, ResourceId id, __int128 amount);

// What a queue uses beyond its guarantee, of the resources that are guaranteed to others: what can
// be taken back from it.
Amounts borrowed(const State& state, QueueId queue);

}  // namespace sched
