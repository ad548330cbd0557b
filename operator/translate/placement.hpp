// From the engine's decision to what is written down. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "libk8s/types/node.hpp"
#include "operator/api/training_job.hpp"
#include "operator/reconcile/cost.hpp"
#include "operator/translate/configuration.hpp"
#include "scheduler/plan.hpp"

namespace fermi {

// A node by name, or null.
using NodeLookup = std::function<std::shared_ptr<const k8s::Node>(const std::string& name)>;

// As far as the price of a Pod there depends on it.
PricedAt priced_at(const k8s::Node& node, const Configuration& config);

struct DecisionContext {
  std::int64_t epoch = 0;
  std::int64_t port = 0;  // 0: the usual one
  k8s::WallTime now;
};
// The regions that these nodes lie in, each once, in the order of the ranks; without those of which
// none is known.
std::vector<std::string> regions_of(const std::vector<std::string>& nodes, const NodeLookup& node);

JobPlacement to_placement(const sched::Start& start, const DecisionContext& context,
                          const NodeLookup& node);

// The zones of these nodes in order, neighbours of one zone counted together.
std::vector<std::pair<std::string, std::int64_t>> zone_runs(const std::vector<std::string>& nodes,
                                                            const NodeLookup& node);

// The least that it costs when each Pod goes to the cheapest of the nodes named for its group: a
// zone or model that the groups have to share may make it more.
std::int64_t least_hourly_micros(const TrainingJob& job,
                                 const std::vector<std::vector<std::string>>& nodes,
                                 const Configuration& config, const NodeLookup& node);

// What the whole gang costs per hour on these nodes; and by pool, nothing where it costs nothing.
std::int64_t gang_hourly_micros(const TrainingJob& job, const JobPlacement& placement,
                                const Configuration& config, const NodeLookup& node);
std::vector<PoolRate> gang_rates(const TrainingJob& job, const JobPlacement& placement,
                                 const Configuration& config, const NodeLookup& node);

}  // namespace fermi
