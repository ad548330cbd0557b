// Quota: what a queue may have, and is promised, of some of the nodes.
//
// A quota names a zone, a pool, a GPU model, or several of these; a node matches that has all that
// are named. Each Pod of the queue counts in every quota that its node matches: so where a gang
// goes decides what it counts in, and a maximum says how much may go where.
//
// How quotas lie to each other is said by their names alone, whatever nodes there are: two are
// disjoint when they name different things, and one lies within another that names no more. Where
// each two are disjoint or one lies within the other, taking as many Pods as possible node by node
// finds the most that any choice could: the search for places is exact.
#pragma once

#include "scheduler/state/state.hpp"

namespace sched {

bool matches(const Quota& quota, const Node& node);
// Whether no node can match both.
bool disjoint(const Quota& a, const Quota& b);
// Whether each node that matches `inner` matches `outer`.
bool within(const Quota& inner, const Quota& outer);
// Whether each two of these that have a maximum are disjoint, or one lies within the other.
bool nested(const std::vector<Quota>& quotas);

// Whether the queue's quotas limit how much may go where.
bool limits_places(const Queue& queue);

// Whether this much more keeps the queue within its maximum over all nodes. `alone`: with nothing
// else running.
bool fits_maximum(const QueueRecord& queue, const Amounts& total, bool alone);
// Whether the queue would be within that maximum of all that is asked for, if it used this.
bool keeps_maximum(const QueueRecord& queue, const Amounts& used, const Amounts& asked);
// Whether what was added to the use of each quota keeps it within its maximum.
bool keeps_maxima(const std::vector<QueueRecord::Limit>& before,
                  const std::vector<QueueRecord::Limit>& after);

// What is kept for tasks of the task's queue that wait until others have stopped for them: they
// have asked for it before, so that it counts for all others as if they ran.
struct Promised {
  std::int64_t tasks = 0;
  Amounts amounts;
};
Promised promised_to_others(const State& state, TaskId task);

// `asked` by the task, and what was promised to others of its queue of the same resources.
Amounts beside_promised(const State& state, TaskId task, const Amounts& asked);

// What a queue uses of one of its quotas, and what of it is kept for its tasks that wait for
// others.
Amounts used_of(const State& state, QueueId queue, std::size_t quota);

// Counts one Pod on a node in the quotas that match, or out.
void count_in(QueueRecord& queue, const Node& node, const Amounts& request, int sign);

}  // namespace sched
