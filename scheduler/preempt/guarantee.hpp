// Guarantee: for how long a Medium task is safe, as arithmetic alone.
//
//   guarantee(n) = min(expected, max(expected / 2^n, floor))     after n preemptions
//
// Expected 2 h, floor 60 s: 2 h, 1 h, 30 min, ... 56.25 s is below the floor, so 60 s from the
// seventh on. Expected 30 s, floor 60 s: always 30 s: nobody is safe for longer than he said he
// runs. Halves are rounded down. Nanoseconds; what is negative counts as 0; exact for every input.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "scheduler/delta.hpp"

namespace sched {

inline std::int64_t guarantee_ns(std::int64_t expected_ns, std::int64_t preemptions,
                                 std::int64_t floor_ns) {
  const std::int64_t expected = std::max<std::int64_t>(expected_ns, 0);
  const std::int64_t halvings = std::clamp<std::int64_t>(preemptions, 0, 63);
  const std::int64_t halved = halvings == 63 ? 0 : expected >> halvings;
  return std::min(expected, std::max(halved, std::max<std::int64_t>(floor_ns, 0)));
}

// This much later; the end of time where there is no such moment.
inline Time later(Time from, std::int64_t ns) {
  constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::max();
  const std::int64_t more = std::max<std::int64_t>(ns, 0);
  return {from.ns > kLast - more ? kLast : from.ns + more};
}

}  // namespace sched
