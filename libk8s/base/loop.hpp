// Loop: time, timers and chance for everything that runs in this library.
//
// Everything above the sockets is single-threaded and driven by callbacks of one Loop. The real
// loop (transport/curl_loop) waits on sockets; the simulated one (tests/support) jumps from timer
// to timer in virtual time. Code that takes its time from here, and nowhere else, can be replayed
// from a seed.
//
// Threads: every method but `post` is for the loop's own thread. Callbacks run on it, one at a
// time, never from inside the call that arranged them.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

namespace k8s {

using Duration = std::chrono::nanoseconds;

// Monotonic time: only differences mean something. Used for every deadline and lease.
struct TimePoint {
  std::int64_t ns = 0;
  friend auto operator<=>(const TimePoint&, const TimePoint&) = default;
  friend TimePoint operator+(TimePoint t, Duration d) { return {t.ns + d.count()}; }
  friend TimePoint operator-(TimePoint t, Duration d) { return {t.ns - d.count()}; }
  friend Duration operator-(TimePoint a, TimePoint b) { return Duration(a.ns - b.ns); }
};

// Wall-clock time, nanoseconds since 1970 UTC: only for what people and the API read.
struct WallTime {
  std::int64_t ns = 0;
  friend auto operator<=>(const WallTime&, const WallTime&) = default;
  friend WallTime operator+(WallTime t, Duration d) { return {t.ns + d.count()}; }
  friend WallTime operator-(WallTime t, Duration d) { return {t.ns - d.count()}; }
  friend Duration operator-(WallTime a, WallTime b) { return Duration(a.ns - b.ns); }
};

// Names one timer for ever; 0 is no timer.
enum class TimerId : std::uint64_t { kNone = 0 };

class Loop {
 public:
  virtual ~Loop() = default;

  virtual TimePoint now() const = 0;
  virtual WallTime wall_now() const = 0;

  // Runs `fn` once, `delay` from now (at the next turn when zero or less). Timers of one instant
  // run in the order in which they were made.
  virtual TimerId after(Duration delay, std::function<void()> fn) = 0;
  // Forgets a timer; harmless when it has run, or is none.
  virtual void cancel(TimerId timer) = 0;

  // Runs `fn` at the next turn. The one method that any thread may call.
  virtual void post(std::function<void()> fn) = 0;

  // 64 random bits, for jitter, ids and secrets' nonces; in simulation from the seed.
  virtual std::uint64_t random() = 0;
};

}  // namespace k8s
