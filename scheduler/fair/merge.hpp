// Merge: the waiting line of a queue that orders by tenant, one task after the other.
//
// The order is the one in which plans would take the tasks if there were room for each that can
// ever start and nothing else changed: the tenant with the smallest share gives its first task, its
// share grows by it, and so on. A task that cannot be taken now (held, in back-off, too large for
// the cluster or the queue) keeps its place in its tenant's line and charges nothing.
//
// It is made as far as somebody asks: the first n cost n log(tenants). The state must not change
// meanwhile.
#pragma once

#include <optional>
#include <vector>

#include "scheduler/state/state.hpp"

namespace sched {

class Merge {
 public:
  Merge(State& state, QueueId queue);
  // The next in line; kNoId after the last.
  TaskId next();

 private:
  struct Line {  // of one tenant: what is left of it, and what it would have by then
    const Tenant* tenant = nullptr;
    Ordered<Place>::Cursor at;
    Amounts used;
    std::int64_t starts = 0;
    TenantTurn turn;
  };
  void place(std::size_t line);

  State& state_;
  QueueId queue_;
  const Rounds rounds_;
  std::vector<Line> lines_;
  std::vector<std::size_t> heap_;  // of lines that are not over; first turn on top
};

}  // namespace sched
