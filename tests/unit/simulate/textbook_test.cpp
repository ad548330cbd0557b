// The engine, driven over random traces, starts every job when the textbook does.
#include <gtest/gtest.h>

#include "tests/unit/simulate/worlds.hpp"

namespace fermi::simulate {
namespace {

struct Kind {
  std::int64_t processors, jobs, gap, run;
};

// Estimates are below, above and at the truth; many jobs share an instant.
std::vector<textbook::Job> random_jobs(Chance& chance, const Kind& kind) {
  std::vector<textbook::Job> jobs;
  std::int64_t now = 0;
  for (std::int64_t i = 0; i < kind.jobs; ++i) {
    now += chance.between(0, 2) == 0 ? chance.between(0, kind.gap) : 0;
    textbook::Job job;
    job.submit = now;
    job.run = chance.between(0, kind.run);
    job.estimate = std::max<std::int64_t>(1, job.run * chance.between(1, 40) / 10);
    job.size = chance.between(0, 3) == 0
                   ? chance.between(1, kind.processors)
                   : chance.between(1, std::max<std::int64_t>(1, kind.processors / 4));
    jobs.push_back(job);
  }
  return jobs;
}

void expect_same_starts(const std::vector<textbook::Job>& jobs, const Cluster& cluster,
                        std::int64_t processors, const char* strategy, textbook::Policy policy) {
  const auto theirs = textbook::starts(jobs, processors, policy);
  const auto ours = replay(trace_of(jobs), cluster, strategy);
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const std::int64_t expected = (theirs[i] - jobs.front().submit) * kSecond + kFirstSubmit;
    ASSERT_EQ(ours.start_ns[i], expected) << "job " << i << " of " << jobs.size();
  }
}

class Textbook : public testing::TestWithParam<std::uint64_t> {
 protected:
  void run(const char* strategy, textbook::Policy policy, bool pooled) {
    SCOPED_TRACE("seed " + std::to_string(GetParam()));
    Chance chance(GetParam());
    for (int round = 0; round < 20; ++round) {
      SCOPED_TRACE("round " + std::to_string(round));
      const std::int64_t processors = chance.between(1, 12);
      const auto jobs = random_jobs(chance, {processors, chance.between(1, 60), 20, 40});
      const auto cluster = uniform_cluster(processors, 1, 0, pooled);
      expect_same_starts(jobs, *cluster, processors, strategy, policy);
      if (HasFatalFailure()) return;
    }
  }
};

TEST_P(Textbook, FIFO_is_first_come_first_served) { run("FIFO", textbook::Policy::kFcfs, true); }

TEST_P(Textbook, FIFO_is_the_same_over_single_GPU_nodes) {
  run("FIFO", textbook::Policy::kFcfs, false);
}

TEST_P(Textbook, EASY_is_EASY) { run("EASY", textbook::Policy::kEasy, true); }

TEST_P(Textbook, EASY_is_the_same_over_single_GPU_nodes) {
  run("EASY", textbook::Policy::kEasy, false);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Textbook, testing::Range<std::uint64_t>(1, 21));

// The oracle itself, on a case that fits on one hand: 4 processors.
//   a runs 0-10 on 3; b needs 4, so its shadow is 10; c (1, estimate 9) ends by then: starts at 1;
//   d (1, estimate 10) would not, and b leaves no extra.
TEST(TextbookOracle, Backfills_what_ends_by_the_shadow_and_nothing_else) {
  const std::vector<textbook::Job> jobs = {
      {0, 10, 10, 3}, {0, 5, 5, 4}, {1, 9, 9, 1}, {1, 10, 10, 1}};
  EXPECT_EQ(textbook::starts(jobs, 4, textbook::Policy::kEasy),
            (std::vector<std::int64_t>{0, 10, 1, 15}));
  EXPECT_EQ(textbook::starts(jobs, 4, textbook::Policy::kFcfs),
            (std::vector<std::int64_t>{0, 10, 15, 15}));
}

}  // namespace
}  // namespace fermi::simulate
