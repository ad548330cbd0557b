// Pass: who need not be tried again beside what is promised.
//
// A task that fits alone, and is refused for what was promised to others, is refused again as long
// as no more room comes and every promise that bound it binds it. All promises of its tier and
// above bind whoever holds a promise himself, and whoever comes behind a blocked task of his queue;
// that somebody before it is blocked is sure when the first that its queue offered is known not to
// fit alone, or holds a promise and was refused. Then its bucket is parked, until what State
// (refusals.cpp) lists comes about.
#include <algorithm>

#include "scheduler/fair/usage.hpp"
#include "scheduler/order/pass.hpp"
#include "scheduler/order/rules.hpp"
#include "scheduler/place/allowance.hpp"

namespace sched {

void Pass::note_refusal(const Turns::Offer& offer, Answer answer) {
  if (!keeps_ || look_ != Look::kStarts) return;
  const Bucket& bucket = state_.buckets[offer.bucket];
  const Shape& shape = state_.shapes[bucket.shape];
  Refusals& refusals = refusals_[offer.queue];
  const bool beside = answer == Answer::kReserved;
  const bool alone = answer == Answer::kNoRoom && shape.parked && !shape.fragile;
  const bool passes = blocked_[offer.queue] > 0;
  const bool all_bind = passes || promised(offer.place.task) != nullptr;
  const bool sure = alone || (beside && all_bind && (bucket.refused || by_counts_));
  refusals.sure = refusals.sure && sure;
  if (beside) refusals.buckets.insert(offer.bucket);
}

// Only where time alone moves nobody in the line, the number of those who deserve a promise is not
// what decides, and every search is exact and can be helped by more room alone.
bool Pass::may_park(QueueId id, const std::set<BucketId>& refused) const {
  const Queue& queue = state_.queues[id].queue;
  const Rules rules = rules_of(queue);
  const bool in_line = !strict(queue) || !state_.queues[id].by_tenant;
  const bool waits = state_.queues[id].by_tenant && slice_ns(queue) > 0;  // and moves up by that
  const bool first_alone = rules.passing != Passing::kConservative && queue.reserve_after_ns == 0;
  if (!in_line || !first_alone || queue.learned || waits || half_life_ms(queue) > 0) return false;
  const bool holds = std::any_of(state_.held.begin(), state_.held.end(),
                                 [&](TaskId task) { return state_.tasks[task].queue == id; });
  if (holds) return false;
  for (const BucketId bucket : refused) {
    const Shape& shape = state_.shapes[state_.buckets[bucket].shape];
    if (by_place(shape) || !shape.group.empty() || groups_share_zones(shape)) return false;
    if (shape.policy == ZonePolicy::kSpread) return false;
  }
  if (strict(queue)) return true;
  return std::all_of(state_.active.begin(), state_.active.end(), [&](BucketId bucket) {
    return state_.buckets[bucket].queue != id || refused.contains(bucket);
  });
}

// Behind a whole walk that decided nothing. Whoever holds a promise and may start leaves it in the
// pass in which he does: as long as there is one, everybody is tried.
void Pass::park_refused() {
  if (!keeps_ || state_.config.overrun != Overrun::kAgain || state_.promises.empty()) return;
  std::set<BucketId> parked;
  for (const auto& [queue, refusals] : refusals_) {
    if (!refusals.sure || !may_park(queue, refusals.buckets)) continue;
    parked.insert(refusals.buckets.begin(), refusals.buckets.end());
  }
  Time until = kEndless;
  for (const auto& [task, room] : state_.promises) {
    if (room.need.empty()) continue;
    until = std::min(until, kept_.end(task));
    if (state_.held.contains(task)) return;
    const BucketId bucket = state_.tasks[task].bucket;
    const QueueId queue = state_.tasks[task].queue;
    const bool behind = strict(state_.queues[queue].queue) && blockers_.contains(queue) &&
                        blockers_.at(queue) != task;
    if (state_.active.contains(bucket) && !parked.contains(bucket) && !behind) return;
  }
  std::erase_if(parked, [this](BucketId bucket) { return state_.buckets[bucket].refused; });
  if (parked.empty() || until <= now_) return;
  (void)state_.cluster.take_freed();  // what was looked at is given back
  state_.park_refused({parked.begin(), parked.end()}, until);
}

}  // namespace sched
