#include "scheduler/preempt/holds.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "scheduler/backfill/ends.hpp"

namespace sched {
namespace {

bool whole(const State& state, const TaskRecord& task) {
  return !task.hold.empty() && task.shape != kNoId && !state.shapes[task.shape].too_large &&
         static_cast<std::int64_t>(task.hold.size()) == state.shapes[task.shape].pods;
}

bool counts(const State& state, const TaskRecord& task, Time now) {
  return whole(state, task) && task.hold_until > now;
}

// Calls with each Pod's group and node name, in the order of ranks.
template <class Visit>
void each_rank(const State& state, const TaskRecord& task, Visit visit) {
  std::size_t rank = 0;
  for (const Shape::Group& group : state.shapes[task.shape].groups) {
    for (std::int64_t i = 0; i < group.count; ++i) visit(group, task.hold[rank++]);
  }
}

// What those who were asked to stop for this task still use on the nodes of its hold.
std::map<NodeId, Amounts> occupied(const State& state, const TaskRecord& holder,
                                   const std::vector<HeldRoom>& need) {
  std::set<TaskId> victims;
  std::map<NodeId, Amounts> used;
  for (const HeldRoom& room : need) {
    used.try_emplace(room.node);
    if (room.node >= state.tasks_on_node.size()) continue;
    for (const TaskId id : state.tasks_on_node[room.node]) {
      if (state.tasks[id].evicted_by == holder.task.uid) victims.insert(id);
    }
  }
  for (const TaskId id : victims) {
    each_use(state, state.tasks[id], [&](NodeId node, const Amounts& amounts) {
      if (auto at = used.find(node); at != used.end()) at->second.plus(amounts);
    });
  }
  return used;
}

// a - b, at least 0 of each.
Amounts less(const Amounts& a, const Amounts& b) {
  Amounts rest;
  for (ResourceId id = 0; id < kFirstExtended; ++id) {
    rest.base[id] = std::max<std::int64_t>(0, a.base[id] - b.base[id]);
  }
  for (const auto& [id, amount] : a.extended) {
    if (amount > b.at(id)) rest.add(id, amount - b.at(id));
  }
  return rest;
}

}  // namespace

std::vector<HeldRoom> hold_need(const State& state, TaskId holder, Time now) {
  const TaskRecord& task = state.tasks[holder];
  if (!counts(state, task, now)) return {};
  std::map<NodeId, Amounts> by_node;
  each_rank(state, task, [&](const Shape::Group& group, const std::string& name) {
    const NodeId node = state.cluster.find(name);
    if (node != kNoId) by_node[node].plus(group.request);
  });
  std::vector<HeldRoom> need;
  for (auto& [node, amounts] : by_node) need.push_back({node, std::move(amounts)});
  return need;
}

std::vector<HeldRoom> hold_deficit(const State& state, TaskId holder, Time now) {
  std::vector<HeldRoom> rooms = hold_need(state, holder, now);
  const std::map<NodeId, Amounts> used = occupied(state, state.tasks[holder], rooms);
  for (HeldRoom& room : rooms) room.amounts = less(room.amounts, used.at(room.node));
  std::erase_if(rooms, [](const HeldRoom& room) { return room.amounts.zero(); });
  return rooms;
}

std::vector<HeldRoom> hold_deficits(const State& state, TaskId except, Time now) {
  std::vector<HeldRoom> all;
  for (const TaskId holder : state.held) {
    if (holder == except) continue;
    for (HeldRoom& room : hold_deficit(state, holder, now)) all.push_back(std::move(room));
  }
  return all;
}

// Slots are 0 on nodes that are closed or do not match, so they say all but the zone.
std::optional<Gang> place_hold(State& state, TaskId holder, Overlay& overlay) {
  const TaskRecord& task = state.tasks[holder];
  if (!whole(state, task)) return std::nullopt;
  const std::size_t mark = overlay.mark();
  Gang gang;
  std::set<ZoneId> zones;
  each_rank(state, task, [&](const Shape::Group& group, const std::string& name) {
    const NodeId node = state.cluster.find(name);
    const auto& slots = state.cluster.profile(group.profile).node_slots;
    if (node == kNoId || node >= slots.size() || slots[node] == 0) return;
    const NodeRecord& record = state.cluster.node(node);
    if (!group.zone.empty() && record.node.zone != group.zone) return;
    overlay.book(node, group.request);
    gang.ranks.push_back(node);
    zones.insert(state.cluster.cls(record.cls).zone);
  });
  if (gang.ranks.size() != task.hold.size()) {
    overlay.undo(mark);
    return std::nullopt;
  }
  gang.zones = static_cast<std::int64_t>(zones.size());
  for (const ZoneId a : zones) {
    for (const ZoneId b : zones)
      gang.latency_us = std::max(gang.latency_us, state.latency_us(a, b));
  }
  return gang;
}

void look_ahead(const State& state, TaskId task, Time now, bool deficits_booked,
                const std::function<void(NodeId, const Amounts&, int)>& change) {
  for (const TaskId id : state.leaving) {
    each_use(state, state.tasks[id],
             [&](NodeId node, const Amounts& amounts) { change(node, amounts, 1); });
  }
  for (const TaskId holder : state.held) {
    if (holder == task) continue;
    for (const HeldRoom& room : hold_need(state, holder, now)) change(room.node, room.amounts, -1);
    if (!deficits_booked) continue;
    for (const HeldRoom& room : hold_deficit(state, holder, now)) {
      change(room.node, room.amounts, 1);
    }
  }
}

bool hold_stands(State& state, TaskId holder, Time now, Overlay& overlay, bool deficits_booked) {
  const TaskRecord& task = state.tasks[holder];
  if (!counts(state, task, now)) return false;
  const Quiet quiet(state.cluster);
  std::map<NodeId, Amounts> ended;  // on the nodes of the hold alone
  for (const HeldRoom& room : hold_need(state, holder, now)) ended.try_emplace(room.node);
  look_ahead(state, holder, now, deficits_booked, [&](NodeId node, const Amounts& a, int sign) {
    if (const auto at = ended.find(node); at != ended.end()) at->second.plus(a, sign);
  });
  if (deficits_booked) {
    for (const HeldRoom& room : hold_deficit(state, holder, now)) {
      ended.at(room.node).plus(room.amounts);
    }
  }
  const std::size_t mark = overlay.mark();
  for (const auto& [node, amounts] : ended) {
    if (!amounts.zero()) overlay.free(node, amounts);
  }
  const bool fits = place_hold(state, holder, overlay).has_value();
  overlay.undo(mark);
  return fits;
}

// --- pledges

void Pledges::add(const Preemption& preemption, Time now, Time until) {
  const TaskId holder = state_.find(preemption.task);
  TaskRecord& task = state_.tasks[holder];
  holders_.push_back({holder, std::move(task.hold), task.hold_until});
  task.hold = preemption.placement.nodes;
  task.hold_until = until;
  state_.held.insert(holder);
  for (const std::string& uid : preemption.victims) {
    const TaskId victim = state_.find(uid);
    state_.mark_leaving(victim, preemption.task, now);
    victims_.push_back(victim);
  }
}

// In reverse: a task that was pledged twice gets its first hold back. A victim was not asked to
// stop before, or it would be none.
Pledges::~Pledges() {
  for (const TaskId victim : victims_) {
    state_.mark_leaving(victim, "", {});
  }
  for (auto at = holders_.rbegin(); at != holders_.rend(); ++at) {
    TaskRecord& task = state_.tasks[at->task];
    task.hold = std::move(at->hold);
    task.hold_until = at->until;
    if (task.hold.empty()) state_.held.erase(at->task);
  }
}

}  // namespace sched
