// The children of a TrainingJob as JSON: one Pod per rank, and the headless Service of the gang.
//
// Pure and deterministic: the same job, placement and rank give the same object, so that a second
// create of a Pod whose first answer was lost finds it there. Names:
//   Pod      <job>-<attempt>-<rank>, hostname <job>-<rank>, subdomain <job>
//   Service  <job>, when the gang has more than one Pod
// The Pod's template of the spec is the base; everything that Fermi sets wins over it.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "libk8s/types/meta.hpp"
#include "operator/api/training_job.hpp"
#include "operator/translate/configuration.hpp"

namespace fermi {

inline constexpr std::int64_t kRendezvousPort = 29500;

std::string pod_name(const TrainingJob& job, std::int64_t attempt, std::int64_t rank);

nlohmann::json job_pod(const TrainingJob& job, const JobPlacement& placement, std::int64_t rank,
                       const Configuration& config);
nlohmann::json job_service(const TrainingJob& job, const JobPlacement& placement);
bool needs_service(const TrainingJob& job);

// What a Pod of this rank will ask for by the rules of Kubernetes (init containers and sidecars of
// the template included).
k8s::ResourceList effective_requests(const TrainingJob& job, std::int64_t rank,
                                     const Configuration& config);

// {"apiVersion", "kind", "name", "uid", "controller": true, "blockOwnerDeletion": true}
nlohmann::json owner_reference(const TrainingJob& job);

// The environment of one rank: torchrun's (PyTorch only), Fermi's own, and the parameters.
nlohmann::json rank_environment(const TrainingJob& job, const JobPlacement& placement,
                                std::int64_t rank);

// Replaces {{name}} by the parameter of that name; what names no parameter stays as it is.
std::string substituted(const std::string& text, const k8s::StringMap& parameters);

}  // namespace fermi
