// Kubelet: what the nodes of the simulated cluster do with the Pods that are bound to them.
//
// A bound Pod runs after a while and ends after a while; a Pod that is being deleted goes within
// its grace period. How long and how it ends is said by annotations, else drawn from the seed:
//   sim/start-seconds  so much later it starts
//   sim/run-seconds  how long it runs; "forever"
//   sim/exit         its exit code; "once:137" fails so in its job's first attempt only
// It sees the truth at once: its own delays are what is drawn.
#pragma once

#include <set>
#include <string>

#include "tests/sim/sim_server.hpp"
#include "tests/sim/truth.hpp"

namespace fermi::sim {

class Kubelet {
 public:
  Kubelet(SimServer& server, Truth& truth, std::uint64_t seed);

 private:
  void on_change(const Json* before, const Json* after);
  void after(k8s::Duration delay, const std::string& key, const std::string& uid,
             void (Kubelet::*step)(const std::string& key, const Json& pod));
  void run(const std::string& key, const Json& pod);
  void end(const std::string& key, const Json& pod);
  void remove(const std::string& key, const Json& pod);
  void report(const std::string& key, const Json& pod, const Json& status);
  int exit_code(const Json& pod) const;

  SimServer& server_;
  Truth& truth_;
  k8s::testing::Random random_;
  std::set<std::string> started_, removing_;  // uids
};

}  // namespace fermi::sim
