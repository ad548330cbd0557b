// Predictor: how long tasks of one queue really last, learned from those that are over.
//
// People say too long rather than too short, and those who say the same about tasks of the same
// size tend to be wrong by the same factor. So for each (size, stated duration) the last sixteen
// factors (really run / stated, in 1024ths) count, and the prediction is what was stated times
// their 60 % quantile. With fewer than two of them, likenesses are taken more and more coarsely:
// the size as a power of two; any size; both as powers of two; the duration alone; everything. With
// none at all, what was stated stands. A prediction is never longer than what was stated, nor 0.
//
// Integers only. It is a function of the set of runs that it was told and not told to forget, in
// whatever order; nothing looks ahead. Memory is six times that set. Times are nanoseconds.
#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

#include "scheduler/delta.hpp"

namespace sched {

// From one to the other; 0 when that is the past, and at most 2^61.
std::int64_t span(Time from, Time to);

class Predictor {
 public:
  // A task is over. Without a stated duration nothing is learned.
  void finished(const PastRuns::Run& run) { change(run, true); }
  // One that was told before counts no more.
  void forget(const PastRuns::Run& run) { change(run, false); }

  // Of a task of this size (GPUs, or Pods where it has none) that has not begun; `stated_ns` as it
  // is when it is 0 or less.
  std::int64_t predict(std::int64_t size, std::int64_t stated_ns) const;

 private:
  static constexpr int kLevels = 6;
  struct Kind {
    std::int64_t size = 0, stated = 0;
    friend bool operator==(const Kind&, const Kind&) = default;
  };
  struct Hash {
    std::size_t operator()(const Kind& kind) const;
  };
  struct Factors {
    std::vector<std::pair<std::int64_t, std::int64_t>> all;  // when, and in 1024ths; oldest first
    std::int64_t quantile = 0;                               // of the last ones
    void judge();
  };
  static Kind kind_of(int level, std::int64_t size, std::int64_t stated_ns);
  void change(const PastRuns::Run& run, bool comes);

  std::array<std::unordered_map<Kind, Factors, Hash>, kLevels> levels_;  // finest first
};

}  // namespace sched
