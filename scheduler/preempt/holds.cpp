#include "scheduler/preempt/holds.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "scheduler/fair/quota.hpp"
#include "scheduler/place/domains.hpp"
#include "scheduler/state/devices.hpp"

namespace sched {
namespace {

// The nodes that a hold names, by rank; kNoId where one is not known.
std::vector<NodeId> named(const State& state, TaskId id) {
  if (const auto room = state.held_rooms.find(id); room != state.held_rooms.end()) {
    return room->second.ranks;
  }
  std::vector<NodeId> ranks;
  for (const std::string& node : state.tasks[id].hold) ranks.push_back(state.cluster.find(node));
  return ranks;
}

// What a task needs at each node of its hold, by node, and the node of each rank.
struct Wish {
  NodeAmounts need;
  std::vector<NodeId> ranks;
  std::vector<std::int64_t> devices;
};

NodeAmounts need_of(const Shape& shape, const Wish& wish) {
  std::map<NodeId, Amounts> need;
  std::size_t rank = 0;
  for (const Shape::Group& group : shape.groups) {
    for (std::int64_t i = 0; i < group.count; ++i, ++rank) {
      need[wish.ranks[rank]].plus(use_of(group.request, wish.devices[rank]));
    }
  }
  return {need.begin(), need.end()};
}

// Nothing when it does not name a node for each Pod, or one that may not take it as it is now.
std::optional<Wish> wish_of(const State& state, TaskId id) {
  const TaskRecord& task = state.tasks[id];
  if (task.hold.empty() || task.shape == kNoId) return std::nullopt;
  const Shape& shape = state.shapes[task.shape];
  if (shape.too_large || static_cast<std::int64_t>(task.hold.size()) != shape.pods) {
    return std::nullopt;
  }
  Wish wish{{}, named(state, id), task.hold_devices};
  wish.devices.resize(wish.ranks.size(), -1);
  std::size_t rank = 0;
  for (const Shape::Group& group : shape.groups) {
    NodeId before = kNoId;
    for (std::int64_t i = 0; i < group.count; ++i, before = wish.ranks[rank++]) {
      const NodeId node = wish.ranks[rank];
      if (node == kNoId || (has_parts(group.request) && wish.devices[rank] < 0)) {
        return std::nullopt;
      }
      if (node == before) continue;
      if (!state.cluster.open_to(group.profile, node)) return std::nullopt;
      const NodeRecord& record = state.cluster.node(node);
      if (!group.zone.empty() && record.node.zone != group.zone) return std::nullopt;
    }
  }
  if (!lies_as_required(state, shape, wish.ranks)) return std::nullopt;
  const auto room = state.held_rooms.find(id);
  wish.need = room != state.held_rooms.end() ? room->second.need : need_of(shape, wish);
  return wish;
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

// The same for all of it, by node.
bool fits(const State& state, const Wish& wish, const std::vector<Amounts>& more) {
  for (std::size_t i = 0; i < wish.need.size(); ++i) {
    if (!fits_with(state, wish.need[i].first, wish.need[i].second, more[i])) return false;
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
bool allowed(const State& state, const TaskRecord& task, const Wish& wish, bool all_gone) {
  const Shape& shape = state.shapes[task.shape];
  QueueRecord queue;
  queue.queue = state.queues[task.queue].queue;
  queue.maximum = state.queues[task.queue].maximum;
  queue.used = state.queues[task.queue].used;
  queue.limits = state.queues[task.queue].limits;
  if (!queue.queue.has_maximum && queue.limits.empty()) return true;
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
      count_in(queue, state.cluster.node(wish.ranks[rank++]).node, group.request, 1);
    }
  }
  return keeps_maxima(before, queue.limits);
}

const Amounts* amounts_on(const NodeAmounts& list, NodeId node) {
  const auto before = [node](const auto& part) { return part.first < node; };
  const auto at = std::partition_point(list.begin(), list.end(), before);
  return at != list.end() && at->first == node ? &at->second : nullptr;
}

// How much more than now the holder may count on there.
Amounts more_on(const State& state, TaskId holder, NodeId node) {
  Amounts more;
  state.each_passing_use([&](TaskId, const Use& use) {
    if (use.node == node) more.plus(use.amounts);
  });
  for (const auto& [other, room] : state.held_rooms) {
    const Amounts* const need = amounts_on(room.need, node);
    if (need == nullptr) continue;
    more.plus(*amounts_on(room.booked, node));
    if (other != holder) more.minus(*need);
  }
  add_leaving(state, node, more);
  return more;
}

// What is free on each node of the wish as soon as all who leave it have gone, but for what is kept
// there for others. `all` calls with every change.
template <class ChangeAll>
std::vector<Amounts> on_nodes_of(const State& state, const Wish& wish, const ChangeAll& all) {
  std::vector<std::uint32_t> own(state.cluster.node_count(), kNoId);  // position in the wish
  for (std::uint32_t i = 0; i < wish.need.size(); ++i) own[wish.need[i].first] = i;
  std::vector<Amounts> more(wish.need.size());
  all([&](NodeId node, const Amounts& amounts, int sign) {
    if (own[node] != kNoId) more[own[node]].plus(amounts, sign);
  });
  return more;
}

const HeldRoom* room_of(const State& state, TaskId holder) {
  const auto known = state.held_rooms.find(holder);
  return known == state.held_rooms.end() ? nullptr : &known->second;
}

// What of `all` is more than `part`.
Amounts beyond(const Amounts& all, const Amounts& part) {
  Amounts more = part;
  more.raise_to(all);
  more.minus(part);
  return more;
}

// Whether it still stands, given that it did: on each node that has changed since.
bool stands_since(const State& state, TaskId holder, const HeldRoom& room) {
  const std::uint64_t now = state.cluster.changes_of_nodes();
  if (room.stood == 0 || now - room.stood >= Cluster::kChangesKept) return false;
  for (std::uint64_t i = room.stood; i != now; ++i) {
    const NodeId node = state.cluster.changed_node(i);
    const Amounts* const need = amounts_on(room.need, node);
    if (need == nullptr) continue;
    if (!fits_with(state, node, *need, more_on(state, holder, node))) return false;
  }
  return true;
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
  Wish where{{}, gang.ranks, gang.devices};
  where.devices.resize(where.ranks.size(), -1);
  keep_rest(room->booked, need_of(state.shapes[state.tasks[holder].shape], where), overlay);
}

std::optional<Gang> place_hold(State& state, TaskId holder, Overlay& overlay) {
  const TaskRecord& task = state.tasks[holder];
  const std::optional<Wish> wish = wish_of(state, holder);
  if (!wish) return std::nullopt;
  std::vector<Amounts> own(wish->need.size());
  if (const HeldRoom* const room = room_of(state, holder)) {
    for (std::size_t i = 0; i < own.size(); ++i) own[i] = room->booked[i].second;
  }
  if (!fits(state, *wish, own) || !allowed(state, task, *wish, false)) return std::nullopt;
  free_hold(state, holder, overlay);
  std::set<ZoneId> zones;
  for (const auto& [node, need] : wish->need) {
    zones.insert(state.cluster.cls(state.cluster.node(node).cls).zone);
  }
  Gang gang{wish->ranks, static_cast<std::int64_t>(zones.size()), 0};
  if (state.shapes[task.shape].shares) gang.devices = wish->devices;
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

// Those who were asked to stop are looked at where the rest is not enough, by where they were
// placed; a Pod of theirs may have come up elsewhere, so that "no" is said after looking at all.
bool hold_stands(const State& state, TaskId holder) {
  const HeldRoom* const room = room_of(state, holder);
  if (room == nullptr) return false;
  const std::optional<Wish> wish = wish_of(state, holder);
  if (!wish || !allowed(state, state.tasks[holder], *wish, true)) return false;
  bool stands = stands_since(state, holder, *room);
  if (!stands) {
    std::vector<Amounts> more = on_nodes_of(
        state, *wish, [&](const auto& change) { look_ahead_but_leaving(state, holder, change); });
    stands = true;
    for (std::size_t i = 0; stands && i < wish->need.size(); ++i) {
      const auto& [node, need] = wish->need[i];
      if (fits_with(state, node, need, more[i])) continue;
      add_leaving(state, node, more[i]);
      stands = fits_with(state, node, need, more[i]);
    }
  }
  room->stood = stands ? state.cluster.changes_of_nodes() : 0;
  return stands || fits(state, *wish, on_nodes_of(state, *wish, [&](const auto& change) {
                          look_ahead(state, holder, change);
                        }));
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
