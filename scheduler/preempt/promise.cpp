#include "scheduler/preempt/promise.hpp"

#include <limits>
#include <tuple>

#include "scheduler/elastic/surplus.hpp"
#include "scheduler/preempt/guarantee.hpp"

namespace sched {
namespace {

bool cools_down(const QueueRecord& queue, const Task& task, Time now) {
  return task.last_preempted.ns > 0 && later(task.last_preempted, queue.queue.cooldown_ns) > now;
}

// A starting task has no clock yet, even if an earlier attempt left one behind.
bool guarantee_is_over(const TaskRecord& task, Time now) {
  return task.state == TaskState::kRunning && task.task.guarantee_until.ns > 0 &&
         task.task.guarantee_until <= now;
}

// Which of two High tasks may have the other's room.
bool stands_before(const Task& a, const Task& b) {
  return std::tie(a.preemptible, a.submitted, a.uid) < std::tie(b.preemptible, b.submitted, b.uid);
}

bool may_be_asked(const TaskRecord& waits, const TaskRecord& holds) {
  const bool decided = holds.state == TaskState::kReserved || holds.state == TaskState::kRunning;
  return waits.state == TaskState::kWaiting && decided && !holds.task.unevictable &&
         holds.evicted_by.empty();
}

// Whether the one who waits stands in no lower tier.
bool no_lower(const State& state, const TaskRecord& waits, const TaskRecord& holds) {
  return tier_of(waits.task, state.queues[waits.queue]) <=
         tier_of(holds.task, state.queues[holds.queue]);
}

}  // namespace

bool may_preempt(const State& state, TaskId preemptor, TaskId victim, Time now) {
  return may_preempt_from(state, preemptor, victim, now) <= now;
}

Time may_preempt_from(const State& state, TaskId preemptor, TaskId victim, Time now) {
  constexpr Time kNever{std::numeric_limits<std::int64_t>::max()};
  const TaskRecord& waits = state.tasks[preemptor];
  const TaskRecord& holds = state.tasks[victim];
  if (!may_be_asked(waits, holds)) return kNever;
  const QueueRecord& queue = state.queues[holds.queue];
  const Tier above = tier_of(waits.task, state.queues[waits.queue]);
  const Tier below = tier_of(holds.task, queue);
  if (above == Tier::kLow) return kNever;
  if (below == Tier::kLow) return now;
  if (above != Tier::kHigh) return kNever;
  const Time rested = holds.task.last_preempted.ns > 0
                          ? later(holds.task.last_preempted, queue.queue.cooldown_ns)
                          : now;
  const Time from = std::max(now, rested);
  if (below == Tier::kHigh) {
    return holds.task.preemptible && stands_before(waits.task, holds.task) ? from : kNever;
  }
  if (holds.task.preemptible) return from;
  const bool runs = holds.state == TaskState::kRunning && holds.task.guarantee_until.ns > 0;
  return runs ? std::max(from, holds.task.guarantee_until) : kNever;
}

bool may_reclaim(const State& state, TaskId preemptor, TaskId victim, Time now) {
  const TaskRecord& waits = state.tasks[preemptor];
  const TaskRecord& holds = state.tasks[victim];
  if (!may_be_asked(waits, holds) || waits.queue == holds.queue) return false;
  if (!no_lower(state, waits, holds)) return false;
  const QueueRecord& queue = state.queues[holds.queue];
  const Tier below = tier_of(holds.task, queue);
  if (below == Tier::kLow) return true;
  return below == Tier::kMedium && !cools_down(queue, holds.task, now) &&
         guarantee_is_over(holds, now);
}

bool counted_as_gone(const State& state, const TaskRecord& placed) {
  if (placed.passing > 0 || has_surplus(placed)) return false;
  const bool low = tier_of(placed.task, state.queues[placed.queue]) == Tier::kLow;
  return !placed.evicted_by.empty() || (low && !placed.task.unevictable);
}

bool may_rotate(const State& state, TaskId preemptor, TaskId victim, Time now) {
  return may_rotate_from(state, preemptor, victim, now) <= now;
}

Time may_rotate_from(const State& state, TaskId preemptor, TaskId victim, Time now) {
  const TaskRecord& waits = state.tasks[preemptor];
  const TaskRecord& holds = state.tasks[victim];
  const bool may = holds.turn_ns > 0 && waits.queue == holds.queue && may_be_asked(waits, holds) &&
                   no_lower(state, waits, holds);
  return may ? std::max(now, Time{holds.turn_ns}) : Time{std::numeric_limits<std::int64_t>::max()};
}

Time may_have_stop_from(const State& state, TaskId preemptor, TaskId victim, Time now) {
  return std::min(may_preempt_from(state, preemptor, victim, now),
                  may_rotate_from(state, preemptor, victim, now));
}

}  // namespace sched
