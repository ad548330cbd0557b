// Each figure, with its arithmetic.
#include <gtest/gtest.h>

#include "tests/unit/simulate/worlds.hpp"

namespace fermi::simulate {
namespace {

// Two processors. a (2 of them) runs 0-100. b (1) waits 0-100, runs to 140. c (1) waits 60-100,
// runs to 104.
struct Example {
  Trace trace = trace_of({{0, 100, 100, 2}, {0, 40, 40, 1}, {60, 4, 4, 1}});
  Cluster cluster = parse_cluster("2x1").value();
  Outcome outcome = replay(trace, cluster, "FIFO");
  Figures figures = figures_of(trace, cluster, "FIFO", outcome);
};

TEST(Figures, Waits) {
  const Example e;
  EXPECT_DOUBLE_EQ(e.figures.mean_wait_s, 140.0 / 3);
  EXPECT_DOUBLE_EQ(e.figures.max_wait_s, 100);
  EXPECT_DOUBLE_EQ(e.figures.p95_wait_s, 100);
}

TEST(Figures, P95_is_the_wait_that_95_of_100_jobs_stay_within) {
  std::vector<textbook::Job> jobs;
  for (int i = 0; i < 100; ++i) jobs.push_back({0, 1, 1, 1});  // waits 0, 1, ..., 99
  EXPECT_DOUBLE_EQ(simulate(trace_of(jobs), *parse_cluster("1x1"), "FIFO").p95_wait_s, 94);
}

TEST(Figures, Bounded_slowdown_takes_short_runs_for_ten_seconds) {
  const Example e;  // 1; (100 + 40) / 40; (40 + 4) / 10
  EXPECT_DOUBLE_EQ(e.figures.bounded_slowdown, (1 + 3.5 + 4.4) / 3);
}

TEST(Figures, Bounded_slowdown_is_never_below_one) {
  const auto figures = simulate(trace_of({{0, 2, 2, 1}}), *parse_cluster("1x1"), "FIFO");
  EXPECT_DOUBLE_EQ(figures.bounded_slowdown, 1);
}

TEST(Figures, Utilisation_is_the_work_done_from_first_submission_to_last_end) {
  const Example e;
  EXPECT_DOUBLE_EQ(e.figures.utilisation, (200.0 + 40 + 4) / (140 * 2));
  EXPECT_DOUBLE_EQ(e.figures.makespan_s, 140);
}

TEST(Figures, Allocation_counts_only_while_somebody_waits) {
  const Example e;  // from 0 to 100, when both are in use
  ASSERT_TRUE(e.figures.allocation.has_value());
  EXPECT_DOUBLE_EQ(*e.figures.allocation, 1);
  const auto idle = simulate(trace_of({{0, 2, 2, 1}}), *parse_cluster("4x1"), "FIFO");
  EXPECT_FALSE(idle.allocation.has_value());
}

TEST(Figures, Fairness_is_Jains_index_of_the_shares_of_time_in_which_tenants_ran) {
  TraceBuilder builder;
  Job job;
  job.run_ns = 100 * kSecond;
  job.gpus = 1;
  job.tenant = builder.tenant("ann");
  builder.add(job);
  job.tenant = builder.tenant("bob");
  builder.add(job);
  const auto trace = builder.finish();
  // ann ran all of her time, bob half of his: (1 + 1/2)^2 / (2 * (1 + 1/4)).
  const auto figures = simulate(*trace, *parse_cluster("1x1"), "FIFO");
  EXPECT_DOUBLE_EQ(figures.fairness, 2.25 / 2.5);
}

TEST(Figures, Sizes_are_classed_by_twice_the_last) {
  std::vector<textbook::Job> jobs;
  for (const std::int64_t size : {1, 2, 3, 4, 5, 8, 9, 16}) jobs.push_back({0, 1, 1, size});
  const auto figures = simulate(trace_of(jobs), *parse_cluster("64x1"), "FIFO");
  std::string classes;
  for (const SizeClass& size : figures.sizes) {
    classes += size.name + ":" + std::to_string(size.jobs) + " ";
  }
  EXPECT_EQ(classes, "1:1 2:1 3-4:2 5-8:2 9-16:2 ");
}

TEST(Figures, Usage_over_time_adds_up_to_the_work_done) {
  Example e;
  std::vector<Figures> figures = {e.figures};
  draw_usage(e.cluster, {&e.outcome}, figures);
  double sum = 0;
  for (const double part : figures[0].usage) sum += part;
  EXPECT_NEAR(sum / kUsageParts, e.figures.utilisation, 1e-9);
  EXPECT_DOUBLE_EQ(figures[0].usage.front(), 1);
}

TEST(Figures, Jobs_that_never_start_are_counted_apart) {
  const auto figures =
      simulate(trace_of({{0, 5, 5, 1}, {0, 5, 5, 9}}), *parse_cluster("2x1"), "FIFO");
  EXPECT_EQ(figures.jobs, 1);
  EXPECT_EQ(figures.never_started, 1);
}

TEST(Figures, Of_a_cluster_without_GPUs_are_no_division_by_zero) {
  TraceBuilder builder;
  Job job;
  job.run_ns = 5 * kSecond;
  job.cpu_milli = 1000;
  builder.add(job);
  builder.add(job);
  const auto figures = simulate(*builder.finish(), *parse_cluster("1x0x1"), "FIFO");
  EXPECT_EQ(figures.jobs, 2);
  EXPECT_DOUBLE_EQ(figures.mean_wait_s, 2.5);
  EXPECT_DOUBLE_EQ(figures.utilisation, 0);
}

}  // namespace
}  // namespace fermi::simulate
