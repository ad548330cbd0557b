#include "scheduler/preempt/hopeless.hpp"

#include <algorithm>

#include "scheduler/backfill/ends.hpp"

namespace sched {
namespace {

// Changes of nodes since `before`, with those that were counted already; no further than to
// `enough`.
std::uint64_t loosened_since(const State& state, std::uint64_t count, Time before, Time now,
                             std::uint64_t enough) {
  auto at = state.protected_until.upper_bound({before.ns, kNoId});
  for (; count < enough && at != state.protected_until.end() && at->first <= now.ns; ++at) {
    count += std::max<std::size_t>(state.tasks[at->second].ranks.size(), 1);
  }
  return count;
}

// The most Pods of any group of the shape that one node takes.
std::int64_t most_on_a_node(const State& state, const Shape& shape) {
  std::int64_t most = 1;
  for (NodeId node = 0; node < state.cluster.node_count(); ++node) {
    const NodeRecord& record = state.cluster.node(node);
    if (!record.present) continue;
    for (const Shape::Group& group : shape.groups) {
      most = std::max(most, slots(record.total, group.request));
    }
  }
  return most;
}

}  // namespace

bool is_hopeless(const State& state, TaskId id, Time now) {
  if (state.held_rooms.contains(id)) return false;
  const TaskRecord& task = state.tasks[id];
  const Tier tier = tier_of(task.task, state.queues[task.queue]);
  const Shape::Hopeless& known = state.shapes[task.shape].hopeless[static_cast<std::size_t>(tier)];
  if (known.changes == 0) return false;
  return loosened_since(state, state.loosened - known.loosened, known.now, now, known.changes) <
         known.changes;
}

bool is_hopeless_beside(const State& state, TaskId id, Time now) {
  const auto room = state.promises.find(id);
  if (room == state.promises.end() || state.held_rooms.contains(id)) return false;
  const PromisedRoom::Hopeless& known = room->second.hopeless;
  if (known.changes == 0 || now < known.now || now >= known.until) return false;
  const std::uint64_t count = state.loosened + state.given_up - known.seen;
  return loosened_since(state, count, known.now, now, known.changes) < known.changes;
}

// An estimate of what is past its end only moves later as time goes by (learn/estimate.hpp), which
// keeps more; a past run that is told late may bring one forward, and then nothing of this is known
// any more (state/past.cpp). One that says "now" gives back by time alone: nothing is remembered.
void remember_hopeless_beside(State& state, TaskId id, Time now, std::int64_t missing) {
  const auto room = state.promises.find(id);
  if (room == state.promises.end() || room->second.need.empty()) return;
  if (state.config.overrun != Overrun::kAgain) return;
  Time until = kEndless;
  for (const auto& [task, other] : state.promises) {
    if (other.need.empty() || task == id) continue;
    until = std::min(until, end_after(other.at, state.tasks[task].task.expected_duration_ns));
  }
  const std::int64_t most = most_on_a_node(state, state.shapes[state.tasks[id].shape]);
  const std::int64_t changes = (std::max<std::int64_t>(missing, 1) + most - 1) / most;
  room->second.hopeless = {static_cast<std::uint64_t>(changes), state.loosened + state.given_up,
                           now, until};
}

void remember_hopeless(State& state, ShapeId id, Tier tier, Time now, std::int64_t missing) {
  Shape& shape = state.shapes[id];
  const std::int64_t most = most_on_a_node(state, shape);
  const std::int64_t changes = (std::max<std::int64_t>(missing, 1) + most - 1) / most;
  shape.hopeless[static_cast<std::size_t>(tier)] = {static_cast<std::uint64_t>(changes),
                                                    state.loosened, now};
}

}  // namespace sched
