// Books: what the records of the task ledger mean, as pure functions on the records of one shard.
//
//   cost/<queue>/<tenant>                 {"2026-03-01": {"a100": "12.50", "": "0.75"}}
//       what was spent on a day (UTC) in a pool ("" for nodes of none). Of days long past the
//       months are kept ("2026-01"), and of those what they come to ("before"): nothing is ever
//       left out.
//   runs/<queue>/<tenant>/<kind>/<shape>  {"at": "2026-03-01", "longestWait": 40,
//                                          "runs": [[1767225600, 3590, 7200, 8], ...]}
//       the last tasks of this shape by when they ended, in seconds: ended (since 1970), ran,
//       stated (0: not), size (GPUs, or Pods where it had none). And the longest that one of them
//       waited.
//   figures/<queue>/<tenant>/<strategy>   see outcomes.hpp
//   done/<task id>                        true: what this task spent is in here already
//   live/<pod uid>                        a plain Pod that spends: who is charged, how much, since
//   when
//
// All of a queue and tenant is in one shard. Names hold no '/'. Exact, in millionths.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "operator/api/task_queue.hpp"
#include "operator/api/training_job.hpp"
#include "operator/ledger/outcomes.hpp"
#include "operator/ledger/shard.hpp"
#include "scheduler/delta.hpp"

namespace fermi {

// How long a task ran to its end. In seconds.
struct FinishedRun {
  std::string queue, tenant, kind, shape;
  std::int64_t ended_s = 0;  // since 1970
  std::int64_t ran_s = 0;
  std::int64_t stated_s = 0;  // 0: not stated
  std::int64_t size = 0;      // GPUs, or Pods where it had none
  std::int64_t waited_s = 0;  // from its submission until it ran
  friend bool operator==(const FinishedRun&, const FinishedRun&) = default;
};
// All that is kept of a task that is over.
struct FinishedTask {
  std::string task_id;
  std::vector<CostPart> costs;
  std::optional<FinishedRun> run;
  std::optional<TaskOutcome> outcome;
  std::string day;  // on which it ended
};

// Of a job that spends nothing any more, and was charged to this queue (null: it is gone).
FinishedTask finished_task(const TrainingJob& job, const TaskQueue* queue, k8s::WallTime now);

std::string book_of(const std::string& queue, const std::string& tenant);  // "queue/tenant"
std::string done_key(const std::string& task_id);

void add_cost(LedgerRecords& records, const CostPart& part);
// Of each shape the last by (ended, ran, stated, size) are kept, in whatever order they are added.
void add_run(LedgerRecords& records, const FinishedRun& run, const std::string& day);
// As the engine is told of one run, and of all that are known of a queue, in the order of the keys.
sched::PastRuns to_engine(const FinishedRun& run);
void add_runs_of(const LedgerRecords& records, const std::string& queue,
                 std::vector<sched::PastRuns>& out);

// Queue, tenant, pool.
using CostPlace = std::tuple<std::string, std::string, std::string>;
using CostCells = std::map<CostPlace, std::int64_t>;  // millionths
void add_costs_of(const LedgerRecords& records, const std::string& day, CostCells& cells);
// All that was ever spent.
std::int64_t total_cost(const LedgerRecords& records);

struct BookLimits {
  std::size_t bytes = std::size_t{448} * 1024;
  std::size_t days = 62, months = 24;  // of one queue and tenant
  std::size_t runs = 1000;             // shapes of one shard
};
// Makes room: days become months and months what was before, more of them the less room there is;
// then the tenants of a queue with the oldest entries are counted as one, "(others)". Costs are
// only ever added up, never left out. Of runs the shapes seen longest ago go.
void compact(LedgerRecords& records, const BookLimits& limits);

}  // namespace fermi
