// Promise: who may be asked to stop for whom. The one place that says so in the engine.
//
//                    Low running    Medium running                        High running
//   High waits       yes            past its guarantee, or preemptible    preemptible, see below
//   Medium waits     yes            no                                    no
//   Low waits        no             no                                    no
//
// - A Medium task is protected while it starts, and while no end of its guarantee is recorded.
// - A task that is not Low is left alone for its queue's cooldown after it was preempted.
// - A task that was asked to stop already is asked by nobody else: its room is on its way.
// - Among High tasks a preemptible one yields to those that are not, and to preemptible ones that
//   were submitted before it (by uid where that is equal).
//
// Beside the tiers, two rights among those of one tier; neither is above what a tier promises:
//
// - Reclaim: a task within what its queue is guaranteed, of a resource that the queue has less of
//   than that, may have the room of tasks of other queues that use more of it than they are
//   guaranteed: of Low ones at once, of Medium ones past their guarantee, of High ones never.
//   Nobody takes from a tier above its own, nor from whom a guarantee of his own queue covers as
//   closely as it would be covered itself (fair/covered.hpp). No loops, see below.
// - Rotation: a task of a queue that takes turns may have the room of a peer of that queue after
//   the peer's quantum: of a Low one at once, of a Medium one past its guarantee, of a High one
//   never. A peer that comes back later may have it in turn, which is the purpose; each turn lasts
//   a quantum at least, so that no more than quanta allow is lost.
//
// No loops of claims by construction: count those that run, by (tier, how closely covered). Each
// claim adds one to its own count and takes from counts that stand behind it alone; a start adds,
// and takes cover from nobody who ran before it; an end leaves more cover to the others. So the
// counts, read as a number with the highest tier and closest cover in front, grow with each claim,
// and nothing but an event from outside makes them smaller. They are bounded, so there is an end.
//
// No loops between tiers by construction: whenever a may preempt b, a stands before b in the order
// (tier, not preemptible before preemptible, submit time, uid). That is an order, so no chain of
// preemptions leads back to a task, whatever else happens, as long as nobody changes these four of
// a task. And the number is bounded: a preemption needs a start of a High or Medium task; a Medium
// one starts again only after it was preempted; and that takes each time its guarantee and its
// cooldown.
#pragma once

#include "scheduler/state/state.hpp"

namespace sched {

// `victim` is reserved or running and `preemptor` waits; false for all others.
bool may_preempt(const State& state, TaskId preemptor, TaskId victim, Time now);
// From when on it may, at the earliest `now`, as far as is known today; the end of time for never.
// Of a task that starts, or was asked to stop, nothing is known.
Time may_preempt_from(const State& state, TaskId preemptor, TaskId victim, Time now);
// Whether the victim's tier lets others of its own have its room. That its queue has more than it
// is guaranteed is for the caller to look at: it changes with each victim.
bool may_reclaim(const State& state, TaskId preemptor, TaskId victim, Time now);
// Whether each search by tier takes it for gone: one that was asked to stop, or a Low one. Not said
// of one that may be asked for a part alone, or some of whose Pods go by themselves.
bool counted_as_gone(const State& state, const TaskRecord& placed);
bool may_rotate(const State& state, TaskId preemptor, TaskId victim, Time now);
// The same as of the tiers: from when on, at the earliest `now`, its turn is over for the peer.
Time may_rotate_from(const State& state, TaskId preemptor, TaskId victim, Time now);
// From when on one may have the other's room at the latest, by tier or by turn: so it counts as
// ended by then for what the one who waits is promised.
Time may_have_stop_from(const State& state, TaskId preemptor, TaskId victim, Time now);

}  // namespace sched
