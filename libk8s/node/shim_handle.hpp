// The runtime's side of a shim: starting it, recognising it after a restart, ordering it to stop.
//
// A Pod's folder holds a `lock` that is locked from before the shim is started until it has ended:
// the shim inherits the locked descriptor. Whoever can lock it knows that no shim of that Pod
// lives, nor is about to. Any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "libk8s/node/records.hpp"

namespace k8s::node {

// Starts the shim on `folder`, where plan.json stands. Its messages go to shim.log there.
// kConflict: a shim has this folder. The process is a child of ours: reap it when it ends.
Result<ProcessId> start_shim(const std::vector<std::string>& command, const std::string& folder);

// What the folder says about its shim.
struct ShimState {
  bool locked = false;                   // a shim lives
  std::optional<ShimIdentity> identity;  // it once said who it is
  std::optional<PodRecord> record;
};
ShimState look_at_shim(const std::string& folder);

// Leaves the order and wakes the shim. Fails when the order could not be written; a shim that is
// gone, or not yet ready for signals, is no error: it reads the order when it begins.
Status order_stop(const std::string& folder, const StopOrder& order);

}  // namespace k8s::node
