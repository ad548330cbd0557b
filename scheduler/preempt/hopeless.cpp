#include "scheduler/preempt/hopeless.hpp"

#include <algorithm>

namespace sched {
namespace {

// Changes of nodes since then, counted no further than to `enough`.
std::uint64_t loosened_since(const State& state, const Shape::Hopeless& known, Time now,
                             std::uint64_t enough) {
  std::uint64_t count = state.loosened - known.loosened;
  auto at = state.protected_until.upper_bound({known.now.ns, kNoId});
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
  return loosened_since(state, known, now, known.changes) < known.changes;
}

void remember_hopeless(State& state, ShapeId id, Tier tier, Time now, std::int64_t missing) {
  Shape& shape = state.shapes[id];
  const std::int64_t most = most_on_a_node(state, shape);
  const std::int64_t changes = (std::max<std::int64_t>(missing, 1) + most - 1) / most;
  shape.hopeless[static_cast<std::size_t>(tier)] = {static_cast<std::uint64_t>(changes),
                                                    state.loosened, now};
}

}  // namespace sched
