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
  Prices prices;
  // Latencies, and the prices as far as the engine prefers by them: those of zones, and those of
  // pools for tasks that name one.
  sched::ConfigUpdate engine;
  Problems problems;
};

Configuration parse_configuration(std::string_view yaml);

}  // namespace fermi
