#include "scheduler/place/group.hpp"

#include <algorithm>
#include <array>

namespace sched {
namespace {

using Zones = std::set<ZoneId>;

bool placed(const TaskRecord& task) {
  return task.state == TaskState::kReserved || task.state == TaskState::kRunning;
}

bool degraded(const State& state, ZoneId zone) {
  return state.cluster.degraded(zone, state.config.degraded_permille);
}

// Whose place one of another group would take says nothing of this one, and changes unheard.
bool is_member(const State& state, const Shape& shape, TaskId task) {
  const auto group = state.groups.find(shape.group);
  return group != state.groups.end() && group->second.contains(task);
}

// How many of the group are where; not the one whose place is taken.
std::map<ZoneId, std::int64_t> count(const State& state, const Shape& shape) {
  std::map<ZoneId, std::int64_t> zones;
  if (const auto group = state.groups.find(shape.group); group != state.groups.end()) {
    for (const TaskId id : group->second) {
      const TaskRecord& task = state.tasks[id];
      if (placed(task) && task.task.uid != shape.replaces) ++zones[zone_of(state, task)];
    }
  }
  for (const auto& [at, tasks] : state.pretended) {
    if (at.first == shape.group) zones[at.second] += tasks;
  }
  return zones;
}

// Whether it could be there if nothing else ran.
bool could_hold(const State& state, const Shape& shape, ZoneId zone) {
  return std::all_of(shape.groups.begin(), shape.groups.end(), [&](const Shape::Group& g) {
    return state.cluster.profile(g.profile).zones[zone].empty >= g.count;
  });
}

void keep_even(const State& state, const Shape& shape, std::map<ZoneId, std::int64_t>& tasks,
               Zones& zones) {
  if (shape.group_skew <= 0) return;
  std::optional<std::int64_t> least;
  for (const ZoneId zone : zones) {
    if (degraded(state, zone) || !could_hold(state, shape, zone)) continue;
    least = std::min(least.value_or(tasks[zone]), tasks[zone]);
  }
  if (!least) return;
  std::erase_if(zones, [&](ZoneId zone) { return tasks[zone] + 1 - *least > shape.group_skew; });
}

}  // namespace

ZoneId zone_of(const State& state, const TaskRecord& task) {
  if (task.ranks.empty()) return kNoId;
  const NodeRecord& node = state.cluster.node(task.ranks.front().node);
  return node.present ? state.cluster.cls(node.cls).zone : kNoId;
}

std::set<ZoneId> group_zones(const State& state, const Shape& shape) {
  Zones zones;
  for (const auto& [name, zone] : state.cluster.zones()) {
    const auto named = [&, &own = name](const GroupZone& g) { return g.zone == own; };
    const auto& all = shape.group_zones;
    if (all.empty() || std::any_of(all.begin(), all.end(), named)) zones.insert(zone);
  }
  return zones;
}

std::vector<std::set<ZoneId>> group_stages(const State& state, const Shape& shape) {
  std::map<ZoneId, std::int64_t> tasks = count(state, shape);
  std::array<Zones, 4> stages;
  if (shape.group_zones.empty()) stages[0] = group_zones(state, shape);
  for (const GroupZone& named : shape.group_zones) {
    const auto known = state.cluster.zones().find(named.zone);
    if (known == state.cluster.zones().end()) continue;
    const ZoneId zone = known->second;
    if (named.replicas > 0 && tasks[zone] >= named.replicas) continue;
    stages[(degraded(state, zone) ? 2 : 0) + (named.backup ? 1 : 0)].insert(zone);
  }
  keep_even(state, shape, tasks, stages[0]);
  const TaskId old = shape.replaces.empty() ? kNoId : state.find(shape.replaces);
  const bool moves = old != kNoId && placed(state.tasks[old]) && is_member(state, shape, old);
  std::vector<Zones> out;
  for (std::size_t i = 0; i < (moves ? 1 : stages.size()); ++i) {
    if (!stages[i].empty()) out.push_back(std::move(stages[i]));
  }
  return out;
}

// --- what the state keeps of them

void State::join_group(TaskId id, int sign) {
  const Task& task = tasks[id].task;
  if (!places_group(task)) return;
  if (sign > 0) {
    groups[task.group_uid].insert(id);
  } else {
    std::set<TaskId>& members = groups[task.group_uid];
    members.erase(id);
    if (members.empty()) groups.erase(task.group_uid);
  }
  wake_group(task.group_uid);
}

void State::wake_group(const std::string& group) {
  for (ShapeId id = 0; id < shapes.size(); ++id) {
    if (shapes[id].group == group) unpark(id);
  }
}

}  // namespace sched
