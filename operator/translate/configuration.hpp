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
//       zone-b: {gpu: "7.00"}     # what a zone does not say is taken from above
//   latencies:
//   - {between: [zone-a, zone-b], latency: 1500us}
//
// Pure. Wrong parts are left at their defaults and named in `problems`.
#pragma once

#include <string>
#include <string_view>

#include "operator/api/field_reader.hpp"
#include "scheduler/delta.hpp"

namespace fermi {

struct Configuration {
  std::string currency = "CNY";
  std::string gpu_resource = "nvidia.com/gpu";
  sched::ConfigUpdate engine;  // latencies and prices
  // Whether parts of GPUs are given out here: in local mode. Not written by the administrator.
  bool gpu_sharing = false;
  Problems problems;
};

Configuration parse_configuration(std::string_view yaml);

}  // namespace fermi
