#include "scheduler/elastic/surplus.hpp"

#include <algorithm>
#include <set>

#include "scheduler/elastic/size.hpp"

namespace sched {

bool has_surplus(const TaskRecord& task) {
  const Sizes sizes = sizes_of(task.task);
  return sizes.elastic() && task.ranks.size() > static_cast<std::size_t>(sizes.least);
}

Surplus surplus_of(const State& state, TaskId id, const std::function<bool(NodeId)>& useful) {
  const TaskRecord& task = state.tasks[id];
  const std::size_t size = task.ranks.size();
  std::vector<std::vector<Use>> by_rank(size);
  Surplus out;
  for (std::size_t r = 0; r < size; ++r) {
    if (!task.ranks[r].reserved) continue;
    by_rank[r].push_back({task.ranks[r].node, state.use_of_rank(task, r)});
  }
  for (const PodId pod : task.pods) {
    const PodRecord& record = state.pods[pod];
    if (record.pod.attempt < task.attempt) continue;  // on its way out already
    const bool own = record.pod.attempt == task.attempt && record.pod.rank >= 0 &&
                     record.pod.rank < static_cast<std::int64_t>(size);
    auto& uses = own ? by_rank[static_cast<std::size_t>(record.pod.rank)] : out.rest;
    uses.push_back({record.node, record.amounts});
  }
  std::vector<std::size_t> useless;
  const auto least = static_cast<std::size_t>(sizes_of(task.task).least);
  const auto give = [&](std::size_t rank) {
    if (out.given.size() + least >= size) return false;
    out.given.push_back({rank, std::move(by_rank[rank])});
    by_rank[rank].clear();
    return true;
  };
  for (std::size_t r = size; r-- > 0;) {
    if (!useful(task.ranks[r].node) || !give(r)) useless.push_back(r);
  }
  for (const std::size_t rank : useless) {
    if (give(rank)) continue;
    std::move(by_rank[rank].begin(), by_rank[rank].end(), std::back_inserter(out.rest));
  }
  return out;
}

Placement Surplus::kept(const State& state, const TaskRecord& task) const {
  std::set<std::size_t> gone;
  for (const Given& each : given) {
    if (!each.stays) gone.insert(each.rank);
  }
  Placement placement;
  for (std::size_t r = 0; r < task.ranks.size(); ++r) {
    if (!gone.contains(r)) {
      placement.nodes.push_back(state.cluster.node(task.ranks[r].node).node.name);
    }
  }
  return placement;
}

}  // namespace sched
