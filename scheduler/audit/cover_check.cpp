#include "scheduler/audit/cover_check.hpp"

#include <algorithm>
#include <numeric>

#include "scheduler/audit/rules.hpp"

namespace sched {

using audit::at;
using audit::Charge;
using audit::Grant;

const Node& CoverCheck::node(const std::string& name) const {
  static const Node kNowhere;
  const auto known = known_.nodes_.find(name);
  return known == known_.nodes_.end() ? kNowhere : known->second;
}

CoverCheck::Tallies CoverCheck::tallies_of(const std::string& name) const {
  Tallies tallies;
  const auto queue = known_.queues_.find(name);
  if (queue == known_.queues_.end()) return tallies;
  for (const Grant& grant : audit::grants_of(queue->second)) tallies.push_back({grant, {}});
  return tallies;
}

// What may still be had of a grant, and of those within it.
__int128 CoverCheck::due(const Tallies& tallies, const Grant& of, const std::string& resource) {
  __int128 own = 0;
  std::vector<Grant> all;
  for (const Tally& tally : tallies) {
    all.push_back(tally.grant);
    if (!audit::same_nodes(tally.grant.nodes, of.nodes)) continue;
    own = std::max<__int128>(at(tally.grant.guaranteed, resource) - at(tally.used, resource), 0);
  }
  __int128 inner = 0;
  for (const Grant& grant : audit::outermost(audit::inside(all, of.nodes))) {
    inner += due(tallies, grant, resource);
  }
  return std::max(own, inner);
}

std::vector<int> CoverCheck::levels(const Tallies& tallies, const std::vector<PodGroup>& groups,
                                    const std::vector<std::string>& nodes,
                                    const std::vector<std::size_t>& ranks) const {
  std::vector<Charge> taken(tallies.size());  // by those of the gang before, of each grant
  std::vector<int> out;
  for (const std::size_t rank : ranks) {
    const PodGroup* const group = Auditor::group_of(groups, rank);
    Charge asks;
    if (group != nullptr) audit::charge(asks, *group, 1);
    std::erase_if(asks, [](const auto& entry) { return entry.second <= 0; });
    const Node& here = node(nodes[rank]);
    const auto fits = [&](std::size_t g, const std::string& resource, __int128 amount) {
      const Tally& own = tallies[g];
      if (at(own.grant.guaranteed, resource) - at(own.used, resource) - at(taken[g], resource) <
          amount) {
        return false;
      }
      for (std::size_t w = 0; w < tallies.size(); ++w) {
        const Grant& wider = tallies[w].grant;
        const bool names = wider.guaranteed.contains(resource);
        if (!names || !audit::closer(own.grant.nodes, wider.nodes)) continue;
        if (due(tallies, wider, resource) - at(taken[w], resource) < amount) return false;
      }
      return true;
    };
    int best = -1;
    for (std::size_t g = 0; g < tallies.size(); ++g) {
      const Grant& grant = tallies[g].grant;
      if (!audit::counts_in(grant.nodes, here)) continue;
      bool some = false, within = true, devices = true;
      for (const auto& [resource, amount] : asks) {
        const bool names = grant.guaranteed.contains(resource);
        some = some || names;
        within = within && (!names || fits(g, resource, amount));
        devices = devices && (names || audit::unit_of(resource) == 1);
      }
      if (!some || !within) continue;
      const Quota& q = grant.nodes;
      best = std::max(best,
                      !q.zone.empty() + !q.pool.empty() + !q.gpu_model.empty() + (devices ? 4 : 0));
    }
    out.push_back(best);
    for (std::size_t g = 0; g < tallies.size(); ++g) {
      if (!audit::counts_in(tallies[g].grant.nodes, here)) continue;
      for (const auto& [resource, amount] : asks) taken[g][resource] += amount;
    }
  }
  return out;
}

void CoverCheck::count(Tallies& tallies, const std::vector<PodGroup>& groups,
                       const std::vector<std::string>& nodes,
                       const std::vector<std::size_t>& ranks) const {
  for (const std::size_t rank : ranks) {
    const PodGroup* const group = Auditor::group_of(groups, rank);
    if (group == nullptr) continue;
    for (Tally& tally : tallies) {
      if (audit::counts_in(tally.grant.nodes, node(nodes[rank]))) {
        audit::charge(tally.used, *group, 1);
      }
    }
  }
}

void CoverCheck::read(const std::string& queue) {
  if (!read_.insert(queue).second) return;
  Tallies tallies = tallies_of(queue);
  std::vector<std::pair<std::pair<std::int64_t, std::string>, const Auditor::Known*>> order;
  for (const auto& [uid, task] : known_.tasks_) {
    if (task.phase != Auditor::Phase::kHolds || task.task.queue != queue) continue;
    order.push_back({{task.runs ? task.since.ns : audit::kNever, uid}, &task});
  }
  std::sort(order.begin(), order.end());
  std::vector<std::pair<std::string, std::vector<std::size_t>>> beyond;
  for (const auto& [seat, task] : order) {
    const std::vector<std::string>& nodes = task->placement.nodes;
    Levels& out = levels_[seat.second];
    out.ranks.resize(nodes.size(), -1);
    std::vector<std::size_t> ranks(nodes.size());
    std::iota(ranks.begin(), ranks.end(), std::size_t{0});
    std::size_t least = 0;
    for (const PodGroup& group : task->task.groups) {
      least += static_cast<std::size_t>(std::max<std::int64_t>(group.count, 0));
    }
    if (least < ranks.size()) {
      std::vector<int> alone;
      for (const std::size_t rank : ranks) {
        alone.push_back(levels(tallies, task->groups, nodes, {rank}).front());
      }
      std::stable_sort(ranks.begin(), ranks.end(),
                       [&](std::size_t a, std::size_t b) { return alone[a] > alone[b]; });
      const auto minimum = ranks.begin() + static_cast<std::ptrdiff_t>(least);
      beyond.push_back({seat.second, {minimum, ranks.end()}});
      ranks.erase(minimum, ranks.end());
    }
    const std::vector<int> found = levels(tallies, task->groups, nodes, ranks);
    for (std::size_t i = 0; i < ranks.size(); ++i) out.ranks[ranks[i]] = found[i];
    if (!found.empty()) out.whole = *std::min_element(found.begin(), found.end());
    count(tallies, task->groups, nodes, ranks);
  }
  for (const auto& [uid, ranks] : beyond) {
    const Auditor::Known& task = known_.tasks_.at(uid);
    const std::vector<int> found = levels(tallies, task.groups, task.placement.nodes, ranks);
    for (std::size_t i = 0; i < ranks.size(); ++i) levels_[uid].ranks[ranks[i]] = found[i];
    count(tallies, task.groups, task.placement.nodes, ranks);
  }
}

std::string CoverCheck::forbids(const Auditor::Known& above, const std::vector<std::string>& nodes,
                                const Auditor::ByNode& used, const Auditor::Known& below,
                                const std::set<std::size_t>* ranks) {
  read(below.task.queue);
  const Levels& holds = levels_[below.task.uid];
  Tallies tallies = tallies_of(above.task.queue);
  for (Tally& tally : tallies) tally.used = known_.counted(tally.grant.nodes, used);
  std::vector<std::size_t> all(nodes.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  const std::vector<int> asks = levels(tallies, above.task.groups, nodes, all);
  const int own = asks.empty() ? -1 : *std::min_element(asks.begin(), asks.end());
  const std::string why = "is covered as closely by what its own queue is guaranteed";
  if (ranks == nullptr) return holds.whole < own ? "" : why;
  // Of a node any of its Pods may go: they are alike.
  std::map<std::string, std::int64_t> gives, may;
  for (std::size_t rank = 0; rank < holds.ranks.size(); ++rank) {
    const std::string& name = below.placement.nodes[rank];
    gives[name] += ranks->contains(rank) ? 1 : 0;
    may[name] += holds.ranks[rank] < own ? 1 : 0;
  }
  const auto too_many = [&](const auto& entry) { return entry.second > may[entry.first]; };
  return std::any_of(gives.begin(), gives.end(), too_many) ? why : "";
}

}  // namespace sched
