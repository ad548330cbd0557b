#include "scheduler/preempt/holds.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "scheduler/fair/quota.hpp"
#include "scheduler/place/domains.hpp"
#include "scheduler/state/devices.hpp"

namespace sched {
namespace {

// What a task needs at each node of its hold, and the node each rank names, in the order of ranks.
struct Wish {
  std::map<NodeId, Amounts> need;
  std::vector<NodeId> ranks;
  std::vector<std::int64_t> devices;
  std::set<ZoneId> zones;
};

// Nothing when it does not name a node for each Pod, or one that may not take it as it is now.
std::optional<Wish> wish_of(const State& state, const TaskRecord& task) {
  if (task.hold.empty() || task.shape == kNoId) return std::nullopt;
  const Shape& shape = state.shapes[task.shape];
  if (shape.too_large || static_cast<std::int64_t>(task.hold.size()) != shape.pods) {
    return std::nullopt;
  }
  Wish wish;
  for (const Shape::Group& group : shape.groups) {
    for (std::int64_t i = 0; i < group.count; ++i) {
      const NodeId node = state.cluster.find(task.hold[wish.ranks.size()]);
      if (node == kNoId || !state.cluster.open_to(group.profile, node)) return std::nullopt;
      const NodeRecord& record = state.cluster.node(node);
      if (!group.zone.empty() && record.node.zone != group.zone) return std::nullopt;
      const std::size_t rank = wish.ranks.size();
      const std::int64_t device = rank < task.hold_devices.size() ? task.hold_devices[rank] : -1;
      if (has_parts(group.request) && device < 0) return std::nullopt;
      wish.need[node].plus(use_of(group.request, device));
      wish.ranks.push_back(node);
      if (shape.shares) wish.devices.push_back(device);
      wish.zones.insert(state.cluster.cls(record.cls).zone);
    }
  }
  if (!lies_as_required(state, shape, wish.ranks)) return std::nullopt;
  return wish;
}

// Whether there is room for all of it when so much more is free. What is not asked for does not
// limit.
bool fits(const State& state, const Wish& wish, const std::map<NodeId, Amounts>& more) {
  for (const auto& [node, need] : wish.need) {
    const NodeRecord& record = state.cluster.node(node);
    const auto extra = more.find(node);
    Amounts used = record.used;
    if (extra != more.end()) used.minus(extra->second);
    if (!fits_beside(record.total, used, need)) return false;
  }
  return true;
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

const HeldRoom* room_of(const State& state, TaskId holder) {
  const auto known = state.held_rooms.find(holder);
  return known == state.held_rooms.end() ? nullptr : &known->second;
}

}  // namespace

void free_hold(const State& state, TaskId holder, Overlay& overlay) {
  const HeldRoom* const room = room_of(state, holder);
  if (room == nullptr) return;
  for (const auto& [node, amounts] : room->booked) overlay.free(node, amounts);
}

std::optional<Gang> place_hold(State& state, TaskId holder, Overlay& overlay) {
  const TaskRecord& task = state.tasks[holder];
  const std::optional<Wish> wish = wish_of(state, task);
  if (!wish) return std::nullopt;
  std::map<NodeId, Amounts> own;
  if (const HeldRoom* const room = room_of(state, holder)) {
    own.insert(room->booked.begin(), room->booked.end());
  }
  if (!fits(state, *wish, own) || !allowed(state, task, *wish, false)) return std::nullopt;
  free_hold(state, holder, overlay);
  Gang gang{wish->ranks, static_cast<std::int64_t>(wish->zones.size()), 0, wish->devices};
  book(overlay, state.shapes[task.shape], gang);
  for (const ZoneId a : wish->zones) {
    for (const ZoneId b : wish->zones) {
      gang.latency_us = std::max(gang.latency_us, state.latency_us(a, b));
    }
  }
  return gang;
}

void look_ahead(const State& state, TaskId task,
                const std::function<void(NodeId, const Amounts&, int)>& change) {
  for (const TaskId id : state.leaving) {
    state.each_use(id, [&](NodeId node, const Amounts& amounts) { change(node, amounts, 1); });
  }
  for (const auto& [holder, room] : state.held_rooms) {
    for (const auto& [node, amounts] : room.booked) change(node, amounts, 1);
    if (holder == task) continue;
    for (const auto& [node, amounts] : room.need) change(node, amounts, -1);
  }
}

bool hold_stands(const State& state, TaskId holder) {
  if (room_of(state, holder) == nullptr) return false;
  const std::optional<Wish> wish = wish_of(state, state.tasks[holder]);
  if (!wish || !allowed(state, state.tasks[holder], *wish, true)) return false;
  std::map<NodeId, Amounts> more;  // on its own nodes alone
  for (const auto& [node, need] : wish->need) more.try_emplace(node);
  look_ahead(state, holder, [&](NodeId node, const Amounts& amounts, int sign) {
    if (const auto at = more.find(node); at != more.end()) at->second.plus(amounts, sign);
  });
  return fits(state, *wish, more);
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
