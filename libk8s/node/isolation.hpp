// Namespaces for a Pod: finding out what the kernel allows, and entering them.
//
// Called by the shim while it has one thread. Nothing here stays half done: what is tried is tried
// in a child first.
#pragma once

#include <sys/types.h>

#include "libk8s/node/records.hpp"

namespace k8s::node {

// Makes this process able to start children in namespaces of their own, if it may: as root with
// CAP_SYS_ADMIN nothing is needed, otherwise it moves into a user namespace of its own in which
// only its own user and group exist. kNone when `wanted` is false or the kernel refuses.
Isolation enter_isolation(bool wanted);

// Like fork. With kNamespaces the child is PID 1 of a new PID namespace, in new mount and UTS
// namespaces.
pid_t fork_isolated(Isolation isolation);

}  // namespace k8s::node
