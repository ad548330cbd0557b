// Settlement: what becomes of an administrator's wish to resolve a conflict.
//
// The wish names who waits, and those who have the room. Who of these yields is decided for each:
//
//   promise       nobody yields to a tier below its own; Low at once; Medium only past its
//                 guarantee, not while it starts, and not within its queue's cooldown; High never
//   by priority   who stands behind the waiting task in (tier, priority_value, submit time, uid)
//   fair share    whose side has the larger dominant share by weight, decayed where its queue
//                 decays: of two tenants of one queue, theirs; else that of their queues
//   time slice    who has run for its queue's quantum (where there is none, the floor of its
//                 guarantees); who waits has the room next, and the other waits behind it
//
// Those who yield are asked in the victim order, none who is not needed, and only with a proof on
// named nodes, beside all reservations and holds of others (as preempt/victims.hpp). Otherwise the
// wish is refused, with the reason of the first who does not yield. Nothing is kept of a refused
// wish.
//
// No loops: who yields keeps its place in line and may ask for the room back by the promise of
// tiers alone, which never lets it ask its own tier or one above.
#pragma once

#include <optional>

#include "scheduler/conflicts/ruling.hpp"
#include "scheduler/plan.hpp"
#include "scheduler/preempt/victims.hpp"

namespace sched {

struct Settled {
  std::optional<Preemption> preemption;
  Ruling ruling;
};

// For a task that waits for room, and does not fit.
Settled settle(State& state, const Resolve& wish, Time now, Overlay& overlay, std::int64_t& looked,
               const Surroundings& around);

}  // namespace sched
