// Packing: how much of the GPUs a rule of placement gets allocated when tasks only arrive.
//
// The experiment of the openb logs: tasks are drawn from a log at random and placed one by one
// until what was asked for, placed or not, reaches a given share of the GPUs; what does not fit is
// dropped, nothing ends. A task with one GPU takes a part of one device (`gpu_milli`), with more
// whole devices; cores and memory always. Draws come from SplitMix64, whose state starts at the
// seed, modulo the number of tasks. All is integers: the same input gives the same result anywhere.
//
// Rules:
//   BestFit           the node with least left after it, cores and GPUs by the largest node's
//   FragmentGradient  as published: the least growth of what the expected task cannot use of a
//                     node's free GPUs. It is told the mix of the whole log
//   Engine            the engine itself (scheduler/place/packing.hpp): each task is submitted,
//                     planned and assumed, or removed. It knows what was placed so far, no more
// Ties of the first two go to the node that comes first, and there to the device with least free.
#pragma once

#include <cstdint>
#include <istream>
#include <string>
#include <string_view>
#include <vector>

#include "libk8s/base/status.hpp"
#include "operator/simulate/room.hpp"

namespace fermi::simulate {

struct PackingNode {
  Room room;
  std::string model;
};

// Columns cpu_milli, memory_mib, num_gpu, gpu_milli.
k8s::Result<std::vector<Need>> read_packing_tasks(std::istream& in);
// Columns cpu_milli, memory_mib, gpu, model. Nodes without GPUs are left out.
k8s::Result<std::vector<PackingNode>> read_packing_nodes(std::istream& in);

enum class PackingRule : std::uint8_t { kBestFit, kFragmentGradient, kEngine };
// "BestFit,Engine"; kInvalid names what there is.
k8s::Result<std::vector<PackingRule>> parse_packing_rules(std::string_view text);
const char* name(PackingRule rule);

inline constexpr std::int64_t kPackingLoadMax = 10'000;  // per cent

struct PackingResult {
  std::int64_t gpu_milli = 0;  // of all nodes
  std::int64_t asked_milli = 0, placed_milli = 0;
  std::int64_t tasks = 0, dropped = 0;
};

// kInvalid: no tasks with GPUs, no nodes, or a load outside 1 .. kPackingLoadMax per cent.
k8s::Result<PackingResult> run_packing(const std::vector<Need>& tasks,
                                       const std::vector<PackingNode>& nodes, PackingRule rule,
                                       std::uint64_t seed, std::int64_t load_percent);

}  // namespace fermi::simulate
