// Turns: who is next in the total order, of all that may start now.
//
// Every queue with something to look at offers its first candidate; the best of them by (tier,
// queue's weighted share, the queue's lead) is next. What happens to it (it starts, it is blocked)
// decides what its queue offers after it. Reads the state, and sees what the pass has booked and
// charged meanwhile; lives no longer than the pass.
//
// A queue offers the first of each active bucket; one whose passing is strict offers its buckets in
// order up to the first that is known not to fit; any other also offers its head when that is known
// not to fit, since the head may hold a reservation.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "scheduler/state/state.hpp"

namespace sched {

class Turns {
 public:
  struct Offer {
    QueueId queue = kNoId;
    Place place;
    BucketId bucket = kNoId;
  };

  explicit Turns(State& state);

  // The next in the total order; nothing when nobody offers any more.
  std::optional<Offer> next();
  // The task of this offer started, or is to be passed over: its bucket offers the next of its
  // tasks that `wanted` (null: any) accepts.
  void go_on(const Offer& offer, const std::function<bool(TaskId)>& wanted = nullptr);
  // This queue offers nothing more.
  void close(QueueId queue);

 private:
  struct Turn {  // what one queue offers; best first
    QueueId queue = kNoId;
    std::vector<std::pair<Place, BucketId>> heap;
    Place leads[3];  // of the tiers, see `lead`; looked up when first needed
  };
  void offer_active(Turn& turn, const std::vector<BucketId>& active);
  bool offer_strictly(Turn& turn);
  Turn* best();
  bool comes_before(Turn& a, Turn& b);
  const Place& lead_of(Turn& turn, int tier);
  void push(Turn& turn, Place place, BucketId bucket) const;
  std::pair<Place, BucketId> pop(Turn& turn) const;

  State& state_;
  std::map<QueueId, Turn> turns_;
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
