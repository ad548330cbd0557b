#include "scheduler/order/pass.hpp"

namespace sched {

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
  Turns turns(state_);
  while (plan_.starts.size() < max_starts) {
    const std::optional<Turns::Offer> offer = turns.next();
    if (!offer) return;
    const QueueRecord& queue = state_.queues[offer->queue];
    if (queue.queue.max_running > 0 && queue.running >= queue.queue.max_running) {
      turns.close(offer->queue);
      continue;
    }
    ++plan_.work.tasks;
    if (attempt(offer->place.task, offer->bucket)) {
      turns.go_on(*offer);
    } else if (strict(queue.queue) && can_ever_start(state_, offer->bucket)) {
      blockers_[offer->queue] = offer->place.task;
      turns.close(offer->queue);
    }
  }
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
