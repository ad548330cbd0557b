#include "scheduler/preempt/holds.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "scheduler/fair/quota.hpp"
#include "scheduler/place/domains.hpp"
#include "scheduler/state/devices.hpp"

namespace sched {
namespace {

const HeldRoom* room_of(const State& state, TaskId holder) {
  const auto known = state.held_rooms.find(holder);
  return known == state.held_rooms.end() ? nullptr : &known->second;
}

NodeAmounts need_of(const Shape& shape, const Gang& gang) {
  std::map<NodeId, Amounts> need;
  std::size_t rank = 0;
  for (const Shape::Group& group : shape.groups) {
    for (std::int64_t i = 0; i < group.count; ++i, ++rank) {
      const std::int64_t device = rank < gang.devices.size() ? gang.devices[rank] : -1;
      need[gang.ranks[rank]].plus(use_of(group.request, device));
    }
  }
  return {need.begin(), need.end()};
}

// Whether its nodes may take its Pods as they are now, room aside.
bool open_to_it(const State& state, const TaskRecord& task, const HeldRoom& room) {
  const Shape& shape = state.shapes[task.shape];
  std::size_t rank = 0;
  for (const Shape::Group& group : shape.groups) {
    NodeId before = kNoId;
    for (std::int64_t i = 0; i < group.count; ++i, before = room.ranks[rank++]) {
      const NodeId node = room.ranks[rank];
      const bool no_device = has_parts(group.request) &&
                             (rank >= task.hold_devices.size() || task.hold_devices[rank] < 0);
      if (node == kNoId || no_device) return false;
      if (node == before) continue;
      if (!state.cluster.open_to(group.profile, node)) return false;
      if (!group.zone.empty() && state.cluster.node(node).node.zone != group.zone) return false;
    }
  }
  return lies_as_required(state, shape, room.ranks);
}

// Whether there is room for `need` on the node when so much more is free there. What is not asked
// for does not limit.
bool fits_with(const State& state, NodeId node, const Amounts& need, const Amounts& more) {
  const NodeRecord& record = state.cluster.node(node);
  if (more.zero()) return fits_beside(record.total, record.used, need);
  Amounts used = record.used;
  used.minus(more);
  return fits_beside(record.total, used, need);
}

// The same for all that it needs, by node.
bool fits(const State& state, const HeldRoom& room, const std::vector<Amounts>& more) {
  for (std::size_t i = 0; i < room.need.size(); ++i) {
    if (!fits_with(state, room.need[i].first, room.need[i].second, more[i])) return false;
  }
  return true;
}

// What those leave there who were asked to stop.
void add_leaving(const State& state, NodeId node, Amounts& more) {
  if (node >= state.tasks_on_node.size()) return;
  for (const TaskId id : state.tasks_on_node[node]) {
    if (state.tasks[id].evicted_by.empty()) continue;
    state.each_use_on(node, id, [&more](const Amounts& amounts) { more.plus(amounts); });
  }
}

// Whether the queue's maxima let it start there, beside what the queue uses. `all_gone`: when all
// who were asked to stop have gone.
bool allowed(const State& state, const TaskRecord& task, const HeldRoom& room, bool all_gone) {
  const Shape& shape = state.shapes[task.shape];
  const QueueRecord& own = state.queues[task.queue];
  if (!own.queue.has_maximum && own.limits.empty()) return true;
  QueueRecord queue;
  queue.queue = own.queue;
  queue.maximum = own.maximum;
  queue.used = own.used;
  queue.limits = own.limits;
  for (const TaskId id : all_gone ? state.leaving : std::set<TaskId>{}) {
    const TaskRecord& leaving = state.tasks[id];
    if (leaving.queue != task.queue) continue;
    queue.used.minus(leaving.booked);
    for (std::size_t r = 0; r < leaving.ranks.size(); ++r) {
      count_in(queue, state.cluster.node(leaving.ranks[r].node).node, state.request_of(leaving, r),
               -1);
    }
  }
  if (!fits_maximum(queue, shape.total, false)) return false;
  const std::vector<QueueRecord::Limit> before = queue.limits;
  std::size_t rank = 0;
  for (const Shape::Group& group : shape.groups) {
    for (std::int64_t i = 0; i < group.count; ++i) {
      count_in(queue, state.cluster.node(room.ranks[rank++]).node, group.request, 1);
    }
  }
  return keeps_maxima(before, queue.limits);
}

// How much more than now the holder may count on there.
Amounts more_on(const State& state, TaskId holder, NodeId node) {
  Amounts more;
  state.each_passing_use([&](TaskId, const Use& use) {
    if (use.node == node) more.plus(use.amounts);
  });
  for (const auto& [other, room] : state.held_rooms) {
    const auto at = room.at(node);
    if (!at) continue;
    more.plus(room.booked[*at].second);
    if (other != holder) more.minus(room.need[*at].second);
  }
  add_leaving(state, node, more);
  return more;
}

// What is free on each node that it needs as soon as all who leave it have gone, but for what is
// kept there for others. `all` calls with every change.
template <class ChangeAll>
std::vector<Amounts> on_nodes_of(const State& state, const HeldRoom& room, const ChangeAll& all) {
  std::vector<std::uint32_t> own(state.cluster.node_count(), kNoId);  // position in the room
  for (std::uint32_t i = 0; i < room.need.size(); ++i) own[room.need[i].first] = i;
  std::vector<Amounts> more(room.need.size());
  all([&](NodeId node, const Amounts& amounts, int sign) {
    if (own[node] != kNoId) more[own[node]].plus(amounts, sign);
  });
  return more;
}

// What of `all` is more than `part`.
Amounts beyond(const Amounts& all, const Amounts& part) {
  Amounts more = part;
  more.raise_to(all);
  more.minus(part);
  return more;
}

// Whether there still will be room for it, given that there was: on each node that has changed
// since.
bool fits_since(const State& state, TaskId holder, const HeldRoom& room) {
  bool all = true;
  const bool known = state.cluster.changes().each_since(room.stood, [&](NodeId node) {
    const auto at = all ? room.at(node) : std::nullopt;
    all = !at ? all : fits_with(state, node, room.need[*at].second, more_on(state, holder, node));
  });
  return known && all;
}

// Those who were asked to stop are looked at where the rest is not enough, by where they were
// placed; a Pod of theirs may have come up elsewhere, so that "no" is said after looking at all.
bool will_fit(const State& state, TaskId holder, const HeldRoom& room) {
  bool fit = fits_since(state, holder, room);
  if (!fit) {
    std::vector<Amounts> more = on_nodes_of(
        state, room, [&](const auto& change) { look_ahead_but_leaving(state, holder, change); });
    fit = true;
    for (std::size_t i = 0; fit && i < room.need.size(); ++i) {
      const auto& [node, need] = room.need[i];
      if (fits_with(state, node, need, more[i])) continue;
      add_leaving(state, node, more[i]);
      fit = fits_with(state, node, need, more[i]);
    }
  }
  room.stood = fit ? state.cluster.changes().look() : 0;
  return fit || fits(state, room, on_nodes_of(state, room, [&](const auto& change) {
                       look_ahead(state, holder, change);
                     }));
}

}  // namespace

void free_hold(const State& state, TaskId holder, Overlay& overlay) {
  const HeldRoom* const room = room_of(state, holder);
  if (room == nullptr) return;
  for (const auto& [node, amounts] : room->booked) overlay.free(node, amounts);
}

void keep_rest(const NodeAmounts& kept, const NodeAmounts& used, Overlay& overlay) {
  for (const auto& [node, amounts] : kept) {
    const auto here = std::find_if(used.begin(), used.end(),
                                   [id = node](const auto& part) { return part.first == id; });
    const Amounts rest = here == used.end() ? amounts : beyond(amounts, here->second);
    if (!rest.zero()) overlay.book(node, rest);
  }
}

void keep_rest(const State& state, TaskId holder, const Gang& gang, Overlay& overlay) {
  const HeldRoom* const room = room_of(state, holder);
  if (room == nullptr) return;
  keep_rest(room->booked, need_of(state.shapes[state.tasks[holder].shape], gang), overlay);
}

std::optional<Gang> place_hold(State& state, TaskId holder, Overlay& overlay) {
  const TaskRecord& task = state.tasks[holder];
  const HeldRoom* const room = room_of(state, holder);
  if (room == nullptr || !is_whole(*room, state) || !open_to_it(state, task, *room) ||
      !allowed(state, task, *room, false)) {
    return std::nullopt;
  }
  std::set<ZoneId> zones;
  for (const auto& [node, need] : room->need) {
    zones.insert(state.cluster.cls(state.cluster.node(node).cls).zone);
  }
  Gang gang{room->ranks, static_cast<std::int64_t>(zones.size()), 0};
  if (state.shapes[task.shape].shares) {
    gang.devices = task.hold_devices;
    gang.devices.resize(gang.ranks.size(), -1);
  }
  free_hold(state, holder, overlay);
  book(overlay, state.shapes[task.shape], gang);
  for (const ZoneId a : zones) {
    for (const ZoneId b : zones) {
      gang.latency_us = std::max(gang.latency_us, state.latency_us(a, b));
    }
  }
  return gang;
}

// Of all that is on its way only what concerns its own nodes counts.
bool is_whole(const HeldRoom& room, const State& state) {
  for (std::size_t i = 0; i < room.need.size(); ++i) {
    const auto& [node, need] = room.need[i];
    const NodeRecord& record = state.cluster.node(node);
    Amounts used = record.used;
    used.minus(room.booked[i].second);
    if (!fits_beside(record.total, used, need)) return false;
  }
  return true;
}

bool hold_stands(const State& state, TaskId holder) {
  const HeldRoom* const room = room_of(state, holder);
  if (room == nullptr) return false;
  const TaskRecord& task = state.tasks[holder];
  return open_to_it(state, task, *room) && allowed(state, task, *room, true) &&
         will_fit(state, holder, *room);
}

// --- pledges

// The victims first: what they take of the room needs not be booked.
void Pledges::add(const Preemption& preemption, Time now, Time until) {
  const TaskId holder = state_.find(preemption.task);
  const TaskRecord& task = state_.tasks[holder];
  holders_.push_back({holder, {task.hold, task.hold_devices}, task.hold_until});
  for (const std::string& uid : preemption.victims) {
    const TaskId victim = state_.find(uid);
    state_.mark_leaving(victim, preemption.task, now);
    victims_.push_back(victim);
  }
  state_.set_hold(holder, preemption.placement, until);
}

// In reverse: a task that was pledged twice gets its first hold back. A victim was not asked to
// stop before, or it would be none.
void Pledges::undo() {
  for (auto at = holders_.rbegin(); at != holders_.rend(); ++at) {
    state_.set_hold(at->task, std::move(at->hold), at->until);
  }
  for (const TaskId victim : victims_) state_.mark_leaving(victim, "", {});
  state_.settle();
  holders_.clear();
  victims_.clear();
}

}  // namespace sched
