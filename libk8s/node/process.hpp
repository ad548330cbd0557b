// Processes by identity: a pid means something only together with its start time.
//
// Everything here reads /proc of the caller's own PID namespace. Any thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libk8s/node/files.hpp"

namespace k8s::node {

struct ProcessId {
  pid_t pid = 0;
  std::uint64_t start_ticks = 0;  // field 22 of /proc/PID/stat: since boot
  friend bool operator==(const ProcessId&, const ProcessId&) = default;
};

// The process that has this pid now; nothing when there is none, or only a zombie.
std::optional<ProcessId> identify(pid_t pid);
bool alive(const ProcessId& process);

// A descriptor that names this very process (readable when it ends); empty when it has ended.
Fd open_process(const ProcessId& process);
// Never hits another process that got the pid meanwhile. False when the process has ended.
bool send_signal(const ProcessId& process, int signal);

// Every living process whose parent is `pid`.
std::vector<pid_t> children(pid_t pid);
// Every living process below `ancestor`, by parent pid.
std::vector<pid_t> descendants(pid_t ancestor);
// Every process there is, zombies included.
std::vector<pid_t> all_processes();
// Whether the environment of a process held `entry` ("NAME=value") at its exec.
bool has_environment(pid_t pid, std::string_view entry);

// A different value after each boot of this machine.
std::string boot_id();

}  // namespace k8s::node
