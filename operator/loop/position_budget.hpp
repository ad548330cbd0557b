// PositionBudget: places in time for status writes that say only where a task stands in line.
//
// So many a second, evenly spaced. A task takes the next free place and keeps it; when its time has
// come it may write once. Pure.
#pragma once

#include <algorithm>

#include "libk8s/base/loop.hpp"

namespace fermi {

class PositionBudget {
 public:
  explicit PositionBudget(int per_second)
      : gap_(std::chrono::nanoseconds(1'000'000'000 / std::max(per_second, 1))) {}

  // The next free place, not before `now`.
  k8s::TimePoint take(k8s::TimePoint now) {
    next_ = std::max(next_, now);
    const k8s::TimePoint mine = next_;
    next_ = next_ + gap_;
    return mine;
  }

 private:
  k8s::Duration gap_;
  k8s::TimePoint next_;
};

}  // namespace fermi
