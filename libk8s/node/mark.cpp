#include "libk8s/node/mark.hpp"

#include <signal.h>
#include <sys/resource.h>

namespace k8s::node {

std::string environment_mark(const std::string& uid) { return "POD_SHIM_UID=" + uid; }

std::uint64_t limit_mark(const std::string& uid) {
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (const char c : uid) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  // Between 2^62 and 2^63: longer than any process lives, and short of "unlimited".
  return (std::uint64_t{1} << 62) | (hash >> 2);
}

void take_limit_mark(const std::string& uid) {
  const rlimit limit{limit_mark(uid), limit_mark(uid)};
  (void)::setrlimit(RLIMIT_RTTIME, &limit);
}

std::vector<ProcessId> marked_processes(const std::string& uid) {
  const std::string variable = environment_mark(uid);
  const std::uint64_t wanted = limit_mark(uid);
  std::vector<ProcessId> found;
  for (const pid_t pid : all_processes()) {
    rlimit limit{};
    const bool limited =
        ::prlimit(pid, RLIMIT_RTTIME, nullptr, &limit) == 0 && limit.rlim_max == wanted;
    if (!limited && !has_environment(pid, variable)) continue;
    if (const std::optional<ProcessId> process = identify(pid)) found.push_back(*process);
  }
  return found;
}

bool kill_marked(const std::string& uid) {
  const std::vector<ProcessId> left = marked_processes(uid);
  for (const ProcessId& process : left) (void)send_signal(process, SIGKILL);
  return left.empty();
}

}  // namespace k8s::node
