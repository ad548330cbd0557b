// Outcomes: how well a queue's strategy does, from the tasks that are over. Pure.
//
// Records: figures/<queue>/<tenant>/<strategy>: counts and sums, and how many waited how long, in
// steps of at most a sixteenth of the wait. All of them add up: so they are exact over any number
// of leaders, and bounded by the number of tenants.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "operator/api/training_job.hpp"
#include "operator/ledger/shard.hpp"
#include "operator/report/strategy_figures.hpp"

namespace fermi {

// How one task ended.
struct TaskOutcome {
  std::string queue, tenant, strategy;
  bool completed = false, failed = false;  // neither: it was withdrawn while it ran
  std::int64_t wait_s = 0, ran_s = 0;      // not running and not held; running
  std::int64_t gpus = 0, preemptions = 0, lost_gpu_s = 0;
  std::int64_t submitted_s = 0, ended_s = 0;  // since 1970
};

// Of a job that is over and held room; nothing when it never did.
std::optional<TaskOutcome> outcome_of(const TrainingJob& job, const std::string& strategy,
                                      k8s::WallTime now);
void add_outcome(LedgerRecords& records, const TaskOutcome& outcome);

// What one shard knows, by queue and strategy; added to what is there.
struct StrategySums {
  std::int64_t completed = 0, failed = 0, withdrawn = 0, preemptions = 0, lost_gpu_s = 0;
  std::int64_t wait_s = 0, gpu_s = 0, first_s = 0, last_s = 0;
  std::map<std::int64_t, std::int64_t> waits;  // by step
  struct Tenant {
    std::int64_t ran = 0, stayed = 0;  // GPU seconds
  };
  std::map<std::string, Tenant> tenants;
};
using AllSums = std::map<std::string, std::map<std::string, StrategySums>>;
void add_sums_of(const LedgerRecords& records, AllSums& sums);

// As a queue shows it. `pending` and `running` are tasks now, of the strategy that it has.
StrategyFigures to_figures(const std::string& strategy, const StrategySums& sums,
                           std::int64_t gpus_total, std::int64_t pending, std::int64_t running);

// The step of a wait, and the longest wait that falls into a step.
std::int64_t wait_step(std::int64_t seconds);
std::int64_t longest_of_step(std::int64_t step);

}  // namespace fermi
