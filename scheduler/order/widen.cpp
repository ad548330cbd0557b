// Pass: what is left at its end goes to elastic gangs.
#include <algorithm>
#include <tuple>

#include "scheduler/elastic/growth.hpp"
#include "scheduler/elastic/size.hpp"
#include "scheduler/fair/kept.hpp"
#include "scheduler/fair/quota.hpp"
#include "scheduler/fair/tenant_limits.hpp"
#include "scheduler/order/pass.hpp"

namespace sched {
namespace {

// Of those that run, in the order in which they get more. Whose node takes nothing new could not
// start anew where it is.
std::vector<TaskId> growers(const State& state, Time now) {
  std::vector<TaskId> out;
  for (const auto& [from, id] : state.growable) {
    if (from > now.ns) break;
    const TaskRecord& task = state.tasks[id];
    const bool stands =
        std::all_of(task.ranks.begin(), task.ranks.end(), [&](const TaskRecord::Rank& rank) {
          const ClassId cls = state.cluster.node(rank.node).cls;
          return cls != kNoId && state.cluster.cls(cls).open;
        });
    if (stands && task.evicted_by.empty() && task.passing == 0) out.push_back(id);
  }
  const auto key = [&](TaskId id) {
    const TaskRecord& task = state.tasks[id];
    return std::tuple<Tier, Time, const std::string&>(tier_of(task.task, state.queues[task.queue]),
                                                      task.task.submitted, task.task.uid);
  };
  std::sort(out.begin(), out.end(), [&](TaskId a, TaskId b) { return key(a) < key(b); });
  return out;
}

// A change of size starts it anew, so that it is expected to end later: not where somebody waits
// for nodes that it has, and may count on its end.
bool is_counted_on(const State& state, TaskId id, const std::vector<ShapeId>& waited_for,
                   Time now) {
  const TaskRecord& task = state.tasks[id];
  if (expected_end(state, task, now) >= kEndless) return false;
  const auto wanted = [&](const TaskRecord::Rank& rank) {
    const NodeRecord& here = state.cluster.node(rank.node);
    const auto takes = [&](const Shape::Group& group) {
      return (group.zone.empty() || group.zone == here.node.zone) &&
             state.cluster.open_to(group.profile, rank.node) &&
             slots(here.total, group.request) > 0;
    };
    return std::any_of(waited_for.begin(), waited_for.end(), [&](ShapeId shape) {
      const auto& groups = state.shapes[shape].groups;
      return std::any_of(groups.begin(), groups.end(), takes);
    });
  };
  return std::any_of(task.ranks.begin(), task.ranks.end(), wanted);
}

// Numbered as a start is: zone by zone as they came, within one in the order of its nodes.
void number(const State& state, std::vector<NodeId>& ranks) {
  std::vector<ZoneId> zones;
  const auto place = [&](NodeId node) {
    const ZoneId zone = state.cluster.cls(state.cluster.node(node).cls).zone;
    return std::find(zones.begin(), zones.end(), zone) - zones.begin();
  };
  for (const NodeId node : ranks) {
    if (place(node) == std::ssize(zones)) {
      zones.push_back(state.cluster.cls(state.cluster.node(node).cls).zone);
    }
  }
  std::stable_sort(ranks.begin(), ranks.end(), [&](NodeId a, NodeId b) {
    if (place(a) != place(b)) return place(a) < place(b);
    return state.cluster.stands_before(a, b);
  });
}

std::vector<std::string> names(const State& state, const std::vector<NodeId>& ranks) {
  std::vector<std::string> out;
  out.reserve(ranks.size());
  for (const NodeId node : ranks) out.push_back(state.cluster.node(node).node.name);
  return out;
}

// What a start says about its zones.
void tell_zones(const State& state, const std::vector<NodeId>& ranks, Start& start) {
  std::set<ZoneId> zones;
  for (const NodeId node : ranks) {
    zones.insert(state.cluster.cls(state.cluster.node(node).cls).zone);
  }
  start.zones = static_cast<std::int64_t>(zones.size());
  for (const ZoneId a : zones) {
    for (const ZoneId b : zones) {
      start.max_latency_us = std::max(start.max_latency_us, state.latency_us(a, b));
    }
  }
}

}  // namespace

// Whether it is room that the task lacks: not the leave of its queue or of its tenant's limits.
bool Pass::may_take_room(TaskId task, BucketId bucket) const {
  const QueueRecord& queue = state_.queues[state_.buckets[bucket].queue];
  return !queue.queue.closed && !runs_all_it_may(task) && !tenant_excess(state_, task, false) &&
         fits_maximum(queue, beside_promised(task), false) && can_ever_start(state_, bucket);
}

// Somebody waits in its queue, and more of its maximum for one is less for him.
bool Pass::queue_is_waited_for(TaskId task) {
  return blocked_[state_.tasks[task].queue] > 0 && calendar_.leave().limited(task);
}

// Whether a walk has to say if somebody of its queue is blocked before a gang may get more: who is
// refused beside what is promised may be blocked as well as who is known not to fit.
bool Pass::growth_asks_who_waits() {
  const std::vector<TaskId> running = growers(state_, now_);
  return std::any_of(running.begin(), running.end(), [this](TaskId task) {
    const QueueRecord& queue = state_.queues[state_.tasks[task].queue];
    return !queue.buckets.empty() && calendar_.leave().limited(task);
  });
}

// The first of each bucket speaks for all of it: they ask for the same. Whoever is in back-off will
// ask again.
std::vector<ShapeId> Pass::waited_for() const {
  std::set<ShapeId> shapes;
  for (const QueueRecord& queue : state_.queues) {
    for (const auto& [key, id] : queue.buckets) {
      const Bucket& bucket = state_.buckets[id];
      auto at = bucket.tasks.begin();
      while (!bucket.tasks.at_end(at) && started_.contains(bucket.tasks.get(at).task)) {
        at = bucket.tasks.next(at);
      }
      if (bucket.tasks.at_end(at) || !may_take_room(bucket.tasks.get(at).task, id)) continue;
      shapes.insert(bucket.shape);
    }
  }
  for (const auto& [until, task] : state_.cooling) shapes.insert(state_.tasks[task].shape);
  // Room that was promised stays promised, even if its task could not take it now.
  for (const auto& [task, room] : state_.promises) {
    if (!room.need.empty() && !started_.contains(task)) shapes.insert(state_.tasks[task].shape);
  }
  return {shapes.begin(), shapes.end()};
}

// What the queue's own guarantees cover beyond all that starts in this plan: read from before it,
// so that what a start takes outside of a narrower one is not covered by that as well.
Cover Pass::cover_of_starts(QueueId queue) {
  const auto own = [&](TaskId task) { return state_.tasks[task].queue == queue; };
  std::vector<TaskId> starts;
  std::copy_if(started_.begin(), started_.end(), std::back_inserter(starts), own);
  for (const TaskId task : starts) state_.pretend(task, ranks_.at(task), -1);
  Cover cover(state_, queue);
  for (const TaskId task : starts) state_.pretend(task, ranks_.at(task), 1);
  for (const TaskId task : starts) {
    std::size_t rank = 0;
    for (const Shape::Group& group : state_.shapes[state_.tasks[task].shape].groups) {
      for (std::int64_t i = 0; i < group.count; ++i) {
        cover.take(state_.cluster.node(ranks_.at(task)[rank++]).node, group.request, 1);
      }
    }
  }
  return cover;
}

// Only behind a walk that left nobody out, and asked nobody to make room.
void Pass::widen() {
  if (!looked_at_all_ || !plan_.preemptions.empty()) return;
  std::vector<Start*> starts;
  for (Start& start : plan_.starts) {
    const TaskId id = state_.find(start.task);
    if (sizes_of(state_.tasks[id].task).elastic() && !queue_is_waited_for(id)) {
      starts.push_back(&start);
    }
  }
  std::vector<TaskId> running = growers(state_, now_);
  std::erase_if(running, [this](TaskId task) { return queue_is_waited_for(task); });
  if (starts.empty() && running.empty()) return;
  std::vector<NodeId> meant;
  for (const Move& move : plan_.moves) {
    for (const std::string& node : move.placement.nodes) meant.push_back(state_.cluster.find(node));
  }
  const std::vector<ShapeId> wanted = waited_for();
  std::erase_if(running, [&](TaskId task) { return is_counted_on(state_, task, wanted, now_); });
  Growth growth(state_, wanted, meant);
  // What starts in this plan was left what others are guaranteed; a larger start before it must
  // leave it that, too.
  std::set<QueueId> left_to;  // those of whom some start in it
  for (const TaskId id : started_) {
    const TaskRecord& task = state_.tasks[id];
    const QueueRecord& queue = state_.queues[task.queue];
    if (kept_from_places(queue, tier_of(task.task, queue))) left_to.insert(task.queue);
  }
  std::map<QueueId, Cover> covers;
  for (Start* const start : starts) {
    const TaskId id = state_.find(start->task);
    const TaskRecord& task = state_.tasks[id];
    if (state_.granting > 0 && !covers.contains(task.queue)) {
      covers.emplace(task.queue, cover_of_starts(task.queue));
    }
    const auto cover = covers.find(task.queue);
    std::vector<NodeId> ranks = ranks_.at(id);
    const bool of_others = left_to.size() > left_to.count(task.queue);
    const std::vector<NodeId> more =
        growth.more({id, task.shape, ranks, sizes_of(task.task).most, left_to.empty(), of_others,
                     cover == covers.end() ? nullptr : &cover->second},
                    plan_.work.nodes);
    if (more.empty()) continue;
    const Amounts& request = state_.shapes[task.shape].groups.front().request;
    for (const NodeId node : cover == covers.end() ? std::vector<NodeId>{} : more) {
      cover->second.take(state_.cluster.node(node).node, request, 1);
    }
    ranks.insert(ranks.end(), more.begin(), more.end());
    number(state_, ranks);
    start->placement.nodes = names(state_, ranks);
    tell_zones(state_, ranks, *start);
  }
  for (const TaskId id : running) {
    const TaskRecord& task = state_.tasks[id];
    const ShapeId shape = state_.acquire_shape(task.task, state_.queues[task.queue]);
    std::vector<NodeId> ranks;
    for (const TaskRecord::Rank& rank : task.ranks) ranks.push_back(rank.node);
    const std::vector<NodeId> more =
        growth.more({id, shape, ranks, sizes_of(task.task).most}, plan_.work.nodes);
    state_.release_shape(shape);
    if (more.empty()) continue;
    ranks.insert(ranks.end(), more.begin(), more.end());
    plan_.grows.push_back({task.task.uid, task.attempt, {names(state_, ranks), {}}});
  }
}

}  // namespace sched
