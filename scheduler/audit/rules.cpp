#include "scheduler/audit/rules.hpp"

#include <algorithm>
#include <cstdlib>

#include "scheduler/limits.hpp"

namespace sched::audit {
namespace {

bool lists(const std::vector<std::string>& list, const std::string& word) {
  for (const std::string& entry : list) {
    if (entry == word) return true;
  }
  return false;
}

// A label's value, or nothing. The node's own name can be asked for like a label.
std::vector<std::string> value_of(const Node& node, const std::string& key) {
  if (key == "metadata.name") return {node.name};
  if (auto at = node.labels.find(key); at != node.labels.end()) return {at->second};
  return {};
}

bool to_number(const std::string& text, long long& number) {
  if (text.empty()) return false;
  const std::size_t digits = text[0] == '-' ? 1 : 0;
  if (digits == text.size() || text.find_first_not_of("0123456789", digits) != std::string::npos ||
      text.size() > 18) {
    return false;
  }
  number = std::strtoll(text.c_str(), nullptr, 10);
  return true;
}

// Operators as in Kubernetes; an unknown one matches nothing.
bool meets(const Node& node, const Requirement& r) {
  const auto value = value_of(node, r.key);
  if (r.op == "Exists") return !value.empty();
  if (r.op == "DoesNotExist") return value.empty();
  if (r.op == "In") return !value.empty() && lists(r.values, value[0]);
  if (r.op == "NotIn") return value.empty() || !lists(r.values, value[0]);
  long long have = 0, want = 0;
  if (value.empty() || r.values.size() != 1 || !to_number(value[0], have) ||
      !to_number(r.values[0], want)) {
    return false;
  }
  return r.op == "Gt" ? have > want : r.op == "Lt" && have < want;
}

bool meets_any(const Node& node, const std::vector<std::vector<Requirement>>& terms) {
  if (terms.empty()) return true;
  for (const auto& term : terms) {
    bool all = !term.empty();
    for (const Requirement& r : term) all = all && meets(node, r);
    if (all) return true;
  }
  return false;
}

// Effect empty: any. Exists without a key: every taint. No operator: Equal.
bool tolerated(const Taint& taint, const std::vector<Toleration>& tolerations) {
  for (const Toleration& t : tolerations) {
    const bool effect = t.effect.empty() || t.effect == taint.effect;
    const bool exists = t.op == "Exists" && (t.key.empty() || t.key == taint.key);
    const bool equal =
        (t.op.empty() || t.op == "Equal") && t.key == taint.key && t.value == taint.value;
    if (effect && (exists || equal)) return true;
  }
  return false;
}

}  // namespace

bool is_strict(const Queue& queue) {
  if (queue.passing) return *queue.passing == Passing::kStrict;
  return queue.strategy == Strategy::kFifo;
}

bool by_priority(const Queue& queue) {
  if (queue.order)
    return *queue.order == Order::kPriority || *queue.order == Order::kTenantPriority;
  return queue.strategy == Strategy::kPriorityBased || queue.strategy == Strategy::kHybrid;
}

bool by_tenant(const Queue& queue) {
  if (queue.order) return *queue.order != Order::kSubmitTime && *queue.order != Order::kPriority;
  return queue.strategy == Strategy::kDrf || queue.strategy == Strategy::kFairSharing ||
         queue.strategy == Strategy::kTimeSlicing || queue.strategy == Strategy::kHybrid;
}

bool by_share(const Queue& queue) {
  if (queue.order) {
    return *queue.order == Order::kTenantShare || *queue.order == Order::kTenantPriority;
  }
  return queue.strategy == Strategy::kDrf || queue.strategy == Strategy::kHybrid;
}

bool may_borrow(const Queue& queue) {
  if (queue.pooling) return *queue.pooling;
  return queue.strategy == Strategy::kResourcePooling || queue.strategy == Strategy::kHybrid;
}

bool takes_turns(const Queue& queue) {
  const bool asked = queue.slices ? *queue.slices : queue.strategy == Strategy::kTimeSlicing;
  return asked && queue.quantum_ns > 0;
}

bool counts_in(const Quota& quota, const Node& node) {
  return (quota.zone.empty() || quota.zone == node.zone) &&
         (quota.pool.empty() || quota.pool == node.pool) &&
         (quota.gpu_model.empty() || quota.gpu_model == node.gpu_model);
}

std::string of_nodes(const Quota& quota) {
  std::string text;
  if (!quota.zone.empty()) text += " in zone " + quota.zone;
  if (!quota.pool.empty()) text += " in pool " + quota.pool;
  if (!quota.gpu_model.empty()) text += " with " + quota.gpu_model;
  return text;
}

// "nvidia.com/gpu", "amd.com/gpu", "nvidia.com/mig-1g.5gb", "nvidia.com/gpu.shared"
bool counts_gpus(const std::string& resource) {
  const std::size_t slash = resource.rfind('/');
  if (slash == std::string::npos) return false;
  const std::string kind = resource.substr(slash + 1);
  return kind == "gpu" || kind.rfind("gpu.", 0) == 0 || kind.rfind("mig-", 0) == 0;
}

std::optional<std::vector<PodGroup>> groups_for(const Task& task, std::size_t nodes) {
  if (nodes == 0 || nodes > static_cast<std::size_t>(kGangMax)) return std::nullopt;
  const auto size = static_cast<std::int64_t>(nodes);
  std::vector<PodGroup> groups;
  std::int64_t least = 0;
  for (const PodGroup& group : task.groups) {
    if (group.count <= 0) continue;
    if (group.count > kGangMax) return std::nullopt;
    least += group.count;
    if (least > kGangMax) return std::nullopt;
    groups.push_back(group);
  }
  if (size == least) return task.groups;
  const bool elastic = groups.size() == 1 && groups[0].shared_milli == 0 &&
                       task.zone_policy != ZonePolicy::kSpread && task.min_per_zone <= 0;
  if (!elastic || size < least || size > groups[0].most) return std::nullopt;
  groups[0].count = size;
  return groups;
}

bool includes(std::vector<std::string> all, std::vector<std::string> some) {
  std::sort(all.begin(), all.end());
  std::sort(some.begin(), some.end());
  return std::includes(all.begin(), all.end(), some.begin(), some.end());
}

std::int64_t stated_end(std::int64_t from, std::int64_t duration) {
  return duration > 0 && duration < kLongest && from < kLongest ? from + duration : kNever;
}

// In the order in which a reader would look: wishes, volumes, the queue, labels, taints.
std::string refuses(const Node& node, const Task& task, const Queue& queue) {
  if (!task.pool.empty() && node.pool != task.pool) return "is in pool " + node.pool;
  if (!task.gpu_model.empty() && node.gpu_model != task.gpu_model) {
    return "has GPU model " + node.gpu_model;
  }
  if (!task.allowed_zones.empty() && !lists(task.allowed_zones, node.zone)) {
    return "is outside the zones its volumes allow";
  }
  if (!queue.zones.empty() && !lists(queue.zones, node.zone)) return "is outside the queue's zones";
  if (!queue.pools.empty() && !lists(queue.pools, node.pool)) return "is outside the queue's pools";
  if (!queue.gpu_models.empty() && !node.gpu_model.empty() &&
      !lists(queue.gpu_models, node.gpu_model)) {
    return "has a GPU model the queue does not have";
  }
  if (lists(task.excluded_nodes, node.name)) return "is excluded";
  for (const auto& [key, value] : task.node_selector) {
    const auto has = value_of(node, key);
    if (has.empty() || has[0] != value) return "does not have the label " + key + "=" + value;
  }
  if (!meets_any(node, task.affinity)) return "meets no term of its node affinity";
  for (const Taint& taint : node.taints) {
    const bool hard = taint.effect == "NoSchedule" || taint.effect == "NoExecute";
    if (hard && !tolerated(taint, task.tolerations)) return "has the taint " + taint.key;
  }
  return "";
}

std::int64_t Geography::latency(const std::string& a, const std::string& b) const {
  if (a == b) return 0;
  for (const auto& pair : {std::pair(a, b), std::pair(b, a)}) {
    if (auto at = config.latency_us.find(pair); at != config.latency_us.end()) {
      return std::max<std::int64_t>(0, std::min(at->second, kLatencyFar));
    }
  }
  return region_of.at(a) == region_of.at(b) ? 0 : kLatencyFar;
}

bool in_one_zone(const Task& task) {
  const bool grouped =
      !task.group_uid.empty() && (!task.group_zones.empty() || task.group_skew > 0);
  return grouped && task.zone_policy != ZonePolicy::kExact;
}

bool group_names(const Task& task, const std::string& zone) {
  const auto& zones = task.group_zones;
  return task.group_uid.empty() || zones.empty() ||
         std::any_of(zones.begin(), zones.end(),
                     [&](const GroupZone& g) { return g.zone == zone; });
}

// Zone forms one by one; the exact split is checked rank by rank elsewhere.
std::string zones_wrong(const Task& task, const std::map<std::string, std::int64_t>& per_zone,
                        const std::set<std::string>& eligible, const Geography& geography) {
  const auto used = static_cast<std::int64_t>(per_zone.size());
  const bool single = task.zone_policy == ZonePolicy::kSingle || in_one_zone(task);
  if (single && used > 1) return "asks for one zone";
  if (task.max_zones > 0 && used > task.max_zones) return "uses more zones than allowed";
  std::int64_t most = 0;
  for (const auto& [zone, count] : per_zone) {
    most = std::max(most, count);
    if (count < task.min_per_zone) return "has too few Pods in " + zone;
    for (const auto& [other, unused] : per_zone) {
      if (task.max_latency_us > 0 && geography.latency(zone, other) > task.max_latency_us) {
        return "is too far apart: " + zone + " and " + other;
      }
      if (task.zone_policy == ZonePolicy::kSameRegion &&
          geography.region_of.at(zone) != geography.region_of.at(other)) {
        return "leaves its region: " + zone + " and " + other;
      }
    }
  }
  const bool spreads = task.zone_policy == ZonePolicy::kSpread && task.groups.size() == 1 &&
                       task.groups[0].zone.empty() && task.max_zones <= 0 &&
                       task.max_latency_us <= 0;
  if (!spreads || single) return "";
  std::int64_t least = most;
  for (const std::string& zone : eligible) {
    auto at = per_zone.find(zone);
    least = std::min(least, at == per_zone.end() ? 0 : at->second);
  }
  if (most - least > std::max<std::int64_t>(1, task.max_skew)) return "is not spread evenly";
  return "";
}

// Says the length of each label, so that no two places have one name.
std::string domain_of(const Task& task, const std::vector<TopologyLevel>& levels,
                      const Node& node) {
  std::string name;
  std::size_t counted = 0;
  for (const TopologyLevel& level : levels) {
    if (level.name.empty() || level.label.empty()) continue;
    if (++counted > kTopologyLevelsMax) break;
    const auto at = node.labels.find(level.label);
    const std::string value = at == node.labels.end() ? "" : at->second;
    name += std::to_string(value.size()) + ":" + value + "/";
    if (level.name == task.topology_level) return value.empty() ? "" : name;
  }
  return "";
}

std::string topology_wrong(const Task& task, const std::vector<TopologyLevel>& levels,
                           const std::vector<const Node*>& ranks, bool numbered) {
  if (task.topology_level.empty()) return "";
  if (task.topology_required) {
    std::map<std::string, std::string> of_zone;
    for (const Node* node : ranks) {
      const std::string domain = domain_of(task, levels, *node);
      if (domain.empty()) return "lies outside of every " + task.topology_level;
      if (of_zone.try_emplace(node->zone, domain).first->second != domain) {
        return "lies in more than one " + task.topology_level + " of " + node->zone;
      }
    }
  }
  std::size_t rank = 0;
  for (const PodGroup& group : task.groups) {
    std::set<std::string> left;
    std::string before;
    for (std::int64_t i = 0; numbered && i < group.count && rank < ranks.size(); ++i, ++rank) {
      // Nodes that lie in no domain may stand anywhere between domains.
      std::string domain = domain_of(task, levels, *ranks[rank]);
      if (!domain.empty()) domain = ranks[rank]->zone + "/" + domain;
      if (domain != before && !before.empty()) left.insert(before);
      if (left.contains(domain)) return "does not number its ranks domain by domain";
      before = std::move(domain);
    }
  }
  return "";
}

}  // namespace sched::audit
