#include "scheduler/order/turns.hpp"

#include <algorithm>

#include "scheduler/order/rules.hpp"
#include "scheduler/place/zones.hpp"

namespace sched {

bool fits_maximum(const QueueRecord& queue, const Amounts& total, bool alone) {
  if (!queue.queue.has_maximum) return true;
  const auto within = [&](ResourceId id, std::int64_t maximum) {
    return total.at(id) == 0 || total.at(id) + (alone ? 0 : queue.used.at(id)) <= maximum;
  };
  for (ResourceId id = 0; id < kFirstExtended; ++id) {
    if (queue.maximum.base[id] > 0 && !within(id, queue.maximum.base[id])) return false;
  }
  return std::all_of(queue.maximum.extended.begin(), queue.maximum.extended.end(),
                     [&](const auto& limit) { return within(limit.first, limit.second); });
}

bool can_ever_start(State& state, BucketId id) {
  const Bucket& bucket = state.buckets[id];
  return !never(state, bucket.shape) &&
         fits_maximum(state.queues[bucket.queue], state.shapes[bucket.shape].total, true);
}

Place lead(State& state, QueueId id, int tier) {
  const QueueRecord& queue = state.queues[id];
  const auto before = [&](const Place& place) { return tier_of(place) < tier; };
  for (auto at = queue.heads.lower_bound(before);
       !queue.heads.at_end(at) && tier_of(queue.heads.get(at)) == tier; at = queue.heads.next(at)) {
    const Place& head = queue.heads.get(at);
    if (can_ever_start(state, state.tasks[head.task].bucket)) return head;
  }
  return queue.line.get(queue.line.lower_bound(before));
}

bool leads(const State& state, const Place& a, const Place& b) {
  if (a.submitted_ns != b.submitted_ns) return a.submitted_ns < b.submitted_ns;
  return state.tasks[a.task].task.uid < state.tasks[b.task].task.uid;
}

// Only queues with something active have a turn: the others cannot start anything.
Turns::Turns(State& state) : state_(state) {
  std::map<QueueId, std::vector<BucketId>> active;
  for (const BucketId id : state_.active) active[state_.buckets[id].queue].push_back(id);
  for (const auto& [id, buckets] : active) {
    const Queue& queue = state_.queues[id].queue;
    if (queue.closed) continue;
    Turn turn;
    turn.queue = id;
    if (!strict(queue)) {
      offer_active(turn, buckets);
    } else if (!offer_strictly(turn)) {
      continue;
    }
    turns_.emplace(id, std::move(turn));
  }
}

void Turns::offer_active(Turn& turn, const std::vector<BucketId>& active) {
  for (const BucketId id : active) push(turn, state_.buckets[id].tasks.front(), id);
  if (rules_of(state_.queues[turn.queue].queue).passing == Passing::kFree) return;
  const QueueRecord& queue = state_.queues[turn.queue];
  for (auto at = queue.heads.begin(); !queue.heads.at_end(at); at = queue.heads.next(at)) {
    const Place head = queue.heads.get(at);
    const BucketId bucket = state_.tasks[head.task].bucket;
    if (state_.active.contains(bucket)) return;
    if (!can_ever_start(state_, bucket)) continue;
    push(turn, head, bucket);
    return;
  }
}

// Returns false when the first that could ever start is known not to fit.
bool Turns::offer_strictly(Turn& turn) {
  const QueueRecord& queue = state_.queues[turn.queue];
  for (auto at = queue.heads.begin(); !queue.heads.at_end(at); at = queue.heads.next(at)) {
    const Place head = queue.heads.get(at);
    const BucketId bucket = state_.tasks[head.task].bucket;
    const bool active = state_.active.contains(bucket);
    if (!active && !can_ever_start(state_, bucket)) continue;
    push(turn, head, bucket);
    if (!active) break;  // tried when its turn comes, in case what blocks it was its quota
  }
  return !turn.heap.empty() && state_.active.contains(turn.heap.front().second);
}

void Turns::push(Turn& turn, Place place, BucketId bucket) const {
  turn.heap.emplace_back(place, bucket);
  std::push_heap(turn.heap.begin(), turn.heap.end(),
                 [&](const auto& a, const auto& b) { return state_.less(b.first, a.first); });
}

std::pair<Place, BucketId> Turns::pop(Turn& turn) const {
  std::pop_heap(turn.heap.begin(), turn.heap.end(),
                [&](const auto& a, const auto& b) { return state_.less(b.first, a.first); });
  const auto first = turn.heap.back();
  turn.heap.pop_back();
  return first;
}

const Place& Turns::lead_of(Turn& turn, int tier) {
  Place& place = turn.leads[tier];
  if (place.task == kNoId) place = lead(state_, turn.queue, tier);
  return place;
}

bool Turns::comes_before(Turn& a, Turn& b) {
  const int x = tier_of(a.heap.front().first), y = tier_of(b.heap.front().first);
  if (x != y) return x < y;
  if (const int share = state_.compare_share(a.queue, b.queue); share != 0) return share < 0;
  return leads(state_, lead_of(a, x), lead_of(b, x));
}

Turns::Turn* Turns::best() {
  Turn* best = nullptr;
  for (auto& [id, turn] : turns_) {
    if (turn.heap.empty()) continue;
    if (best == nullptr || comes_before(turn, *best)) best = &turn;
  }
  return best;
}

std::optional<Turns::Offer> Turns::next() {
  Turn* const turn = best();
  if (turn == nullptr) return std::nullopt;
  const auto [place, bucket] = pop(*turn);
  return Offer{turn->queue, place, bucket};
}

void Turns::go_on(const Offer& offer, const std::function<bool(TaskId)>& wanted) {
  const auto& tasks = state_.buckets[offer.bucket].tasks;
  for (auto at = tasks.lower_bound([&](const Place& p) { return !state_.less(offer.place, p); });
       !tasks.at_end(at); at = tasks.next(at)) {
    if (wanted && !wanted(tasks.get(at).task)) continue;
    return push(turns_.at(offer.queue), tasks.get(at), offer.bucket);
  }
}

void Turns::close(QueueId queue) { turns_.at(queue).heap.clear(); }

}  // namespace sched
