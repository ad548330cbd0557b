// Deleting: preconditions, propagation, finalizers, and the grace period of Pods.
//
// An object that nothing holds goes at once. One with finalizers, or a bound Pod with a grace
// period, gets a deletionTimestamp and goes later: with the update that takes its last finalizer,
// or with a delete of grace 0 by the node that has stopped it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "libk8s/apiserver/core/writer.hpp"

namespace k8s::apiserver {

struct DeletePlan {
  std::optional<std::int64_t> grace_s;
  std::string propagation;            // "", "Background", "Foreground", "Orphan"
  std::string uid, resource_version;  // preconditions; "" for none
};

struct Deletion {
  ObjectPtr object;   // the final state, or the state with its deletionTimestamp
  bool gone = false;  // it is no longer stored
};

Reply delete_object(Core& core, Call& call);
Reply delete_collection(Core& core, Call& call);

Outcome<Deletion> remove(Core& core, const WriteContext& context, const std::string& name,
                         const DeletePlan& plan);

// Reads DeleteOptions from query and body (as JSON value, may be null).
Outcome<DeletePlan> delete_plan(const Query& query, const nlohmann::json& options);

inline constexpr const char* kForegroundFinalizer = "foregroundDeletion";
inline constexpr const char* kOrphanFinalizer = "orphan";

}  // namespace k8s::apiserver
