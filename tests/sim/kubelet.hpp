// Kubelet: what the nodes of the simulated cluster do with the Pods that are bound to them.
//
// A bound Pod runs after a while and ends after a while; a Pod that is being deleted goes within
// its grace period. How long and how it ends is said by annotations, else drawn from the seed:
//   sim/start-seconds  so much later it starts
//   sim/run-seconds  how long it runs; "forever"
//   sim/exit         its exit code; "once:137" fails so in its job's first attempt only
// It sees the truth at once: its own delays are what is drawn.
//
// When the store is restored from a backup, nodes still run what they ran. A Pod that the store
// does not know any more, or has on no node, is killed within its grace period, and has its devices
// until then; one that comes to its node meanwhile and finds too few is rejected, as a kubelet does
// ("OutOfnvidia.com/gpu"). A Pod that has ended here and is bound in the store runs once more.
#pragma once

#include <map>
#include <set>
#include <string>

#include "tests/sim/sim_server.hpp"
#include "tests/sim/truth.hpp"

namespace fermi::sim {

class Kubelet {
 public:
  Kubelet(SimServer& server, Truth& truth, std::uint64_t seed);

  // After a restore, when the Truth has it.
  void reconnect();
  // How many Pods were rejected for want of devices.
  int rejected() const { return rejected_; }

 private:
  // A process that the node still runs for a Pod that is not bound to it any more.
  struct Orphan {
    std::string node, uid;
    Amounts holds;
    k8s::TimePoint until;
  };
  void on_change(const Json* before, const Json* after);
  void after(k8s::Duration delay, const std::string& key, const std::string& uid,
             void (Kubelet::*step)(const std::string& key, const Json& pod));
  void run(const std::string& key, const Json& pod);
  void end(const std::string& key, const Json& pod);
  void remove(const std::string& key, const Json& pod);
  void report(const std::string& key, const Json& pod, const Json& status);
  int exit_code(const Json& pod) const;
  std::string lacks(const Json& pod);

  SimServer& server_;
  Truth& truth_;
  k8s::testing::Random random_;
  std::set<std::string> started_, removing_;  // uids
  std::map<std::string, Json> running_;       // as they were bound, by uid
  std::vector<Orphan> orphans_;
  int rejected_ = 0;
};

}  // namespace fermi::sim
