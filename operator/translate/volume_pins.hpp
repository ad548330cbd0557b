// Where the volumes of a task let it run. Pure.
//
// A claim that is bound to a PersistentVolume brings the volume's node affinity: the task's nodes
// have to satisfy one of its terms. Its zones become Task::allowed_zones; what else the terms ask
// for (the node of a local volume) becomes node affinity. A claim that is bound to nothing, or to a
// volume that is not known, pins nothing yet.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "operator/api/training_job.hpp"
#include "operator/api/volumes.hpp"
#include "scheduler/delta.hpp"

namespace fermi {

struct VolumeLookup {
  // By "namespace/name", and by name; null for what is not there.
  std::function<std::shared_ptr<const VolumeClaim>(const std::string& key)> claim;
  std::function<std::shared_ptr<const Volume>(const std::string& name)> volume;
};

// The names of the claims that the Pods of a job use, each once, sorted.
std::vector<std::string> claims_of(const TrainingJob& job);

struct VolumePins {
  std::string where;    // "volume pv-7 (claim data) is in zone-b; ...", "" when nothing is pinned
  std::string problem;  // a claim that is not there, or volumes that no zone has together
};

// Adds to the task what its volumes ask for.
VolumePins pin_volumes(const std::string& ns, const std::vector<std::string>& claims,
                       const VolumeLookup& look, sched::Task& task);

}  // namespace fermi
