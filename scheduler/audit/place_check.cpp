// PlanCheck: the nodes that a start names, their zones, and the room on them.
#include <algorithm>

#include "scheduler/audit/plan_check.hpp"
#include "scheduler/audit/rules.hpp"
#include "scheduler/limits.hpp"

namespace sched {

bool PlanCheck::check_ranks(const Start& start, const Known& task, const Queue& queue) {
  std::int64_t pods = 0;
  for (const PodGroup& group : task.task.groups) {
    pods += std::clamp<std::int64_t>(group.count, 0, kGangMax + 1);
  }
  if (pods == 0 || pods > kGangMax ||
      start.placement.nodes.size() != static_cast<std::size_t>(pods)) {
    say(start, "the gang is not whole: " + std::to_string(start.placement.nodes.size()) + " of " +
                   std::to_string(pods) + " Pods placed");
    return false;
  }
  bool known = true;
  for (std::size_t rank = 0; rank < start.placement.nodes.size(); ++rank) {
    const std::string& name = start.placement.nodes[rank];
    auto node = known_.nodes_.find(name);
    if (node == known_.nodes_.end()) {
      say(start, "node " + name + " does not exist");
      known = false;
      continue;
    }
    if (!node->second.ready) say(start, "node " + name + " is not ready");
    if (node->second.unschedulable) say(start, "node " + name + " is cordoned");
    const std::string why = audit::refuses(node->second, task.task, queue);
    if (!why.empty()) say(start, "node " + name + " " + why);
    const PodGroup* group = Auditor::group_of(task.task.groups, rank);
    check_device(start, rank, *group, node->second);
    if (!group->zone.empty() && node->second.zone != group->zone) {
      say(start, "rank " + std::to_string(rank) + " lies in " + node->second.zone + ", not in " +
                     group->zone);
    }
  }
  return known;
}

// Who asks for a part is given one device of a node that shares them; nobody else is given one.
void PlanCheck::check_device(const Start& start, std::size_t rank, const PodGroup& group,
                             const Node& node) {
  const bool part = audit::asked(group).milli > 0;
  const std::int64_t device = audit::device_at(start.placement, rank);
  const std::string who = "rank " + std::to_string(rank);
  if (part && !node.gpu_sharing) {
    say(start, who + " shares a device of node " + node.name + ", which shares none");
  }
  if (part && (device < 0 || device >= kDeviceNumbers)) {
    say(start, who + " shares a device, and is not told which");
  }
  if (!part && device >= 0) say(start, who + " is told a device, and shares none");
}

// The region that most nodes of a zone name; the first by name among equals. All zones are read in
// one go, and only by plans that need it.
const std::string& PlanCheck::region_of(const std::string& zone) {
  if (regions_.empty()) {
    std::map<std::string, std::map<std::string, std::int64_t>> votes;
    for (const auto& [name, node] : known_.nodes_) ++votes[node.zone][node.region];
    for (const auto& [of, regions] : votes) {
      std::int64_t most = 0;
      for (const auto& [region, count] : regions) {
        if (count > most) regions_[of] = region;
        most = std::max(most, count);
      }
    }
  }
  return regions_[zone];
}

void PlanCheck::check_zones(const Start& start, const Known& task, const Queue& queue) {
  std::map<std::string, std::int64_t> per_zone;
  for (const std::string& node : start.placement.nodes) ++per_zone[known_.nodes_.at(node).zone];
  audit::Geography geography{known_.config_, {}};
  const bool needs_regions = per_zone.size() > 1;
  for (const auto& [zone, count] : per_zone) {
    geography.region_of[zone] = needs_regions ? region_of(zone) : "";
  }
  std::set<std::string> eligible;
  if (task.task.zone_policy == ZonePolicy::kSpread) {
    for (const auto& [name, node] : known_.nodes_) {
      if (!audit::refuses(node, task.task, queue).empty()) continue;
      if (audit::fits_empty(node, task.task.groups[0]) > 0) eligible.insert(node.zone);
    }
  }
  const std::string wrong = audit::zones_wrong(task.task, per_zone, eligible, geography);
  if (!wrong.empty()) say(start, wrong);
  std::vector<const Node*> ranks;
  for (const std::string& node : start.placement.nodes) ranks.push_back(&known_.nodes_.at(node));
  // Room that was kept was numbered when it was found; labels may have changed since.
  const std::string below =
      audit::topology_wrong(task.task, known_.config_.topology, ranks, task.hold.nodes.empty());
  if (!below.empty()) say(start, below);
  if (start.zones != static_cast<std::int64_t>(per_zone.size())) {
    say(start, "says it uses " + std::to_string(start.zones) + " zones");
  }
}

// What Pods do not ask for may be overdrawn by others; only what they ask for is checked.
void PlanCheck::check_room(const Start& start, const Known& task) {
  std::map<std::string, audit::NodeUse> asked;
  for (std::size_t rank = 0; rank < start.placement.nodes.size(); ++rank) {
    const PodGroup* group = Auditor::group_of(task.task.groups, rank);
    asked[start.placement.nodes[rank]].add(audit::asked(*group),
                                           audit::device_at(start.placement, rank));
  }
  for (const auto& [node, more] : asked) {
    audit::NodeUse before = known_.in_use(node);
    before.add(taken_[node]);
    audit::NodeUse after = before;
    after.add(more);
    Amount has = Auditor::amounts(known_.nodes_.at(node).allocatable);
    for (const std::string& name : more.resources()) {
      if (after.taken(name) <= has[name]) continue;
      say(start, "node " + node + " has " + std::to_string(has[name]) + " of " + name + ", " +
                     std::to_string(before.taken(name)) + " used, and is given " +
                     std::to_string(after.taken(name) - before.taken(name)));
    }
    for (const auto& [name, devices] : more.shared) {
      for (const auto& [device, milli] : devices) {
        const std::int64_t sum = after.shared[name][device];
        if (sum <= 1000) continue;
        say(start, "device " + std::to_string(device) + " of node " + node + " is shared by " +
                       std::to_string(sum) + " thousandths");
      }
    }
    taken_[node].add(more);
  }
}

// The room is there beside all that starts.
void PlanCheck::check_move(const Move& move) {
  std::vector<std::string> wrong = groups_.check(move);
  if (wrong.empty()) {
    const std::size_t before = violations_.size();
    check_room({move.task, move.attempt, move.placement, 1, 0}, known_.tasks_.at(move.task));
    if (violations_.size() == before) return;
  }
  for (std::string& what : wrong) violations_.push_back(std::move(what));
}

}  // namespace sched
