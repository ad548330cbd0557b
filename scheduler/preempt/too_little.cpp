#include "scheduler/preempt/too_little.hpp"

#include "scheduler/place/trial.hpp"
#include "scheduler/preempt/holds.hpp"
#include "scheduler/preempt/hopeless.hpp"
#include "scheduler/preempt/promise.hpp"

namespace sched {
namespace {

bool counts_decide(const State& state, const Shape& shape) {
  return !groups_share_zones(shape) && !by_place(shape) && !shape.shares &&
         !asks_for_domains(state, shape);
}

// The sums alone where the division over zones needs the nodes.
bool suffices(Trial& trial, bool divides) {
  return divides ? trial.counts_allow() : trial.plausible();
}

// All who may be asked; Low has ended already. Whether the same may be asked by each task of this
// shape and tier, as in a search (victims.cpp).
bool end_others(const State& state, TaskId id, Tier tier, Time now, Trial& trial) {
  bool alike = true;
  for (const Askable& other : state.askable) {
    const bool over = other.protected_ns > 0 && other.protected_ns <= now.ns;
    if (other.leaving || other.unevictable || other.tier == Tier::kLow) continue;
    if (tier != Tier::kHigh || !(other.unprotected || over)) continue;
    if (!may_preempt(state, id, other.task, now)) {
      alike = alike && !other.unprotected;
      continue;
    }
    state.each_own_use(other.task, [&trial](NodeId node, const Amounts& amounts) {
      trial.change(node, amounts, 1);
    });
  }
  return alike;
}

// The outlook has taken the room that is kept for the task itself, like any other's.
void give_own_hold_back(const State& state, TaskId id, Trial& trial) {
  const auto room = state.held_rooms.find(id);
  if (room == state.held_rooms.end()) return;
  for (const auto& [node, need] : room->second.need) trial.change(node, need, 1);
}

// Whether anybody above Low might be asked.
bool asks_above_low(const State& state, Tier tier, Time now) {
  const bool over =
      !state.protected_until.empty() && state.protected_until.begin()->first <= now.ns;
  return tier == Tier::kHigh && (over || state.preemptible_above_low > 0);
}

}  // namespace

bool has_too_little(State& state, TaskId id, Time now, const Overlay& booked) {
  const TaskRecord& task = state.tasks[id];
  const Tier tier = tier_of(task.task, state.queues[task.queue]);
  if (tier == Tier::kLow) return true;
  const Shape& shape = state.shapes[task.shape];
  if (shape.groups.empty() || shape.too_large) return true;
  const bool divides = counts_decide(state, shape);
  if (is_hopeless_from_counts(state, id, now, !divides)) return true;
  const Quiet quiet(state.cluster);
  Trial trial(state, shape);
  trial.begin(Outlook::kSettled);
  give_own_hold_back(state, id, trial);
  if (suffices(trial, divides)) return false;
  bool alike = true;
  if (asks_above_low(state, tier, now)) {
    if (divides ? is_hopeless(state, id, now) : is_hopeless_in_sum(state, id, now)) return true;
    alike = end_others(state, id, tier, now, trial);
    if (suffices(trial, divides)) return false;
  }
  // What the caller has booked may be gone the next time.
  booked.each([&trial](NodeId node, const Amounts& amounts, int sign) {
    trial.change(node, amounts, -sign);
  });
  if (alike && !suffices(trial, divides)) {
    remember_hopeless(state, task.shape, tier, now, trial.missing());
  }
  return true;
}

}  // namespace sched
