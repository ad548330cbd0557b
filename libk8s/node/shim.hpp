// The shim: one small process per Pod that owns its containers, their logs and their exit records.
//
// It is a mode of the same executable: the program's main calls `shim_main` for its hidden
// subcommand with the arguments after it (argv[1] is the Pod's folder). It reads `plan.json` there
// (records.hpp), becomes a session of its own, and returns when the Pod is done and the last
// record is on disk. It talks to nobody: files in, files out, one signal (SIGUSR1: look at
// `stop.json`). So it lives on when the runtime that started it is killed.
//
// Process tree of a Pod:
//
//   shim                        own session; own user namespace when not root
//    +- supervisor (container)  PID 1 of its own PID namespace, own mount and UTS namespace
//    |   +- the command         own session and process group
//    |       +- its children    orphans come back to the supervisor
//    +- supervisor (container) ...
//
// When a supervisor ends, the kernel kills everything in its PID namespace; when the shim ends, for
// whatever reason, its supervisors end. Where namespaces are refused, the supervisors are
// subreapers that kill all their descendants instead.
//
// Call it first thing in main, before any thread is made.
#pragma once

namespace k8s::node {

// Returns the exit status for the process: 0 when the Pod's record is written.
int shim_main(int argc, char** argv);

}  // namespace k8s::node
