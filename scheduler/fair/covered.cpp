#include "scheduler/fair/covered.hpp"

#include <algorithm>
#include <deque>
#include <limits>
#include <numeric>

#include "scheduler/elastic/size.hpp"
#include "scheduler/fair/kept.hpp"

namespace sched {

// What those of one queue use who stand before the one that is looked at, on the nodes of each
// grant.
class Covered::Prefix {
 public:
  Prefix(const State& state, const QueueRecord& queue)
      : state_(state), grants_(grants_of(queue)), used_(grants_.size()) {
    for (std::size_t i = 0; i < grants_.size(); ++i) grants_[i].used = &used_[i];
  }
  bool none() const { return grants_.empty(); }

  // These Pods of a task one after another; they count from then on.
  void add(const TaskRecord& task, const std::vector<std::size_t>& ranks, Closeness& out) {
    Cover cover(grants_);
    for (const std::size_t r : ranks) {
      const Node& node = state_.cluster.node(task.ranks[r].node).node;
      const Amounts& request = state_.request_of(task, r);
      out.ranks[r] = cover.closeness(node, request);
      cover.take(node, request, 1);
      for (std::size_t g = 0; g < grants_.size(); ++g) {
        if (matches(*grants_[g].nodes, node)) used_[g].plus(request);
      }
    }
  }
  // The Pods of an elastic gang, those first that are covered most closely, each by itself.
  std::vector<std::size_t> closest_first(const TaskRecord& task) const {
    const Cover cover(grants_);
    std::vector<std::pair<int, std::size_t>> rated;
    for (std::size_t r = 0; r < task.ranks.size(); ++r) {
      const Node& node = state_.cluster.node(task.ranks[r].node).node;
      rated.emplace_back(-cover.closeness(node, state_.request_of(task, r)), r);
    }
    std::sort(rated.begin(), rated.end());
    std::vector<std::size_t> ranks;
    for (const auto& [rating, rank] : rated) ranks.push_back(rank);
    return ranks;
  }

 private:
  const State& state_;
  std::vector<Granted> grants_;
  std::deque<Amounts> used_;
};

void Covered::look(QueueId id) {
  if (!looked_at_.insert(id).second) return;
  const QueueRecord& queue = state_.queues[id];
  Prefix prefix(state_, queue);
  if (prefix.none()) return;
  std::vector<TaskId> order;
  for (const auto& [by, task] : queue.placed) order.push_back(task);
  const auto begun = [this](TaskId task) {
    const TaskRecord& record = state_.tasks[task];
    const bool runs = record.state == TaskState::kRunning;
    return runs ? record.since.ns : std::numeric_limits<std::int64_t>::max();
  };
  std::sort(order.begin(), order.end(), [&](TaskId a, TaskId b) {
    const std::int64_t x = begun(a), y = begun(b);
    return x != y ? x < y : state_.tasks[a].task.uid < state_.tasks[b].task.uid;
  });
  std::vector<std::pair<TaskId, std::vector<std::size_t>>> beyond;
  for (const TaskId id_of : order) {
    const TaskRecord& task = state_.tasks[id_of];
    Closeness& out = known_[id_of];
    out.ranks.resize(task.ranks.size(), kUncovered);
    std::vector<std::size_t> ranks(task.ranks.size());
    std::iota(ranks.begin(), ranks.end(), std::size_t{0});
    const auto least = static_cast<std::size_t>(sizes_of(task.task).least);
    if (ranks.size() > least) {
      ranks = prefix.closest_first(task);
      const auto minimum = ranks.begin() + static_cast<std::ptrdiff_t>(least);
      beyond.emplace_back(id_of, std::vector<std::size_t>(minimum, ranks.end()));
      ranks.erase(minimum, ranks.end());
    }
    prefix.add(task, ranks, out);
    out.whole = ranks.empty() ? kUncovered : kClosest;
    for (const std::size_t r : ranks) out.whole = std::min(out.whole, out.ranks[r]);
  }
  for (const auto& [task, ranks] : beyond) prefix.add(state_.tasks[task], ranks, known_[task]);
}

const Covered::Closeness* Covered::find(TaskId task) {
  look(state_.tasks[task].queue);
  const auto known = known_.find(task);
  return known == known_.end() ? nullptr : &known->second;
}

int Covered::of(TaskId task) {
  const Closeness* const known = find(task);
  return known == nullptr ? kUncovered : known->whole;
}

int Covered::of_rank(TaskId task, std::size_t rank) {
  const Closeness* const known = find(task);
  return known == nullptr || rank >= known->ranks.size() ? kUncovered : known->ranks[rank];
}

int Covered::when_placed(const State& state, TaskId id, const std::vector<std::string>& nodes) {
  const TaskRecord& task = state.tasks[id];
  Cover cover(state, task.queue, id);
  std::vector<const Amounts*> requests;
  for (const Shape::Group& group : state.shapes[task.shape].groups) {
    requests.insert(requests.end(), static_cast<std::size_t>(group.count), &group.request);
  }
  int least = nodes.empty() || nodes.size() > requests.size() ? kUncovered : kClosest;
  for (std::size_t r = 0; r < nodes.size() && least > kUncovered; ++r) {
    const Node& node = state.cluster.node(state.cluster.find(nodes[r])).node;
    least = std::min(least, cover.closeness(node, *requests[r]));
    cover.take(node, *requests[r], 1);
  }
  return least;
}

}  // namespace sched
