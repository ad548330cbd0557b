// Survey: the conflicts as of now, from the state as a pass sees it.
//
//   1. Looked at are the first kConflictHeads waiting tasks of each queue, at most kConflictWaiters
//      in all: first the first of each queue, then the second of each, queues by tier and name.
//   2. Those that wait for room, by their reason (order/why.hpp), are in one conflict at most:
//        asked     somebody was asked to stop for it: those are the other side;
//        promised  it would fit but for a reservation, or for room that is held for others;
//        taken     it would fit if some placed tasks ended: which, is found by clearing.
//   3. Clearing: placed tasks on nodes that could take a Pod of it, those of lower tiers first, Low
//      before Medium, those of higher ones last; then by their stated end, then those that do not
//      run yet, then those that stated none; then by uid. Its shortest sufficient beginning, less
//      whoever is not needed. So those who could yield are named. When it ends by itself is read
//      from another clearing, in which higher tiers stand among the peers by their ends.
//
// What is free counts as it will be when all have left who were asked to stop, beside all that is
// held for others. A task that no placed task's end would help (Pods that are not ours, lost nodes)
// is in no conflict; one that has more in its way than are looked at, is, and says so.
//
// Bounded: kConflictWaiters reasons, and for each of them kConflictEnds placed tasks at most.
#pragma once

#include <vector>

#include "scheduler/conflicts/conflict.hpp"
#include "scheduler/order/pass.hpp"

namespace sched {

// Whom to look at, of the first tasks of each queue's line, in order.
std::vector<TaskId> waiters(const State& state,
                            const std::map<QueueId, std::vector<TaskId>>& lines);

Survey survey(State& state, Pass& pass, const std::vector<TaskId>& waiting, Time now);

}  // namespace sched
