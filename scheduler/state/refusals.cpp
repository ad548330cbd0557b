// State: who is refused beside what is promised, and what makes it worth trying again.
//
// A pass says of a bucket that none of its tasks fits beside the promises that bind them whatever
// else the pass does (order/refused.cpp). What changes that:
//   - more is free of a node, or more of it will be when a promise on it begins, or a promise on it
//     is moved or given up; and a Pod of the shape fits there: all of its queue;
//   - a task of its queue is promised something else, or nothing any more;
//   - its line, its tenants' shares, its queue's rules, or that some other bucket of its queue is
//     to be tried, so that somebody else may be first of its queue: all of the queue;
//   - somebody who was promised room may start, which gives his promise up in the same pass;
//   - the time of a promise is over, or the clock is set back: everybody.
// That the clock moves on else only makes ends later, which keeps more.
#include "scheduler/state/state.hpp"

namespace sched {

void State::park_refused(const std::vector<BucketId>& ids, Time until) {
  refused_until = refused.empty() ? until : std::min(until, refused_until);
  for (const BucketId id : ids) {
    buckets[id].refused = true;
    refused.insert(id);
    refresh(id);
  }
}

void State::wake_refused() {
  const std::set<BucketId> woken = std::move(refused);
  refused.clear();
  loosened_on_.clear();
  for (const BucketId id : woken) buckets[id].refused = false;
  for (const BucketId id : woken) refresh(id);
}

void State::wake_refused(QueueId queue) {
  std::vector<BucketId> woken;
  for (const BucketId id : refused) {
    if (buckets[id].queue == queue) woken.push_back(id);
  }
  for (const BucketId id : woken) {
    refused.erase(id);
    buckets[id].refused = false;
  }
  for (const BucketId id : woken) refresh(id);
}

// Whether a Pod of the shape fits there now.
bool State::gains(const Shape& shape, NodeId node) const {
  return std::any_of(shape.groups.begin(), shape.groups.end(), [&](const Shape::Group& group) {
    const Profile& profile = cluster.profile(group.profile);
    return node < profile.node_slots.size() && profile.node_slots[node] > 0;
  });
}

void State::wake_refused_on() {
  const std::vector<NodeId> freed = cluster.take_freed();
  if (refused.empty()) return loosened_on_.clear();
  loosened_on_.insert(loosened_on_.end(), freed.begin(), freed.end());
  std::set<QueueId> woken;
  for (const NodeId node : loosened_on_) {
    if (!cluster.node(node).present) continue;
    for (const BucketId id : refused) {
      if (gains(shapes[buckets[id].shape], node)) woken.insert(buckets[id].queue);
    }
  }
  loosened_on_.clear();
  for (const QueueId queue : woken) wake_refused(queue);
}

}  // namespace sched
