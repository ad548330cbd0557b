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
// No loops by construction: whenever a may preempt b, a stands before b in the order (tier, not
// preemptible before preemptible, submit time, uid). That is an order, so no chain of preemptions
// leads back to a task, whatever else happens, as long as nobody changes these four of a task. And
// the number is bounded: a preemption needs a start of a High or Medium task; a Medium one starts
// again only after it was preempted; and that takes each time its guarantee and its cooldown.
#pragma once

#include "scheduler/state/state.hpp"

namespace sched {

// `victim` is reserved or running and `preemptor` waits; false for all others.
bool may_preempt(const State& state, TaskId preemptor, TaskId victim, Time now);

}  // namespace sched
