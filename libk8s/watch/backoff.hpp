// Backoff: how long to wait before the next try of a list or watch.
//
// 800 ms, doubled at each failure up to 30 s, each wait stretched at random to at most twice its
// length; back to the start when two minutes have passed since the last failure. On an outage this
// comes to about 0.22 requests a second per resource type, which is client-go's figure as well.
//
// Pure: time and chance are arguments.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "libk8s/base/loop.hpp"

namespace k8s {

class Backoff {
 public:
  static constexpr Duration kFirst = std::chrono::milliseconds(800);
  static constexpr Duration kCap = std::chrono::seconds(30);
  static constexpr Duration kHealthy = std::chrono::minutes(2);

  // The wait after a failure at `now`. `chance` is 64 random bits.
  Duration next(TimePoint now, std::uint64_t chance) {
    if (failures_ > 0 && now - last_ > kHealthy) failures_ = 0;
    last_ = now;
    Duration base = kFirst;
    for (int i = 0; i < failures_ && base < kCap; ++i) base *= 2;
    base = std::min(base, kCap);
    if (failures_ < 16) ++failures_;
    const auto stretch = static_cast<std::int64_t>(chance % 1024);
    return base + base * stretch / 1024;
  }

 private:
  int failures_ = 0;
  TimePoint last_;
};

}  // namespace k8s
