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

}  // namespace

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
    const Amounts* amounts = nullptr;
    TaskId holder = kNoId;
  };
  Amounts most;
  if (node >= state_.promised_on.size()) return most;
  std::vector<Booking> bookings;
  for (const TaskId holder : state_.promised_on[node]) {
    if (!contains(binding, holder)) continue;
    bookings.push_back(
        {begin(holder), end(holder), &need_on(state_.promises.at(holder), node), holder});
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
                    may_preempt_from(state_, booking.holder, task, now_) <= at;
           });
  };
  for (const Booking& moment : bookings) {
    const Time at = std::max(moment.begin, from);
    if (moment.begin >= to || moment.end <= at) continue;
    Amounts need;
    for (const Booking& other : bookings) {
      if (other.begin <= at && other.end > at) need.plus(*other.amounts);
    }
    for (const auto& [end, task] : ends) {
      if (!ended(end, task, at)) continue;
      state_.each_use_on(node, task, [&](const Amounts& amounts) { need.minus(amounts); });
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

// Each node once: with the first of those that bind there.
template <class Visit>
void KeptPromises::each_node(Time end, const Binding& binding, const Visit& visit) const {
  for (const TaskId holder : binding) {
    if (begin(holder) >= end) continue;
    for (const auto& [node, need] : state_.promises.at(holder).need) {
      const std::vector<TaskId>& here = state_.promised_on[node];
      const auto first = std::find_if(here.begin(), here.end(), [&](TaskId other) {
        return begin(other) < end && contains(binding, other);
      });
      if (*first == holder) visit(node);
    }
  }
}

void KeptPromises::keep(Trial& trial, Time end, const Binding& binding) const {
  each_node(end, binding, [&](NodeId node) {
    if (!trial.takes_now(node)) return;
    const Amounts kept = missing(node, binding, now_, end);
    if (!kept.zero()) trial.change(node, kept, -1);
  });
}

NodeAmounts KeptPromises::all(Time end, const Binding& binding) const {
  NodeAmounts out;
  each_node(end, binding, [&](NodeId node) {
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
