// What is remembered of past runs, and when a task ends that has outlived what it stated.
#include "scheduler/learn/past.hpp"

#include <gtest/gtest.h>

#include "scheduler/audit/audit.hpp"
#include "scheduler/engine.hpp"
#include "scheduler/learn/estimate.hpp"
#include "scheduler/limits.hpp"

namespace sched {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000, kMinute = 60 * kSecond, kHour = 60 * kMinute;
constexpr Time kEndless{std::int64_t{1} << 62};
const Past::Kind kJobs{"TrainingJob", "ann"};

Past::Run ran(std::int64_t ended, std::int64_t ns) { return {{ended}, ns, kHour, 8}; }

TEST(Past, Of_each_shape_the_last_runs_are_kept_in_whatever_order_they_are_told) {
  const auto most = static_cast<std::int64_t>(kPastRunsMax);
  Past forwards, backwards;
  for (std::int64_t i = 0; i < 2 * most; ++i) {
    EXPECT_TRUE(forwards.add(kJobs, "1x8", ran(i, kHour + i)));
  }
  for (std::int64_t i = 2 * most - 1; i >= 0; --i) {
    EXPECT_EQ(backwards.add(kJobs, "1x8", ran(i, kHour + i)), i >= most);
  }
  const Past::Runs* const runs = forwards.of("TrainingJob", "ann");
  ASSERT_NE(runs, nullptr);
  EXPECT_EQ(runs->size(), kPastRunsMax);
  EXPECT_EQ(runs->front(), ran(most, kHour + most));
  EXPECT_EQ(*runs, *backwards.of("TrainingJob", "ann"));
  EXPECT_EQ(forwards.of("TrainingJob", "bob"), nullptr);
  EXPECT_EQ(forwards.of("Pod", "ann"), nullptr);
}

TEST(Past, All_shapes_of_a_kind_and_tenant_stand_in_one_line) {
  Past past;
  past.add(kJobs, "1x8", ran(3, 30));
  past.add(kJobs, "2x8", ran(1, 10));
  past.add(kJobs, "1x8", ran(2, 20));
  EXPECT_EQ(*past.of("TrainingJob", "ann"), (Past::Runs{ran(1, 10), ran(2, 20), ran(3, 30)}));
}

// The shape whose latest task ended first goes as a whole.
TEST(Past, Its_memory_is_bounded_and_what_is_in_use_stays) {
  Past past;
  past.learn(true);
  const auto shapes = static_cast<std::int64_t>(kPastShapesMax);
  for (std::int64_t i = 0; i < 2 * shapes; ++i) {
    past.add(kJobs, std::to_string(i), {{i}, i + 1, 2 * (i + 1), 1});
    past.add({"Pod", "bob"}, "1x1", {{i}, kHour / 2, kHour, 7});
  }
  EXPECT_EQ(past.kinds().at(kJobs).shapes.size(), kPastShapesMax - 1);
  EXPECT_EQ(past.of("TrainingJob", "ann")->size(), kPastShapesMax - 1);
  EXPECT_EQ(past.of("Pod", "bob")->size(), kPastRunsMax);
  EXPECT_EQ(past.predict(7, kHour), kHour / 2);
}

TEST(Past, Learning_begins_with_all_that_is_known_and_is_the_same_then) {
  Past from_the_start, later;
  from_the_start.learn(true);
  for (std::int64_t i = 0; i < 100; ++i) {
    for (Past* past : {&from_the_start, &later}) {
      past->add(kJobs, std::to_string(i % 5), {{i}, (i * 37) % 50 * kMinute, kHour, 1 + i % 3});
    }
  }
  EXPECT_EQ(later.predict(2, kHour), kHour) << "it does not learn";
  later.learn(true);
  for (std::int64_t size = 1; size < 5; ++size) {
    EXPECT_EQ(later.predict(size, kHour), from_the_start.predict(size, kHour)) << size;
  }
}

TEST(Past, Bad_numbers_are_cut_to_what_is_possible) {
  Past past;
  past.add(kJobs, "", {{-5}, -1, -1, -1});
  past.add(kJobs, "", {{kEndless.ns}, INT64_MAX, INT64_MAX, INT64_MAX});
  const std::int64_t longest = std::int64_t{1} << 61;
  EXPECT_EQ(*past.of("TrainingJob", "ann"),
            (Past::Runs{{{0}, 0, 0, 0}, {{longest}, longest, longest, longest}}));
}

// It began at 10 h and stated one hour.
class EstimateAgain : public testing::Test {
 protected:
  Estimate at(std::int64_t now) const {
    return estimate_again({10 * kHour}, {11 * kHour}, &runs_, {now}, kEndless);
  }
  void known(std::vector<std::int64_t> minutes, std::int64_t ended = 9 * kHour) {
    for (const std::int64_t m : minutes) runs_.push_back({{ended}, m * kMinute, kHour, 8});
    std::sort(runs_.begin(), runs_.end());
  }
  Past::Runs runs_;
};

TEST_F(EstimateAgain, It_is_the_median_of_those_that_lasted_longer) {
  known({50, 60, 90, 100, 120, 180});  // one hour is not longer than one hour
  EXPECT_EQ(at(11 * kHour).end.ns, 12 * kHour);
  EXPECT_EQ(at(11 * kHour).outlived.ns, 11 * kHour);
  EXPECT_EQ(at(12 * kHour - 1).end.ns, 12 * kHour) << "until it is outlived, too";
  EXPECT_EQ(at(12 * kHour).end.ns, 14 * kHour) << "one is too few: as long again";
  EXPECT_EQ(at(12 * kHour).outlived.ns, 12 * kHour);
}

TEST_F(EstimateAgain, With_fewer_than_four_it_lasts_as_long_again) {
  known({90, 100, 120});
  EXPECT_EQ(at(11 * kHour).end.ns, 12 * kHour);
  EXPECT_EQ(at(13 * kHour).end.ns, 14 * kHour);
  EXPECT_EQ(at(1000 * kHour).end.ns, (10 + 1024) * kHour);
  EXPECT_EQ(estimate_again({10 * kHour}, {11 * kHour}, nullptr, {12 * kHour}, kEndless).end.ns,
            14 * kHour);
}

TEST_F(EstimateAgain, What_was_not_over_by_then_does_not_count) {
  known({90, 90, 90, 90});
  EXPECT_EQ(at(11 * kHour).end.ns, 11 * kHour + 30 * kMinute);
  known({70, 70, 70, 70, 70}, 11 * kHour + 1);
  EXPECT_EQ(at(11 * kHour + 10 * kMinute).end.ns, 11 * kHour + 30 * kMinute);
}

TEST_F(EstimateAgain, The_last_sixteen_that_lasted_longer_count) {
  known(std::vector<std::int64_t>(16, 200), 8 * kHour);
  known(std::vector<std::int64_t>(16, 80), 9 * kHour);
  EXPECT_EQ(at(11 * kHour).end.ns, 10 * kHour + 80 * kMinute);
  known(std::vector<std::int64_t>(100, 5), 9 * kHour + 1);
  EXPECT_EQ(at(11 * kHour).end.ns, 10 * kHour + 80 * kMinute) << "short ones say nothing";
  known(std::vector<std::int64_t>(256, 5), 9 * kHour + 2);
  EXPECT_EQ(at(11 * kHour).end.ns, 12 * kHour) << "of the last 256 none lasted longer";
}

// In nanoseconds a moment of this century is more than 2^60.
TEST_F(EstimateAgain, Wall_times_are_times_as_others) {
  const std::int64_t begun = std::int64_t{1'900'000'000} * kSecond;
  const Time end{begun + kHour};
  EXPECT_EQ(estimate_again({begun}, end, nullptr, end, kEndless).end.ns, begun + 2 * kHour);
}

TEST_F(EstimateAgain, What_would_overflow_is_endless) {
  const std::int64_t far = std::int64_t{1} << 60;
  EXPECT_EQ(estimate_again({0}, {far}, nullptr, {far + 1}, kEndless).end, kEndless);
  known({1, 1, 1, 1}, 0);
  EXPECT_EQ(estimate_again({5}, {5}, &runs_, {5}, kEndless).end.ns, 5 + kMinute)
      << "stated nothing that counts";
}

TEST(PastRuns, Are_of_a_queue_that_is_known_and_go_with_it) {
  Engine engine;
  const PastRuns told{"q", "TrainingJob", "ann", "1x8", {ran(kHour, kHour)}, 5 * kSecond};
  EXPECT_FALSE(engine.apply(told)) << "no such queue";
  Queue queue;
  queue.name = "q";
  engine.apply(QueueUpsert{queue});
  const std::uint64_t before = engine.digest();
  EXPECT_TRUE(engine.apply(told));
  EXPECT_NE(engine.digest(), before);
  EXPECT_EQ(engine.past_runs("q"), std::vector<PastRuns>{told});
  engine.apply(QueueRemove{"q"});
  engine.apply(QueueUpsert{queue});
  EXPECT_TRUE(engine.past_runs("q").empty());
  EXPECT_EQ(engine.digest(), before);
}

// One node; `late` states one hour and goes on, `head` waits for its room.
class ReservationAudit : public testing::Test {
 protected:
  ReservationAudit() {
    Node node;
    node.name = "n1";
    node.zone = "z";
    node.allocatable = {1000, std::int64_t{1} << 30, 0, 10, {}};
    node.allocatable.set_extended("nvidia.com/gpu", 1);
    feed(NodeUpsert{node});
    Queue queue;
    queue.name = "q";
    feed(QueueUpsert{queue});
    submit("late");
    feed(Assume{"late", 0, {{"n1"}}, {0}});
    feed(Confirm{"late", {0}});
    submit("head");
  }
  void feed(const Delta& delta) {
    engine.apply(delta);
    auditor.apply(delta);
  }
  void submit(const char* uid) {
    Task task;
    task.uid = uid;
    task.queue = "q";
    task.kind = "TrainingJob";
    task.tenant = "ann";
    task.expected_duration_ns = kHour;
    PodGroup group{"", 1, {}};
    group.requests.set_extended("nvidia.com/gpu", 1);
    task.groups.push_back(group);
    feed(TaskUpsert{task});
  }
  // What is wrong with the engine's reservations, were they made for `at` on this node.
  std::size_t wrong(std::int64_t at, const char* node = "n1") {
    Plan plan = engine.forecast({now});
    EXPECT_EQ(plan.reservations.size(), 1U);
    for (Reservation& reservation : plan.reservations) {
      reservation.at = {at};
      reservation.placement.nodes = {node};
    }
    return auditor.check(plan, {now}).size();
  }
  Engine engine;
  Auditor auditor;
  std::int64_t now = 10 * kMinute;
};

TEST_F(ReservationAudit, A_reservation_before_the_room_is_free_is_found) {
  EXPECT_TRUE(auditor.check(engine.forecast({now}), {now}).empty());
  EXPECT_EQ(wrong(kHour), 0U);
  EXPECT_EQ(wrong(kHour - 1), 1U);
  EXPECT_EQ(wrong(kMinute), 2U) << "nor in the past";
  EXPECT_EQ(wrong(kHour, "n2"), 1U);
}

TEST_F(ReservationAudit, The_auditor_estimates_by_itself) {
  now = 70 * kMinute;
  EXPECT_EQ(wrong(2 * kHour - 1), 1U);
  EXPECT_EQ(wrong(2 * kHour), 0U);
  // Of those that were over at one hour the median of the longer ones is 90 minutes.
  for (const std::int64_t m : {40, 80, 90, 95, 85}) {
    feed(PastRuns{"q", "TrainingJob", "ann", "1x1", {ran(m, m * kMinute)}, {}});
  }
  feed(PastRuns{"q", "TrainingJob", "ann", "1x1", {ran(2 * kHour, 3 * kHour)}, {}});
  feed(PastRuns{"q", "TrainingJob", "bob", "1x1", {ran(5, 3 * kHour)}, {}});
  EXPECT_EQ(engine.forecast({now}).reservations.front().at.ns, 90 * kMinute);
  EXPECT_EQ(wrong(90 * kMinute - 1), 1U);
  EXPECT_EQ(wrong(90 * kMinute), 0U);
}

}  // namespace
}  // namespace sched
