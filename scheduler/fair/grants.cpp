#include "scheduler/fair/grants.hpp"

#include <algorithm>

#include "scheduler/order/rules.hpp"
#include "scheduler/state/devices.hpp"

namespace sched {
namespace {

const Quota kAllNodes{};

}  // namespace

std::vector<Granted> grants_of(const QueueRecord& queue) {
  std::vector<Granted> grants;
  if (!queue.known) return grants;
  for (std::size_t i = 0; i < queue.limits.size(); ++i) {
    const QueueRecord::Limit& limit = queue.limits[i];
    if (limit.guaranteed.zero()) continue;
    grants.push_back({&queue.queue.quotas[i], &limit.guaranteed, &limit.used});
  }
  if (queue.queue.has_guaranteed) grants.push_back({&kAllNodes, &queue.guaranteed, &queue.used});
  return grants;
}

bool grants_places(const Queue& queue) {
  return std::any_of(queue.quotas.begin(), queue.quotas.end(),
                     [](const Quota& quota) { return quota.has_guaranteed; });
}

bool kept_from_places(const QueueRecord& queue, Tier tier) {
  return queue.known && (!rules_of(queue.queue).pooling || tier == Tier::kHigh);
}

namespace grants {

const Quota& all_nodes() { return kAllNodes; }

std::vector<ResourceId> asked(const Amounts& amounts) {
  std::vector<ResourceId> ids;
  for (const auto& [id, amount] : amounts.extended) {
    if (amount > 0 && !(is_milli(id) && amounts.at(whole_of(id)) > 0)) ids.push_back(whole_of(id));
  }
  for (ResourceId id = 0; id < kFirstExtended; ++id) {
    if (amounts.base[id] > 0) ids.push_back(id);
  }
  return ids;
}

Grants outermost(const Grants& grants) {
  Grants out;
  for (const Granted& grant : grants) {
    const bool inside = std::any_of(grants.begin(), grants.end(), [&](const Granted& other) {
      return within(*grant.nodes, *other.nodes) && !same(*grant.nodes, *other.nodes);
    });
    if (!inside) out.push_back(grant);
  }
  return out;
}

Grants inside_of(const Grants& grants, const Quota& nodes) {
  Grants out;
  for (const Granted& grant : grants) {
    if (within(*grant.nodes, nodes) && !same(*grant.nodes, nodes)) out.push_back(grant);
  }
  return out;
}

__int128 idle(const Granted& grant, ResourceId r) {
  const __int128 left = exactly(*grant.guaranteed, r) - exactly(*grant.used, r);
  return std::max<__int128>(left, 0);
}

}  // namespace grants
}  // namespace sched
