// Pass: what backup zones give back.
#include <algorithm>

#include "scheduler/fair/quota.hpp"
#include "scheduler/fair/tenant_limits.hpp"
#include "scheduler/order/pass.hpp"
#include "scheduler/place/group.hpp"

namespace sched {
namespace {

// So many groups are looked at in one pass.
constexpr int kMovesLooked = 64;

bool placed(const TaskRecord& task) {
  return task.state == TaskState::kReserved || task.state == TaskState::kRunning;
}

bool in_backup(const State& state, const TaskRecord& task) {
  const ZoneId zone = zone_of(state, task);
  if (zone == kNoId) return false;
  const std::string& name = state.cluster.zone(zone).name;
  const auto& zones = task.task.group_zones;
  return std::any_of(zones.begin(), zones.end(),
                     [&](const GroupZone& g) { return g.backup && g.zone == name; });
}

}  // namespace

// Beside everything that starts and is reserved: by group uid, until enough were looked at.
void Pass::propose_moves() {
  if (!looked_at_all_) return;
  int looked = 0;
  for (const auto& [uid, group] : state_.groups) {
    const TaskId task = to_move(group);
    if (task == kNoId) continue;
    if (++looked > kMovesLooked) return;
    if (auto move = move_back(task)) plan_.moves.push_back(std::move(*move));
  }
}

// The one that has run for the shortest time, then by uid. None while one of the group waits,
// starts or stops: one at a time. One that is held could not start again, and who replaces it would
// be held as well; one whose replacement is held moves already.
TaskId Pass::to_move(const std::set<TaskId>& group) const {
  TaskId found = kNoId;
  std::set<TaskId> moving;
  for (const TaskId id : group) {
    const Task& task = state_.tasks[id].task;
    const bool waits = state_.tasks[id].state == TaskState::kWaiting;
    if (waits && task.held && !task.replaces.empty()) moving.insert(state_.find(task.replaces));
  }
  for (const TaskId id : group) {
    const TaskRecord& task = state_.tasks[id];
    if (task.state == TaskState::kWaiting && !task.task.held) return kNoId;
    if (!placed(task)) continue;
    if (task.state == TaskState::kReserved || !task.evicted_by.empty()) return kNoId;
    const TaskId old = task.task.replaces.empty() ? kNoId : state_.find(task.task.replaces);
    if (old != kNoId && placed(state_.tasks[old])) return kNoId;
    if (task.task.held || moving.contains(id) || !in_backup(state_, task)) continue;
    const auto after = [&](const TaskRecord& other) {
      return task.since != other.since ? task.since > other.since : task.task.uid < other.task.uid;
    };
    if (found == kNoId || after(state_.tasks[found])) found = id;
  }
  return found;
}

// By its queue's limits over all nodes, and those of its tenant.
bool Pass::has_right_to_both(const TaskRecord& task, const Shape& shape) const {
  const QueueRecord& queue = state_.queues[task.queue];
  const TaskId id = state_.find(task.task.uid);
  const Promised promised = promised_to_others(state_, id);
  const std::int64_t running = queue.running + promised.tasks;
  if (queue.queue.max_running > 0 && running >= queue.queue.max_running) return false;
  const TenantLimits& limits = queue.queue.tenant_limits;
  if (limits.has_resources && !tenant_may_have(state_, id, shape.served)) return false;
  if (limits.running > 0 && queue.tenants[task.tenant].running >= limits.running) return false;
  Amounts used = queue.used;
  used.plus(promised.amounts);
  used.plus(shape.total);
  return keeps_maximum(queue, used, shape.total);
}

std::optional<Move> Pass::move_back(TaskId id) {
  const TaskRecord& task = state_.tasks[id];
  const QueueRecord& queue = state_.queues[task.queue];
  if (!queue.known || queue.queue.closed) return std::nullopt;
  Task there = task.task;
  there.replaces = there.uid;
  const ShapeId look = state_.acquire_shape(there, queue);
  const Shape& shape = state_.shapes[look];
  make_reservations();
  const Time end = end_after(now_, there.expected_duration_ns);
  bool surge = has_right_to_both(task, shape);
  std::optional<Gang> gang;
  if (!shape.groups.empty() && !shape.too_large) {
    if (surge) gang = room_beside(id, shape, end, {}).gang;
    if (!gang) {
      surge = false;
      state_.occupy(task, -1);
      gang = room_beside(id, shape, end, {}).gang;
      state_.occupy(task, 1);
    }
  }
  std::optional<Move> move;
  if (gang) {
    move = Move{there.uid, task.attempt, "", {}, surge};
    move->zone = state_.cluster.node(gang->ranks.front()).node.zone;
    for (const NodeId node : gang->ranks) {
      move->placement.nodes.push_back(state_.cluster.node(node).node.name);
    }
    move->placement.devices = gang->devices;
  }
  state_.release_shape(look);
  return move;
}

}  // namespace sched
