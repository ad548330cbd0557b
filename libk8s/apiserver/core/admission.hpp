// Admission: what the server adds to or refuses of objects of particular built-in kinds.
//
// Namespaces must exist and not be terminating; Pods get their priority, phase and QoS class;
// Services a cluster address; CustomResourceDefinitions their status and finalizer. All of it is
// decided from the store alone.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "libk8s/apiserver/core/writer.hpp"

namespace k8s::apiserver {

// Before validation: may change `object`.
Check admit_create(const Core& core, const WriteContext& context, nlohmann::json& object);
Check admit_update(const Core& core, const WriteContext& context, const nlohmann::json& old,
                   nlohmann::json& fresh);
// After validation of a new object: what validation must not see, such as status.
void finish_create(const Core& core, const WriteContext& context, nlohmann::json& object);

inline constexpr const char* kCrdFinalizer = "customresourcecleanup.apiextensions.k8s.io";

// Sets (or replaces) one condition in status.conditions; keeps lastTransitionTime when the status
// stays the same.
void set_condition(nlohmann::json& object, nlohmann::json condition, const std::string& now);

}  // namespace k8s::apiserver
