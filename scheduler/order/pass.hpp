// Pass: one walk over what may start, in the total order.
//
//   1. The next in the order (turns.hpp) is tried.
//   2. It fits: it is booked, and its queue's share grows.
//      It does not: its shape (or, over quota, its bucket) is parked, twins with it. In a strict
//      queue that ends the queue's turn, unless the task can never start.
//   3. Until nothing is left, or `max_starts` were decided.
//
// While the pass lives, the state carries its bookings; the destructor gives them back, and the
// state is as before (what was parked because of the bookings is awake again).
#pragma once

#include <map>
#include <set>
#include <vector>

#include "scheduler/order/turns.hpp"
#include "scheduler/place/gang.hpp"
#include "scheduler/plan.hpp"

namespace sched {

class Pass {
 public:
  Pass(State& state, Time now, std::size_t max_starts);
  ~Pass();
  Pass(const Pass&) = delete;
  Pass& operator=(const Pass&) = delete;

  const Plan& plan() const { return plan_; }
  bool starts(TaskId task) const { return started_.contains(task); }
  // The task that nobody behind it in this strict queue may pass; kNoId when there is none.
  TaskId blocker(QueueId queue) const;

 private:
  void run(std::size_t max_starts);
  bool attempt(TaskId task, BucketId bucket);
  void start(TaskId task, const Shape& shape, const Gang& gang);

  State& state_;
  Overlay overlay_;
  Plan plan_;
  std::set<TaskId> started_;
  std::vector<std::pair<QueueId, ShapeId>> charged_;
  std::map<QueueId, TaskId> blockers_;
};

}  // namespace sched
