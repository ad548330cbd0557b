// Lease objects (coordination.k8s.io/v1) <-> LeaseRecord. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "libk8s/leader/election.hpp"

namespace k8s {

// Reads leniently: what is missing or malformed is empty, as a Lease made by hand may be.
LeaseRecord lease_record(const nlohmann::json& lease);

// `base`, a Lease as read or null, with `record` in its spec. What else it says stays as it was; so
// do its uid and resourceVersion, which guard the write.
nlohmann::json lease_object(const nlohmann::json& base, const ElectionConfig& config,
                            const LeaseRecord& record);

}  // namespace k8s
