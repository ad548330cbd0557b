// State: the room that is promised to waiting tasks.
#include <algorithm>

#include "scheduler/limits.hpp"
#include "scheduler/state/devices.hpp"
#include "scheduler/state/state.hpp"

namespace sched {
namespace {

std::int64_t pods_of(const Task& task) {
  std::int64_t pods = 0;
  for (const PodGroup& group : task.groups) {
    pods += std::clamp<std::int64_t>(group.count, 0, kGangMax + 1);
    if (pods > kGangMax) break;
  }
  return pods;
}

}  // namespace

// Only what names a node for each Pod of a task that waits, and only nodes that are there: whatever
// changes these later takes the promise back.
bool State::on(const Promise& d) {
  const TaskId id = find(d.task);
  if (id == kNoId || tasks[id].state != TaskState::kWaiting || !config.keep_promises) return false;
  const bool nothing = d.placement.nodes.empty();
  const auto known = promises.find(id);
  if (nothing && d.at.ns == 0) {
    if (known == promises.end()) return false;
    forget_promise(id);
    return true;
  }
  if (known != promises.end() && known->second.where == d.placement && known->second.at == d.at) {
    return false;
  }
  PromisedRoom room{d.placement, d.at, {}, {}, {}};
  if (!nothing) {
    const auto pods = static_cast<std::size_t>(pods_of(tasks[id].task));
    if (pods > static_cast<std::size_t>(kGangMax) || d.placement.nodes.size() != pods) return false;
    for (const std::string& name : d.placement.nodes) {
      const NodeId node = cluster.find(name);
      if (node == kNoId || !cluster.node(node).present) return false;
      room.ranks.push_back(node);
    }
    room.need = promised_need(tasks[id].task, d);
  }
  if (known != promises.end()) room.hopeless = known->second.hopeless;
  promise(id, std::move(room));
  return true;
}

NodeAmounts State::promised_need(const Task& task, const Promise& d) {
  std::map<NodeId, Amounts> need;
  std::size_t rank = 0;
  for (const PodGroup& group : task.groups) {
    const Amounts request =
        names.request(group.requests, group.shared_resource, group.shared_milli);
    for (std::int64_t i = 0; i < group.count; ++i, ++rank) {
      const std::int64_t device =
          rank < d.placement.devices.size() ? d.placement.devices[rank] : -1;
      need[cluster.find(d.placement.nodes[rank])].plus(use_of(request, device));
    }
  }
  return {std::make_move_iterator(need.begin()), std::make_move_iterator(need.end())};
}

// An entry for each node, so that its record lives as long as the promise.
void State::promise(TaskId id, PromisedRoom room) {
  static const Amounts kNothing;
  forget_promise(id);
  for (const auto& [node, need] : room.need) {
    cluster.adjust(node, &kNothing, nullptr);
    if (promised_on.size() <= node) promised_on.resize(node + 1);
    shake(node);
    promised_on[node].push_back(id);
  }
  // Who was refused beside less is refused beside this, as long as it lasts.
  constexpr std::int64_t kLongest = std::int64_t{1} << 61;
  const std::int64_t duration = tasks[id].task.expected_duration_ns;
  const bool ends = duration > 0 && duration < kLongest && room.at.ns < kLongest;
  if (ends) refused_until = std::min(refused_until, Time{room.at.ns + duration});
  promises[id] = std::move(room);
  if (!refused.empty()) wake_refused(tasks[id].queue);
}

void State::forget_promise(TaskId id) {
  static const Amounts kNothing;
  const auto known = promises.find(id);
  if (known == promises.end()) return;
  for (const auto& [node, need] : known->second.need) {
    std::erase(promised_on[node], id);
    if (promised_on[node].empty()) shaken.erase(node);
    cluster.adjust(node, nullptr, &kNothing);
    cluster.release(node);
  }
  given_up += known->second.need.size();
  if (!refused.empty()) {
    for (const auto& [node, need] : known->second.need) loosened_on_.push_back(node);
    wake_refused(tasks[id].queue);  // what binds it was what it held itself
  }
  promises.erase(known);
}

void State::forget_promises_on(NodeId node) {
  while (node < promised_on.size() && !promised_on[node].empty()) {
    forget_promise(promised_on[node].back());
  }
}

void State::forget_promises_of(QueueId queue) {
  std::vector<TaskId> gone;
  for (const auto& [task, room] : promises) {
    if (tasks[task].queue == queue) gone.push_back(task);
  }
  for (const TaskId task : gone) forget_promise(task);
}

}  // namespace sched
