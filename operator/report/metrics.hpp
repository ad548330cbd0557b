// Metrics: what the operator counts, as plain numbers. Rendering them is the HTTP server's work.
//
// Counters only grow; gauges are as of the last look. Durations are taken from the loop's monotonic
// clock. Threads: the loop's.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "operator/report/strategy_figures.hpp"

namespace fermi {

// A histogram with fixed upper bounds in microseconds; the last bucket has none.
struct Histogram {
  using Bounds = std::array<std::int64_t, 10>;
  // For work of this process: a tenth of a millisecond to 5 s.
  static constexpr Bounds kWork = {100,    250,     1'000,   2'500,     10'000,
                                   25'000, 100'000, 250'000, 1'000'000, 5'000'000};
  // For people who wait: a second to a week.
  static constexpr Bounds kWait = {1'000'000,      5'000'000,      30'000'000,     120'000'000,
                                   600'000'000,    3'600'000'000,  14'400'000'000, 43'200'000'000,
                                   86'400'000'000, 604'800'000'000};
  explicit Histogram(const Bounds& b) : bounds(b) {}
  Bounds bounds;
  std::array<std::uint64_t, std::tuple_size_v<Bounds> + 1> buckets{};  // not cumulative
  std::uint64_t count = 0;
  std::int64_t sum_us = 0;
  void observe(std::int64_t us);
};

struct QueueGauges {
  std::int64_t pending = 0, running = 0;
  // Millionths of a currency unit, as of the last look.
  std::int64_t cost_per_hour = 0, cost_today = 0;
  std::vector<StrategyFigures> strategies;
  // Per hour and today, of the tenants that cost most: never more than a queue's status shows.
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> tenant_costs;
};

struct Metrics {
  // Counters.
  std::uint64_t plans = 0;            // passes of the engine
  std::uint64_t decisions = 0;        // tasks given a place
  std::uint64_t forecasts = 0;        // runs forward, to tell when who waits will start
  std::uint64_t forecast_plans = 0;   // passes of the engine in them
  std::uint64_t forecast_us = 0;      // time spent on them
  std::uint64_t plan_rejections = 0;  // starts that the audit refused to carry out
  std::uint64_t pods_created = 0;
  std::uint64_t pods_deleted = 0;
  std::uint64_t binds = 0;
  std::uint64_t conflicts = 0;         // writes answered with 409
  std::uint64_t unknown_outcomes = 0;  // writes whose answer was lost
  std::uint64_t status_writes = 0;
  std::uint64_t position_writes = 0;  // of these, those that only say where a task stands
  std::uint64_t tasks_started = 0;    // gangs that ran as a whole
  std::uint64_t tasks_completed = 0;
  std::uint64_t tasks_failed = 0;
  std::uint64_t gang_restarts = 0;
  std::uint64_t preemptions = 0;           // times that others were asked to stop for a task
  std::uint64_t preemptions_given_up = 0;  // because disruption budgets objected
  std::uint64_t resolutions = 0;           // conflicts resolved by an administrator
  std::uint64_t taken_back = 0;            // gangs released because they could not be bound whole
  std::uint64_t refused = 0;               // Pods that the API server would not have
  std::uint64_t ledger_writes = 0;         // of one ConfigMap each
  std::uint64_t ledger_dropped = 0;        // records that had to go because there was no room
  std::uint64_t leaderships = 0;           // how often this process became leader
  // By queue: Pods that were deleted although a disruption budget had refused.
  std::map<std::string, std::uint64_t> budget_violations;
  // By queue: reservations that moved because a task outlived its estimate.
  std::map<std::string, std::uint64_t> reservations_moved;
  // By verb ("GET", "WATCH", "POST", ...) and HTTP status; 0 when no answer came.
  std::map<std::pair<std::string, int>, std::uint64_t> api_requests;
  // Watch requests sent, by resource ("pods"); the first of each is the start.
  std::map<std::string, std::uint64_t> watches;

  Histogram plan_duration{Histogram::kWork};
  Histogram wait_duration{Histogram::kWait};  // submitted to wholly running, in microseconds

  // Gauges. Of queues and conflicts the leader alone tells; they are empty on a standby.
  std::map<std::string, QueueGauges> queues;
  // Open conflicts between tasks, by type and severity ("PriorityConflict", "High").
  std::map<std::pair<std::string, std::string>, std::int64_t> open_conflicts;
  std::int64_t tasks = 0;            // known to the engine
  std::int64_t nodes = 0, pods = 0;  // in the caches
  std::int64_t work_pending = 0;     // objects waiting to be reconciled
  std::int64_t requests_in_flight = 0;
  bool leading = false, ready = false;
};

}  // namespace fermi
