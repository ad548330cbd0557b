// Auditor: what an administrator's wish may take, read from the specification.
//
// Nothing is taken without a wish that names both sides. Nobody yields to a tier below its own;
// High never; Medium only past its guarantee and its rest after the last preemption; Low at once.
// And the rule of the wish has to be met: by priority, by share, or by the time it has run.
#include <algorithm>
#include <tuple>

#include "scheduler/audit/audit.hpp"
#include "scheduler/audit/rules.hpp"
#include "scheduler/limits.hpp"

namespace sched {

// The dominant share by weight of a tenant, or of all tenants of a queue; `more` is what the plan
// gives beside.
double Auditor::share(const std::string& queue, const std::string* tenant,
                      const ByTenant& more) const {
  audit::Charge owned, used;
  for (const auto& [name, node] : nodes_) {
    for (const auto& [resource, value] : audit::limits(node.allocatable)) {
      owned[resource] += value;
      if (audit::counts_gpus(resource)) owned[resource + "@" + node.gpu_model] += value;
    }
  }
  for (const auto* const table : {&tenants_, &more}) {
    for (const auto& [who, amount] : *table) {
      if (who.first != queue || (tenant != nullptr && who.second != *tenant)) continue;
      for (const auto& [resource, value] : amount) used[resource] += value;
    }
  }
  double most = 0;
  for (const auto& [resource, value] : used) {
    if (resource == "pods" || resource == "ephemeral-storage" || owned[resource] <= 0) continue;
    most = std::max(most, static_cast<double>(value) / static_cast<double>(owned[resource]));
  }
  const auto rules = queues_.find(queue);
  if (rules == queues_.end()) return most;
  std::int64_t weight = rules->second.weight;
  if (tenant != nullptr) {
    const auto at = rules->second.tenant_weights.find(*tenant);
    weight = at == rules->second.tenant_weights.end() ? 1 : at->second;
  }
  return most / static_cast<double>(std::clamp<std::int64_t>(weight, 1, kWeightMax));
}

std::string Auditor::forbids_wish(const Known& above, const Known& below, Time now,
                                  const ByTenant& more) const {
  const auto wish = wishes_.find(above.task.uid);
  if (wish == wishes_.end()) return "nobody wished to stop";
  const auto& others = wish->second.others;
  if (std::find(others.begin(), others.end(), below.task.uid) == others.end()) {
    return "the wish does not name";
  }
  constexpr int kHigh = 0, kMedium = 1;
  const int asks = std::get<0>(seat(above.task)), yields = std::get<0>(seat(below.task));
  if (below.task.unevictable) return "nobody can ask to stop";
  if (yields == kHigh) return "is High";
  if (yields < asks) return "is of a higher tier";
  const auto queue = queues_.find(below.task.queue);
  const Queue rules = queue == queues_.end() ? Queue{} : queue->second;
  if (yields == kMedium) {
    const __int128 since = __int128{now.ns} - below.task.last_preempted.ns;
    if (below.task.last_preempted.ns > 0 && since < rules.cooldown_ns) {
      return "was preempted a moment ago";
    }
    const bool willing = below.task.preemptible && asks == kHigh;
    const bool over =
        below.runs && below.task.guarantee_until.ns > 0 && below.task.guarantee_until <= now;
    if (!willing && !over) return "is within its guarantee";
  }
  const Settlement by = wish->second.by;
  if (by == Settlement::kByPriority) {
    const auto place = [](int tier, const Task& task) {
      return std::tuple(tier, -std::int64_t{task.priority_value}, task.submitted.ns, task.uid);
    };
    return place(asks, above.task) < place(yields, below.task) ? "" : "comes before it";
  }
  if (by == Settlement::kTimeSlice) {
    const std::int64_t slice = rules.quantum_ns > 0 ? rules.quantum_ns : rules.floor_ns;
    const bool over = below.runs && __int128{now.ns} - below.since.ns >= slice;
    return over ? "" : "has not run for its slice";
  }
  // What was used before is not known here.
  const bool one = above.task.queue == below.task.queue;
  const bool decays = rules.half_life_ns > 0;
  constexpr double kClearly = 1e-9;
  if (decays) return "";
  const double mine = share(above.task.queue, one ? &above.task.tenant : nullptr, more);
  const double theirs = share(below.task.queue, one ? &below.task.tenant : nullptr, more);
  return theirs < mine * (1 - kClearly) ? "is not above its share" : "";
}

// A wish lasts until its task starts, leaves, or room is kept for it.
void Auditor::on(const Resolve& d) {
  const auto known = tasks_.find(d.task);
  const bool waits = known != tasks_.end() && known->second.phase == Phase::kWaits;
  if (d.others.empty())
    wishes_.erase(d.task);
  else if (waits)
    wishes_[d.task] = d;
}

}  // namespace sched
