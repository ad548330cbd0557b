#include "tests/property/brute.hpp"

#include "scheduler/audit/rules.hpp"

namespace sched::property {
namespace {

constexpr const char* kGpu = "nvidia.com/gpu";

bool holds(const Resources& free, const Resources& r) {
  const std::int64_t gpus = r.extended_amount(kGpu);
  return (r.cpu_milli == 0 || free.cpu_milli >= r.cpu_milli) &&
         (r.memory_bytes == 0 || free.memory_bytes >= r.memory_bytes) &&
         (r.pods == 0 || free.pods >= r.pods) && (gpus == 0 || free.extended_amount(kGpu) >= gpus);
}

FreeRoom left_by_pods(const World& world) {
  FreeRoom free;
  for (const auto& [name, node] : world.nodes) free[name] = node.allocatable;
  for (const auto& [uid, pod] : world.pods) {
    if (free.contains(pod.node)) move(free[pod.node], pod.requests, -1);
  }
  return free;
}

}  // namespace

void move(Resources& free, const Resources& r, int sign) {
  free.cpu_milli += sign * r.cpu_milli;
  free.memory_bytes += sign * r.memory_bytes;
  free.pods += sign * r.pods;
  free.set_extended(kGpu, free.extended_amount(kGpu) + sign * r.extended_amount(kGpu));
}

Brute::Brute(const World& world, const Task& task) : Brute(world, task, left_by_pods(world)) {}

Brute::Brute(const World& world, const Task& task, FreeRoom free)
    : world_(world), task_(task), free_(std::move(free)) {
  for (const auto& [name, node] : world.nodes) region_[node.zone] = node.region;
  for (const PodGroup& group : task.groups) {
    for (std::int64_t i = 0; i < group.count; ++i) ranks_.push_back(&group);
  }
  for (const auto& [name, node] : world.nodes) {
    const bool may = audit::refuses(node, task, world.queues.at(task.queue)).empty();
    if (may && holds(node.allocatable, task.groups[0].requests)) eligible_.insert(node.zone);
  }
}

std::optional<std::string> domain_of(const World& world, const Task& task, const Node& node) {
  std::string place = node.zone;
  for (const TopologyLevel& level : world.config.topology) {
    const auto label = node.labels.find(level.label);
    place += ", " + level.name + " " + (label == node.labels.end() ? "?" : label->second);
    if (level.name != task.topology_level) continue;
    if (label == node.labels.end()) return std::nullopt;
    return place;
  }
  return std::nullopt;
}

// Of every two Pods in one zone: both in one domain.
bool Brute::lies_as_required() const {
  if (task_.topology_level.empty() || !task_.topology_required) return true;
  for (const std::string& one : chosen_) {
    const Node& a = world_.nodes.at(one);
    const auto domain = domain_of(world_, task_, a);
    if (!domain) return false;
    for (const std::string& other : chosen_) {
      const Node& b = world_.nodes.at(other);
      if (a.zone == b.zone && domain_of(world_, task_, b) != domain) return false;
    }
  }
  return true;
}

// Each Pod counts in every quota that its node matches.
bool Brute::within_quotas() const {
  for (const Quota& quota : world_.queues.at(task_.queue).quotas) {
    if (!quota.has_maximum) continue;
    Resources used, own;
    for (const auto& [name, uses] : used_on) {
      if (audit::counts_in(quota, world_.nodes.at(name))) move(used, uses, 1);
    }
    for (std::size_t rank = 0; rank < ranks_.size(); ++rank) {
      if (!audit::counts_in(quota, world_.nodes.at(chosen_[rank]))) continue;
      move(own, ranks_[rank]->requests, 1);
    }
    const std::int64_t gpus = quota.maximum.extended_amount(kGpu), cpu = quota.maximum.cpu_milli;
    const std::int64_t asked = own.extended_amount(kGpu);
    if (gpus > 0 && asked > 0 && used.extended_amount(kGpu) + asked > gpus) return false;
    if (cpu > 0 && own.cpu_milli > 0 && used.cpu_milli + own.cpu_milli > cpu) return false;
  }
  return true;
}

bool Brute::place(std::size_t rank) {
  if (rank == ranks_.size()) {
    if (!within_quotas() || (also && !also(chosen_))) return false;
    const audit::Geography geography{world_.config, region_};
    return lies_as_required() && audit::zones_wrong(task_, per_zone_, eligible_, geography).empty();
  }
  for (const auto& [name, node] : world_.nodes) {
    // Equal ranks in the order of names: the others are the same assignment.
    const bool twin = rank > 0 && ranks_[rank] == ranks_[rank - 1];
    if (twin && name < chosen_[rank - 1]) continue;
    if (!ranks_[rank]->zone.empty() && ranks_[rank]->zone != node.zone) continue;
    if (!node.ready || node.unschedulable) continue;
    if (!audit::refuses(node, task_, world_.queues.at(task_.queue)).empty()) continue;
    if (!holds(free_[name], ranks_[rank]->requests)) continue;
    move(free_[name], ranks_[rank]->requests, -1);
    ++per_zone_[node.zone];
    chosen_.resize(rank);
    chosen_.push_back(name);
    const bool found = place(rank + 1);
    move(free_[name], ranks_[rank]->requests, 1);
    if (--per_zone_[node.zone] == 0) per_zone_.erase(node.zone);
    if (found) return true;
  }
  return false;
}

bool shares_zones(const Task& task) {
  if (task.groups.size() < 2) return false;
  std::set<std::string> zones;
  for (const PodGroup& g : task.groups) {
    if (g.zone.empty() || !zones.insert(g.zone).second) return true;
  }
  return false;
}

bool defined(const Task& task) {
  return task.zone_policy != ZonePolicy::kSpread ||
         (task.groups.size() == 1 && task.groups[0].zone.empty() && task.max_zones == 0 &&
          task.max_latency_us == 0 && task.min_per_zone == 0);
}

}  // namespace sched::property
