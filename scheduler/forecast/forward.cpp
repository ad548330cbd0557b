#include "scheduler/forecast/forward.hpp"

#include <algorithm>

namespace sched {
namespace {

constexpr std::size_t kStartsOfPlan = 1000;
// For how long room is held: victims go at once, so that the next plan uses it.
constexpr std::int64_t kHoldNs = std::int64_t{3600} * 1'000'000'000;

}  // namespace

void Forward::runs(const std::string& task, Time end) {
  forget(task);
  ends_.emplace(end, task);
  end_of_.emplace(task, end);
}

void Forward::forget(const std::string& task) {
  const auto known = end_of_.find(task);
  if (known == end_of_.end()) return;
  ends_.erase({known->second, task});
  end_of_.erase(known);
}

void Forward::clear(const std::string& task) {
  for (const std::string& pod : engine_.pods(task)) engine_.apply(PodRemove{pod});
}

std::optional<Time> Forward::next_end() const {
  return ends_.empty() ? std::nullopt : std::optional(ends_.begin()->first);
}

void Forward::end(Time now) {
  while (!ends_.empty() && ends_.begin()->first <= now) {
    const std::string task = ends_.begin()->second;
    forget(task);
    engine_.apply(TaskEnd{task, now});
    clear(task);
    engine_.apply(TaskRemove{task, now});
    world_.ended(task, now);
  }
}

bool Forward::goes_on(const Plan& plan) {
  return plan.starts.size() >= kStartsOfPlan || !plan.preemptions.empty();
}

Plan Forward::decide(Time now) {
  Plan plan = engine_.plan(now, kStartsOfPlan);
  for (const Start& decided : plan.starts) start(decided, now);
  for (const Preemption& decided : plan.preemptions) preempt(decided, now);
  wake_.reset();
  if (!goes_on(plan)) wake_ = engine_.next_time(now);
  return plan;
}

void Forward::start(const Start& decided, Time now) {
  engine_.apply(Assume{decided.task, decided.attempt, decided.placement, now});
  engine_.apply(Confirm{decided.task, now});
  if (const auto end = world_.started(decided, now)) runs(decided.task, *end);
}

void Forward::preempt(const Preemption& decided, Time now) {
  for (const std::string& victim : decided.victims) {
    engine_.apply(Evict{victim, decided.task, now});
  }
  engine_.apply(Hold{decided.task, decided.placement, {now.ns + kHoldNs}});
  for (const Resize& resize : decided.shrinks) shrink(resize, now);
  for (const std::string& victim : decided.victims) {
    const bool peer = engine_.task(victim)->queue == engine_.task(decided.task)->queue;
    const bool turn = decided.kind == PreemptionKind::kRotation && peer;
    stop(victim, world_.stopped(victim, turn, now), decided.task, now);
  }
}

// It runs on at once, and ends when it would have ended: what a restart costs, and that fewer Pods
// do less, is not known. Its Pods go last: those it keeps are booked anew.
void Forward::shrink(const Resize& decided, Time now) {
  engine_.apply(Assume{decided.task, decided.attempt + 1, decided.placement, now});
  const auto end = end_of_.find(decided.task);
  if (end != end_of_.end()) {
    Task task = *engine_.task(decided.task);
    task.expected_duration_ns = std::max<std::int64_t>(end->second.ns - now.ns, 1);
    engine_.apply(TaskUpsert{std::move(task)});
  }
  engine_.apply(Confirm{decided.task, now});
  clear(decided.task);
}

// Its Pods go last, so that nobody sees the room free before it is held.
void Forward::stop(const std::string& task, Task waits, const std::string& by, Time now) {
  forget(task);
  engine_.apply(Reject{task, "preempted by " + by, {}, now});
  engine_.apply(TaskUpsert{std::move(waits)});
  clear(task);
}

}  // namespace sched
