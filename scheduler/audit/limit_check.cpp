#include "scheduler/audit/limit_check.hpp"

#include <algorithm>

#include "scheduler/audit/rules.hpp"

namespace sched {
namespace {

// The resource that a share counts, without the model of its devices.
std::string plain(const std::string& resource) { return resource.substr(0, resource.find('@')); }

}  // namespace

std::vector<std::string> LimitCheck::add(const Start& start, const Auditor::Known& task,
                                         const Queue& queue, std::int64_t tasks) {
  std::vector<std::string> wrong;
  const std::string why = tasks > 0 ? tenant_wrong(task, queue) : too_much_for_tenant(task, queue);
  if (!why.empty()) wrong.push_back(why);
  Auditor::Usage& more = more_[{queue.name, task.task.tenant}];
  more.tasks += tasks;
  for (const auto& [name, value] : Auditor::shares_of(task.task, task.task.groups)) {
    more.amount[plain(name)] += value;
  }
  check_quotas(start, task, queue, wrong);
  return wrong;
}

bool LimitCheck::admits(const Auditor::Known& task, const Queue& queue) const {
  return tenant_wrong(task, queue).empty();
}

Auditor::Usage LimitCheck::used_by(const Owner& owner) const {
  Auditor::Usage used;
  if (auto at = more_.find(owner); at != more_.end()) used = at->second;
  if (auto at = known_.placed_of_.find(owner); at != known_.placed_of_.end()) {
    used.tasks += at->second;
  }
  if (auto at = known_.tenants_.find(owner); at != known_.tenants_.end()) {
    for (const auto& [name, value] : at->second) used.amount[plain(name)] += value;
  }
  return used;
}

std::string LimitCheck::too_much_for_tenant(const Auditor::Known& task, const Queue& queue) const {
  const TenantLimits& limits = queue.tenant_limits;
  if (!limits.has_resources) return "";
  Auditor::Usage used = used_by({queue.name, task.task.tenant});
  for (const auto& [name, value] : Auditor::shares_of(task.task, task.task.groups)) {
    used.amount[plain(name)] += value;
    const audit::Charge most = audit::limits(limits.resources);
    const auto limit = most.find(plain(name));
    if (value > 0 && limit != most.end() && used.amount[plain(name)] > limit->second) {
      return "its tenant has too much " + plain(name);
    }
  }
  return "";
}

// Which of the tenant's limits it would exceed; "" when none. Read before it is counted.
std::string LimitCheck::tenant_wrong(const Auditor::Known& task, const Queue& queue) const {
  const TenantLimits& limits = queue.tenant_limits;
  const Owner owner{queue.name, task.task.tenant};
  if (limits.running > 0 && used_by(owner).tasks >= limits.running) {
    return "its tenant runs too many tasks";
  }
  if (std::string why = too_much_for_tenant(task, queue); !why.empty()) return why;
  if (limits.pending <= 0) return "";
  std::int64_t ahead = 0;
  if (auto line = known_.lines_.find(queue.name); line != known_.lines_.end()) {
    for (const Auditor::Seat& seat : line->second) {
      if (!(seat < known_.seat(task.task))) break;
      ahead += known_.tasks_.at(std::get<3>(seat)).task.tenant == task.task.tenant;
    }
  }
  return ahead >= limits.pending ? "too many of its tenant wait before it" : "";
}

// Rank by rank, where each goes.
void LimitCheck::check_quotas(const Start& start, const Auditor::Known& task, const Queue& queue,
                              std::vector<std::string>& wrong) {
  if (queue.quotas.empty()) return;
  const auto [used, fresh] = used_on_.try_emplace(queue.name);
  if (fresh) {
    if (auto at = known_.used_on_.find(queue.name); at != known_.used_on_.end()) {
      used->second = at->second;
    }
  }
  Auditor::ByNode own;
  for (std::size_t rank = 0; rank < start.placement.nodes.size(); ++rank) {
    const std::string& node = start.placement.nodes[rank];
    const PodGroup* group = Auditor::group_of(task.task.groups, rank);
    audit::charge(own[node], *group, 1);
    audit::charge(used->second[node], *group, 1);
  }
  for (const Quota& quota : queue.quotas) {
    if (!quota.has_maximum) continue;
    audit::Charge adds = known_.counted(quota, own), sum = known_.counted(quota, used->second);
    for (const auto& [name, maximum] : audit::limits(quota.maximum)) {
      if (adds[name] > 0 && sum[name] > maximum) {
        wrong.push_back("the queue exceeds its maximum of " + name + audit::of_nodes(quota));
      }
    }
  }
}

}  // namespace sched
