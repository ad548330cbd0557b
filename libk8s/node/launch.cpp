#include "libk8s/node/launch.hpp"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "libk8s/node/mark.hpp"

namespace k8s::node {
namespace {

std::string path_of(const std::vector<std::string>& env) {
  for (const std::string& entry : env) {
    if (entry.starts_with("PATH=")) return entry.substr(5);
  }
  return "/usr/local/bin:/usr/bin:/bin";
}

bool executable(const std::string& file) {
  struct stat info = {};
  return ::stat(file.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
         ::access(file.c_str(), X_OK) == 0;
}

// The file that `command` names, or "".
std::string look_up(const std::string& command, const std::string& path) {
  if (command.find('/') != std::string::npos) return command;
  std::size_t begin = 0;
  while (begin <= path.size()) {
    const std::size_t end = std::min(path.find(':', begin), path.size());
    const std::string folder = path.substr(begin, end - begin);
    const std::string file = (folder.empty() ? "." : folder) + "/" + command;
    if (executable(file)) return file;
    begin = end + 1;
  }
  return "";
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (const std::string& s : strings) out.push_back(const_cast<char*>(s.c_str()));
  out.push_back(nullptr);
  return out;
}

void set_up_files(const LaunchOptions& options) {
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  ::dup2(null, STDIN_FILENO);
  ::dup2(options.out >= 0 ? options.out : null, STDOUT_FILENO);
  ::dup2(options.err >= 0 ? options.err : null, STDERR_FILENO);
}

void set_up_signals() {
  for (int signal = 1; signal < 32; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// "" when done, or the reason why not.
std::string become_user(const LaunchOptions& options) {
  if (options.run_as_group && *options.run_as_group != ::getegid()) {
    if (::setgroups(0, nullptr) != 0 || ::setgid(*options.run_as_group) != 0) {
      return errno_text("runAsGroup " + std::to_string(*options.run_as_group), errno);
    }
  }
  if (options.run_as_user && *options.run_as_user != ::geteuid()) {
    if ((!options.run_as_group && ::setgroups(0, nullptr) != 0) ||
        ::setuid(*options.run_as_user) != 0) {
      return errno_text("runAsUser " + std::to_string(*options.run_as_user), errno) +
             " (running as another user needs root)";
    }
  }
  return "";
}

// In the child; comes back only with the reason why it failed.
std::string exec_command(const LaunchOptions& options) {
  ::setsid();
  take_limit_mark(options.pod_uid);
  set_up_files(options);
  set_up_signals();
  ::umask(022);
  // Before the change of user: a Pod's own folder is closed to other users, but may be worked in.
  const bool there = ::chdir(options.cwd.c_str()) == 0;
  if (std::string bad = become_user(options); !bad.empty()) return bad;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (!there && ::chdir(options.cwd.c_str()) != 0) {
    return errno_text("workingDir " + options.cwd, errno);
  }
  const std::string& command = options.argv.front();
  const std::string file = look_up(command, path_of(options.env));
  if (file.empty()) return "exec: \"" + command + "\": executable file not found in $PATH";
  ::execve(file.c_str(), pointers(options.argv).data(), pointers(options.env).data());
  return errno_text("exec: \"" + command + "\"", errno);
}

std::string read_all(int fd) {
  std::string text;
  char buffer[1024];
  for (;;) {
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return text;
    text.append(buffer, static_cast<std::size_t>(n));
  }
}

}  // namespace

Result<pid_t> launch(const LaunchOptions& options) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return Status(Code::kInternal, errno_text("pipe", errno));
  Fd reader(ends[0]), writer(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return Status(Code::kInternal, errno_text("fork", errno));
  if (child == 0) {
    const std::string bad = exec_command(options);
    (void)!::write(writer.get(), bad.data(), bad.size());
    ::_exit(127);
  }
  writer.reset();
  // The exec closes the pipe: nothing in it means that all went well.
  std::string bad = read_all(reader.get());
  if (bad.empty()) return child;
  ::waitpid(child, nullptr, 0);
  return Status(Code::kInvalid, std::move(bad));
}

}  // namespace k8s::node
