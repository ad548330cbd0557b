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

bool GuaranteeCheck::ever_left_in(const Task& task, const Queue& queue,
                                  const std::string* zone) const {
  struct Place {
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
  std::vector<std::map<std::vector<bool>, Place>> places(ones.size());
  for (const auto& [name, node] : known_.nodes_) {
    if (zone != nullptr && node.zone != *zone) continue;
    if (!audit::refuses(node, task, queue).empty()) continue;
    std::vector<bool> lies;
    for (const Limit& limit : limits) lies.push_back(audit::counts_in(limit.nodes, node));
    for (std::size_t g = 0; g < ones.size(); ++g) {
      if (!task.groups[g].zone.empty() && task.groups[g].zone != node.zone) continue;
      Place& place = places[g][lies];
      place.example = &node;
      place.fits += audit::fits_empty(node, task.groups[g]);
    }
  }
  std::vector<__int128> must(limits.size(), 0);  // of each, at least
  for (std::size_t g = 0; g < ones.size(); ++g) {
    __int128 all = 0;
    std::vector<__int128> outside(limits.size(), 0);
    for (auto& [lies, place] : places[g]) {
      place.fits = pods_ever(queue, limits, ones[g], *place.example, place.fits);
      all += place.fits;
      for (std::size_t i = 0; i < limits.size(); ++i) outside[i] += lies[i] ? 0 : place.fits;
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

bool GuaranteeCheck::ever_left(const Task& task, const Queue& queue) const {
  const bool high = std::max(task.tier, queue.tier) == Tier::kHigh;
  if (audit::may_borrow(queue) && !high) return true;
  if (task.zone_policy != ZonePolicy::kSingle && !audit::in_one_zone(task)) {
    return ever_left_in(task, queue, nullptr);
  }
  std::set<std::string> zones;
  for (const auto& [name, node] : known_.nodes_) zones.insert(node.zone);
  return std::any_of(zones.begin(), zones.end(), [&](const std::string& zone) {
    return audit::group_names(task, zone) && ever_left_in(task, queue, &zone);
  });
}

}  // namespace sched
