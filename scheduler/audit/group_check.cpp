#include "scheduler/audit/group_check.hpp"

#include <algorithm>
#include <set>

#include "scheduler/audit/rules.hpp"

namespace sched {
namespace {

bool counts(const Task& task) {
  return !task.group_uid.empty() && (!task.group_zones.empty() || task.group_skew > 0);
}

const GroupZone* named(const Task& task, const std::string& zone) {
  const auto at = std::find_if(task.group_zones.begin(), task.group_zones.end(),
                               [&](const GroupZone& g) { return g.zone == zone; });
  return at == task.group_zones.end() ? nullptr : &*at;
}

}  // namespace

bool GroupCheck::degraded(const std::string& zone) const {
  // A cordoned node is ready: somebody works on it, and what runs there runs on.
  std::int64_t nodes = 0, lost = 0;
  for (const auto& [name, node] : known_.nodes_) {
    if (node.zone != zone) continue;
    ++nodes;
    lost += !node.ready;
  }
  const std::int64_t share = std::clamp<std::int64_t>(known_.config_.degraded_permille, 0, 1000);
  return lost > 0 && lost * 1000 >= share * nodes;
}

// The tasks of its group that hold a place, by the zone of their first Pod; but for the one it
// replaces.
std::map<std::string, std::int64_t> GroupCheck::placed(const Task& task) const {
  std::map<std::string, std::int64_t> zones;
  for (const auto& [uid, other] : known_.tasks_) {
    if (other.phase != Auditor::Phase::kHolds || !counts(other.task)) continue;
    if (other.task.group_uid != task.group_uid || uid == task.replaces) continue;
    if (other.placement.nodes.empty()) continue;
    const auto node = known_.nodes_.find(other.placement.nodes.front());
    if (node != known_.nodes_.end()) ++zones[node->second.zone];
  }
  if (const auto more = more_.find(task.group_uid); more != more_.end()) {
    for (const auto& [zone, started] : more->second) zones[zone] += started;
  }
  return zones;
}

// Why one more of the group may not be there; "" when it may.
std::string GroupCheck::zone_wrong(const Task& task, const std::string& zone) const {
  std::map<std::string, std::int64_t> tasks = placed(task);
  const GroupZone* own = named(task, zone);
  if (!task.group_zones.empty() && own == nullptr) return "its group does not name zone " + zone;
  if (own != nullptr && own->replicas > 0 && tasks[zone] >= own->replicas) {
    return "zone " + zone + " has all the tasks of its group that it may have";
  }
  if (task.group_skew <= 0 || (own != nullptr && own->backup) || degraded(zone)) return "";
  const auto queue = known_.queues_.find(task.queue);
  for (const auto& [name, node] : known_.nodes_) {
    const GroupZone* other = named(task, node.zone);
    const bool primary = task.group_zones.empty() || (other != nullptr && !other->backup);
    if (!primary || node.zone == zone || degraded(node.zone)) continue;
    if (other != nullptr && other->replicas > 0 && tasks[node.zone] >= other->replicas) continue;
    if (tasks[zone] + 1 - tasks[node.zone] <= task.group_skew) continue;
    const bool takes = task.groups.size() == 1 && task.groups[0].count == 1 &&
                       queue != known_.queues_.end() &&
                       audit::refuses(node, task, queue->second).empty() &&
                       audit::fits_empty(node, task.groups[0]) > 0;
    if (takes) return "zone " + zone + " has too many more tasks of its group than " + node.zone;
  }
  return "";
}

std::vector<std::string> GroupCheck::add(const Start& start, const Auditor::Known& task) {
  if (!counts(task.task)) return {};
  std::vector<std::string> wrong;
  std::set<std::string> zones;
  for (const std::string& node : start.placement.nodes) zones.insert(known_.nodes_.at(node).zone);
  // Room that was kept for it was chosen before; what the group has may have changed since.
  // An elastic gang may have more of the same zone.
  const auto& nodes = start.placement.nodes;
  const bool was_kept =
      !task.hold.nodes.empty() &&
      std::all_of(task.hold.nodes.begin(), task.hold.nodes.end(), [&](const std::string& node) {
        return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
      });
  for (const std::string& zone : zones) {
    if (was_kept) break;
    if (const std::string why = zone_wrong(task.task, zone); !why.empty()) wrong.push_back(why);
  }
  ++more_[task.task.group_uid][known_.nodes_.at(start.placement.nodes.front()).zone];
  return wrong;
}

std::vector<std::string> GroupCheck::check(const Move& move) {
  std::vector<std::string> wrong;
  const auto say = [&](const std::string& what) { wrong.push_back(move.task + ": " + what); };
  const auto known = known_.tasks_.find(move.task);
  if (known == known_.tasks_.end() || !known->second.runs ||
      known->second.phase != Auditor::Phase::kHolds) {
    return {move.task + ": moves, but does not run"};
  }
  const Auditor::Known& task = known->second;
  if (++moves_[task.task.group_uid] > 1) say("moves beside another of its group");
  if (task.task.held) say("moves, and could not start again: it is held");
  for (const auto& [uid, other] : known_.tasks_) {
    if (other.task.group_uid != task.task.group_uid || !counts(other.task)) continue;
    const bool moves = !other.task.replaces.empty() && other.task.replaces == move.task;
    const bool waits = other.phase == Auditor::Phase::kWaits && (!other.task.held || moves);
    const bool starts = other.phase == Auditor::Phase::kHolds && !other.runs;
    if (waits || starts) say("moves while " + uid + " of its group waits or starts");
  }
  const auto node = known_.nodes_.find(task.placement.nodes.front());
  const GroupZone* from =
      node == known_.nodes_.end() ? nullptr : named(task.task, node->second.zone);
  if (from == nullptr || !from->backup) say("moves, but not from a backup zone");
  const auto queue = known_.queues_.find(task.task.queue);
  if (queue == known_.queues_.end()) return {move.task + ": moves, but its queue does not exist"};
  Task there = task.task;
  there.replaces = move.task;
  const GroupZone* to = named(there, move.zone);
  if (to == nullptr || to->backup) say("moves to " + move.zone + ", which is no primary zone");
  if (degraded(move.zone)) say("moves to " + move.zone + ", which is degraded");
  if (const std::string why = zone_wrong(there, move.zone); !why.empty()) say("moves, but " + why);
  std::size_t pods = 0;
  for (const PodGroup& group : there.groups)
    pods += static_cast<std::size_t>(std::max<std::int64_t>(group.count, 0));
  if (move.placement.nodes.size() != pods) say("moves without a node for each Pod");
  for (const std::string& name : move.placement.nodes) {
    const auto target = known_.nodes_.find(name);
    if (target == known_.nodes_.end() || target->second.zone != move.zone) {
      say("moves to node " + name + ", which is not in " + move.zone);
    } else if (!target->second.ready || target->second.unschedulable ||
               !audit::refuses(target->second, there, queue->second).empty()) {
      say("moves to node " + name + ", which does not take it");
    }
  }
  return wrong;
}

}  // namespace sched
