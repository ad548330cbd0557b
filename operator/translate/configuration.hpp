// Configuration: prices, latencies and names, as the administrator writes them (YAML):
//
//   currency: CNY
//   gpuResource: nvidia.com/gpu
//   prices:                       # per hour
//     gpu: "8.50"                 # any GPU that has no price of its own
//     gpuModels: {A100: "12.00"}
//     cpuCore: "0.20"
//     memoryGiB: "0.01"
//     zones:
//       zone-b: {gpu: "7.00"}     # what is not said here is taken from above
//     pools:
//       spot: {gpuModels: {A100: "3.00"}}
//     nodes:
//       gpu-17: {cpuCore: "0.10"}
//   latencies:
//   - {between: [zone-a, zone-b], latency: 1500us}
//   topology:                     # below the zone, from wide to narrow, by labels of the nodes
//   - {level: block, label: example.com/block}
//   - {level: rack, label: example.com/rack}
//   gpuModels:                    # what a node's model is called
//     label: example.com/gpu      # nvidia.com/gpu.product unless said otherwise
//     names: {NVIDIA-A100-SXM4-80GB: A100}
//   degradedPercent: 50           # from so many lost nodes of 100 on a zone is used last
//   regions: {east: {displayName: East coast}}
//   zones: {zone-a: {displayName: Hall A}}
//
// Each price is looked for by itself, the most specific first: node, pool, zone, above. A GPU has
// the price of its model wherever one is named for it, else that of any GPU. Pure. Wrong parts are
// left at their defaults and named in `problems`.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "operator/api/field_reader.hpp"
#include "scheduler/delta.hpp"

namespace fermi {

// Which label of a node tells its GPU model, and what a value of it is called.
struct GpuModels {
  std::string label = "nvidia.com/gpu.product";
  std::map<std::string, std::string> names;  // a value that is not here is its own name
  friend bool operator==(const GpuModels&, const GpuModels&) = default;
};

// What one place says of prices, in millionths per hour.
struct PriceLayer {
  std::optional<std::int64_t> gpu, cpu_core, memory_gib;
  std::map<std::string, std::int64_t> gpu_models;
  friend bool operator==(const PriceLayer&, const PriceLayer&) = default;
};
struct Prices {
  PriceLayer base;
  std::map<std::string, PriceLayer> zones, pools, nodes;
  friend bool operator==(const Prices&, const Prices&) = default;
};

struct Configuration {
  std::string currency = "CNY";
  std::string gpu_resource = "nvidia.com/gpu";
  GpuModels gpu_models;
  std::map<std::string, std::string> region_names, zone_names;  // as people call them
  Prices prices;
  // Latencies, topology, and the prices as far as the engine prefers by them: those of zones, and
  // those of pools for tasks that name one.
  sched::ConfigUpdate engine;
  // Whether parts of GPUs are given out here: in local mode. Not written by the administrator.
  bool gpu_sharing = false;
  Problems problems;
};

Configuration parse_configuration(std::string_view yaml);

// What people call a zone or region: "Hall A (zone-a)", or just its name.
std::string called(const std::map<std::string, std::string>& names, const std::string& name);

}  // namespace fermi
