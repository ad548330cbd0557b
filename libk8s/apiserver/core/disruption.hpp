// Disruption: what PodDisruptionBudgets allow, computed from the Pods that are stored.
//
// There is no disruption controller beside this server, so it keeps the budgets' status itself: in
// `tick` for people to read, and anew at each eviction, which decides by it.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "libk8s/apiserver/core/call.hpp"

namespace k8s::apiserver {

// Asks the budgets for leave to evict `pod`, and counts it. 429 when one says no, 500 when several
// budgets cover the Pod. Pods that have ended, run nowhere or are being deleted need no leave.
Check take_disruption(Core& core, const ObjectPtr& pod, bool dry_run);

// Writes the status of every budget whose figures have changed. True when one was written.
bool refresh_budgets(Core& core);

}  // namespace k8s::apiserver
