// The nodes that local mode plays: this machine as it is, or simulated ones in zones.
#pragma once

#include <string_view>
#include <vector>

#include "libk8s/base/status.hpp"
#include "libk8s/node/node_runtime.hpp"

namespace fermi {

// "zone-a=2x8,zone-b=3x8": two nodes of 8 GPUs in zone-a, three in zone-b, named zone-a-0, ...
// Each has 64 CPUs and 256 GiB; the GPUs are simulated. At most 1,000 nodes of at most 64 GPUs.
k8s::Result<std::vector<k8s::node::NodeSpec>> simulated_nodes(std::string_view text);

// This machine with its CPUs, memory and NVIDIA GPUs (by NVML, if the library is there).
k8s::node::NodeSpec this_machine();

}  // namespace fermi
