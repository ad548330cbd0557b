// The arithmetic of waits and fairness, for logs that are replayed and for queues that live. Pure.
#pragma once

#include <cstddef>
#include <vector>

namespace fermi {

// Where in `count` sorted values (at least one) the one stands that `percent` of 100 do not exceed.
inline std::size_t percentile_index(std::size_t count, std::size_t percent) {
  return (count * percent + 99) / 100 - 1;
}

// Jain's index: 1 when all have the same share, 1/n when one of n has everything.
inline double jains_index(const std::vector<double>& shares) {
  double sum = 0, squares = 0;
  for (const double share : shares) {
    sum += share;
    squares += share * share;
  }
  return squares == 0 ? 1 : sum * sum / (static_cast<double>(shares.size()) * squares);
}

}  // namespace fermi
