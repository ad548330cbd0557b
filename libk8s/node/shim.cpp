#include "libk8s/node/shim.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <map>
#include <memory>

#include "libk8s/node/isolation.hpp"
#include "libk8s/node/prober.hpp"
#include "libk8s/node/sequence.hpp"
#include "libk8s/node/shim_run.hpp"

namespace k8s::node {
namespace {

constexpr int kLockFd = 3;
// How often a shim looks whether its folder is still there, and the grace its Pod gets if not.
constexpr int kLookHomeMs = 1000;
constexpr std::int64_t kHomelessGraceSeconds = 1;

std::int64_t clock_ns(clockid_t clock) {
  timespec t = {};
  ::clock_gettime(clock, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

// Time goes on while the machine sleeps: deadlines are promises to people.
Now read_clocks() { return {{clock_ns(CLOCK_BOOTTIME)}, {clock_ns(CLOCK_REALTIME)}}; }

class Shim {
 public:
  Shim(std::string folder, PodPlan plan)
      : folder_(std::move(folder)), plan_(std::move(plan)), sequence_(plan_, read_clocks()) {}

  int run();

 private:
  bool introduce();
  bool has_home();
  void carry_out(const Sequence::Action& action);
  void start(std::size_t i, int attempt);
  void heard(std::size_t i, std::string_view message);
  void wait();
  int timeout_ms() const;
  void take_signals();
  void read_stop_order();
  void reap();
  void ended(std::size_t i);
  void run_probes();
  bool save();
  void save_final();
  void clear_strays();
  void sweep() const;

  std::string folder_;
  PodPlan plan_;
  Isolation isolation_ = Isolation::kNone;
  Sequence sequence_;
  std::map<std::size_t, std::unique_ptr<ContainerRun>> runs_;
  std::map<std::size_t, Prober> probers_;
  PodRecord saved_;
  bool ever_saved_ = false;
  bool homeless_ = false;
  bool save_failed_ = false;  // so that it is said once
  Fd signals_;
};

// Says who we are, on disk, before anything is started: from here on the Pod counts as started.
bool Shim::introduce() {
  const std::optional<ProcessId> self = identify(::getpid());
  if (!self) return false;
  isolation_ = enter_isolation(plan_.namespaces);
  const ShimIdentity identity{*self, boot_id(), isolation_};
  const Status written = write_file(folder_ + "/shim.json", encode(identity), Sync::kDisk);
  if (!written) std::fprintf(stderr, "pod-shim: %s\n", written.message().c_str());
  return written.is_ok();
}

int Shim::run() {
  sigset_t all, mine;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  ::sigemptyset(&mine);
  for (const int signal : {SIGCHLD, SIGUSR1, SIGTERM}) ::sigaddset(&mine, signal);
  signals_ = Fd(::signalfd(-1, &mine, SFD_CLOEXEC | SFD_NONBLOCK));
  ::prctl(PR_SET_NAME, "pod-shim", 0, 0, 0);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  if (!signals_ || !introduce()) return 1;
  read_stop_order();
  for (;;) {
    for (const Sequence::Action& action : sequence_.step(read_clocks())) carry_out(action);
    if (sequence_.final()) break;
    (void)save();
    wait();
    run_probes();
    (void)has_home();
  }
  sweep();
  save_final();
  return 0;
}

void Shim::carry_out(const Sequence::Action& action) {
  if (action.kind == Sequence::Action::Kind::kStart) return start(action.container, action.count);
  const auto run = runs_.find(action.container);
  if (run == runs_.end()) return;
  if (action.kind == Sequence::Action::Kind::kTerminate) run->second->signal(SIGTERM);
  if (action.kind == Sequence::Action::Kind::kKill) run->second->kill(action.count);
}

// Whether our folder is still where it was. Without it nobody can find us, order us to stop or read
// our record, so the Pod ends; and nothing more is written, as its place may be somebody else's.
bool Shim::has_home() {
  if (homeless_) return false;
  struct stat ours = {}, there = {};
  if (::fstat(kLockFd, &ours) != 0) return true;
  const bool found = ::stat((folder_ + "/lock").c_str(), &there) == 0;
  if (found && there.st_ino == ours.st_ino && there.st_dev == ours.st_dev) return true;
  // A folder that cannot be looked at just now is none that is gone.
  if (!found && errno != ENOENT && errno != ENOTDIR) return true;
  homeless_ = true;
  sequence_.stop({kHomelessGraceSeconds, "FolderLost", "the Pod's folder is gone"}, read_clocks());
  return false;
}

void Shim::start(std::size_t i, int attempt) {
  const ContainerPlan& container = plan_.containers[i];
  if (!has_home()) return sequence_.start_failed(i, "the Pod's folder is gone", read_clocks());
  Result<Supervisor> supervisor =
      start_supervisor(plan_, container, {folder_, isolation_, attempt});
  if (!supervisor) {
    return sequence_.start_failed(i, supervisor.status().message(), read_clocks());
  }
  LogWriter::Options log{folder_ + "/logs/" + container.name, attempt, plan_.log_file_bytes,
                         plan_.log_files};
  runs_[i] = std::make_unique<ContainerRun>(
      std::move(*supervisor), std::move(log), [] { return read_clocks().wall; },
      [this, i](std::string_view message) { heard(i, message); });
}

void Shim::heard(std::size_t i, std::string_view message) {
  if (message[0] == 'R') {
    sequence_.started(i, read_clocks());
    probers_.insert_or_assign(i, Prober(plan_.containers[i], read_clocks().mono));
  } else if (message[0] == 'P' && probers_.contains(i)) {
    probers_.at(i).heard(message.substr(1), read_clocks().mono);
  }
}

int Shim::timeout_ms() const {
  std::optional<TimePoint> wake = sequence_.next_wake();
  for (const auto& [i, prober] : probers_) {
    const std::optional<TimePoint> next = prober.next_wake();
    if (next) wake = wake ? std::min(*wake, *next) : next;
  }
  if (!wake) return kLookHomeMs;
  const Duration left = *wake - read_clocks().mono;
  // Rounded up, so that what is waited for has come.
  return static_cast<int>(
      std::clamp<std::int64_t>(left.count() / 1'000'000 + 1, 0, std::int64_t{kLookHomeMs}));
}

// Waits for the next thing to happen and takes in everything that has.
void Shim::wait() {
  std::vector<pollfd> waits = {{signals_.get(), POLLIN, 0}};
  for (const auto& [i, run] : runs_) {
    // A negative descriptor is one that has been closed; poll passes over it.
    waits.push_back({run->control(), POLLIN, 0});
    waits.push_back({run->output(LogStream::kStdout), POLLIN, 0});
    waits.push_back({run->output(LogStream::kStderr), POLLIN, 0});
  }
  const std::size_t own = waits.size();
  for (const auto& [i, prober] : probers_) prober.add_waits(waits);
  if (::poll(waits.data(), waits.size(), timeout_ms()) < 0) return;
  std::size_t at = 1;
  for (const auto& [i, run] : runs_) {
    if (waits[at].revents != 0) run->receive();
    if (waits[at + 1].revents != 0) run->copy_output(LogStream::kStdout);
    if (waits[at + 2].revents != 0) run->copy_output(LogStream::kStderr);
    at += 3;
  }
  for (auto& [i, prober] : probers_) {
    prober.ready({waits.begin() + static_cast<std::ptrdiff_t>(own), waits.end()},
                 read_clocks().mono);
  }
  if (waits[0].revents != 0) take_signals();
}

void Shim::take_signals() {
  signalfd_siginfo info = {};
  while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGUSR1) read_stop_order();
    if (info.ssi_signo == SIGTERM) {
      sequence_.stop({plan_.grace_s, "Terminated", "the machine asked the Pod to end (SIGTERM)"},
                     read_clocks());
    }
  }
  reap();
}

void Shim::read_stop_order() {
  const Result<std::string> text = read_file(folder_ + "/stop.json");
  if (!text) return;
  const Result<StopOrder> order = decode_stop(*text);
  if (order) sequence_.stop(*order, read_clocks());
}

void Shim::reap() {
  pid_t pid = 0;
  while ((pid = ::waitpid(-1, nullptr, WNOHANG)) > 0) {
    const auto run = std::find_if(runs_.begin(), runs_.end(),
                                  [pid](const auto& entry) { return entry.second->pid() == pid; });
    if (run != runs_.end()) ended(run->first);
  }
}

void Shim::ended(std::size_t i) {
  ContainerRun& run = *runs_.at(i);
  run.finish();
  probers_.erase(i);
  clear_strays();
  if (run.start_error()) {
    sequence_.start_failed(i, *run.start_error(), read_clocks());
  } else {
    sequence_.exited(i, run.wait_status(), read_clocks());
  }
  runs_.erase(i);
}

void Shim::run_probes() {
  const Now now = read_clocks();
  for (auto& [i, prober] : probers_) {
    for (const char which : prober.due(now.mono)) runs_.at(i)->probe(which);
    sequence_.probed(i, prober.started(), prober.ready_now());
    if (const std::optional<std::string> why = prober.failure()) sequence_.end_run(i, *why, now);
  }
}

// Makes the record visible; what says that a run is over must outlive the machine as well. False
// when it could not be written: it is tried again on the next occasion.
bool Shim::save() {
  const PodRecord& record = sequence_.record();
  if (homeless_ || (ever_saved_ && record == saved_)) return true;
  bool durable = record.final;
  for (std::size_t i = 0; ever_saved_ && i < record.containers.size(); ++i) {
    const ContainerRecord &before = saved_.containers[i], &after = record.containers[i];
    durable = durable || before.last != after.last || before.now.exit_code != after.now.exit_code ||
              before.now.finished != after.now.finished;
  }
  const Status written =
      write_file(folder_ + "/state.json", encode(record), durable ? Sync::kDisk : Sync::kNone);
  if (!written && !save_failed_) {
    std::fprintf(stderr, "pod-shim: %s; trying again\n", written.message().c_str());
  }
  save_failed_ = !written.is_ok();
  if (save_failed_) return false;
  saved_ = record;
  ever_saved_ = true;
  return true;
}

// How the Pod ended is known to nobody but us: a disk that is full now will have room again. Until
// then we stay, and with us the lock, so that nobody takes the Pod for one whose shim died.
void Shim::save_final() {
  while (!save()) {
    ::poll(nullptr, 0, kLookHomeMs);
    (void)has_home();
  }
}

// Orphans of a supervisor that was killed come to us. They go before its container starts again.
void Shim::clear_strays() {
  if (isolation_ == Isolation::kNamespaces) return;  // the kernel has killed them
  const auto supervises = [this](pid_t pid) {
    return std::any_of(runs_.begin(), runs_.end(),
                       [pid](const auto& entry) { return entry.second->pid() == pid; });
  };
  for (int round = 0; round < 5000; ++round) {
    std::vector<pid_t> strays = children(::getpid());
    std::erase_if(strays, supervises);
    if (strays.empty()) return;
    for (const pid_t stray : strays) {
      for (const pid_t pid : descendants(stray)) ::kill(pid, SIGKILL);
      ::kill(stray, SIGKILL);  // what it still forked becomes ours, for the next round
    }
    ::poll(nullptr, 0, 2);
  }
}

// None may be left when the record is final; the kernel's own word for that is ECHILD.
void Shim::sweep() const {
  for (int round = 0; round < 5000; ++round) {
    for (const pid_t pid : descendants(::getpid())) ::kill(pid, SIGKILL);
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    if (::waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD) return;
    ::poll(nullptr, 0, 2);
  }
}

}  // namespace

int shim_main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "pod-shim: needs one argument, the Pod's folder\n");
    return 2;
  }
  // Whatever else the program that started us had open is none of our business; the lock is ours
  // and must not reach the containers.
  ::close_range(kLockFd + 1, ~0U, 0);
  ::fcntl(kLockFd, F_SETFD, FD_CLOEXEC);
  const std::string folder = argv[1];
  const Result<std::string> text = read_file(folder + "/plan.json");
  Result<PodPlan> plan = text ? decode_plan(*text) : Result<PodPlan>(text.status());
  if (!plan) {
    std::fprintf(stderr, "pod-shim: %s\n", plan.status().message().c_str());
    return 1;
  }
  return Shim(folder, std::move(*plan)).run();
}

}  // namespace k8s::node
