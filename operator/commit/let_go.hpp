// LetGo: takes Fermi's finalizers off everything, so that nothing waits for a Fermi that is gone
// for good. What `fermi uninstall` does.
//
//   1. while a leader holds its lease, it refuses: the leader would put them on again;
//   2. every TrainingJob and TaskQueue that carries a finalizer of ours loses it, whatever else it
//      carries stays. What running jobs have spent until then is in their statuses, not in the
//      ledger.
// Safe to run again at any time. Threads: the loop's.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "libk8s/transport/client.hpp"

namespace fermi {

struct LetGoOptions {
  std::string ns = "fermi-system", lease_name = "fermi-operator";
  bool force = false;  // do not ask for the lease
};

struct LetGoReport {
  std::int64_t jobs = 0, queues = 0;  // that lost a finalizer
  std::int64_t failed = 0;
  std::string error;  // why it did nothing, or the first of what failed; "" when all went well
};

// `done` is called once, from the loop, unless the client is destroyed first.
void let_go(k8s::Client& client, LetGoOptions options, std::function<void(LetGoReport)> done);

}  // namespace fermi
