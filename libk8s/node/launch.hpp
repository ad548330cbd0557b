// Launching a command: fork, set up, exec, and the reason when that fails.
//
// For the supervisor, a process with one thread.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "libk8s/node/records.hpp"

namespace k8s::node {

struct LaunchOptions {
  std::string pod_uid;  // whose mark (mark.hpp) the process gets, besides that in `env`
  std::vector<std::string> argv;
  std::vector<std::string> env;  // PATH in it is where argv[0] is looked up
  std::string cwd;
  std::optional<std::uint32_t> run_as_user, run_as_group;
  int out = -1, err = -1;  // become stdout and stderr; /dev/null when negative
};

// Starts the command as leader of its own session and process group, to be killed when its parent
// dies. Returns once it has been exec-ed; otherwise the error says what was wrong, in words like
// `exec: "train": executable file not found in $PATH`.
Result<pid_t> launch(const LaunchOptions& options);

}  // namespace k8s::node
