// GuaranteeCheck: whether a task could ever have what it asks for beside what others are guaranteed
// of some of the nodes. Written from the definition for an empty cluster (look_at_empty), and only
// by counting: where it says no, nothing that others do or leave could let the task start.
#include <algorithm>

#include "scheduler/audit/guarantee_check.hpp"
#include "scheduler/audit/rules.hpp"
#include "scheduler/limits.hpp"

namespace sched {

using audit::at;
using audit::Grant;

// What may be had of the nodes of each grant, by resource: what others leave, or the task's queue
// is guaranteed of them. Not of those of which nothing is kept for others.
std::vector<GuaranteeCheck::Limit> GuaranteeCheck::limits_for(const Queue& queue,
                                                              const audit::Charge& asked) const {
  std::vector<Limit> limits;
  for (const auto& [key, set] : sets_) {
    for (const auto& [resource, amount] : asked) {
      const auto [known, fresh] = left_ever_.try_emplace({queue.name, key, resource});
      if (fresh) {
        const Needs needs = needs_of_others(queue, set, resource, false);
        const __int128 all = needs.empty() ? 0 : kept(needs, resource, false);
        if (all > 0) known->second = free_on(set, resource, false) - all;
      }
      if (known->second) limits.push_back({set, resource, *known->second});
    }
  }
  return limits;
}

// The Pods of a group that the nodes of one place take: those that lie in the same grants.
__int128 GuaranteeCheck::pods_ever(const Queue& queue, const std::vector<Limit>& limits,
                                   const audit::Charge& one, const Node& node,
                                   __int128 fits) const {
  for (const Limit& limit : limits) {
    const __int128 asks = at(one, limit.resource);
    if (asks == 0 || !audit::counts_in(limit.nodes, node)) continue;
    __int128 most = std::max<__int128>(limit.left, 0);
    for (const Grant& own : within(queue, limit.nodes)) {
      if (!audit::counts_in(own.nodes, node)) continue;
      most = std::max(most, at(own.guaranteed, limit.resource));
    }
    fits = std::min(fits, most / asks);
  }
  return fits;
}

bool GuaranteeCheck::ever_left_in(const Task& task, const Queue& queue, const Place* place) const {
  struct Kind {
    const Node* example = nullptr;
    __int128 fits = 0;
  };
  audit::Charge asked;
  std::vector<audit::Charge> ones(task.groups.size());
  for (std::size_t g = 0; g < ones.size(); ++g) {
    audit::charge(ones[g], task.groups[g], 1);
    for (const auto& [resource, amount] : ones[g]) asked[resource] += amount;
  }
  const std::vector<Limit> limits = limits_for(queue, asked);
  std::vector<std::map<std::vector<bool>, Kind>> kinds(ones.size());
  for (const auto& [name, node] : known_.nodes_) {
    if (place != nullptr && node.zone != place->first) continue;
    if (place != nullptr && !place->second.empty() &&
        audit::domain_of(task, known_.config_.topology, node) != place->second) {
      continue;
    }
    if (!audit::refuses(node, task, queue).empty()) continue;
    std::vector<bool> lies;
    for (const Limit& limit : limits) lies.push_back(audit::counts_in(limit.nodes, node));
    for (std::size_t g = 0; g < ones.size(); ++g) {
      if (!task.groups[g].zone.empty() && task.groups[g].zone != node.zone) continue;
      Kind& kind = kinds[g][lies];
      kind.example = &node;
      kind.fits += audit::fits_empty(node, task.groups[g]);
    }
  }
  std::vector<__int128> must(limits.size(), 0);  // of each, at least
  for (std::size_t g = 0; g < ones.size(); ++g) {
    __int128 all = 0;
    std::vector<__int128> outside(limits.size(), 0);
    for (auto& [lies, kind] : kinds[g]) {
      kind.fits = pods_ever(queue, limits, ones[g], *kind.example, kind.fits);
      all += kind.fits;
      for (std::size_t i = 0; i < limits.size(); ++i) outside[i] += lies[i] ? 0 : kind.fits;
    }
    if (all < task.groups[g].count) return false;
    for (std::size_t i = 0; i < limits.size(); ++i) {
      const __int128 rest = std::max<__int128>(task.groups[g].count - outside[i], 0);
      must[i] += rest * at(ones[g], limits[i].resource);
    }
  }
  for (std::size_t i = 0; i < limits.size(); ++i) {
    const __int128 own = due(queue.name, within(queue, limits[i].nodes), limits[i].resource);
    if (must[i] > std::max(limits[i].left, own)) return false;
  }
  return true;
}

// Each zone takes as many of its one group as the best of its domains does.
bool GuaranteeCheck::ever_left_in_domains(const Task& task, const Queue& queue) const {
  std::map<std::string, std::int64_t> most;
  std::set<Place> seen;
  for (const auto& [name, node] : known_.nodes_) {
    const Place place{node.zone, audit::domain_of(task, known_.config_.topology, node)};
    if (place.second.empty() || !audit::group_names(task, node.zone)) continue;
    if (!seen.insert(place).second) continue;
    Task some = task;
    std::int64_t& best = most[node.zone];
    for (std::int64_t pods = best + 1; pods <= task.groups.front().count; ++pods) {
      some.groups.front().count = pods;
      if (!ever_left_in(some, queue, &place)) break;
      best = pods;
    }
  }
  const bool one = task.zone_policy == ZonePolicy::kSingle || audit::in_one_zone(task);
  std::int64_t sum = 0;
  for (const auto& [zone, pods] : most) sum = one ? std::max(sum, pods) : sum + pods;
  return sum >= task.groups.front().count;
}

bool GuaranteeCheck::ever_left(const Task& task, const Queue& queue) const {
  const bool high = std::max(task.tier, queue.tier) == Tier::kHigh;
  if (audit::may_borrow(queue) && !high) return true;
  const bool domains = task.topology_required && !task.topology_level.empty();
  if (domains && task.groups.size() == 1 && !ever_left_in_domains(task, queue)) return false;
  if (task.zone_policy != ZonePolicy::kSingle && !audit::in_one_zone(task)) {
    return ever_left_in(task, queue, nullptr);
  }
  std::set<std::string> zones;
  for (const auto& [name, node] : known_.nodes_) zones.insert(node.zone);
  return std::any_of(zones.begin(), zones.end(), [&](const std::string& zone) {
    const Place place{zone, ""};
    return audit::group_names(task, zone) && ever_left_in(task, queue, &place);
  });
}

}  // namespace sched
