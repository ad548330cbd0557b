#include "scheduler/learn/order.hpp"

#include <algorithm>

namespace sched {

std::int64_t backfill_step(std::int64_t size, std::int64_t duration_ns) {
  constexpr int kFine = 4;  // bits: sixteen steps to a power of two
  constexpr std::int64_t kLast = std::int64_t{128} << kFine;
  if (duration_ns <= 0) return kLast;
  const auto duration = static_cast<unsigned __int128>(duration_ns);
  unsigned __int128 value =
      duration * duration / static_cast<unsigned __int128>(std::max<std::int64_t>(size, 1));
  std::int64_t power = 0;
  while (value >> (power + 1) != 0) ++power;
  if (power < kFine) return power << kFine;
  const auto fine = static_cast<std::int64_t>(value >> (power - kFine)) & ((1 << kFine) - 1);
  return (power << kFine) + fine;
}

}  // namespace sched
