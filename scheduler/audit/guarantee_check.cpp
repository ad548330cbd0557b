#include "scheduler/audit/guarantee_check.hpp"

#include <algorithm>
#include <set>

#include "scheduler/audit/rules.hpp"
#include "scheduler/audit/serving.hpp"

namespace sched {

using audit::at;
using audit::Grant;

GuaranteeCheck::GuaranteeCheck(const Auditor& known) : known_(known) {
  for (const auto& [name, queue] : known.queues_) {
    for (const Grant& grant : audit::grants_of(queue)) {
      concerns_ = concerns_ || !audit::same_nodes(grant.nodes, {});
      sets_[{grant.nodes.zone, grant.nodes.pool, grant.nodes.gpu_model}] = grant.nodes;
    }
  }
}

void GuaranteeCheck::look(const std::function<audit::NodeUse(const std::string&)>& in_use) {
  for (const auto& [name, node] : known_.nodes_) {
    if (!node.ready || node.unschedulable) continue;
    uses_[name] = in_use(name);
    count_free(name);
  }
}

// A part takes the rest of its device from those who ask for whole ones, and nothing more of a
// device that is shared already.
void GuaranteeCheck::count_free(const std::string& name) {
  const audit::NodeUse& here = uses_.at(name);
  auto& [whole, parts] = free_[name];
  whole.clear();
  parts.clear();
  for (const auto& [what, has] : audit::limits(known_.nodes_.at(name).allocatable)) {
    const __int128 left = has - __int128{here.taken(what)} * audit::unit_of(what);
    whole[what] = std::max<__int128>(left, 0);
    const auto shared = here.shared.find(what);
    if (shared == here.shared.end() || left < 0) continue;
    for (const auto& [device, milli] : shared->second) {
      parts[what] += std::max<std::int64_t>(1000 - milli, 0);
    }
  }
}

void GuaranteeCheck::look_at_empty() {
  empty_ = true;
  for (const auto& [name, node] : known_.nodes_) {
    free_[name].first = audit::limits(node.allocatable);
  }
}

audit::Charge GuaranteeCheck::used_on(const std::string& queue, const Quota& nodes) const {
  audit::Charge used;
  if (empty_) return used;
  if (auto now = known_.used_on_.find(queue); now != known_.used_on_.end()) {
    used = known_.counted(nodes, now->second);
  }
  if (auto more = more_.find(queue); more != more_.end()) {
    for (const auto& [resource, value] : known_.counted(nodes, more->second)) {
      used[resource] += value;
    }
  }
  return used;
}

__int128 GuaranteeCheck::idle(const std::string& queue, const Grant& grant,
                              const std::string& resource) const {
  const __int128 used = at(used_on(queue, grant.nodes), resource);
  return std::max<__int128>(at(grant.guaranteed, resource) - used, 0);
}

__int128 GuaranteeCheck::free_on(const Quota& nodes, const std::string& resource,
                                 bool parts) const {
  __int128 sum = 0;
  for (const auto& [name, free] : free_) {
    if (!audit::counts_in(nodes, known_.nodes_.at(name))) continue;
    sum += at(free.first, resource) + (parts ? at(free.second, resource) : 0);
  }
  return sum;
}

// Grants within grants count once: the larger of what a grant has idle, and of what those within it
// need. Those side by side are summed, the largest need first where they overlap. Into `out`: where
// which part of it may lie.
__int128 GuaranteeCheck::need(const std::string& queue, const Grants& grants,
                              const std::string& resource, bool parts, Needs& out) const {
  struct Outer {
    __int128 most = 0;
    Quota nodes;
    Needs where;
  };
  std::vector<Outer> needs;
  for (const Grant& grant : audit::outermost(grants)) {
    Outer outer{0, grant.nodes, {}};
    const Grants inner = audit::inside(grants, grant.nodes);
    const __int128 within = need(queue, inner, resource, parts, outer.where);
    const __int128 own = idle(queue, grant, resource);
    if (own > within) outer.where.emplace_back(own - within, grant.nodes);
    const __int128 free = std::max<__int128>(free_on(grant.nodes, resource, parts), 0);
    outer.most = std::min(std::max(own, within), free);
    if (outer.most > 0) needs.push_back(std::move(outer));
  }
  std::sort(needs.begin(), needs.end(), [](const Outer& a, const Outer& b) {
    if (a.most != b.most) return a.most > b.most;
    return std::tie(a.nodes.zone, a.nodes.pool, a.nodes.gpu_model) <
           std::tie(b.nodes.zone, b.nodes.pool, b.nodes.gpu_model);
  });
  __int128 sum = 0;
  std::vector<Quota> counted;
  for (Outer& outer : needs) {
    const auto overlaps = [&](const Quota& other) { return !audit::apart(outer.nodes, other); };
    if (std::any_of(counted.begin(), counted.end(), overlaps)) continue;
    counted.push_back(outer.nodes);
    out.insert(out.end(), outer.where.begin(), outer.where.end());
    sum += outer.most;
  }
  return sum;
}

// The most of all needs that what is free on the nodes can meet, all at once: nodes that serve the
// same needs are one source.
__int128 GuaranteeCheck::kept(const Needs& needs, const std::string& resource, bool parts) const {
  std::map<std::vector<bool>, __int128> rooms;
  for (const auto& [name, free] : free_) {
    std::vector<bool> serves;
    for (const auto& [amount, nodes] : needs) {
      serves.push_back(audit::counts_in(nodes, known_.nodes_.at(name)));
    }
    rooms[std::move(serves)] += at(free.first, resource) + (parts ? at(free.second, resource) : 0);
  }
  audit::Serving serving;
  for (const auto& [serves, room] : rooms) serving.add(serves, room);
  std::vector<__int128> amounts;
  for (const auto& [amount, nodes] : needs) amounts.push_back(amount);
  return serving.most(amounts);
}

GuaranteeCheck::Grants GuaranteeCheck::within(const Queue& queue, const Quota& nodes) {
  Grants grants = audit::grants_of(queue);
  std::erase_if(grants, [&](const Grant& grant) {
    return !audit::same_nodes(grant.nodes, nodes) && !audit::closer(grant.nodes, nodes);
  });
  return grants;
}

GuaranteeCheck::Needs GuaranteeCheck::needs_of_others(const Queue& queue, const Quota& nodes,
                                                      const std::string& resource,
                                                      bool parts) const {
  Needs needs;
  for (const auto& [name, other] : known_.queues_) {
    if (name != queue.name) need(name, within(other, nodes), resource, parts, needs);
  }
  return needs;
}

// What a queue may still have of its grants.
__int128 GuaranteeCheck::due(const std::string& queue, const Grants& grants,
                             const std::string& resource) const {
  __int128 sum = 0;
  for (const Grant& grant : audit::outermost(grants)) {
    sum += std::max(idle(queue, grant, resource),
                    due(queue, audit::inside(grants, grant.nodes), resource));
  }
  return sum;
}

// The most of what is asked for on these nodes that may stay within that.
__int128 GuaranteeCheck::covered(const std::string& queue, const Grants& grants,
                                 const Auditor::ByNode& own, const std::string& resource) const {
  __int128 sum = 0;
  for (const Grant& grant : audit::outermost(grants)) {
    Grants here = audit::inside(grants, grant.nodes);
    here.push_back(grant);
    sum += std::min(at(known_.counted(grant.nodes, own), resource), due(queue, here, resource));
  }
  return sum;
}

std::string GuaranteeCheck::wrong(const Start& start, const Auditor::Known& task,
                                  const Queue& queue) const {
  const bool high = std::max(task.task.tier, queue.tier) == Tier::kHigh;
  if (audit::may_borrow(queue) && !high) return "";
  Auditor::ByNode own;
  std::set<std::string> in_parts;
  for (std::size_t rank = 0; rank < start.placement.nodes.size(); ++rank) {
    const PodGroup& group = *Auditor::group_of(task.task.groups, rank);
    audit::charge(own[start.placement.nodes[rank]], group, 1);
    in_parts.insert(audit::asked(group).shared);
  }
  for (const auto& [key, set] : sets_) {
    for (const auto& [resource, asks] : known_.counted(set, own)) {
      const bool parts = in_parts.contains(resource);
      const __int128 free = free_on(set, resource, parts);
      const Needs needs = needs_of_others(queue, set, resource, parts);
      __int128 sum = 0;
      for (const auto& [amount, nodes] : needs) sum += amount;
      if (sum == 0 || asks <= free - sum) continue;
      const __int128 left = free - kept(needs, resource, parts);  // of what overlaps, once
      if (asks <= left) continue;
      const __int128 beyond = asks - covered(queue.name, within(queue, set), own, resource);
      if (beyond > std::max<__int128>(left, 0)) {
        return "takes " + resource + " that is guaranteed to other queues" + audit::of_nodes(set);
      }
    }
  }
  return "";
}

void GuaranteeCheck::add(const Placement& where, const Task& task) {
  for (std::size_t rank = 0; rank < where.nodes.size(); ++rank) {
    const PodGroup* group = Auditor::group_of(task.groups, rank);
    if (group == nullptr) return;
    const std::string& node = where.nodes[rank];
    audit::charge(more_[task.queue][node], *group, 1);
    const auto use = uses_.find(node);
    if (use == uses_.end()) continue;
    use->second.add(audit::asked(*group), audit::device_at(where, rank));
    count_free(node);
  }
}

void GuaranteeCheck::count(const Placement& where, const Task& task, int sign) {
  const auto groups = audit::groups_for(task, where.nodes.size());
  for (std::size_t rank = 0; groups && rank < where.nodes.size(); ++rank) {
    const PodGroup* group = Auditor::group_of(*groups, rank);
    if (group == nullptr) return;
    audit::charge(more_[task.queue][where.nodes[rank]], *group, 1, sign);
  }
}

// --- claims

// Each Pod lies where its queue is guaranteed something that it asks for, and of what each grant
// counts, no more is asked for than the queue may still have.
bool GuaranteeCheck::claims_within(const Auditor::Known& claims, const Auditor::ByNode& own) const {
  const Grants grants = audit::grants_of(known_.queues_.at(claims.task.queue));
  audit::Charge asked;
  for (const auto& [node, charge] : own) {
    const auto owed = [&, &name = node, &all = charge](const Grant& grant) {
      const auto asks = [&](const auto& entry) { return at(all, entry.first) > 0; };
      return audit::counts_in(grant.nodes, known_.nodes_.at(name)) &&
             std::any_of(grant.guaranteed.begin(), grant.guaranteed.end(), asks);
    };
    if (std::none_of(grants.begin(), grants.end(), owed)) return false;
    for (const auto& [resource, value] : charge) asked[resource] += value;
  }
  for (const auto& [resource, value] : asked) {
    const auto names = [&, &what = resource](const Grant& grant) {
      return grant.guaranteed.contains(what);
    };
    if (!std::all_of(grants.begin(), grants.end(), names)) continue;
    if (value > covered(claims.task.queue, grants, own, resource)) return false;
  }
  return true;
}

// What of a queue's use its own grants explain.
__int128 GuaranteeCheck::explained(const std::string& queue, const Grants& grants,
                                   const Auditor::ByNode& gone, const std::string& resource) const {
  __int128 sum = 0;
  for (const Grant& grant : audit::outermost(grants)) {
    const __int128 used =
        at(used_on(queue, grant.nodes), resource) - at(known_.counted(grant.nodes, gone), resource);
    sum += std::max(std::min(used, at(grant.guaranteed, resource)),
                    explained(queue, audit::inside(grants, grant.nodes), gone, resource));
  }
  return sum;
}

// Whether the victim runs on nodes of this grant, where its queue has more than it is guaranteed.
// What is guaranteed to it on wider nodes does not say that it may have it here.
bool GuaranteeCheck::lends(const Auditor::Known& victim, const Grant& claimed,
                           const Auditor::ByNode& gone) const {
  const auto here = [&](const std::string& name) {
    static const Node kNowhere;
    const auto node = known_.nodes_.find(name);
    return audit::counts_in(claimed.nodes, node == known_.nodes_.end() ? kNowhere : node->second);
  };
  const std::vector<std::string>& nodes = victim.placement.nodes;
  if (std::none_of(nodes.begin(), nodes.end(), here)) return false;
  Grants grants;
  const auto queue = known_.queues_.find(victim.task.queue);
  if (queue != known_.queues_.end()) grants = audit::grants_of(queue->second);
  std::erase_if(grants, [&](const Grant& grant) {
    return audit::closer(claimed.nodes, grant.nodes) || audit::apart(claimed.nodes, grant.nodes);
  });
  return std::any_of(claimed.guaranteed.begin(), claimed.guaranteed.end(), [&](const auto& entry) {
    const __int128 used = at(used_on(victim.task.queue, claimed.nodes), entry.first) -
                          at(known_.counted(claimed.nodes, gone), entry.first);
    return used > explained(victim.task.queue, grants, gone, entry.first);
  });
}

std::string GuaranteeCheck::forbids_claim(const Auditor::Known& claims,
                                          const std::vector<std::string>& nodes,
                                          const Auditor::Known& victim,
                                          const Auditor::ByNode& gone) const {
  Auditor::ByNode own;
  for (std::size_t rank = 0; rank < nodes.size(); ++rank) {
    const PodGroup* group = Auditor::group_of(claims.task.groups, rank);
    if (group == nullptr || !known_.nodes_.contains(nodes[rank])) return "is claimed for nowhere";
    audit::charge(own[nodes[rank]], *group, 1);
  }
  if (!claims_within(claims, own)) return "is asked for more than is guaranteed";
  const Grants grants = audit::grants_of(known_.queues_.at(claims.task.queue));
  const bool owed = std::any_of(grants.begin(), grants.end(),
                                [&](const Grant& grant) { return lends(victim, grant, gone); });
  return owed ? "" : "has nothing that is guaranteed to the queue";
}

}  // namespace sched
