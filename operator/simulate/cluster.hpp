// Cluster: the nodes that a trace is simulated on.
//
// One text says which:
//   128x1        128 nodes of 1 GPU; 80x8 are 80 nodes of 8
//   4x8x64       4 nodes of 8 GPUs and 64 cores
//   nodes.csv    a table with a header: sn, cpu_milli, memory_mib, gpu, model (the openb format)
//   nodes.yaml   a list of {count, gpus, cpu, memory, zone, pool, gpuModel}; all but gpus or cpu
//   may
//                be left out, amounts are written as in Kubernetes ("64", "256Gi")
//
// What is not said of a node (cores, memory) it has more than enough of. GPUs that stand one to a
// node, with nothing else said, are all alike: they are simulated as one pool on one node, where
// every choice of theirs is the same choice, and only their number counts.
#pragma once

#include <cstdint>
#include <istream>
#include <string>
#include <string_view>
#include <vector>

#include "libk8s/base/status.hpp"
#include "operator/simulate/trace.hpp"
#include "scheduler/delta.hpp"

namespace fermi::simulate {

inline constexpr std::int64_t kNodesMax = 1'000'000;

struct Cluster {
  std::vector<sched::Node> nodes;
  std::int64_t gpus = 0;          // of all nodes
  std::int64_t gpus_of_node = 0;  // the most that one has
  std::int64_t nodes_said = 0;    // as many as the text said
};

// "128x1" and its like; kInvalid for anything else.
k8s::Result<Cluster> parse_cluster(std::string_view text);
// `pooled` false keeps one node a GPU: the same figures, found the long way.
k8s::Result<Cluster> uniform_cluster(std::int64_t nodes, std::int64_t gpus, std::int64_t cores,
                                     bool pooled);
k8s::Result<Cluster> read_cluster_csv(std::istream& in);
k8s::Result<Cluster> read_cluster_yaml(std::string_view text);

// The Pods that a job is on this cluster. Without a number of nodes of its own: Pods that fill
// whole nodes, and one with the rest. With one: its GPUs dealt evenly over so many Pods, the first
// ones taking one more.
std::vector<sched::PodGroup> pods_of(const Job& job, const Cluster& cluster);

}  // namespace fermi::simulate
