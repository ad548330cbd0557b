#include "operator/report/metrics.hpp"

#include <algorithm>

namespace fermi {

void Histogram::observe(std::int64_t us) {
  const auto* bound = std::lower_bound(bounds.begin(), bounds.end(), us);
  ++buckets[static_cast<std::size_t>(bound - bounds.begin())];
  ++count;
  sum_us += us;
}

}  // namespace fermi
