#include "scheduler/fair/quota.hpp"

#include <algorithm>
#include <array>

#include "scheduler/state/devices.hpp"

namespace sched {
namespace {

std::array<const std::string*, 3> names_of(const Quota& quota) {
  return {&quota.zone, &quota.pool, &quota.gpu_model};
}

}  // namespace

bool matches(const Quota& quota, const Node& node) {
  const std::array of_node{&node.zone, &node.pool, &node.gpu_model};
  const auto wanted = names_of(quota);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (!wanted[i]->empty() && *wanted[i] != *of_node[i]) return false;
  }
  return true;
}

bool disjoint(const Quota& a, const Quota& b) {
  const auto x = names_of(a), y = names_of(b);
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!x[i]->empty() && !y[i]->empty() && *x[i] != *y[i]) return true;
  }
  return false;
}

bool within(const Quota& inner, const Quota& outer) {
  const auto x = names_of(inner), y = names_of(outer);
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!y[i]->empty() && *x[i] != *y[i]) return false;
  }
  return true;
}

bool nested(const std::vector<Quota>& quotas) {
  for (std::size_t i = 0; i < quotas.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const Quota &a = quotas[i], &b = quotas[j];
      if (!a.has_maximum || !b.has_maximum) continue;
      if (!disjoint(a, b) && !within(a, b) && !within(b, a)) return false;
    }
  }
  return true;
}

bool limits_places(const Queue& queue) {
  return std::any_of(queue.quotas.begin(), queue.quotas.end(),
                     [](const Quota& quota) { return quota.has_maximum; });
}

bool fits_maximum(const QueueRecord& queue, const Amounts& total, bool alone) {
  if (!queue.queue.has_maximum) return true;
  const auto within = [&](ResourceId id, std::int64_t maximum) {
    const __int128 asks = exactly(total, id);
    return asks == 0 || asks + (alone ? 0 : exactly(queue.used, id)) <= exactly(maximum, id);
  };
  for (ResourceId id = 0; id < kFirstExtended; ++id) {
    if (queue.maximum.base[id] > 0 && !within(id, queue.maximum.base[id])) return false;
  }
  return std::all_of(queue.maximum.extended.begin(), queue.maximum.extended.end(),
                     [&](const auto& limit) { return within(limit.first, limit.second); });
}

bool keeps_maximum(const QueueRecord& queue, const Amounts& used, const Amounts& asked) {
  if (!queue.queue.has_maximum) return true;
  const auto within = [&](ResourceId id, std::int64_t maximum) {
    return exactly(asked, id) == 0 || exactly(used, id) <= exactly(maximum, id);
  };
  for (ResourceId id = 0; id < kFirstExtended; ++id) {
    if (queue.maximum.base[id] > 0 && !within(id, queue.maximum.base[id])) return false;
  }
  return std::all_of(queue.maximum.extended.begin(), queue.maximum.extended.end(),
                     [&](const auto& limit) { return within(limit.first, limit.second); });
}

bool keeps_maxima(const std::vector<QueueRecord::Limit>& before,
                  const std::vector<QueueRecord::Limit>& after) {
  for (std::size_t i = 0; i < after.size(); ++i) {
    const auto over = [&](ResourceId id, std::int64_t maximum) {
      const __int128 used = exactly(after[i].used, id);
      return used > exactly(before[i].used, id) && used > exactly(maximum, id);
    };
    for (ResourceId id = 0; id < kFirstExtended; ++id) {
      const std::int64_t maximum = after[i].maximum.base[id];
      if (maximum > 0 && over(id, maximum)) return false;
    }
    for (const auto& [id, maximum] : after[i].maximum.extended) {
      if (over(id, maximum)) return false;
    }
  }
  return true;
}

Promised promised_to_others(const State& state, TaskId task) {
  Promised promised;
  for (const auto& [holder, room] : state.held_rooms) {
    const TaskRecord& record = state.tasks[holder];
    if (holder == task || record.queue != state.tasks[task].queue) continue;
    ++promised.tasks;
    promised.amounts.plus(state.shapes[record.shape].total);
  }
  return promised;
}

Amounts beside_promised(const State& state, TaskId task, const Amounts& asked) {
  if (!state.queues[state.tasks[task].queue].queue.has_maximum) return asked;
  Amounts sum = asked;
  const Promised promised = promised_to_others(state, task);
  for (ResourceId r = 0; r < kFirstExtended; ++r) {
    if (sum.base[r] > 0) sum.base[r] += promised.amounts.base[r];
  }
  // Whoever asks for devices, whole or a part, asks for what was promised of either.
  for (const auto& [r, amount] : promised.amounts.extended) {
    if (exactly(asked, whole_of(r)) > 0) sum.add(r, amount);
  }
  return sum;
}

Amounts used_of(const State& state, QueueId id, std::size_t quota) {
  const QueueRecord& queue = state.queues[id];
  Amounts used = queue.limits[quota].used;
  for (const auto& [holder, room] : state.held_rooms) {
    if (state.tasks[holder].queue != id) continue;
    for (const auto& [node, amounts] : room.need) {
      if (matches(queue.queue.quotas[quota], state.cluster.node(node).node)) {
        used.plus(charged(amounts));
      }
    }
  }
  return used;
}

void count_in(QueueRecord& queue, const Node& node, const Amounts& request, int sign) {
  for (std::size_t i = 0; i < queue.limits.size(); ++i) {
    if (matches(queue.queue.quotas[i], node)) queue.limits[i].used.plus(request, sign);
  }
}

// --- what the state keeps of them

void State::occupy(const TaskRecord& task, int sign) {
  QueueRecord& queue = queues[task.queue];
  if (queue.limits.empty()) return;
  for (std::size_t r = 0; r < task.ranks.size(); ++r) {
    count_in(queue, cluster.node(task.ranks[r].node).node, request_of(task, r), sign);
  }
}

// The quotas of a queue are others now: what it uses of them is counted anew.
void State::set_limits(QueueId id) {
  QueueRecord& queue = queues[id];
  queue.limits.clear();
  for (const Quota& quota : queue.queue.quotas) {
    QueueRecord::Limit limit;
    if (quota.has_maximum) limit.maximum = names.amounts(quota.maximum);
    if (quota.has_guaranteed) limit.guaranteed = names.amounts(quota.guaranteed);
    queue.limits.push_back(std::move(limit));
  }
  if (queue.limits.empty()) return;
  for (const TaskRecord& task : tasks) {
    if (task.queue == id && decided(task)) occupy(task, 1);
  }
}

// What runs on a node counts in the quotas that match its labels: called before and after they
// change.
void State::recount(NodeId node, int sign) {
  if (node >= tasks_on_node.size()) return;
  for (const TaskId id : tasks_on_node[node]) {
    const TaskRecord& task = tasks[id];
    QueueRecord& queue = queues[task.queue];
    if (queue.limits.empty()) continue;
    for (std::size_t r = 0; r < task.ranks.size(); ++r) {
      if (task.ranks[r].node != node) continue;
      count_in(queue, cluster.node(node).node, request_of(task, r), sign);
    }
    if (sign > 0) wake_quota(task.queue);
  }
}

}  // namespace sched
