// Parts of GPUs: how the API says them, in jobs, Pods and placements. Pure.
//
// A Pod that shares a GPU asks the API server for none. Two annotations say what it has, so that
// whoever reads the Pod, a new leader or the node, needs nothing else:
//
//   fermi-cluster.com/shared-part:   "0.46"               of one GPU
//   fermi-cluster.com/shared-device: "nvidia.com/gpu#0"   which: the node's shared GPU number 0
//
// Pods of a node that say the same number share one GPU. The number is a name: which GPU it is, the
// node decides when the first of them comes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "libk8s/types/node.hpp"
#include "libk8s/types/pod.hpp"
#include "operator/api/gpu_part.hpp"
#include "operator/api/training_job.hpp"
#include "operator/translate/configuration.hpp"
#include "scheduler/delta.hpp"

namespace fermi {

struct SharedDevice {
  std::string resource;
  std::int64_t number = -1;
};
std::string device_text(const SharedDevice& device);
std::optional<SharedDevice> device_of(std::string_view text);

// What the annotations of a Pod say; nothing of what is not readable.
void read_part(const k8s::Pod& pod, sched::PodUpsert& out);

// The engine's form of a placement.
sched::Placement to_engine(const JobPlacement& placement);

// Why a job that asks for a part of a GPU may not be scheduled although its object is well formed
// ("" when it may, or asks for none).
std::string part_problem(const TrainingJob& job, const Configuration& config);

// Whether a node that offers `allocatable` has room for all this; shared devices are among the
// amounts by their names ("nvidia.com/gpu#0": 460).
bool fits_node(const sched::Resources& use, const sched::Resources& allocatable);

}  // namespace fermi
