// Growth: room that nobody waits for, given to elastic gangs.
//
//   nodes      a1  a2 | b1  b2          who waits could run on a2 only
//   the gang   has a1, may have 4       it gets b1 and b2, never a2
//
// A node is waited for when anybody who waits could run there if nothing else did: whether there is
// room now, and whether it would be enough, does not matter. So what is given away delays nobody
// who is known, however long the gang keeps it; who is submitted later finds it in use, and asks
// for it as for anything that runs.
//
// Where more goes: first in the zones that the gang uses, then, where it may be divided over zones,
// in the one with the most room; within a zone in the packing order; in the domain of the topology
// that it has to lie in. Zone by zone as many as fit: greedy over zones, so that another choice of
// zones could sometimes give it more. What it gets keeps the promises that a start has to keep: the
// maxima of its queue and of its tenant, and what is guaranteed to others. Nor does it get a node
// that a task of a group is to move to (order/moves.cpp).
//
// What one is given is booked for the next. The destructor gives everything back; nobody is woken.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "scheduler/fair/kept.hpp"
#include "scheduler/place/gang.hpp"
#include "scheduler/state/state.hpp"

namespace sched {

class Growth {
 public:
  // `waited_for`: the shapes of those who wait. `meant`: nodes that are meant for somebody.
  Growth(State& state, std::vector<ShapeId> waited_for, const std::vector<NodeId>& meant);
  ~Growth();
  Growth(const Growth&) = delete;
  Growth& operator=(const Growth&) = delete;

  struct Gang {
    TaskId task = kNoId;
    ShapeId shape = kNoId;      // of its minimum
    std::vector<NodeId> ranks;  // where it is, or goes
    std::int64_t most = 0;      // Pods that it may have
    // Whether it may borrow as its queue does. Not where others who may not, and for whom that room
    // was left, start at the same moment.
    bool borrows = true;
    // Whether they are of other queues: to them, what its own is guaranteed was kept.
    bool keeps_own = false;
    // One that starts: what its queue's own guarantees cover of what starts in this plan, less what
    // has its place in it. Null: as the state is.
    const Cover* covers = nullptr;
  };
  // The nodes of the Pods that it gets beside those, none or more; booked.
  std::vector<NodeId> more(const Gang& gang, std::int64_t& looked);

 private:
  struct Filling;
  bool waited_for(NodeId node);
  bool promises_kept(const Filling& filling);
  bool leaves_guaranteed(Filling& filling, NodeId node);
  bool take_one(Filling& filling, NodeId node);
  void fill_zone(Filling& filling, ZoneId zone);
  NodeId next(Filling& filling, ZoneId zone, DomainId domain);
  std::vector<ZoneId> zones_to_try(const Filling& filling) const;
  bool may_lie_in(const Filling& filling, ZoneId zone) const;

  State& state_;
  const std::vector<ShapeId> waited_for_;
  const Quiet quiet_;
  Overlay overlay_;
  std::map<NodeId, bool> answers_;  // of `waited_for`
  struct Charge {
    TaskId task = kNoId;
    NodeId node = kNoId;
    Amounts request, served;
  };
  std::vector<Charge> charges_;
};

}  // namespace sched
