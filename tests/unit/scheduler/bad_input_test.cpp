// Whatever is handed in: nothing overflows, nothing stops, nothing else is delayed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "scheduler/audit/audit.hpp"
#include "scheduler/engine.hpp"
#include "scheduler/reason.hpp"
#include "tests/unit/scheduler/worlds.hpp"

namespace sched::test {
namespace {

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();

Resources all(std::int64_t amount) {
  Resources r{amount, amount, amount, amount, {}};
  r.set_extended("nvidia.com/gpu", amount);
  return r;
}

class BadInput : public ::testing::Test {
 protected:
  void SetUp() override {
    apply(NodeUpsert{node("n1")});
    apply(QueueUpsert{queue("q", Tier::kMedium, Strategy::kFifo)});
  }
  void apply(const Delta& delta) {
    engine.apply(delta);
    auditor.apply(delta);
  }
  // The good task starts, whatever stands before it.
  void expect_good_starts() {
    apply(TaskUpsert{task("good", "q", 1, 1, 5)});
    const Plan plan = engine.plan({});
    EXPECT_THAT(auditor.check(plan, {}), ::testing::IsEmpty());
    EXPECT_EQ(plan.starts.size(), 1u);
    EXPECT_EQ(placed(engine, "good").size(), 1u) << sentence(engine.explain("good", {}));
  }
  Engine engine;
  Auditor auditor;
};

TEST_F(BadInput, Huge_and_negative_requests_never_start_and_block_nobody) {
  std::int64_t i = 0;
  for (const std::int64_t amount : {kMax, kMax - 1, std::int64_t{1} << 50}) {
    Task t = task("t" + std::to_string(i++), "q", 1, 1);
    t.groups = {{"", 1, all(amount)}};
    apply(TaskUpsert{t});
    EXPECT_EQ(engine.explain(t.uid, {}).code, ReasonCode::kNever);
    EXPECT_FALSE(sentence(engine.explain(t.uid, {})).empty());
  }
  expect_good_starts();
}

TEST_F(BadInput, A_negative_amount_counts_as_none) {
  Task t = task("t", "q", 1, 1);
  t.groups = {{"", 1, all(kMin)}};
  apply(TaskUpsert{t});
  apply(PodUpsert{"p", "n1", all(-5), "", 0, 0});
  EXPECT_EQ(engine.used("n1")->cpu_milli, 0);
  EXPECT_EQ(placed(engine, "t").size(), 1u);
}

TEST_F(BadInput, Gangs_without_pods_or_with_too_many_say_so) {
  std::int64_t i = 0;
  for (const std::int64_t count :
       {kMax, kMin, std::int64_t{-1}, std::int64_t{0}, std::int64_t{100'001}}) {
    Task t = task("t" + std::to_string(i++), "q", count, 1);
    t.groups.push_back({"", count, amounts(1, 1, 1, 1)});
    apply(TaskUpsert{t});
    EXPECT_EQ(engine.explain(t.uid, {}).code, ReasonCode::kNever) << count;
  }
  Task none = task("none", "q", 1, 1);
  none.groups.clear();
  apply(TaskUpsert{none});
  EXPECT_EQ(sentence(engine.explain("none", {})), "can never start: it asks for no Pods");
  expect_good_starts();
}

TEST_F(BadInput, Many_huge_groups_do_not_overflow) {
  Task t = task("t", "q", 1, 1);
  t.groups.assign(500, {"", 99'999, all(kMax)});
  apply(TaskUpsert{t});
  EXPECT_EQ(engine.explain("t", {}).code, ReasonCode::kNever);
  expect_good_starts();
}

TEST_F(BadInput, Odd_numbers_of_queues_and_zones_are_taken_as_the_nearest_sense) {
  Queue q = queue("q", Tier::kMedium, Strategy::kFifo);
  q.weight = kMin;
  q.max_running = -3;
  apply(QueueUpsert{q});
  Queue heavy = queue("heavy");
  heavy.weight = kMax;
  apply(QueueUpsert{heavy});
  Task t = task("t", "heavy", 2, 1);
  t.max_zones = t.min_per_zone = t.max_skew = t.max_latency_us = kMin;
  t.zone_policy = ZonePolicy::kSpread;
  apply(TaskUpsert{t});
  EXPECT_EQ(placed(engine, "t").size(), 2u);
  t.max_skew = t.max_zones = t.max_latency_us = kMax;
  apply(TaskUpsert{t});
  EXPECT_EQ(placed(engine, "t").size(), 2u);
  t.min_per_zone = kMax;
  apply(TaskUpsert{t});
  EXPECT_EQ(engine.explain("t", {}).code, ReasonCode::kNever);
}

TEST_F(BadInput, Times_at_the_edges_do_not_stop_anything) {
  Task t = task("t", "q", 1, 1);
  t.not_before.ns = kMax;
  t.submitted.ns = kMin;
  apply(TaskUpsert{t});
  EXPECT_EQ(engine.explain("t", Time{0}).code, ReasonCode::kBackoff);
  EXPECT_EQ(engine.next_time(Time{0}), Time{kMax});
  expect_good_starts();
  EXPECT_EQ(engine.plan(Time{kMin}).starts.size(), 1u) << "no back-off holds at any time";
  EXPECT_EQ(engine.plan(Time{kMax}).starts.size(), 2u);
}

// A queue of each kind that looks at times, and a clock that goes where it likes: every plan passes
// the audit, and at the end everybody has had a place.
TEST_F(BadInput, A_clock_that_jumps_to_and_fro_breaks_no_promise_and_stops_nobody) {
  constexpr std::int64_t kYear = 365 * 24 * 3600 * kSecond;
  Queue turns = queue("turns", Tier::kLow, Strategy::kTimeSlicing);
  turns.quantum_ns = 600 * kSecond;
  Queue fair = queue("fair", Tier::kMedium, Strategy::kFairSharing);
  fair.half_life_ns = 3600 * kSecond;
  fair.floor_ns = 60 * kSecond;
  apply(QueueUpsert{turns});
  apply(QueueUpsert{fair});
  apply(NodeUpsert{node("n2")});
  for (int i = 0; i < 12; ++i) {
    Task t = task("t" + std::to_string(i), i % 2 == 0 ? "turns" : "fair", 1, 8, i);
    t.tier = i % 2 == 0 ? Tier::kLow : Tier::kMedium;
    t.tenant = "tenant" + std::to_string(i % 3);
    t.expected_duration_ns = 300 * kSecond;
    apply(TaskUpsert{t});
  }
  std::set<std::string> running;
  std::int64_t now = 1000 * kSecond;
  for (int round = 0; round < 200; ++round) {
    constexpr std::int64_t kJumps[] = {kSecond,     700 * kSecond, -300 * kSecond, kYear,
                                       5 * kSecond, -kYear,        3600 * kSecond};
    now += kJumps[round % 7];
    const Plan plan = engine.plan(Time{now});
    EXPECT_THAT(auditor.check(plan, Time{now}), ::testing::IsEmpty()) << "at " << now;
    for (const Start& start : plan.starts) {
      apply(Assume{start.task, start.attempt, start.placement, Time{now}});
      apply(Confirm{start.task, Time{now}});
      running.insert(start.task);
    }
    for (const Preemption& preemption : plan.preemptions) {
      for (const std::string& victim : preemption.victims) {
        apply(Evict{victim, preemption.task, Time{now}});
        apply(Reject{victim, "preempted", {}, Time{now}});
        running.erase(victim);
      }
    }
    if (round % 3 != 0 || running.empty()) continue;
    apply(TaskEnd{*running.begin(), Time{now}});
    running.erase(running.begin());
  }
  for (int i = 0; i < 12; ++i)
    EXPECT_EQ(engine.state("t" + std::to_string(i)), TaskState::kEnded) << i;
}

TEST_F(BadInput, A_pod_that_asks_for_nothing_is_placed_and_counted) {
  Task t = task("t", "q", 3, 0);
  t.groups = {{"", 3, {}}};
  apply(TaskUpsert{t});
  EXPECT_EQ(placed(engine, "t").size(), 3u);
}

TEST_F(BadInput, Ranks_outside_the_gang_take_over_nothing) {
  apply(TaskUpsert{task("t", "q", 1, 8)});
  step(engine);
  for (const std::int64_t rank : {kMin, std::int64_t{-1}, std::int64_t{1}, kMax}) {
    apply(PodUpsert{"p" + std::to_string(rank), "n1", amounts(0, 1, 1, 1), "t", 0, rank});
  }
  EXPECT_EQ(engine.used("n1")->extended_amount("nvidia.com/gpu"), 8);
}

}  // namespace
}  // namespace sched::test
