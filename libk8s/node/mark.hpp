// The marks of a Pod's processes: how they are known when nobody above them is left.
//
// As long as a shim or supervisor lives, its processes are those below it. These marks are for
// afterwards. Every process of a Pod carries two, and hands both down to its children:
//
//   - the variable POD_SHIM_UID=<uid>; a program that clears its environment loses it;
//   - a limit that nobody uses (RLIMIT_RTTIME, the CPU time of a real-time process) set to a number
//     made from the uid, tens of thousands of years long. It passes fork, exec, setsid and an empty
//     environment; without privilege it can be lowered, never raised.
//
// Any thread, except where said.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "libk8s/node/process.hpp"

namespace k8s::node {

// "POD_SHIM_UID=<uid>".
std::string environment_mark(const std::string& uid);
// In microseconds. Part of what shims of older versions are known by: never to change.
std::uint64_t limit_mark(const std::string& uid);
// Gives the limit to the calling process and all that it will start. Refused by the system where
// the process already lives under a lower one; then the variable is the only mark.
void take_limit_mark(const std::string& uid);

// Every living process that carries a mark of this Pod.
std::vector<ProcessId> marked_processes(const std::string& uid);
// Kills them. True when there is none any more: to be called until it is.
bool kill_marked(const std::string& uid);

}  // namespace k8s::node
