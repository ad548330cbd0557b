// CurlLoop: the real Loop. Waits on the sockets of libcurl's multi interface, on timers and on what
// other threads post, and runs callbacks one at a time.
//
// One turn: what was posted; timers that are due; network events; then a wait for whichever comes
// first. Time is CLOCK_MONOTONIC, chance is the kernel's.
//
// `run`, and every method but `post` and `stop`, are for one thread, the loop's own. `stop` may
// also be called from a signal handler.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "libk8s/base/loop.hpp"
#include "libk8s/transport/liveness.hpp"

using CURL = void;
using CURLM = void;

namespace k8s {

class CurlLoop final : public Loop {
 public:
  CurlLoop();
  // Drops timers, posted work and unfinished exchanges without running them.
  ~CurlLoop() override;
  CurlLoop(const CurlLoop&) = delete;
  CurlLoop& operator=(const CurlLoop&) = delete;

  TimePoint now() const override;
  WallTime wall_now() const override;
  TimerId after(Duration delay, std::function<void()> fn) override;
  void cancel(TimerId timer) override;
  void post(std::function<void()> fn) override;
  std::uint64_t random() override;

  // Runs until `stop`. One that came before ends it after the first turn; each ends one run.
  void run();
  void stop();
  // Runs turns until `done()` holds or `limit` has passed; says whether it holds.
  bool run_until(const std::function<bool()>& done, Duration limit);

  // For CurlTransport. Hands an easy handle over: it is driven, `done(CURLcode)` is called once
  // when it ends, then it is cleaned up. `owner` is kept until then, for what its options point at.
  void attach(CURL* easy, std::shared_ptr<void> owner, std::function<void(int)> done);
  // Ends a handle early; `done` is not called. It may still call its data callbacks until the end
  // of the turn when this is called inside one.
  void detach(CURL* easy);
  // The sockets of all handles.
  OpenSockets& sockets() { return sockets_; }

 private:
  struct Driven {
    std::shared_ptr<void> owner;
    std::function<void(int)> done;
  };
  using TimerKey = std::pair<std::int64_t, std::uint64_t>;  // due, id

  void work();
  void wait(std::int64_t until_ns);
  void run_posted();
  void run_timers();
  void perform();
  void finish_handles();
  void add_waiting();
  void remove(CURL* easy);

  OpenSockets sockets_;
  CURLM* multi_;
  bool performing_ = false;  // inside curl_multi_perform
  std::unordered_map<CURL*, Driven> driven_;
  std::vector<CURL*> to_add_, to_remove_;  // asked for while performing

  std::map<TimerKey, std::function<void()>> timers_;
  std::unordered_map<std::uint64_t, std::int64_t> due_of_;
  std::uint64_t last_timer_ = 0;

  std::mutex mutex_;  // guards posted_
  std::vector<std::function<void()>> posted_;
  std::atomic<bool> stop_{false};
};

}  // namespace k8s
