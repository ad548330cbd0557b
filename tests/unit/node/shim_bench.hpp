// A bench for tests with real shims: a folder of its own, plans made by hand, waits with deadlines.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "libk8s/node/records.hpp"
#include "libk8s/node/shim_handle.hpp"

namespace k8s::node::test {

// A fresh folder below the system's temporary one, removed at the end.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// This test program as a shim.
std::vector<std::string> shim_command();

// Looks until `done` or the deadline; says which. Real processes have their own time.
bool eventually(const std::function<bool()>& done, int seconds = 60);

// An argument for `sleep` that no other process has.
std::string own_sleep();
// Processes with exactly this argument, in whatever PID namespace.
std::vector<pid_t> processes_with_argument(const std::string& argument);
// For sh: starts `sleep TIME` and hides it: forked twice, in a session of its own, without any
// environment.
std::string hidden_sleep(const std::string& time);

// A Pod with one main container that runs `script` in sh.
PodPlan plan_with(const std::string& script);
ContainerPlan container(const std::string& name, const std::string& script,
                        ContainerKind kind = ContainerKind::kMain);

// One Pod's shim, killed with everything at the end of the scope.
class ShimBench {
 public:
  explicit ShimBench(PodPlan plan);
  ~ShimBench();
  ShimBench(const ShimBench&) = delete;
  ShimBench& operator=(const ShimBench&) = delete;

  void start();
  const std::string& folder() const { return temp_.path(); }
  ProcessId process() const { return process_; }
  // The newest record; an empty one when there is none yet.
  PodRecord record() const;
  bool wait_final() const;
  // The process was started; how far it has come, it does not say: see wait_log.
  bool wait_running(std::size_t container = 0) const;
  bool wait_log(const std::string& container, const std::string& text) const;
  bool gone() const;  // the shim has ended, and was reaped
  // The log of a container's attempt, without the time stamps: "stdout F text\n".
  std::string log(const std::string& container, int attempt = 0) const;

 private:
  TempFolder temp_;
  PodPlan plan_;
  ProcessId process_;
};

}  // namespace k8s::node::test
