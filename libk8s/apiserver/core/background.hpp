// What the server does by itself, in `tick`: the namespaces it starts with, and clean-up of deleted
// namespaces and CRDs, and of old Events. (The garbage collector of owners is gc.hpp.)
//
// Both are level-driven: each pass looks at what is stored now, so nothing is lost over a restart.
#pragma once

#include "libk8s/apiserver/core/call.hpp"

namespace k8s::apiserver {

// Makes `default`, `kube-system`, `kube-public` and `kube-node-lease` where they are missing.
Check make_namespaces(Core& core);
// One pass over the namespaces that are being deleted. True when something was changed.
bool clean_namespaces(Core& core);
// One pass over the CRDs that are being deleted.
bool clean_crds(Core& core);
// Deletes Events that nobody has added to for an hour, as Kubernetes does.
void expire_events(Core& core);

}  // namespace k8s::apiserver
