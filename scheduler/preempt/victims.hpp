// Victims: who has to stop so that a task can start, proved before anybody is asked.
//
//   1. Who may be asked: the promise (promise.hpp) allows it, and part of it lies on a node that
//      could take a Pod of the shape. By tier always; to reclaim or to rotate where the search is
//      for that. Where the maximum of its queue keeps the task out, peers who take turns, or yield
//      to its tier, may be asked wherever they are.
//   2. In the victim order (victim_order.hpp): lowest tier, longest past its guarantee (its turn,
//   to
//      rotate), least work lost, fewest Pods, latest start, uid.
//   3. They end one after another, as a trial, until the slots suffice in sum; from then on it is
//      tried whether the gang fits, in steps that double. The shortest sufficient beginning is then
//      found by halves.
//   4. Put back, last first, every one without whom it still fits: none of the rest can be left
//      out. (Where counts alone do not decide, "fits" means that the placement search finds it.)
//   5. The gang is placed on named nodes.
//
// What counts as free: what is free now in the live state (so: beside everything the caller has
// booked), and what those leave who were asked to stop already, and Pods of attempts that are over;
// less what is kept by the holds of
// other tasks. When that alone suffices, there are no victims: the task has only to wait, and wants
// a hold.
//
// Gangs are evicted whole. An elastic one may give up what it has beyond its minimum instead
// (elastic/surplus.hpp), and in the end no Pod more of it than is needed; not to rotate: there a
// turn ends. The state is left exactly as it was; nobody is woken.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "scheduler/backfill/early_ends.hpp"
#include "scheduler/place/trial.hpp"
#include "scheduler/plan.hpp"

namespace sched {

// What the caller has done to the live state, or has promised beside it.
struct Surroundings {
  Ahead ahead{};                    // what is promised to others, and not booked
  const Overlay* booked = nullptr;  // in which it booked
  // `ahead` is all that promises keep from the task, and nothing was booked: what is found out
  // beside it is true until something changes.
  bool as_found = false;
  // False: what its queue may have was made less for the search, so that nothing found out is kept.
  bool lasts = true;
  // To rotate: what the task's queue counts as using of its quotas of some nodes at least, whoever
  // of it ends; empty where it is what it uses.
  std::vector<Amounts> used_later{};
};

// For a waiting task that does not fit now: by tier High and Medium ones. Nothing for all others,
// and when no allowed set of victims gives it room. By tier the answer depends on shape and tier
// alone (and, where preemptible High tasks run, on `preemptible`, the submit time and the uid):
// twins need not be asked for again. `looked` counts tasks, trials and nodes looked at.
std::optional<Preemption> find_preemption(State& state, TaskId preemptor, Time now,
                                          Overlay& overlay, std::int64_t& looked,
                                          const Surroundings& around = {},
                                          PreemptionKind kind = PreemptionKind::kTier);

}  // namespace sched
