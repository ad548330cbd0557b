// Predictor: how long tasks of one queue really last, learned from those that have ended.
//
// People say too long rather than too short, and those who say the same about tasks of the same
// size tend to be wrong by the same factor. So for each (size, stated duration) the last sixteen
// factors (really run / stated, in 1024ths) are kept, and the prediction is what was stated times
// their 60 % quantile. With fewer than two of them, likenesses are taken more and more coarsely:
// the size as a power of two; any size; both as powers of two; the duration alone; everything. With
// none at all, what was stated stands. A prediction is never longer than what was stated, nor 0.
//
// It also knows the longest time that a task of the queue has waited: what is asked of somebody in
// the name of a prediction is measured by it (order/pass.hpp).
//
// Integers only. The content follows from the calls alone, in their order; nothing looks ahead.
// Memory is bounded: of each likeness the kinds seen in the last kPredictorKinds changes of kind
// are kept, older ones are forgotten together. Times are nanoseconds.
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
  // A task of this size (GPUs, or Pods where it has none) ended after it ran for `ran_ns`. Without
  // a stated duration nothing is learned.
  void finished(std::int64_t size, std::int64_t stated_ns, std::int64_t ran_ns);
  // A task began to run after it waited this long.
  void waited(std::int64_t ns);

  // Of a task that has not begun; `stated_ns` as it is when it is 0 or less.
  std::int64_t predict(std::int64_t size, std::int64_t stated_ns) const;
  std::int64_t longest_wait() const { return longest_wait_; }

  // All that it knows as numbers in a fixed order, for a digest.
  std::vector<std::int64_t> content() const;

 private:
  static constexpr int kLevels = 6;
  static constexpr std::size_t kKept = 16;
  struct Kind {
    std::int64_t size = 0, stated = 0;
    friend bool operator==(const Kind&, const Kind&) = default;
    friend auto operator<=>(const Kind&, const Kind&) = default;
  };
  struct Hash {
    std::size_t operator()(const Kind& kind) const;
  };
  struct Factors {
    std::array<std::int64_t, kKept> last{};  // in 1024ths
    std::size_t next = 0, count = 0;
    std::int64_t quantile = 0;
    void add(std::int64_t factor);
  };
  using Table = std::unordered_map<Kind, Factors, Hash>;
  struct Level {
    Table recent, older;
  };
  static Kind kind_of(int level, std::int64_t size, std::int64_t stated_ns);

  std::array<Level, kLevels> levels_;  // finest first
  std::int64_t longest_wait_ = 0;
};

}  // namespace sched
