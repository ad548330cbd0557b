// Reviews: "who am I" and "may this be done". Nothing is stored.
//
// Members of system:masters may do everything; for others the stored RBAC rules decide (Role,
// ClusterRole and their bindings), so that a review answers as a cluster would.
#pragma once

#include "libk8s/apiserver/core/call.hpp"

namespace k8s::apiserver {

Reply review(Core& core, Call& call);

}  // namespace k8s::apiserver
