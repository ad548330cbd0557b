// Size: how many Pods an elastic gang may have.
//
// A gang is elastic when its one group of Pods names a maximum above its count, which is its
// minimum. A change of its size must not change what it asks of zones: so an even spread, a least
// number in each zone and parts of devices make it a gang of one size.
//
//   count 2, most 8   starts on 2 nodes or more, never has fewer, nor more than 8
//   count 2, most 0   has 2
#pragma once

#include <algorithm>
#include <cstdint>

#include "scheduler/delta.hpp"
#include "scheduler/limits.hpp"

namespace sched {

struct Sizes {
  std::int64_t least = 0, most = 0;  // Pods; above kGangMax: too many for any gang
  bool elastic() const { return most > least; }
  // Whether a decision may name so many nodes.
  bool allow(std::size_t nodes) const {
    const auto size = static_cast<std::int64_t>(std::min<std::size_t>(nodes, kGangMax + 1));
    return least > 0 && size >= least && size <= most && size <= kGangMax;
  }
};

inline Sizes sizes_of(const Task& task) {
  Sizes sizes;
  const PodGroup* only = nullptr;
  std::int64_t groups = 0;
  for (const PodGroup& group : task.groups) {
    if (group.count <= 0) continue;
    ++groups;
    only = &group;
    sizes.least = std::min(sizes.least + std::min(group.count, kGangMax + 1), kGangMax + 1);
  }
  sizes.most = sizes.least;
  const bool rigid = task.zone_policy == ZonePolicy::kSpread || task.min_per_zone > 0;
  if (groups == 1 && !rigid && only->shared_milli == 0) {
    sizes.most = std::max(sizes.least, std::min(only->most, kGangMax));
  }
  return sizes;
}

}  // namespace sched
