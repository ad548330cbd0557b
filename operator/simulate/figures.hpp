// Figures: what a strategy made of a trace, in numbers.
//
// Waits are exact sums of nanoseconds; a job that was preempted has waited whenever it did not run.
// Only jobs that ended count. Floating point appears in ratios alone, which are for reading.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "operator/simulate/replay.hpp"

namespace fermi::simulate {

// Jobs by the GPUs they ask for: none, 1, 2, 3-4, 5-8, ... each class up to twice the last.
struct SizeClass {
  std::string name;  // "5-8"
  std::int64_t jobs = 0;
  double mean_wait_s = 0, max_wait_s = 0;
};

struct Figures {
  std::string strategy;
  std::int64_t jobs = 0;           // that ended
  std::int64_t never_started = 0;  // the cluster cannot hold them, or the strategy never would
  double mean_wait_s = 0;
  double p95_wait_s = 0;  // 95 of 100 jobs waited no longer
  double max_wait_s = 0;
  double bounded_slowdown = 0;  // mean of max(1, (wait + run) / max(10 s, run))
  // GPU time that jobs ran, as a share of all GPU time from the first submission to the last end.
  double utilisation = 0;
  // The mean share of GPUs in use at times when somebody waits; nothing if nobody ever does.
  std::optional<double> allocation;
  std::int64_t preemptions = 0;
  // Jain's index over tenants: 1 when all are treated alike, 1/n when one has everything. Of a
  // tenant counts the share of its jobs' time in the system, by GPUs, in which they ran.
  double fairness = 1;
  double makespan_s = 0;  // from the first submission to the last end
  std::vector<SizeClass> sizes;
  // The share of GPUs in use, over equal parts of the time from `begin` to `end`.
  std::vector<double> usage;
};

inline constexpr std::size_t kUsageParts = 240;

Figures figures_of(const Trace& trace, const Cluster& cluster, const std::string& strategy,
                   const Outcome& outcome);
// Sets `usage` of all over one common span of time, so that they can be drawn in one picture.
void draw_usage(const Cluster& cluster, const std::vector<const Outcome*>& outcomes,
                std::vector<Figures>& figures);

}  // namespace fermi::simulate
