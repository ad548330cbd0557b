#include "operator/translate/placement.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include "operator/reconcile/cost.hpp"
#include "operator/translate/job_pod.hpp"
#include "operator/translate/objects.hpp"
#include "operator/translate/resources.hpp"

namespace fermi {

std::vector<std::pair<std::string, std::int64_t>> zone_runs(const std::vector<std::string>& nodes,
                                                            const NodeLookup& node) {
  std::vector<std::pair<std::string, std::int64_t>> out;
  for (const std::string& name : nodes) {
    const auto found = node(name);
    std::string zone = found ? std::string(found->meta.label(label::kNodeZone)) : "";
    if (!out.empty() && out.back().first == zone)
      ++out.back().second;
    else
      out.emplace_back(std::move(zone), 1);
  }
  return out;
}

std::vector<std::string> regions_of(const std::vector<std::string>& nodes, const NodeLookup& node) {
  std::vector<std::string> out;
  for (const std::string& name : nodes) {
    const auto found = node(name);
    const std::string region = found ? std::string(found->meta.label(label::kNodeRegion)) : "";
    if (!region.empty() && std::find(out.begin(), out.end(), region) == out.end())
      out.push_back(region);
  }
  return out;
}

JobPlacement to_placement(const sched::Start& start, const DecisionContext& context,
                          const NodeLookup& node) {
  JobPlacement out;
  out.attempt = start.attempt;
  out.epoch = context.epoch;
  out.port = context.port;
  out.decided_at = whole_seconds(context.now);
  out.nodes = start.placement.nodes;
  out.devices = start.placement.devices;
  out.zones = zone_runs(out.nodes, node);
  return out;
}

PricedAt priced_at(const k8s::Node& node, const Configuration& config) {
  return {std::string(node.meta.label(label::kNodeZone)),
          std::string(node.meta.label(label::kPool)), node.meta.name, gpu_model_of(node, config)};
}

std::int64_t least_hourly_micros(const TrainingJob& job,
                                 const std::vector<std::vector<std::string>>& nodes,
                                 const Configuration& config, const NodeLookup& node) {
  std::int64_t sum = 0, rank = 0;
  for (std::size_t g = 0; g < job.spec.groups.size() && g < nodes.size(); ++g) {
    const JobGroup& group = job.spec.groups[g];
    const sched::Resources requests = pod_to_engine(effective_requests(job, rank, config));
    std::optional<std::int64_t> least;
    for (const std::string& name : nodes[g]) {
      const auto at = node(name);
      if (at == nullptr) continue;
      const std::int64_t cost =
          hourly_micros(requests, priced_at(*at, config), config, group.gpu_milli);
      least = std::min(least.value_or(cost), cost);
    }
    sum += least.value_or(0) * group.nodes;
    rank += group.nodes;
  }
  return sum;
}

std::int64_t gang_hourly_micros(const TrainingJob& job, const JobPlacement& placement,
                                const Configuration& config, const NodeLookup& node) {
  std::int64_t sum = 0;
  for (const PoolRate& rate : gang_rates(job, placement, config, node)) sum += rate.micros;
  return sum;
}

std::vector<PoolRate> gang_rates(const TrainingJob& job, const JobPlacement& placement,
                                 const Configuration& config, const NodeLookup& node) {
  std::map<std::string, std::int64_t> pools;
  std::size_t rank = 0;
  for (const JobGroup& group : job.spec.groups) {
    const sched::Resources requests =
        pod_to_engine(effective_requests(job, static_cast<std::int64_t>(rank), config));
    // An elastic job has one group, of as many as it was given.
    const std::int64_t nodes = job.spec.most_nodes > 0 ? std::ssize(placement.nodes) : group.nodes;
    for (std::int64_t i = 0; i < nodes && rank < placement.nodes.size(); ++i, ++rank) {
      const auto at = node(placement.nodes[rank]);
      if (at == nullptr) continue;
      const PricedAt place = priced_at(*at, config);
      pools[place.pool] += hourly_micros(requests, place, config, group.gpu_milli);
    }
  }
  std::vector<PoolRate> out;
  for (const auto& [pool, micros] : pools)
    if (micros > 0) out.push_back({pool, micros});
  return out;
}

}  // namespace fermi
