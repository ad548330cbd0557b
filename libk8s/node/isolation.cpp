#include "libk8s/node/isolation.hpp"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fcntl.h>

#include <string>

namespace k8s::node {
namespace {

bool write_proc(const char* path, const std::string& text) {
  const Fd fd(::open(path, O_WRONLY | O_CLOEXEC));
  return fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

bool enter_user_namespace() {
  const std::string user = std::to_string(::geteuid()), group = std::to_string(::getegid());
  if (::unshare(CLONE_NEWUSER) != 0) return false;
  // Without privilege a group map is only taken once setgroups is given up.
  return write_proc("/proc/self/setgroups", "deny") &&
         write_proc("/proc/self/uid_map", user + " " + user + " 1") &&
         write_proc("/proc/self/gid_map", group + " " + group + " 1");
}

bool exits_with_zero(pid_t child) {
  int status = 0;
  while (child > 0 && ::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return false;
  }
  return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// What a supervisor will do first; when this works, so will that.
bool namespaces_work() {
  const pid_t child = fork_isolated(Isolation::kNamespaces);
  if (child == 0) {
    const bool works = ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                       ::mount("proc", "/proc", "proc", 0, nullptr) == 0 &&
                       ::sethostname("probe", 5) == 0;
    ::_exit(works ? 0 : 1);
  }
  return exits_with_zero(child);
}

bool works_in_child(bool user_namespace) {
  const pid_t child = ::fork();
  if (child == 0) {
    const bool works = (!user_namespace || enter_user_namespace()) && namespaces_work();
    ::_exit(works ? 0 : 1);
  }
  return exits_with_zero(child);
}

}  // namespace

Isolation enter_isolation(bool wanted) {
  if (!wanted) return Isolation::kNone;
  if (::geteuid() == 0 && works_in_child(false)) return Isolation::kNamespaces;
  if (works_in_child(true) && enter_user_namespace()) return Isolation::kNamespaces;
  return Isolation::kNone;
}

pid_t fork_isolated(Isolation isolation) {
  if (isolation == Isolation::kNone) return ::fork();
  constexpr unsigned long kFlags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | SIGCHLD;
  return static_cast<pid_t>(::syscall(SYS_clone, kFlags, nullptr, nullptr, nullptr, 0));
}

}  // namespace k8s::node
