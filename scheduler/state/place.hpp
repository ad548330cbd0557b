// Place: where a waiting task stands in a line.
#pragma once

#include <cstdint>

namespace sched {

using TaskId = std::uint32_t;

inline constexpr int kTierShift = 40;  // the strategy's key fits below

// The tier and the strategy's key, then submit time, then uid.
struct Place {
  std::int64_t rank = 0;
  std::int64_t submitted_ns = 0;
  TaskId task = ~TaskId{0};
};

// The tier of a place in a line.
inline int tier_of(const Place& place) { return static_cast<int>(place.rank >> kTierShift); }

}  // namespace sched
