// WorkQueue: brings keys to a worker, one round of work per key at a time, with retries and delays.
//
// Picture: add / add_after -> WorkSet (what waits) -> worker(key, finish) -> finish(verdict)
//                                 ^                                             |
//                                 +---- again: at once, after a time, or after back-off
//
//   WorkQueue queue(loop, {.workers = 4}, [&](const std::string& key, WorkQueue::Finish finish) {
//     client.call(..., [finish](auto result) {
//       finish(result ? WorkQueue::Verdict::done() : WorkQueue::Verdict::retry());
//     });
//   });
//   informer.on_event([&](const auto& e) { queue.add(key_of(e)); });
//
// The worker looks at the state of the world under the key, never at what the event said: many
// adds may have become one. `finish` is called exactly once per round, at any later time or from
// within the worker; after the queue's end it does nothing.
// Threads: the loop's. The worker is called from the loop, never from inside `add`.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "libk8s/base/loop.hpp"
#include "libk8s/workqueue/retry_delay.hpp"
#include "libk8s/workqueue/work_set.hpp"

namespace k8s {

class WorkQueue {
 public:
  // What follows a round of work.
  class Verdict {
   public:
    static Verdict done() { return Verdict(Kind::kDone, Duration(0)); }
    // It failed: again after the key's back-off.
    static Verdict retry() { return Verdict(Kind::kRetry, Duration(0)); }
    // It went well, and there is more to do at a known time.
    static Verdict again_after(Duration delay) { return Verdict(Kind::kAgain, delay); }

   private:
    friend class WorkQueue;
    enum class Kind : std::uint8_t { kDone, kRetry, kAgain };
    Verdict(Kind kind, Duration delay) : kind_(kind), delay_(delay) {}
    Kind kind_;
    Duration delay_;
  };
  using Finish = std::function<void(Verdict)>;
  using Worker = std::function<void(const std::string& key, Finish finish)>;

  struct Options {
    int workers = 1;  // rounds of work that may be under way at once, each on another key
    RetryDelay::Options retry{};
  };

  WorkQueue(Loop& loop, Options options, Worker worker);
  ~WorkQueue();
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  void add(const std::string& key);
  // Adds the key later. A key waits for one time only, the earliest it was given.
  void add_after(const std::string& key, Duration delay);

  // Begins no more work; what is under way may finish. Later adds are ignored.
  void stop();
  // Calls `done` once nothing is under way any more, perhaps at once.
  void on_drained(std::function<void()> done);

  std::size_t waiting() const { return set_.waiting(); }
  std::size_t delayed() const { return delayed_.size(); }
  std::size_t processing() const { return set_.processing(); }
  int failures(const std::string& key) const { return retry_.failures(key); }

 private:
  void pump();
  void arrange_pump();
  void finish(const std::string& key, Verdict verdict);

  Loop& loop_;
  Options options_;
  Worker worker_;
  WorkSet set_;
  RetryDelay retry_;
  std::map<std::string, std::pair<TimePoint, TimerId>> delayed_;
  TimerId pump_timer_ = TimerId::kNone;
  bool stopped_ = false;
  std::function<void()> drained_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace k8s
