// WatcherThread: one thread that waits for files to change and processes to end, for a Loop.
//
// The Loop knows timers only; here is the thread that sleeps in poll and posts to it. It decides
// nothing and reads nothing: it says "something in this folder changed", "this process ended".
//
// Threads: every method is for the loop's thread; callbacks come there too, through Loop::post,
// and never after the WatcherThread is gone.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "libk8s/base/loop.hpp"
#include "libk8s/node/process.hpp"

namespace k8s::node {

class WatcherThread {
 public:
  explicit WatcherThread(Loop& loop);
  ~WatcherThread();
  WatcherThread(const WatcherThread&) = delete;
  WatcherThread& operator=(const WatcherThread&) = delete;

  // Calls `changed` after files were moved into the folder, many moves at once as one. Replaces an
  // earlier watch of that folder.
  void watch_folder(const std::string& folder, std::function<void()> changed);
  void forget_folder(const std::string& folder);

  // Calls `ended` once, when the process has ended; a child of ours is reaped. At once when it has
  // ended already.
  void watch_process(const ProcessId& process, std::function<void()> ended);

 private:
  void run();
  void take_folder_events();
  void post(const std::function<void()>& callback);
  void wake() const;

  Loop& loop_;
  Fd inotify_, wakeup_;
  std::mutex mutex_;  // guards what follows
  bool stopping_ = false;
  std::map<int, std::pair<std::string, std::function<void()>>> folders_;  // by watch descriptor
  struct Process {
    Fd fd;
    std::function<void()> ended;
  };
  std::vector<Process> processes_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // read on the loop's thread only
  std::thread thread_;
};

}  // namespace k8s::node
