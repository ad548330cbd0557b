#include "scheduler/audit/grants.hpp"

#include <algorithm>

namespace sched::audit {
namespace {

std::vector<std::string> name_of(const Quota& q) { return {q.zone, q.pool, q.gpu_model}; }

}  // namespace

std::vector<Grant> grants_of(const Queue& queue) {
  std::vector<Grant> grants;
  for (const Quota& quota : queue.quotas) {
    if (!quota.has_guaranteed) continue;
    Quota nodes;
    nodes.zone = quota.zone;
    nodes.pool = quota.pool;
    nodes.gpu_model = quota.gpu_model;
    grants.push_back({nodes, limits(quota.guaranteed)});
  }
  if (queue.has_guaranteed) grants.push_back({{}, limits(queue.guaranteed)});
  return grants;
}

bool same_nodes(const Quota& a, const Quota& b) { return name_of(a) == name_of(b); }

bool closer(const Quota& a, const Quota& b) {
  const auto x = name_of(a), y = name_of(b);
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!y[i].empty() && x[i] != y[i]) return false;
  }
  return x != y;
}

bool apart(const Quota& a, const Quota& b) {
  const auto x = name_of(a), y = name_of(b);
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!x[i].empty() && !y[i].empty() && x[i] != y[i]) return true;
  }
  return false;
}

std::vector<Grant> outermost(const std::vector<Grant>& grants) {
  std::vector<Grant> out;
  for (const Grant& grant : grants) {
    const auto wider = [&](const Grant& other) { return closer(grant.nodes, other.nodes); };
    if (std::none_of(grants.begin(), grants.end(), wider)) out.push_back(grant);
  }
  return out;
}

std::vector<Grant> inside(const std::vector<Grant>& grants, const Quota& nodes) {
  std::vector<Grant> out;
  for (const Grant& grant : grants) {
    if (closer(grant.nodes, nodes)) out.push_back(grant);
  }
  return out;
}

__int128 at(const Charge& charge, const std::string& resource) {
  const auto found = charge.find(resource);
  return found == charge.end() ? 0 : found->second;
}

}  // namespace sched::audit
