// Pass: whether there is anything to do at all.
#include "scheduler/fair/guarantee.hpp"
#include "scheduler/fair/tenant_limits.hpp"
#include "scheduler/order/pass.hpp"
#include "scheduler/order/rules.hpp"
#include "scheduler/preempt/hopeless.hpp"
#include "scheduler/preempt/too_little.hpp"

namespace sched {

// Whether nothing has happened since the last pass that could make a difference: nobody may fit,
// nobody stands first in a line who did not, and no hold stands otherwise.
bool Pass::nothing_new() {
  constexpr std::size_t kFew = 64;
  if (forecast_ || state_.active.size() > kFew || !state_.wishes.empty()) return false;
  park_hopeless();
  for (const BucketId id : state_.active) {
    if (may_be_offered(id)) return false;
  }
  // With nothing to try, only a preemption could come of it.
  if (may_ask_somebody() && !asked_in_vain() && somebody_may_find()) {
    nothing_to_try_ = true;
    return false;
  }
  // A move back is made beside all reservations.
  for (const auto& [uid, group] : state_.groups) {
    if (to_move(group) != kNoId) return false;
  }
  if (growth_asks_who_waits()) return false;
  // The room that is kept for a task may be whole by now: what its victims leave wakes nobody.
  return !state_.holds_moved || state_.held.empty();
}

// --- what was asked before

// Whether a pass would ask just those whom the last one asked with nothing to try, and find nobody
// again. Its turns are the same as long as nothing moved their order; how far it comes with what it
// may search is counted again, and of each it must be known that a search finds nobody.
bool Pass::asked_in_vain() {
  State::Asked& asked = state_.asked;
  if (!asked.known || (!asked.any_time && asked.at != now_)) return false;
  if (!state_.held.empty() || state_.turn_is_over(now_)) return false;
  for (const TaskId task : asked.came) asked.known = asked.known && came_behind(task);
  asked.came.clear();
  if (!asked.known) return false;
  std::int64_t searches = 0;
  for (const auto& [task, kind] : asked.asks) {
    if (!may_ask(task, kind)) continue;
    if (kind != PreemptionKind::kTier) return false;
    if (has_too_little(state_, task, now_, overlay_)) continue;
    if (++searches > state_.config.victim_searches) return true;  // nobody else is asked for
    const bool beside = keeps_ && is_hopeless_beside(state_, task, now_);
    if (!beside && !is_hopeless(state_, task, now_)) return false;
  }
  return !asked.cut || searches >= state_.config.victim_searches;
}

// Whether somebody of its tier who blocks its line stands before it, so that its queue offers what
// it did: nobody looks further than to the first who is blocked.
bool Pass::came_behind(TaskId id) {
  const TaskRecord& task = state_.tasks[id];
  if (!task.live || task.state != TaskState::kWaiting) return false;
  const QueueRecord& queue = state_.queues[task.queue];
  if (!queue.known || queue.queue.closed) return true;
  const Passing passing = rules_of(queue.queue).passing;
  if (passing == Passing::kFree) return true;
  if (passing == Passing::kConservative || queue.queue.reserve_after_ns > 0) return false;
  if (queue.by_tenant && strict(queue.queue)) return false;
  const Ordered<Place>& heads = queue.by_tenant ? queue.tenants[task.tenant].heads : queue.heads;
  constexpr int kLooked = 8;
  int looked = 0;
  for (auto at = heads.begin(); !heads.at_end(at) && ++looked <= kLooked; at = heads.next(at)) {
    const Place& head = heads.get(at);
    if (!state_.less(head, task.place)) return false;
    const BucketId bucket = state_.tasks[head.task].bucket;
    const bool blocks = !state_.active.contains(bucket) && !state_.guarded.contains(bucket) &&
                        !state_.buckets[bucket].quota_parked && can_ever_start(state_, bucket);
    if (blocks && tier_of(head) == tier_of(task.place)) return true;
  }
  return false;
}

// Of a pass that came through all turns and asked nobody to stop. Not where limits of tenants or
// guarantees say whose turn it is, or time alone lets peers make way: those look at more than the
// order.
void Pass::remember_asked() {
  if (!nothing_to_try_ || !plan_.starts.empty() || !plan_.preemptions.empty()) return;
  if (peers_might_) return;
  if (!state_.held.empty() || state_.granting > 0) return;
  bool any_time = true;
  for (const QueueRecord& queue : state_.queues) {
    if (!queue.known) continue;
    if (queue.queue.has_guaranteed || queue.queue.tenant_limits != TenantLimits{}) return;
    const bool decays = rules_of(queue.queue).order == Order::kDecayedShare;
    const bool waits = queue.by_tenant && slice_ns(queue.queue) > 0;  // and moves up by that
    if (decays || waits || queue.queue.reserve_after_ns > 0) any_time = false;
  }
  state_.asked = {true, now_, any_time, cut_, std::move(asks_), {}};
}

// --- who could be tried

// Shapes that do not fit even alone need no turn to be known as such.
void Pass::park_hopeless() {
  const std::vector<BucketId> active(state_.active.begin(), state_.active.end());
  for (const BucketId id : active) {
    const ShapeId shape = state_.buckets[id].shape;
    const Shape& known = state_.shapes[shape];
    if (known.parked || groups_share_zones(known) || by_place(known) || !known.group.empty()) {
      continue;
    }
    ++plan_.work.shapes;
    const Fit alone = fits_alone(state_, state_.shapes[shape], plan_.work.nodes);
    if (alone.fits || !alone.exact) continue;
    ++plan_.work.tasks;
    state_.park(shape, false);
  }
}

// Whether an active bucket has a turn. Not behind the first of a strict queue, if that is known not
// to fit.
bool Pass::may_be_offered(BucketId id) const {
  const QueueRecord& queue = state_.queues[state_.buckets[id].queue];
  if (queue.queue.closed) return false;
  if (queue.queue.max_running > 0 && queue.running >= queue.queue.max_running) return false;
  if (queue.by_tenant || !strict(queue.queue)) return true;
  for (auto at = queue.heads.begin(); !queue.heads.at_end(at); at = queue.heads.next(at)) {
    const TaskId head = queue.heads.get(at).task;
    const BucketId bucket = state_.tasks[head].bucket;
    if (bucket == id || state_.active.contains(bucket)) return true;
    if (tenant_excess(state_, head, false)) continue;  // it blocks nobody
    if (can_ever_start(state_, bucket)) return false;
  }
  return true;
}

// Whether a search for somebody who has to stop could find anybody: of whomever it is the turn to
// ask. Shares decay, and with them the order of tenants and queues by time alone; so all are looked
// at whose turn it might be, whatever the order: the first of each line that lacks room, or as many
// as deserve a reservation. When none of them can find anybody, the order does not matter.
bool Pass::somebody_may_find() {
  if (!state_.held.empty() || state_.turn_is_over(now_)) return true;
  for (QueueId id = 0; id < state_.queues.size(); ++id) {
    const QueueRecord& queue = state_.queues[id];
    if (!queue.known || queue.queue.closed || queue.heads.empty()) continue;
    if (queue.queue.max_running > 0 && queue.running >= queue.queue.max_running) {
      for (auto at = queue.heads.begin(); !queue.heads.at_end(at); at = queue.heads.next(at)) {
        if (peers_may_make_way(queue.heads.get(at).task)) return true;
      }
      continue;
    }
    if (rules_of(queue.queue).passing == Passing::kFree) continue;
    if (!queue.by_tenant && may_find(id, queue.heads)) return true;
    for (const Tenant& tenant : queue.tenants) {
      if (queue.by_tenant && may_find(id, tenant.heads)) return true;
    }
  }
  return false;
}

// Twins of one bucket have one answer, but for their own promises: more than one of a line that
// deserves a reservation is looked at by a whole pass.
bool Pass::may_find(QueueId id, const Ordered<Place>& heads) {
  const QueueRecord& queue = state_.queues[id];
  const bool low = queue.queue.tier == Tier::kLow;
  if (low && !queue.queue.has_guaranteed && queue.queue.quotas.empty()) return false;
  const bool several =
      rules_of(queue.queue).passing == Passing::kConservative || queue.queue.reserve_after_ns > 0;
  for (auto at = heads.begin(); !heads.at_end(at); at = heads.next(at)) {
    const TaskId task = heads.get(at).task;
    const Bucket& bucket = state_.buckets[state_.tasks[task].bucket];
    // What is guaranteed to others keeps nobody from asking those below him.
    const bool asks = bucket.tier != static_cast<int>(Tier::kLow);
    if (bucket.quota_parked && !peers_may_make_way(task)) continue;
    if (bucket.quota_parked) return true;
    if (state_.guarded.contains(state_.tasks[task].bucket) && !asks) continue;
    if (tenant_excess(state_, task, false) || !can_ever_start(state_, state_.tasks[task].bucket)) {
      continue;
    }
    if (several || may_find(task)) return true;
    const Shape& shape = state_.shapes[bucket.shape];
    const bool lacks_room = (shape.parked || bucket.refused) && !by_place(shape) &&
                            !queue.queue.has_maximum &&
                            !takes_guaranteed(state_, id, bucket.tier, shape.total);
    if (lacks_room) return false;
  }
  return false;
}

bool Pass::may_find(TaskId task) const {
  const bool by_tier =
      may_ask(task, PreemptionKind::kTier) &&
      tier_of(state_.tasks[task].task, state_.queues[state_.tasks[task].queue]) != Tier::kLow &&
      !is_hopeless(state_, task, now_) && !(keeps_ && is_hopeless_beside(state_, task, now_));
  return by_tier || may_ask(task, PreemptionKind::kReclaim);
}

}  // namespace sched
