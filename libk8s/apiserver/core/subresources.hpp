// Subresources with rules of their own: binding, eviction, scale and logs of Pods, finalize of
// namespaces. Status goes through the ordinary writer.
#pragma once

#include "libk8s/apiserver/core/call.hpp"

namespace k8s::apiserver {

// POST .../pods/NAME/binding and .../bindings
Reply bind_pod(Core& core, Call& call);
// POST .../pods/NAME/eviction
Reply evict_pod(Core& core, Call& call);
// GET .../pods/NAME/log
Reply pod_log(Core& core, const Call& call);
// GET, PUT, PATCH .../NAME/scale of custom resources that declare it
Reply scale(Core& core, Call& call);
// PUT .../namespaces/NAME/finalize
Reply finalize_namespace(Core& core, Call& call);

}  // namespace k8s::apiserver
