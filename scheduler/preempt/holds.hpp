// Holds: starting in the room that is kept for a task whose victims are leaving.
//
// The state books what a hold keeps (HeldRoom in state/state.hpp), so that everybody else sees only
// what is left. A hold whose time is over, or that does not name as many nodes as its task has
// Pods, keeps nothing; nodes that are not known are left out. Here is what its own task does with
// it. What a pass itself decides to preempt is made known to itself with `Pledges`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "scheduler/place/gang.hpp"
#include "scheduler/plan.hpp"

namespace sched {

// Books each Pod of a holder on the node that is kept for it, if all of them fit there now; what
// was booked to keep it is given back in the same overlay.
std::optional<Gang> place_hold(State& state, TaskId holder, Overlay& overlay);
// Whether the room that is kept for it is there on every node: what `place_hold` needs at least.
bool is_whole(const HeldRoom& room, const State& state);
// What is booked to keep the task's room, given back.
void free_hold(const State& state, TaskId holder, Overlay& overlay);

// Whether it will fit there when all who were asked to stop have gone, beside what is kept for
// others: then there is nothing to do but wait.
bool hold_stands(const State& state, TaskId holder);

// Calls with every change that leads from the live state to the one that `task` may count on: all
// who were asked to stop have gone, and all Pods of attempts that are over; every hold of others is
// filled, and its own is given back (sign 1: room appears).
template <class Change>
void look_ahead(const State& state, TaskId task, const Change& change) {
  for (const TaskId id : state.leaving) {
    state.each_use(id, [&](NodeId node, const Amounts& amounts) { change(node, amounts, 1); });
  }
  state.each_passing_use([&](TaskId, const Use& use) { change(use.node, use.amounts, 1); });
  for (const auto& [holder, room] : state.held_rooms) {
    for (const auto& [node, amounts] : room.booked) change(node, amounts, 1);
    if (holder == task) continue;
    for (const auto& [node, amounts] : room.need) change(node, amounts, -1);
  }
}

// Preemptions that were decided and are not applied yet, put into the state as if they were: the
// victims have been asked to stop, the room is held. Taken out again at the end of its life,
// or before.
class Pledges {
 public:
  explicit Pledges(State& state) : state_(state) {}
  ~Pledges() { undo(); }
  Pledges(const Pledges&) = delete;
  Pledges& operator=(const Pledges&) = delete;

  void add(const Preemption& preemption, Time now, Time until);
  void undo();

 private:
  struct Before {
    TaskId task = kNoId;
    Placement hold;
    Time until;
  };
  State& state_;
  std::vector<TaskId> victims_;
  std::vector<Before> holders_;
};

}  // namespace sched
