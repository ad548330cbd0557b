#include "scheduler/order/pass.hpp"

#include <algorithm>

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

Pass::Pass(State& state, Time now, std::size_t max_starts) : state_(state), overlay_(state) {
  state_.advance(now);
  run(max_starts);
}

// Bookings first, then charges: both wake what they freed, so that whatever was parked because of
// this pass alone is looked at again in the next.
Pass::~Pass() {
  overlay_.undo(0);
  for (const auto& [queue, shape] : charged_) {
    state_.charge(queue, state_.shapes[shape].total, -1);
  }
  state_.wake_changed();
}

// The recipe of the header. A queue at its limit of tasks has no further turn in this pass.
void Pass::run(std::size_t max_starts) {
  std::vector<Turn> all = turns();
  while (plan_.starts.size() < max_starts) {
    Turn* turn = best(all);
    if (turn == nullptr) return;
    const QueueRecord& queue = state_.queues[turn->queue];
    if (queue.queue.max_running > 0 && queue.running >= queue.queue.max_running) {
      turn->heap.clear();
      continue;
    }
    const auto [place, bucket] = pop(*turn);
    ++plan_.work.tasks;
    if (attempt(place.task, bucket)) {
      offer_next(*turn, place, bucket);
    } else if (strict(queue.queue) && can_ever_start(state_, bucket)) {
      blockers_[turn->queue] = place.task;
      turn->heap.clear();
    }
  }
}

// --- what the queues offer

// Only queues with something active have a turn: the others cannot start anything.
std::vector<Pass::Turn> Pass::turns() {
  std::map<QueueId, Turn> by_queue;
  for (const BucketId id : state_.active) {
    const Bucket& bucket = state_.buckets[id];
    const QueueRecord& queue = state_.queues[bucket.queue];
    if (queue.queue.closed) continue;
    Turn& turn = by_queue[bucket.queue];
    turn.queue = bucket.queue;
    if (!strict(queue.queue)) push(turn, bucket.tasks.front(), id);
  }
  std::vector<Turn> turns;
  for (auto& [id, turn] : by_queue) {
    if (strict(state_.queues[id].queue) && !strict_turn(turn)) continue;
    turns.push_back(std::move(turn));
  }
  return turns;
}

// A strict queue offers all its buckets, in order, up to one that is known not to fit. Returns
// false when that is the first one.
bool Pass::strict_turn(Turn& turn) {
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

void Pass::push(Turn& turn, Place place, BucketId bucket) const {
  turn.heap.emplace_back(place, bucket);
  std::push_heap(turn.heap.begin(), turn.heap.end(),
                 [&](const auto& a, const auto& b) { return state_.less(b.first, a.first); });
}

std::pair<Place, BucketId> Pass::pop(Turn& turn) const {
  std::pop_heap(turn.heap.begin(), turn.heap.end(),
                [&](const auto& a, const auto& b) { return state_.less(b.first, a.first); });
  const auto first = turn.heap.back();
  turn.heap.pop_back();
  return first;
}

// The next of the same bucket; its twins are equal but for their place.
void Pass::offer_next(Turn& turn, Place after, BucketId bucket) const {
  const auto& tasks = state_.buckets[bucket].tasks;
  const auto at = tasks.lower_bound([&](const Place& p) { return !state_.less(after, p); });
  if (!tasks.at_end(at)) push(turn, tasks.get(at), bucket);
}

const Place& Pass::lead_of(Turn& turn, int tier) {
  Place& place = turn.leads[tier];
  if (place.task == kNoId) place = lead(state_, turn.queue, tier);
  return place;
}

bool Pass::comes_before(Turn& a, Turn& b) {
  const int x = tier_of(a.heap.front().first), y = tier_of(b.heap.front().first);
  if (x != y) return x < y;
  if (const int share = state_.compare_share(a.queue, b.queue); share != 0) return share < 0;
  return leads(state_, lead_of(a, x), lead_of(b, x));
}

Pass::Turn* Pass::best(std::vector<Turn>& turns) {
  Turn* best = nullptr;
  for (Turn& turn : turns) {
    if (turn.heap.empty()) continue;
    if (best == nullptr || comes_before(turn, *best)) best = &turn;
  }
  return best;
}

// --- trying one

// Cheapest refusals first: parked, over quota, no slots; nodes are looked at last.
bool Pass::attempt(TaskId task, BucketId id) {
  const Bucket& bucket = state_.buckets[id];
  const Shape& shape = state_.shapes[bucket.shape];
  if (shape.parked) return false;
  if (!fits_maximum(state_.queues[bucket.queue], shape.total, false)) {
    state_.park_for_quota(id);
    return false;
  }
  ++plan_.work.shapes;
  const GangAnswer answer = place_gang(state_, shape, overlay_, plan_.work.nodes);
  if (!answer.gang) {
    state_.park(bucket.shape, !answer.exact);
    return false;
  }
  start(task, shape, *answer.gang);
  return true;
}

void Pass::start(TaskId id, const Shape& shape, const Gang& gang) {
  const TaskRecord& task = state_.tasks[id];
  Start start{task.task.uid, task.task.attempt, {}, gang.zones, gang.latency_us};
  start.placement.nodes.reserve(gang.ranks.size());
  for (const NodeId node : gang.ranks) {
    start.placement.nodes.push_back(state_.cluster.node(node).node.name);
  }
  plan_.starts.push_back(std::move(start));
  started_.insert(id);
  state_.charge(task.queue, shape.total, 1);
  charged_.emplace_back(task.queue, task.shape);
}

// A strict queue without a turn is blocked by its first task that could ever start.
TaskId Pass::blocker(QueueId id) const {
  if (auto known = blockers_.find(id); known != blockers_.end()) return known->second;
  const QueueRecord& queue = state_.queues[id];
  for (auto at = queue.heads.begin(); !queue.heads.at_end(at); at = queue.heads.next(at)) {
    const TaskId head = queue.heads.get(at).task;
    if (!started_.contains(head) && can_ever_start(state_, state_.tasks[head].bucket)) return head;
  }
  return kNoId;
}

}  // namespace sched
