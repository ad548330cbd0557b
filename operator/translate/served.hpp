// What tenants had before, between the engine and the status of their queue. Pure.
//
// The engine tells it as spans in each period of the half-life. Kept is what counts: for each
// resource one sum in the latest period, and one in the period before it, into which all older ones
// are folded, halved as often as they are old. So a status is bounded however long a queue lives,
// the shares that a new leader computes from it are the same up to the rounding of the halving, and
// what does not change is written the same whenever it is asked for.
#pragma once

#include <string>
#include <vector>

#include "operator/api/task_queue.hpp"
#include "scheduler/delta.hpp"

namespace fermi {

// The tenants kept for one queue: those that started something last.
inline constexpr std::size_t kServedKept = 256;

// `half_life_ns` 0: only who started something last is kept.
QueuePast to_past(const std::vector<sched::Served>& served, std::int64_t half_life_ns);

// What was used under another half-life is left out: it was cut into other periods. `now` bounds
// how long ago the latest period's use can have ended.
std::vector<sched::Served> to_served(const QueuePast& past, const sched::Queue& queue,
                                     sched::Time now);

}  // namespace fermi
