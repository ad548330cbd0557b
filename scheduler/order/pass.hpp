// Pass: one walk over what may start, in the total order.
//
//   1. Every queue with something active offers its first candidate.
//   2. The best of them by (tier, queue's share, the queue's lead) is tried.
//   3. It fits: it is booked, its queue's share grows, the queue offers its next.
//      It does not: its shape (or, over quota, its bucket) is parked, twins with it. In a strict
//      queue that ends the queue's turn, unless the task can never start.
//   4. Until nothing is left, or `max_starts` were decided.
//
// While the pass lives, the state carries its bookings; the destructor gives them back, and the
// state is as before (what was parked because of the bookings is awake again).
#pragma once

#include <map>
#include <set>
#include <vector>

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
  struct Turn {  // what one queue offers; best first
    QueueId queue = kNoId;
    std::vector<std::pair<Place, BucketId>> heap;
    Place leads[3];  // of the tiers, see `lead`; looked up when first needed
  };
  void run(std::size_t max_starts);
  std::vector<Turn> turns();
  bool strict_turn(Turn& turn);
  Turn* best(std::vector<Turn>& turns);
  bool comes_before(Turn& a, Turn& b);
  const Place& lead_of(Turn& turn, int tier);
  void push(Turn& turn, Place place, BucketId bucket) const;
  std::pair<Place, BucketId> pop(Turn& turn) const;
  void offer_next(Turn& turn, Place after, BucketId bucket) const;
  bool attempt(TaskId task, BucketId bucket);
  bool within_quota(const QueueRecord& queue, const Shape& shape) const;
  void start(TaskId task, const Shape& shape, const Gang& gang);

  State& state_;
  Overlay overlay_;
  Plan plan_;
  std::set<TaskId> started_;
  std::vector<std::pair<QueueId, ShapeId>> charged_;
  std::map<QueueId, TaskId> blockers_;
};

// Whether the head of a bucket could start in an empty cluster within its queue's maximum. What
// never can blocks nobody.
bool can_ever_start(State& state, BucketId bucket);

// The task by whose submit time a queue stands among queues of equal share: its first of the tier
// that is ready and could ever start, else its first of the tier. It does not depend on what was
// found not to fit, so that a plan is the same however much of it is known already.
Place lead(State& state, QueueId queue, int tier);

// Whether queue a comes before queue b of one tier when their shares are equal.
bool leads(const State& state, const Place& a, const Place& b);

// Whether this much more keeps the queue within its maximum. `alone`: with nothing else running.
bool fits_maximum(const QueueRecord& queue, const Amounts& total, bool alone);

}  // namespace sched
