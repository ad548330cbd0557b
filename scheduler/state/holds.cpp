// State: who was asked to stop, and for whom the room is kept.
#include <algorithm>

#include "scheduler/elastic/surplus.hpp"
#include "scheduler/fair/kept.hpp"
#include "scheduler/limits.hpp"
#include "scheduler/place/zones.hpp"
#include "scheduler/preempt/promise.hpp"
#include "scheduler/state/devices.hpp"
#include "scheduler/state/state.hpp"

namespace sched {
namespace {

// a - b, at least 0 of each.
Amounts rest_of(const Amounts& a, const Amounts& b) {
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

// --- what is told

bool State::on(const Evict& d) {
  const TaskId id = find(d.task);
  if (id == kNoId || !decided(tasks[id])) return false;
  const TaskRecord& task = tasks[id];
  if (task.evicted_by == d.by && task.evicted_at == d.at) return false;
  mark_leaving(id, d.by, d.at);
  return true;
}

// Taken as it is said, since the task's size may be told later: whether it names a node for each
// Pod is asked when it is booked. Only more nodes than any gang has are refused.
bool State::on(const Hold& d) {
  const TaskId id = find(d.task);
  if (id == kNoId || tasks[id].state != TaskState::kWaiting) return false;
  const TaskRecord& task = tasks[id];
  const std::vector<std::string>& nodes = d.placement.nodes;
  if (task.task.held && !nodes.empty()) return false;  // nothing is kept for one that may not start
  if (nodes.size() > static_cast<std::size_t>(kGangMax)) return false;
  if (nodes.empty() && task.hold.empty()) return false;
  const bool same = task.hold == nodes && task.hold_devices == d.placement.devices;
  if (same && task.hold_until == d.until) return false;
  set_hold(id, d.placement, d.until);
  if (!nodes.empty()) wishes.erase(d.task);
  return true;
}

// More than a few others are never the sides of one conflict.
bool State::on(const Resolve& d) {
  const TaskId id = find(d.task);
  if (d.others.empty()) return wishes.erase(d.task) != 0;
  if (id == kNoId || tasks[id].state != TaskState::kWaiting) return false;
  if (d.others.size() > kConflictHolders) return false;
  const auto known = wishes.find(d.task);
  if (known != wishes.end() && known->second == d) return false;
  wishes[d.task] = d;
  return true;
}

void State::mark_leaving(TaskId id, const std::string& by, Time at) {
  const TaskRecord& task = tasks[id];
  // Who was counted on brings nothing by it.
  if (by.empty()) {
    // Nobody counts on more.
  } else if (counted_as_gone(*this, task)) {
    for (const TaskRecord::Rank& rank : task.ranks) loosen(Loosening::What::kAmounts, rank.node);
    for (const PodId pod : task.pods) loosen(Loosening::What::kAmounts, pods[pod].node);
  } else {
    loosen_uses(task);
  }
  for (const TaskRecord::Rank& rank : task.ranks) cluster.note_change(rank.node);
  unsettle_for(id);
  tasks[id].evicted_by = by;
  tasks[id].evicted_at = at;
  unsettle_for(id);
  if (by.empty())
    leaving.erase(id);
  else
    leaving.insert(id);
  if (id < askable_at_.size() && askable_at_[id] != kNoId) {
    count_yielding(id, -1);
    askable[askable_at_[id]].leaving = !by.empty();
    count_yielding(id, 1);
  }
}

// --- who may be asked

void State::loosen(Loosening::What what, NodeId node, const Amounts& amounts) {
  loosenings.resize(kLooseningsKept);
  loosenings[loosened++ % kLooseningsKept] = {what, node, amounts};
}

void State::loosen_uses(const TaskRecord& task) {
  static const Amounts kNothing;
  for (std::size_t r = 0; r < task.ranks.size(); ++r) {
    const TaskRecord::Rank& rank = task.ranks[r];
    loosen(Loosening::What::kAmounts, rank.node, rank.reserved ? use_of_rank(task, r) : kNothing);
  }
  for (const PodId pod : task.pods) {
    loosen(Loosening::What::kAmounts, pods[pod].node, pods[pod].amounts);
  }
}

void State::list_askable(TaskId id) {
  const TaskRecord& task = tasks[id];
  if (!task.unprotected && task.protected_ns == 0 && task.turn_ns == 0) return;
  if (askable_at_.size() <= id) askable_at_.resize(tasks.size(), kNoId);
  askable_at_[id] = static_cast<std::uint32_t>(askable.size());
  askable.push_back({id, task.ranks.empty() ? kNoId : task.ranks.front().node,
                     tier_of(task.task, queues[task.queue]), task.state == TaskState::kRunning,
                     !task.evicted_by.empty(), task.task.unevictable, task.unprotected,
                     has_surplus(task), task.protected_ns, task.task.guarantee_until.ns,
                     task.turn_ns, task.since.ns, task.gpu_milli, task.booked.base[kCpu],
                     static_cast<std::int64_t>(task.ranks.size()), task.task.checkpoint_every_ns});
  count_yielding(id, 1);
  preemptible_above_low += askable.back().tier != Tier::kLow && askable.back().unprotected;
}

// Called before and after what may change the answer.
void State::count_yielding(TaskId id, int sign) {
  if (!yields_at_once(id)) return;
  yielding_at_once += sign;
  for (const TaskRecord::Rank& rank : tasks[id].ranks) cluster.note_change(rank.node);
}

// The last takes its place.
void State::unlist_askable(TaskId id) {
  if (id >= askable_at_.size() || askable_at_[id] == kNoId) return;
  count_yielding(id, -1);
  const std::uint32_t at = askable_at_[id];
  preemptible_above_low -= askable[at].tier != Tier::kLow && askable[at].unprotected;
  askable_at_[id] = kNoId;
  if (at + 1 != askable.size()) {
    askable[at] = askable.back();
    askable_at_[askable[at].task] = at;
  }
  askable.pop_back();
}

void State::set_hold(TaskId id, Placement where, Time until) {
  TaskRecord& task = tasks[id];
  task.hold_until = where.nodes.empty() ? Time{} : until;
  task.hold = std::move(where.nodes);
  task.hold_devices = std::move(where.devices);
  if (task.hold.empty())
    held.erase(id);
  else
    held.insert(id);
  unsettle(id);
  wake_refused();
  settle();
}

void State::forget_hold(TaskId id) {
  if (held.contains(id)) set_hold(id, {}, {});
}

// --- what is booked for it

bool State::hold_counts(const TaskRecord& task) {
  if (task.hold.empty() || task.shape == kNoId || task.hold_until <= clock) return false;
  const Shape& shape = shapes[task.shape];
  if (shape.too_large || static_cast<std::int64_t>(task.hold.size()) != shape.pods) return false;
  return !never(*this, task.shape);
}

// Nodes that are not known are left out.
HeldRoom State::room_for(const TaskRecord& task) const {
  HeldRoom room;
  std::map<NodeId, Amounts> by_node;
  for (const Shape::Group& group : shapes[task.shape].groups) {
    for (std::int64_t i = 0; i < group.count; ++i) {
      const std::size_t rank = room.ranks.size();
      const std::int64_t device = rank < task.hold_devices.size() ? task.hold_devices[rank] : -1;
      const NodeId node = cluster.find(task.hold[rank]);
      room.ranks.push_back(node);
      if (node != kNoId) by_node[node].plus(use_of(group.request, device));
    }
  }
  room.need = {std::make_move_iterator(by_node.begin()), std::make_move_iterator(by_node.end())};
  room.booked = less_occupied(task, room.need);
  return room;
}

// What those who were asked to stop for this task still use on the nodes of its hold needs not be
// kept. A shared device that they are on counts for a whole one only when it is empty: until then
// a little more is kept than needs to be. An entry for each node, so that its record lives as long
// as the hold.
NodeAmounts State::less_occupied(const TaskRecord& task, const NodeAmounts& need) const {
  NodeAmounts out;
  out.reserve(need.size());
  for (const auto& [node, amounts] : need) {
    out.emplace_back(node, less_occupied_on(node, task, amounts));
  }
  return out;
}

Amounts State::less_occupied_on(NodeId node, const TaskRecord& task, const Amounts& need) const {
  Amounts used;
  const auto add = [&](const Amounts& use) { used.plus(use); };
  static const std::set<TaskId> kNobody;
  for (const TaskId id : node < tasks_on_node.size() ? tasks_on_node[node] : kNobody) {
    if (tasks[id].evicted_by == task.task.uid) each_use_on(node, id, add);
  }
  return rest_of(need, used);
}

// Called before a change of what a task uses, and before and after one of who asked it to stop.
// `comes`: the node of a Pod that is about to be its own.
void State::unsettle_for(TaskId victim, NodeId comes) {
  if (tasks[victim].evicted_by.empty() || held.empty()) return;
  const TaskId holder = find(tasks[victim].evicted_by);
  if (holder == kNoId || !held.contains(holder)) return;
  std::vector<NodeId>& nodes = unsettled_[holder].nodes;
  each_use(victim, [&nodes](NodeId node, const Amounts&) { nodes.push_back(node); });
  if (comes != kNoId) nodes.push_back(comes);
}

// The nodes may be others: what is kept for a task that they could not hold any more, helps nobody.
void State::ask_holders() {
  if (settled_epoch_ == cluster.epoch()) return;
  settled_epoch_ = cluster.epoch();
  for (const TaskId holder : held) {
    if (hold_counts(tasks[holder]) != held_rooms.contains(holder)) unsettle(holder);
  }
}

// The end of every change: makes what is booked for holds true again.
void State::settle() {
  ask_holders();
  while (!unsettled_.empty()) {
    const auto [holder, what] = std::move(*unsettled_.begin());
    unsettled_.erase(unsettled_.begin());
    if (!what.all && held_rooms.contains(holder)) {
      rebook_on(holder, what.nodes);
      continue;
    }
    const bool counts = held.contains(holder) && hold_counts(tasks[holder]);
    rebook(holder, counts ? room_for(tasks[holder]) : HeldRoom{});
  }
}

// A victim has come, changed or gone there; what the hold asks for is what it was.
void State::rebook_on(TaskId holder, std::vector<NodeId> nodes) {
  std::sort(nodes.begin(), nodes.end());
  nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
  HeldRoom& room = held_rooms.at(holder);
  for (const NodeId node : nodes) {
    const auto at = room.at(node);
    if (!at) continue;
    Amounts& booked = room.booked[*at].second;
    Amounts now = less_occupied_on(node, tasks[holder], room.need[*at].second);
    cluster.adjust(node, &now, &booked);
    booked = std::move(now);
    shake(node);
  }
}

// One step for each node, so that nobody sees it free in between.
void State::rebook(TaskId holder, HeldRoom now) {
  const auto known = held_rooms.find(holder);
  const bool known_before = known != held_rooms.end();
  const NodeAmounts before = known == held_rooms.end() ? NodeAmounts{} : known->second.booked;
  if (!known_before || known->second.need != now.need) {
    for (const auto& [node, need] : now.need) cluster.note_change(node);
    for (const auto& [node, need] : known_before ? known->second.need : NodeAmounts{}) {
      cluster.note_change(node);
      loosen(Loosening::What::kAmounts, node, need);
    }
    for (const auto& [node, need] : now.need) {
      Amounts less;
      less.minus(need);
      loosen(Loosening::What::kAmounts, node, less);
    }
  }
  auto old = before.begin();
  auto fresh = now.booked.begin();
  while (old != before.end() || fresh != now.booked.end()) {
    const bool goes =
        fresh == now.booked.end() || (old != before.end() && old->first < fresh->first);
    const bool comes =
        old == before.end() || (fresh != now.booked.end() && fresh->first < old->first);
    const NodeId node = goes ? old->first : fresh->first;
    cluster.adjust(node, goes ? nullptr : &fresh->second, comes ? nullptr : &old->second);
    shake(node);
    if (!goes) ++fresh;
    if (!comes) ++old;
    if (goes) cluster.release(node);
  }
  const bool gone = now.need.empty();
  if (gone)
    held_rooms.erase(holder);
  else
    held_rooms[holder] = std::move(now);
  if (gone && known_before)
    wake_quota(tasks[holder].queue);  // what was promised to it is not any more
}

// --- questions

bool State::waits_high() const {
  return std::any_of(queues.begin(), queues.end(),
                     [](const QueueRecord& queue) { return queue.waiting[0] > 0; });
}

bool State::turn_is_over(QueueId id, Time now) const {
  const QueueRecord& queue = queues[id];
  const bool over = !queue.turns_over.empty() && queue.turns_over.begin()->first <= now.ns;
  return over && !queue.line.empty();
}

bool State::turn_is_over(Time now) const {
  for (QueueId id = 0; id < queues.size(); ++id) {
    if (turn_is_over(id, now)) return true;
  }
  return false;
}

bool State::may_reclaim_somebody() const {
  return std::any_of(queues.begin(), queues.end(), [](const QueueRecord& queue) {
    const bool owns = queue.queue.has_guaranteed || grants_places(queue.queue);
    return queue.known && owns && !queue.line.empty();
  });
}

bool State::may_preempt_somebody(bool high, Time now) const {
  if (!unprotected.empty()) return true;
  return high && !protected_until.empty() && protected_until.begin()->first <= now.ns;
}

}  // namespace sched
