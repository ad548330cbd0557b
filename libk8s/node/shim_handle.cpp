#include "libk8s/node/shim_handle.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

namespace k8s::node {
namespace {

constexpr int kLockFd = 3;  // where shim_main expects it

Fd open_lock(const std::string& folder) {
  return Fd(::open((folder + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
}

bool take(const Fd& lock) { return ::flock(lock.get(), LOCK_EX | LOCK_NB) == 0; }

// Where the folder itself is gone nobody can be found by it: a shim that had it is about to end.
// Any other error may pass, and until then the shim counts as living.
bool is_locked(const std::string& folder) {
  const Fd lock = open_lock(folder);
  return lock ? !take(lock) : errno != ENOENT && errno != ENOTDIR;
}

// Files and signals of the new process, undone at the end of the scope.
class SpawnSetup {
 public:
  SpawnSetup(const std::string& log, int lock) {
    ::posix_spawn_file_actions_init(&files_);
    ::posix_spawn_file_actions_addopen(&files_, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&files_, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                       0600);
    ::posix_spawn_file_actions_adddup2(&files_, 1, 2);
    ::posix_spawn_file_actions_adddup2(&files_, lock, kLockFd);
    ::posix_spawn_file_actions_addclosefrom_np(&files_, kLockFd + 1);
    ::posix_spawnattr_init(&attributes_);
    // Blocked until the shim has its handler, so that an early order is not the death of it; a
    // session of its own, so that Ctrl-C at our terminal does not reach it.
    sigset_t blocked, defaults;
    ::sigemptyset(&blocked);
    ::sigaddset(&blocked, SIGUSR1);
    ::sigfillset(&defaults);
    ::posix_spawnattr_setsigmask(&attributes_, &blocked);
    ::posix_spawnattr_setsigdefault(&attributes_, &defaults);
    ::posix_spawnattr_setflags(&attributes_,
                               POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
  }
  ~SpawnSetup() {
    ::posix_spawn_file_actions_destroy(&files_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  SpawnSetup(const SpawnSetup&) = delete;
  SpawnSetup& operator=(const SpawnSetup&) = delete;

  const posix_spawn_file_actions_t* files() const { return &files_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t files_;
  posix_spawnattr_t attributes_;
};

}  // namespace

Result<ProcessId> start_shim(const std::vector<std::string>& command, const std::string& folder) {
  Fd lock = open_lock(folder);
  if (!lock) return Status(Code::kInternal, errno_text("open the lock of " + folder, errno));
  if (!take(lock)) return Status(Code::kConflict, "another shim has " + folder);
  // dup2 onto itself would leave close-on-exec set.
  if (lock.get() == kLockFd) lock = Fd(::fcntl(lock.release(), F_DUPFD_CLOEXEC, kLockFd + 1));
  const SpawnSetup setup(folder + "/shim.log", lock.get());
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(const_cast<char*>(folder.c_str()));
  argv.push_back(nullptr);
  pid_t pid = 0;
  const int error =
      ::posix_spawn(&pid, argv[0], setup.files(), setup.attributes(), argv.data(), environ);
  if (error != 0) return Status(Code::kInternal, errno_text("start " + command.front(), error));
  return identify(pid).value_or(ProcessId{pid, 0});
}

ShimState look_at_shim(const std::string& folder) {
  ShimState state;
  state.locked = is_locked(folder);
  // After the lock, so that a shim found dead has written all it ever will.
  if (const Result<std::string> text = read_file(folder + "/shim.json")) {
    if (const Result<ShimIdentity> identity = decode_shim(*text)) state.identity = *identity;
  }
  if (const Result<std::string> text = read_file(folder + "/state.json")) {
    if (Result<PodRecord> record = decode_record(*text)) state.record = std::move(*record);
  }
  return state;
}

Status order_stop(const std::string& folder, const StopOrder& order) {
  if (Status bad = write_file(folder + "/stop.json", encode(order), Sync::kDisk); !bad) return bad;
  const ShimState state = look_at_shim(folder);
  if (state.locked && state.identity) (void)send_signal(state.identity->process, SIGUSR1);
  return Status::ok();
}

}  // namespace k8s::node
