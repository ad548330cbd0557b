// SimLoop: a Loop in virtual time, replayable from a seed.
//
// Picture: a heap of timers, ordered by (due time, order of making). `step` takes the first one,
// sets the clock to its due time and runs it. Nothing sleeps; an hour of waiting costs nothing.
// Two runs with the same seed and the same calls do the same things in the same order.
//
// Invariants:
//  1. The clock never goes back; it moves only in `step`, `run_*` and `advance`.
//  2. A callback never runs from inside the call that arranged it.
//  3. A loop that spins without the clock moving (more than `kTurnsPerInstant` callbacks at one
//     instant) aborts the program with a sentence, instead of hanging it.
//
// Threads: as Loop says: `post` may be called by any thread, all else by one.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "libk8s/base/loop.hpp"

namespace k8s::testing {

// splitmix64: small, fast, the same everywhere. Also for drawing faults from a seed.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();
  // A number in [0, bound); 0 when bound is 0.
  std::uint64_t below(std::uint64_t bound);
  // A number in [low, high].
  std::int64_t between(std::int64_t low, std::int64_t high);
  // True `per_mille` times of a thousand.
  bool chance(std::uint64_t per_mille) { return below(1000) < per_mille; }

 private:
  std::uint64_t state_;
};

class SimLoop final : public Loop {
 public:
  static constexpr int kTurnsPerInstant = 1'000'000;

  // Monotonic time starts at 1000 s, wall time at 2026-01-01T00:00:00Z.
  explicit SimLoop(std::uint64_t seed = 1);

  TimePoint now() const override { return now_; }
  WallTime wall_now() const override { return {now_.ns + wall_offset_ns_}; }
  TimerId after(Duration delay, std::function<void()> fn) override;
  void cancel(TimerId timer) override;
  void post(std::function<void()> fn) override;
  std::uint64_t random() override { return random_.next(); }

  // Runs the next callback, moving the clock to it. False: there is none.
  bool step();
  // Runs all that is due within `span` and leaves the clock at its end.
  void run_for(Duration span);
  // Steps until `done()` holds (asked before the first and after each callback). False: `limit` of
  // virtual time went by, or nothing was left to run, and it still does not hold.
  bool run_until(const std::function<bool()>& done, Duration limit = std::chrono::minutes(10));
  // Runs what is due now, without moving the clock.
  void run_due() { run_for(Duration(0)); }

  // Moves the wall clock alone, as an administrator or NTP would.
  void shift_wall_clock(Duration by) { wall_offset_ns_ += by.count(); }

  // Timers that wait. What is left over after a `stop` is a leak.
  std::size_t pending() const;
  std::uint64_t steps() const { return steps_; }

 private:
  using Key = std::pair<std::int64_t, std::uint64_t>;  // due, id

  void take_posted();
  bool next_due(std::int64_t& due);
  void run_first();

  TimePoint now_;
  std::int64_t wall_offset_ns_;
  Random random_;
  std::uint64_t next_id_ = 1;
  std::uint64_t steps_ = 0;
  int turns_at_instant_ = 0;
  std::map<Key, std::function<void()>> timers_;
  std::unordered_map<std::uint64_t, std::int64_t> due_of_;
  mutable std::mutex mutex_;  // guards posted_
  std::vector<std::function<void()>> posted_;
};

}  // namespace k8s::testing
