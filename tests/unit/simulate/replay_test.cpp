// The driver by hand-made cases. Times are seconds from the first submission.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/simulate/worlds.hpp"

namespace fermi::simulate {
namespace {

using testing::ElementsAre;

std::vector<std::int64_t> seconds(const std::vector<std::int64_t>& times) {
  std::vector<std::int64_t> result;
  for (const std::int64_t at : times) result.push_back(at < 0 ? -1 : (at - kFirstSubmit) / kSecond);
  return result;
}

std::vector<std::int64_t> starts(const std::vector<textbook::Job>& jobs, const char* cluster,
                                 const char* strategy) {
  return seconds(replay(trace_of(jobs), *parse_cluster(cluster), strategy).start_ns);
}

TEST(Replay, Ends_come_before_arrivals_and_arrivals_before_decisions) {
  // The second arrives when the first ends, and starts at that very instant.
  EXPECT_THAT(starts({{0, 10, 10, 4}, {10, 5, 5, 4}}, "4x1", "FIFO"), ElementsAre(0, 10));
}

TEST(Replay, Runs_jobs_past_their_estimate) {
  EXPECT_THAT(starts({{0, 100, 1, 4}, {0, 5, 5, 4}}, "4x1", "FIFO"), ElementsAre(0, 100));
}

TEST(Replay, A_job_that_runs_for_no_time_ends_at_the_instant_of_its_start) {
  const auto outcome =
      replay(trace_of({{0, 0, 1, 4}, {0, 5, 5, 4}}), *parse_cluster("4x1"), "FIFO");
  EXPECT_THAT(seconds(outcome.start_ns), ElementsAre(0, 0));
  EXPECT_THAT(seconds(outcome.end_ns), ElementsAre(0, 5));
}

TEST(Replay, Jobs_of_one_instant_start_in_the_order_of_the_file) {
  EXPECT_THAT(starts({{0, 10, 10, 3}, {0, 10, 10, 3}, {0, 10, 10, 1}}, "4x1", "FIFO"),
              ElementsAre(0, 10, 10));
}

TEST(Replay, A_job_larger_than_the_cluster_never_starts_and_blocks_nobody) {
  EXPECT_THAT(starts({{0, 10, 10, 5}, {0, 10, 10, 4}}, "4x1", "FIFO"), ElementsAre(-1, 0));
  EXPECT_THAT(starts({{0, 10, 10, 5}, {0, 10, 10, 4}}, "4x1", "EASY"), ElementsAre(-1, 0));
  EXPECT_THAT(starts({{0, 10, 10, 9}, {0, 10, 10, 4}}, "2x4", "FIFO"), ElementsAre(-1, 0));
}

// Runs of 1 h, turns of 30 min: A and B each have one after the other. After its second turn A has
// run for its hour.
TEST(Replay, Jobs_take_turns_of_a_quantum) {
  const auto outcome = replay(trace_of({{0, 3600, 3600, 4}, {0, 3600, 3600, 4}}),
                              *parse_cluster("4x1"), "TimeSlicing");
  EXPECT_THAT(seconds(outcome.start_ns), ElementsAre(0, 1800));
  EXPECT_THAT(seconds(outcome.end_ns), ElementsAre(5400, 7200));
  EXPECT_EQ(outcome.preemptions, 2);
}

// Who gave way stands behind all who wait then.
TEST(Replay, Of_three_everybody_has_a_turn_before_one_has_the_next) {
  const auto outcome = replay(trace_of({{0, 3600, 10, 4}, {0, 3600, 10, 4}, {0, 3600, 10, 4}}),
                              *parse_cluster("4x1"), "TimeSlicing");
  EXPECT_THAT(seconds(outcome.start_ns), ElementsAre(0, 1800, 3600));
  EXPECT_THAT(seconds(outcome.end_ns), ElementsAre(7200, 9000, 10800));
}

TEST(Strategies, What_would_have_no_effect_is_said) {
  const auto error = [](const char* names, const StrategyOptions& options) {
    const auto made = parse_strategies(names, options);
    return made ? "" : made.status().message();
  };
  StrategyOptions turns, half;
  turns.says_quantum = half.says_half_life = true;
  EXPECT_EQ(error("FIFO,TimeSlicing", turns), "");
  EXPECT_EQ(error("FIFO", turns),
            "--quantum is for TimeSlicing, which is not among the strategies");
  EXPECT_EQ(error("Hybrid", half), "");
  EXPECT_EQ(error("DRF", half),
            "--half-life is for FairSharing and Hybrid, which are not among the strategies");
  turns.quantum_ns = 0;
  EXPECT_EQ(error("TimeSlicing", turns), "--quantum: a turn lasts at least 1s");
}

TEST(Replay, Nodes_matter_where_GPUs_stand_together) {
  // Two jobs of 3 leave one GPU free on each node of 4: one of 2 waits, though two are free.
  EXPECT_THAT(starts({{0, 10, 10, 3}, {0, 10, 10, 3}, {0, 10, 10, 2}}, "2x4", "FIFO"),
              ElementsAre(0, 0, 10));
  EXPECT_THAT(starts({{0, 10, 10, 3}, {0, 10, 10, 3}, {0, 10, 10, 2}}, "8x1", "FIFO"),
              ElementsAre(0, 0, 0));
}

TEST(Replay, A_GPU_model_is_waited_for) {
  std::istringstream nodes(
      "sn,cpu_milli,memory_mib,gpu,model\na,8000,999,1,T4\nb,8000,999,1,P100\n");
  const auto cluster = read_cluster_csv(nodes);
  TraceBuilder builder;
  Job job;
  job.run_ns = 10 * kSecond;
  job.gpus = 1;
  job.models = builder.models("P100");
  builder.add(job);
  builder.add(job);
  job.models = builder.models("T4|V100");
  builder.add(job);
  job.models = builder.models("H100");
  builder.add(job);
  const auto trace = builder.finish();
  EXPECT_THAT(seconds(replay(*trace, *cluster, "Backfill").start_ns), ElementsAre(0, 10, 0, -1));
}

TEST(Replay, Each_strategy_runs_every_job_to_its_end) {
  Chance chance(7);
  std::vector<textbook::Job> jobs;
  for (std::int64_t i = 0; i < 80; ++i) {
    const std::int64_t run = chance.between(0, 4000);
    jobs.push_back({i * 60, run, run * 2 + 1, chance.between(1, 8)});
  }
  const Trace trace = trace_of(jobs);
  for (const char* strategy :
       {"FIFO", "EASY", "Conservative", "DRF", "Backfill", "PriorityBased", "FairSharing",
        "TimeSlicing", "ResourcePooling", "LoadBalancing", "Hybrid"}) {
    const auto cluster = parse_cluster("2x8");
    const Outcome outcome = replay(trace, *cluster, strategy);
    const Figures figures = figures_of(trace, *cluster, strategy, outcome);
    EXPECT_EQ(figures.jobs, 80) << strategy;
    for (std::size_t i = 0; i < trace.jobs.size(); ++i) {
      EXPECT_GE(outcome.start_ns[i], trace.jobs[i].submit_ns) << strategy << ", job " << i;
      EXPECT_GE(outcome.end_ns[i] - outcome.start_ns[i], trace.jobs[i].run_ns) << strategy;
    }
    for (const Outcome::Level& level : outcome.levels)
      EXPECT_LE(level.gpu_milli, 16'000) << strategy;
    EXPECT_EQ(outcome.levels.back().gpu_milli, 0) << strategy;
    EXPECT_EQ(outcome.levels.back().waiting, 0) << strategy;
  }
}

TEST(Replay, Gives_the_same_outcome_every_time) {
  const Trace trace = trace_of({{0, 10, 20, 3}, {1, 9, 9, 3}, {2, 8, 8, 1}, {2, 7, 9, 1}});
  const auto cluster = parse_cluster("2x2");
  const Outcome a = replay(trace, *cluster, "Backfill"), b = replay(trace, *cluster, "Backfill");
  EXPECT_EQ(a.start_ns, b.start_ns);
  EXPECT_EQ(a.end_ns, b.end_ns);
}

TEST(Replay, Says_so_when_time_would_run_away) {
  std::vector<textbook::Job> jobs;
  for (int i = 0; i < 3; ++i) jobs.push_back({0, std::int64_t{3'000'000'000}, 1, 1});
  const Trace trace = trace_of(jobs);
  const auto cluster = parse_cluster("1x1");
  const auto strategies = parse_strategies("FIFO");
  Replay run(trace, *cluster, strategies->front());
  while (run.step()) {
  }
  EXPECT_EQ(run.status().message(), "the simulation runs on for more than 73 years");
}

}  // namespace
}  // namespace fermi::simulate
