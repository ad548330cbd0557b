#include "libk8s/node/watcher_thread.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

namespace k8s::node {

WatcherThread::WatcherThread(Loop& loop)
    : loop_(loop),
      inotify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)),
      wakeup_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      thread_([this] { run(); }) {}

WatcherThread::~WatcherThread() {
  *alive_ = false;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake();
  thread_.join();
}

void WatcherThread::wake() const {
  const std::uint64_t one = 1;
  (void)!::write(wakeup_.get(), &one, sizeof one);
}

void WatcherThread::post(const std::function<void()>& callback) {
  loop_.post([alive = std::weak_ptr<bool>(alive_), callback] {
    const std::shared_ptr<bool> here = alive.lock();
    if (here && *here) callback();
  });
}

void WatcherThread::watch_folder(const std::string& folder, std::function<void()> changed) {
  const std::lock_guard lock(mutex_);
  const int watch = ::inotify_add_watch(inotify_.get(), folder.c_str(), IN_MOVED_TO | IN_ONLYDIR);
  if (watch >= 0) folders_[watch] = {folder, std::move(changed)};
}

void WatcherThread::forget_folder(const std::string& folder) {
  const std::lock_guard lock(mutex_);
  std::erase_if(folders_, [&](const auto& entry) {
    if (entry.second.first != folder) return false;
    ::inotify_rm_watch(inotify_.get(), entry.first);
    return true;
  });
}

void WatcherThread::watch_process(const ProcessId& process, std::function<void()> ended) {
  Fd fd = open_process(process);
  if (!fd) {
    // Already over; if it was a child of ours, nobody else will take it.
    (void)::waitpid(process.pid, nullptr, WNOHANG);
    return post(ended);
  }
  {
    const std::lock_guard lock(mutex_);
    processes_.push_back({std::move(fd), std::move(ended)});
  }
  wake();
}

void WatcherThread::run() {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, nullptr);  // signals are for the program's other threads
  for (;;) {
    std::vector<pollfd> waits = {{wakeup_.get(), POLLIN, 0}, {inotify_.get(), POLLIN, 0}};
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      for (const Process& process : processes_) waits.push_back({process.fd.get(), POLLIN, 0});
    }
    if (::poll(waits.data(), waits.size(), -1) < 0) continue;
    std::uint64_t count = 0;
    (void)!::read(wakeup_.get(), &count, sizeof count);
    take_folder_events();
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 2; i < waits.size(); ++i) {
      if (waits[i].revents == 0) continue;
      const auto process = std::find_if(processes_.begin(), processes_.end(),
                                        [&](const auto& p) { return p.fd.get() == waits[i].fd; });
      if (process == processes_.end()) continue;
      siginfo_t info = {};
      (void)::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(process->fd.get()), &info,
                     WEXITED | WNOHANG);
      post(process->ended);
      processes_.erase(process);
    }
  }
}

void WatcherThread::take_folder_events() {
  std::set<int> changed;
  alignas(inotify_event) char buffer[16384];
  ssize_t n = 0;
  while ((n = ::read(inotify_.get(), buffer, sizeof buffer)) > 0) {
    for (const char* at = buffer; at < buffer + n;) {
      const auto* event = reinterpret_cast<const inotify_event*>(at);
      changed.insert(event->wd);
      at += sizeof(inotify_event) + event->len;
    }
  }
  const std::lock_guard lock(mutex_);
  // A full queue loses events and says so with -1: then everything may have changed.
  if (changed.contains(-1)) {
    for (const auto& [watch, _] : folders_) changed.insert(watch);
  }
  for (const int watch : changed) {
    const auto folder = folders_.find(watch);
    if (folder != folders_.end()) post(folder->second.second);
  }
}

}  // namespace k8s::node
