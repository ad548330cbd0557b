#include "scheduler/backfill/kept_promises.hpp"

#include <algorithm>

#include "scheduler/preempt/promise.hpp"
#include "scheduler/state/devices.hpp"

namespace sched {
namespace {

bool contains(const KeptPromises::Binding& binding, TaskId task) {
  return std::binary_search(binding.begin(), binding.end(), task);
}

const Amounts& need_on(const PromisedRoom& room, NodeId node) {
  return std::lower_bound(room.need.begin(), room.need.end(), node,
                          [](const auto& entry, NodeId n) { return entry.first < n; })
      ->second;
}

const Amounts& request_of_rank(const Shape& shape, std::size_t rank) {
  auto group = shape.groups.begin();
  for (auto left = static_cast<std::int64_t>(rank); left >= group->count; ++group) {
    left -= group->count;
  }
  return group->request;
}

}  // namespace

// As the next pass will expect it, once it is placed.
void KeptPromises::started(TaskId id, const std::vector<NodeId>& ranks,
                           const std::vector<std::int64_t>& devices) {
  const TaskRecord& task = state_.tasks[id];
  const Time end = end_after(now_, task.task.expected_duration_ns);
  if (state_.promises.empty()) return;
  for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
    const Amounts& request = request_of_rank(state_.shapes[task.shape], rank);
    const std::int64_t device = rank < devices.size() ? devices[rank] : -1;
    started_on_[ranks[rank]].push_back({id, end, use_of(request, device)});
  }
}

// What its promise still needs on the node: a start takes of that what it gets there.
Amounts KeptPromises::left_of(TaskId holder, NodeId node) const {
  Amounts left = need_on(state_.promises.at(holder), node);
  const auto here = started_on_.find(node);
  if (here == started_on_.end()) return left;
  for (const Started& start : here->second) {
    if (start.task == holder) left.minus(start.amounts);
  }
  Amounts some;
  some.raise_to(left);
  return some;
}

TaskId KeptPromises::first_before(Time end, const Binding& binding) const {
  TaskId first = kNoId;
  for (const TaskId holder : binding) {
    if (begin(holder) >= end || (first != kNoId && begin(first) <= begin(holder))) continue;
    first = holder;
  }
  return first;
}

// Need only grows where a promise begins. What runs and is past its end counts by its new estimate.
Amounts KeptPromises::missing(NodeId node, const Binding& binding, Time from, Time to,
                              const std::vector<Release>& gone) const {
  struct Booking {
    Time begin, end;
    Amounts amounts;
    TaskId holder = kNoId;
  };
  Amounts most;
  if (node >= state_.promised_on.size()) return most;
  std::vector<Booking> bookings;
  for (const TaskId holder : state_.promised_on[node]) {
    if (!contains(binding, holder)) continue;
    bookings.push_back({begin(holder), end(holder), left_of(holder, node), holder});
  }
  std::vector<std::pair<Time, TaskId>> ends;
  if (!bookings.empty() && node < state_.tasks_on_node.size()) {
    for (const TaskId task : state_.tasks_on_node[node]) {
      ends.emplace_back(expected_end_of(task), task);
    }
  }
  // By itself, or since somebody who has begun there by then may have it stop.
  const auto ended = [&](Time end, TaskId task, Time at) {
    return end <= at || std::any_of(bookings.begin(), bookings.end(), [&](const Booking& booking) {
             return booking.begin <= at &&
                    may_have_stop_from(state_, booking.holder, task, now_) <= at;
           });
  };
  for (const Booking& moment : bookings) {
    const Time at = std::max(moment.begin, from);
    if (moment.begin >= to || moment.end <= at) continue;
    Amounts need;
    for (const Booking& other : bookings) {
      if (other.begin <= at && other.end > at) need.plus(other.amounts);
    }
    for (const auto& [end, task] : ends) {
      if (!ended(end, task, at)) continue;
      state_.each_use_on(node, task, [&](const Amounts& amounts) { need.minus(amounts); });
    }
    if (const auto here = started_on_.find(node); here != started_on_.end()) {
      for (const Started& start : here->second) {
        if (start.end <= at) need.minus(start.amounts);
      }
    }
    for (const Release& release : gone) {
      if (ended(release.at, release.task, at)) need.plus(*release.amounts);
    }
    most.raise_to(need);
  }
  return most;
}

bool KeptPromises::binds_on(NodeId node, const Binding& binding) const {
  if (node >= state_.promised_on.size()) return false;
  const std::vector<TaskId>& here = state_.promised_on[node];
  return std::any_of(here.begin(), here.end(),
                     [&](TaskId other) { return contains(binding, other); });
}

// Nodes on which something is promised, by id: few of them are of use to whoever asks.
template <class Use, class Visit>
void KeptPromises::each_node(const Binding& binding, const Use& use, const Visit& visit) const {
  if (binding.empty()) return;
  for (NodeId node = 0; node < state_.promised_on.size(); ++node) {
    if (!state_.promised_on[node].empty() && use(node) && binds_on(node, binding)) visit(node);
  }
}

void KeptPromises::keep(Trial& trial, Time end, const Binding& binding) const {
  const auto takes = [&](NodeId node) { return trial.takes_now(node); };
  each_node(binding, takes, [&](NodeId node) {
    const Amounts kept = missing(node, binding, now_, end);
    if (!kept.zero()) trial.change(node, kept, -1);
  });
}

NodeAmounts KeptPromises::all(Time end, const Binding& binding) const {
  NodeAmounts out;
  const auto any = [](NodeId) { return true; };
  each_node(binding, any, [&](NodeId node) {
    Amounts kept = missing(node, binding, now_, end);
    if (!kept.zero()) out.emplace_back(node, std::move(kept));
  });
  return out;
}

// Only what the holder itself asks for matters to it.
bool KeptPromises::stands(TaskId holder, NodeId node, const Binding& ahead) const {
  Binding all = ahead;
  if (!contains(all, holder)) {
    all.insert(std::upper_bound(all.begin(), all.end(), holder), holder);
  }
  const Amounts lacks = missing(node, all, std::max(begin(holder), now_), end(holder));
  const Amounts& own = need_on(state_.promises.at(holder), node);
  Amounts asked;
  for (ResourceId r = 0; r < kFirstExtended; ++r) {
    if (own.base[r] > 0) asked.base[r] = lacks.base[r];
  }
  for (const auto& [r, amount] : own.extended) asked.add(r, lacks.at(r));
  const NodeRecord& record = state_.cluster.node(node);
  return record.present && fits_beside(record.total, record.used, asked);
}

}  // namespace sched
