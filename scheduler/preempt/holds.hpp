// Holds: room that is kept for tasks whose victims are leaving.
//
// A hold names a node for each Pod of its task (`need`, per node). As long as the victims that were
// asked to stop for it are still there, they take part of that room themselves; what is missing
// then (`deficit` = need - what they occupy, at least 0 of each resource) has to be booked so that
// nobody else takes it. Each victim that leaves makes the deficit grow by what it leaves behind:
// its room is never free for a moment.
//
//      node: [ victim 6 GPUs | free 2 ]    the hold needs 8: deficit 2, nothing is left over
//      node: [ free 8 ]                    the victim has gone: deficit 8
//
// A hold whose time is over, or that does not name as many nodes as its task has Pods, counts for
// nothing; nodes that are not known are left out.
//
// How a pass uses them: book `hold_deficits` of all holders first; when it comes to a holder, take
// its own `hold_deficit` away (Overlay::free) and try `place_hold`; book it again if that fails.
// What the pass itself decides to preempt is made known to itself with `Pledges`.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "scheduler/place/gang.hpp"
#include "scheduler/plan.hpp"

namespace sched {

struct HeldRoom {
  NodeId node = kNoId;
  Amounts amounts;
};

// What the hold of this task needs, by node; empty when it has none that counts.
std::vector<HeldRoom> hold_need(const State& state, TaskId holder, Time now);
std::vector<HeldRoom> hold_deficit(const State& state, TaskId holder, Time now);
// Of all holders but `except` (kNoId: of all). A node may occur more than once.
std::vector<HeldRoom> hold_deficits(const State& state, TaskId except, Time now);

// Books each Pod of a holder on the node that is kept for it, if all of them fit there now. The
// deficit of its own hold must not be booked meanwhile.
std::optional<Gang> place_hold(State& state, TaskId holder, Overlay& overlay);

// Calls with every change that leads from the live state to the one in which all who were asked to
// stop have gone and every hold but that of `task` is filled (sign 1: room appears).
// `deficits_booked`: the caller has booked `hold_deficits` of all others.
void look_ahead(const State& state, TaskId task, Time now, bool deficits_booked,
                const std::function<void(NodeId, const Amounts&, int)>& change);

// Whether it will fit there when all who were asked to stop have gone, beside what is kept for
// others: then there is nothing to do but wait. `deficits_booked`: the caller has booked
// `hold_deficits` of all holders, its own too.
bool hold_stands(State& state, TaskId holder, Time now, Overlay& overlay, bool deficits_booked);

// Preemptions that were decided and are not applied yet, put into the state as if they were: the
// victims have been asked to stop, the room is held. Taken out again at the end of its life.
class Pledges {
 public:
  explicit Pledges(State& state) : state_(state) {}
  ~Pledges();
  Pledges(const Pledges&) = delete;
  Pledges& operator=(const Pledges&) = delete;

  void add(const Preemption& preemption, Time now, Time until);

 private:
  struct Before {
    TaskId task = kNoId;
    std::vector<std::string> hold;
    Time until;
  };
  State& state_;
  std::vector<TaskId> victims_;
  std::vector<Before> holders_;
};

}  // namespace sched
