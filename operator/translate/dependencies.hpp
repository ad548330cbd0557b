// Which other jobs a job waits for (spec.scheduling.after). Pure.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "operator/api/training_job.hpp"

namespace fermi {

struct Dependencies {
  // Those that are met now, or were met at some time: they count no more, whatever becomes of them.
  std::vector<std::string> met;
  std::string why;  // what it waits for; "" when it waits for nobody
  std::string
      reason;  // "Dependency"; "DependencyFailed" or "DependencyCycle" where waiting is vain
  bool hopeless = false;
  friend bool operator==(const Dependencies&, const Dependencies&) = default;
};

// The job of this name in the same namespace, or null.
using FindJob = std::function<std::shared_ptr<const TrainingJob>(const std::string& name)>;

Dependencies dependencies_of(const TrainingJob& job, const FindJob& find);

}  // namespace fermi
