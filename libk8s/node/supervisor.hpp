// The supervisor: one process between the shim and one run of a container.
//
// With namespaces it is PID 1 of the container: it makes the mounts, starts the command, adopts and
// reaps orphans; when it ends, the kernel kills all that is left. Without them it is a subreaper
// and does that killing itself. It ends when the command has ended, or when the shim is gone.
//
// It speaks with the shim over a SOCK_SEQPACKET pair, one message a packet, first byte the kind:
//
//   shim -> supervisor          supervisor -> shim
//   'S' n   signal n to the     'R'       the command runs
//           command's group     'F' text  it could not be started: why
//   'K'     kill everything     'E' int   the command has ended with this wait status
//   'P' c   run the exec probe  'P' c int that probe has ended with this wait status
//
// where c is 's', 'r' or 'l': startup, readiness, liveness.
#pragma once

#include <sys/types.h>

#include <string>

#include "libk8s/node/records.hpp"

namespace k8s::node {

// The shim's ends of one supervisor.
struct Supervisor {
  pid_t pid = 0;
  Fd control;
  Fd out, err;  // what the command prints; not blocking
};

struct SupervisorOptions {
  std::string folder;  // of the Pod
  Isolation isolation = Isolation::kNone;
  int attempt = 0;
};

// Forks a supervisor for one run of `container`. For a process with one thread.
Result<Supervisor> start_supervisor(const PodPlan& pod, const ContainerPlan& container,
                                    const SupervisorOptions& options);

}  // namespace k8s::node
