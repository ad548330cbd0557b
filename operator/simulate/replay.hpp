// Replay: the engine over a trace, in virtual time.
//
// One instant after the other; at each, first all ends, then all arrivals, then decisions, until
// the engine decides nothing more (scheduler/forecast/forward). Jobs run for their real run time,
// also past their estimate; the engine is told the estimate alone. A decision takes effect at once:
// the whole gang runs from that instant on. A job that is preempted is off its nodes at once, keeps
// what it has done (a checkpoint) and waits again, behind those who wait then: among the peers of
// one queue it has had its turn. Its estimate shrinks by what it has done.
//
// Jobs that ask for more GPUs than the cluster has never start, and the engine does not hear of
// them.
//
// Deterministic: trace, cluster and strategy give the same outcome on every machine. Both must
// outlive the replay.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "libk8s/base/status.hpp"
#include "operator/simulate/cluster.hpp"
#include "operator/simulate/strategy.hpp"
#include "operator/simulate/trace.hpp"
#include "scheduler/forecast/forward.hpp"

namespace fermi::simulate {

struct Outcome {
  // By job; -1 for one that never started or never ended.
  std::vector<std::int64_t> start_ns, end_ns;
  // From `at_ns` on, until the next: thousandths of GPUs in use, jobs that wait.
  struct Level {
    std::int64_t at_ns = 0, gpu_milli = 0, waiting = 0;
  };
  std::vector<Level> levels;
  std::int64_t preemptions = 0, plans = 0;
  sched::Plan::Work work;  // of all plans
};

class Replay {
 public:
  Replay(const Trace& trace, const Cluster& cluster, const Strategy& strategy);
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;

  // One instant; false when there is none left, or something is wrong (see `status`).
  bool step();
  std::size_t ended() const { return ended_; }
  // kInvalid when virtual time ran past 73 years.
  const k8s::Status& status() const { return status_; }
  const Outcome& outcome() const { return outcome_; }

 private:
  struct Run {                   // of one job
    std::int64_t since_ns = -1;  // while it runs
    std::int64_t done_ns = 0;    // in runs that were preempted
    std::int32_t times = 0;      // preempted
  };

  std::optional<std::int64_t> next_instant();
  void submit_jobs(std::int64_t now);
  void decide(std::int64_t now);
  std::optional<sched::Time> started(std::size_t job, std::int64_t now);
  void ended(std::size_t job, std::int64_t now);
  sched::Task stopped(std::size_t job, std::int64_t now);
  void record(std::int64_t now);
  sched::Task task_of(std::size_t job) const;

  const Trace& trace_;
  const Cluster& cluster_;
  const Strategy& strategy_;
  sched::Forward forward_;
  std::vector<Run> runs_;
  std::size_t arrived_ = 0, ended_ = 0;
  std::int64_t gpu_milli_ = 0, waiting_ = 0;
  std::int64_t idle_wakes_ = 0;
  Outcome outcome_;
  k8s::Status status_;
};

}  // namespace fermi::simulate
