// Reason: one true sentence from the numbers of a Reason.
//
//   "needs 16 x A100 in zone-a: 8 free of 32; 2 of 4 eligible nodes fit"
//
// Plain English, no trailing full stop, the same for equal reasons. For kNone it is "".
#pragma once

#include <optional>
#include <string>

#include "scheduler/plan.hpp"

namespace sched {

// Moments a day or more away from `now` are told with their date; without one, none is.
std::string sentence(const Reason& reason, std::optional<Time> now = std::nullopt);

// An amount with its unit: "1.5 cores", "256 GiB", "16 x A100" ("16 x nvidia.com/gpu" when no
// model narrows it down), "4 nodes".
std::string amount(const std::string& resource, const std::string& gpu_model, std::int64_t value);

}  // namespace sched
