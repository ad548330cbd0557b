// StrategyFigures: how well one strategy of one queue has done so far. Plain numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace fermi {

struct StrategyFigures {
  std::string strategy;
  std::int64_t tried = 0;   // tasks that are over, wait or run
  std::int64_t placed = 0;  // of these, those that got room
  std::int64_t completed = 0, failed = 0;
  std::int64_t preemptions = 0, lost_gpu_seconds = 0;
  // Of tasks that are over; nothing before the first of them. Thousandths.
  std::optional<std::int64_t> success_permille, utilisation_permille, fairness_permille;
  std::optional<std::int64_t> mean_wait_s, p50_wait_s, p95_wait_s;
  friend bool operator==(const StrategyFigures&, const StrategyFigures&) = default;
};

}  // namespace fermi
