// Forecast: when those who wait will start, from the same engine run forward over the known ends.
//
// A copy of the engine is moved forward event by event (forward.hpp) under these assumptions:
//
//   - what runs ends when it is expected to (backfill/ends.hpp), and once that is assumed it
//     stands: one past its stated end ends when it is estimated to by now, and the copy is told
//     so; who stated no duration never ends;
//   - what is placed begins to run now, whatever starts later runs from that moment on, and both
//     run for as long as they stated; Medium tasks are protected as they would be;
//   - who was asked to stop has stopped; who is preempted waits again with the duration it stated;
//     Pods of nobody who holds a place are gone;
//   - nothing new comes, no node changes, nothing is released that is held.
//
// With true durations and nothing new arriving, a predicted start is therefore the very start that
// the engine then makes.
//
// Where promises are kept (ConfigUpdate::keep_promises) the copy makes reservations anew with each
// plan, instead of having promises made and bettered: but whoever was promised room is foretold to
// start then at the latest. All others are foretold as if nobody had been promised anything.
//
//   Forecast forecast(engine, now, {});
//   while (forecast.step()) continue;          // one plan each: slices for a loop
//   forecast.starts().find("uid")
//
// Work is bounded: near starts come first, and a run is over when the first `depth` of each queue
// that can ever start have started, when nothing happens any more, or when the limits are reached.
// `end()` says which; whoever has no start then starts later than `reached()`, if ever. The copy
// costs as much as the state is large.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "scheduler/forecast/forward.hpp"

namespace sched {

struct ForecastLimits {
  std::int64_t plans = 2000;
  std::int64_t horizon_ns = std::int64_t{30} * 86'400 * 1'000'000'000;
  std::size_t depth = 20;
};

class Forecast {
 public:
  enum class End : std::uint8_t {
    kGoesOn,   // not yet
    kKnown,    // all that were watched have started
    kNothing,  // nothing happens any more: nobody else starts, as things are
    kLimits,   // of plans or of time
  };
  struct Answer {
    Time start;
    Placement placement;  // of those that were watched
  };

  Forecast(const Engine& engine, Time now, ForecastLimits limits);
  Forecast(const Forecast&) = delete;
  Forecast& operator=(const Forecast&) = delete;

  // One plan; false when the run is over.
  bool step();

  End end() const { return end_; }
  // The first start of each that has started, or that was promised room and has not when that
  // begins, or when the run is over; of those that waited when the copy was made, or were leaving.
  const std::map<std::string, Answer>& starts() const { return starts_; }
  // Those of whom the run says nothing: they held a place when the copy was made.
  const std::set<std::string>& placed() const { return placed_; }
  // When the copy was made, and how far virtual time has come.
  Time as_of() const { return as_of_; }
  Time reached() const { return now_; }
  std::int64_t plans() const { return plans_; }

 private:
  bool advance();
  void watch();
  void note_promises(const Engine& engine);
  void foretell_promised(Time until);
  void settle();
  void take(const Engine::Placed& placed);
  bool move_on();
  std::optional<Time> started(const Start& start, Time now);
  Task stopped(const std::string& task, Time now, bool counted, bool turn) const;
  std::optional<Time> begin(const std::string& task, Time now);

  const ForecastLimits limits_;
  const Time as_of_;
  Time now_;
  Forward forward_;
  std::set<std::string> watched_, to_start_;
  std::map<std::string, Answer> starts_;
  std::vector<std::pair<std::string, Answer>> promised_;  // the last to begin first, until foretold
  std::set<std::string> placed_;  // when the copy was made: their starts are no answers
  std::int64_t plans_ = 0, plans_of_moment_ = 0;
  bool deciding_ = true;
  End end_ = End::kGoesOn;
};

}  // namespace sched
