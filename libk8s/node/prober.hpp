// Prober: runs one container's probes and tells what they mean.
//
// One Prober lives as long as one run of the container. Exec probes are run by the container's
// supervisor (`due` names them, `heard` brings results); HTTP and TCP probes are sockets of the
// Prober's own, in the shim's poll loop. Rules as a kubelet's:
//   - without a startup probe the container counts as started at once; with one, the other probes
//     wait until it has succeeded, and its failure ends the run;
//   - readiness begins as false where it is probed, and follows its thresholds;
//   - liveness failing `failureThreshold` times in a row ends the run.
// An HTTP answer from 200 to 399 is a success, an accepted TCP connection is, exit code 0 is.
//
// For the shim's one thread.
#pragma once

#include <poll.h>

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libk8s/node/records.hpp"

namespace k8s::node {

class Prober {
 public:
  Prober(const ContainerPlan& container, TimePoint started);

  // Begins what is due. Gives the exec probes to run: 's', 'r', 'l' (supervisor.hpp).
  std::vector<char> due(TimePoint now);
  // An exec probe's result: which, then its wait status.
  void heard(std::string_view message, TimePoint now);
  // Sockets to wait for, and what poll said of all sockets.
  void add_waits(std::vector<pollfd>& waits) const;
  void ready(const std::vector<pollfd>& waits, TimePoint now);
  std::optional<TimePoint> next_wake() const;

  bool started() const { return started_; }
  bool ready_now() const { return ready_; }
  // Set once the run has to end: why.
  const std::optional<std::string>& failure() const { return failure_; }

 private:
  enum Which : std::size_t { kStartup, kReadiness, kLiveness };
  struct Slot {
    std::optional<ProbePlan> plan;
    TimePoint next;
    std::optional<TimePoint> deadline;  // of the attempt under way
    Fd socket;
    bool sent = false;
    std::string answer;
    int successes = 0, failures = 0;
  };

  bool allowed(std::size_t which) const;
  bool begin(Slot& slot, TimePoint now);
  void progress(std::size_t which, TimePoint now);
  void result(std::size_t which, bool success, TimePoint now);

  std::array<Slot, 3> slots_;
  bool started_ = true, ready_ = true;
  std::optional<std::string> failure_;
};

}  // namespace k8s::node
