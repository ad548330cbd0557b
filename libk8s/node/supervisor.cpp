#include "libk8s/node/supervisor.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>

#include "libk8s/node/isolation.hpp"
#include "libk8s/node/launch.hpp"
#include "libk8s/node/mark.hpp"
#include "libk8s/node/mounts.hpp"

namespace k8s::node {
namespace {

constexpr int kControl = 3, kOut = 4, kErr = 5;  // where the supervisor finds its descriptors

// All of it runs in the forked process and ends in _exit.
class SupervisorProcess {
 public:
  SupervisorProcess(const PodPlan& pod, const ContainerPlan& container,
                    const SupervisorOptions& options)
      : pod_(pod), container_(container), options_(options) {}

  [[noreturn]] void run();

 private:
  bool namespaces() const { return options_.isolation == Isolation::kNamespaces; }
  Status set_up();
  LaunchOptions launch_options() const;
  void serve(int signals);
  void obey(std::string_view message);
  void start_probe(char which);
  void reap();
  void kill_all();
  void clear_descendants();
  [[noreturn]] void end();
  void tell(const std::string& message) const;
  void tell_status(std::string message, int status) const;

  const PodPlan& pod_;
  const ContainerPlan& container_;
  const SupervisorOptions& options_;
  pid_t command_ = 0;
  std::map<pid_t, char> probes_;
};

void SupervisorProcess::run() {
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  ::prctl(PR_SET_NAME, "pod-container", 0, 0, 0);
  if (Status bad = set_up(); !bad) {
    tell("F" + bad.message());
    ::_exit(0);
  }
  sigset_t child;
  ::sigemptyset(&child);
  ::sigaddset(&child, SIGCHLD);
  const int signals = ::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
  const Result<pid_t> started = launch(launch_options());
  ::close(kOut);
  ::close(kErr);
  if (!started) {
    tell("F" + started.status().message());
    ::_exit(0);
  }
  command_ = *started;
  tell("R");
  for (;;) serve(signals);
}

Status SupervisorProcess::set_up() {
  if (!namespaces()) {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (container_.mounts.empty()) return Status::ok();
    return {Code::kUnsupported,
            "mountPath " + container_.mounts.front().target +
                " cannot be had: this machine does not allow mount namespaces to this user"};
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  (void)!::sethostname(pod_.hostname.c_str(), pod_.hostname.size());
  const std::string scratch = options_.folder + "/scratch";
  if (Status bad = make_folders(scratch); !bad) return bad;
  MountView view(scratch);
  if (Status bad = view.begin(); !bad) return bad;
  std::vector<Mount> mounts = container_.mounts;
  mounts.push_back({options_.folder + "/hosts", "", "/etc/hosts", false});
  return view.apply(std::move(mounts));
}

LaunchOptions SupervisorProcess::launch_options() const {
  LaunchOptions options;
  options.pod_uid = pod_.uid;
  options.argv = container_.argv;
  options.env = container_.env;
  options.env.push_back(environment_mark(pod_.uid));
  options.cwd = container_.cwd;
  options.run_as_user = container_.run_as_user;
  options.run_as_group = container_.run_as_group;
  options.out = kOut;
  options.err = kErr;
  return options;
}

void SupervisorProcess::serve(int signals) {
  pollfd waits[] = {{kControl, POLLIN, 0}, {signals, POLLIN, 0}};
  if (::poll(waits, 2, -1) < 0) return;
  if (waits[0].revents != 0) {
    char buffer[64];
    const ssize_t n = ::recv(kControl, buffer, sizeof buffer, 0);
    if (n == 0) {  // the shim is gone
      kill_all();
      end();
    }
    if (n > 0) obey({buffer, static_cast<std::size_t>(n)});
  }
  if (waits[1].revents != 0) {
    signalfd_siginfo info;
    while (::read(signals, &info, sizeof info) > 0) {
    }
    reap();
  }
}

void SupervisorProcess::obey(std::string_view message) {
  const char argument = message.size() > 1 ? message[1] : '\0';
  if (message[0] == 'S' && command_ > 0) ::kill(-command_, argument);
  if (message[0] == 'K') kill_all();
  if (message[0] == 'P') start_probe(argument);
}

void SupervisorProcess::start_probe(char which) {
  const std::optional<ProbePlan>& probe = which == 's'   ? container_.startup
                                          : which == 'r' ? container_.readiness
                                                         : container_.liveness;
  if (!probe || probe->command.empty()) return;
  std::erase_if(probes_, [which](const auto& running) {
    if (running.second == which) ::kill(-running.first, SIGKILL);  // it has had its time
    return running.second == which;
  });
  LaunchOptions options = launch_options();
  options.argv = probe->command;
  options.out = options.err = -1;
  const Result<pid_t> started = launch(options);
  if (started) probes_[*started] = which;
  if (!started) tell_status(std::string("P") + which, 127 << 8);
}

void SupervisorProcess::reap() {
  int status = 0;
  pid_t pid = 0;
  bool over = false;
  while ((pid = ::waitpid(-1, &status, WNOHANG)) > 0) {
    if (pid == command_) {
      tell_status("E", status);
      over = true;
    } else if (const auto probe = probes_.find(pid); probe != probes_.end()) {
      tell_status(std::string("P") + probe->second, status);
      probes_.erase(probe);
    }
  }
  if (over) end();
}

void SupervisorProcess::kill_all() {
  if (namespaces()) {
    ::kill(-1, SIGKILL);  // everything in this PID namespace but us
    return;
  }
  for (const pid_t pid : descendants(::getpid())) ::kill(pid, SIGKILL);
}

// A process may fork between being listed and being killed, so it takes rounds until none is left.
void SupervisorProcess::clear_descendants() {
  for (int round = 0; round < 5000; ++round) {
    kill_all();
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    if (::waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD) return;
    ::poll(nullptr, 0, 2);
  }
}

void SupervisorProcess::end() {
  if (!namespaces()) clear_descendants();
  ::_exit(0);
}

void SupervisorProcess::tell(const std::string& message) const {
  (void)::send(kControl, message.data(), message.size(), MSG_NOSIGNAL);
}

void SupervisorProcess::tell_status(std::string message, int status) const {
  char bytes[sizeof status];
  std::memcpy(bytes, &status, sizeof status);
  message.append(bytes, sizeof bytes);
  tell(message);
}

// Puts the three descriptors where the supervisor expects them and closes all others, the shim's
// ends of other supervisors and the Pod's lock among them.
void keep_only(int control, int out, int err) {
  const int high[] = {::fcntl(control, F_DUPFD, 10), ::fcntl(out, F_DUPFD, 10),
                      ::fcntl(err, F_DUPFD, 10)};
  ::dup3(high[0], kControl, O_CLOEXEC);
  ::dup3(high[1], kOut, O_CLOEXEC);
  ::dup3(high[2], kErr, O_CLOEXEC);
  ::close_range(kErr + 1, ~0U, 0);
}

}  // namespace

Result<Supervisor> start_supervisor(const PodPlan& pod, const ContainerPlan& container,
                                    const SupervisorOptions& options) {
  int control[2], out[2], err[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) != 0) {
    return Status(Code::kInternal, errno_text("socketpair", errno));
  }
  Fd ours(control[0]), theirs(control[1]);
  if (::pipe2(out, O_CLOEXEC) != 0) return Status(Code::kInternal, errno_text("pipe", errno));
  Fd out_reader(out[0]), out_writer(out[1]);
  if (::pipe2(err, O_CLOEXEC) != 0) return Status(Code::kInternal, errno_text("pipe", errno));
  Fd err_reader(err[0]), err_writer(err[1]);
  const pid_t pid = fork_isolated(options.isolation);
  if (pid < 0) return Status(Code::kInternal, errno_text("fork", errno));
  if (pid == 0) {
    keep_only(theirs.get(), out_writer.get(), err_writer.get());
    SupervisorProcess(pod, container, options).run();
  }
  for (const int fd : {out_reader.get(), err_reader.get()}) ::fcntl(fd, F_SETFL, O_NONBLOCK);
  return Supervisor{pid, std::move(ours), std::move(out_reader), std::move(err_reader)};
}

}  // namespace k8s::node
