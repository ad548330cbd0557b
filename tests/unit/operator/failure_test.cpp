// What a failure comes to under the retry rules, and the queue machine, without a server.
#include "operator/reconcile/failure.hpp"

#include <gtest/gtest.h>

#include "operator/api/duration.hpp"
#include "operator/reconcile/queue_machine.hpp"

namespace fermi {
namespace {

constexpr k8s::WallTime kNow{1'000 * kNsPerSecond};

TEST(Failure, A_disruption_decides_before_what_follows_from_it) {
  const TrainingJobSpec spec;
  const std::vector<Failure> failures = {{Cause::kExit, 0, 1, {5}, "ExitCode", ""},
                                         {Cause::kDisruption, 1, 0, {9}, "Evicted", ""}};
  EXPECT_EQ(deciding(failures, spec)->rank, 1);
  EXPECT_EQ(deciding({}, spec), nullptr);
}

TEST(Failure, The_earliest_end_decides_and_at_one_time_the_retryable_one) {
  const TrainingJobSpec spec;
  EXPECT_EQ(deciding({{Cause::kExit, 0, 137, {9}, "", ""}, {Cause::kExit, 1, 1, {5}, "", ""}}, spec)
                ->rank,
            1);
  EXPECT_EQ(deciding({{Cause::kExit, 0, 1, {5}, "", ""}, {Cause::kExit, 1, 137, {5}, "", ""}}, spec)
                ->rank,
            1);
}

TEST(Failure, Rules_come_before_the_default_and_the_first_decides) {
  TrainingJobSpec spec;
  EXPECT_FALSE(may_retry(spec, 1));
  EXPECT_FALSE(may_retry(spec, 127));
  EXPECT_TRUE(may_retry(spec, 128));
  spec.retry_rules = {{{1, 200}, true}, {{200}, false}, {{137}, false}};
  EXPECT_TRUE(may_retry(spec, 1));
  EXPECT_TRUE(may_retry(spec, 200));
  EXPECT_FALSE(may_retry(spec, 137));
}

TEST(Failure, Back_off_doubles_up_to_its_cap) {
  EXPECT_EQ(backoff_ns(10 * kNsPerSecond, 1), 10 * kNsPerSecond);
  EXPECT_EQ(backoff_ns(10 * kNsPerSecond, 3), 40 * kNsPerSecond);
  EXPECT_EQ(backoff_ns(10 * kNsPerSecond, 1000), 600 * kNsPerSecond);
  EXPECT_EQ(backoff_ns(0, 5), 0);
  EXPECT_EQ(start_backoff_ns(10), 300 * kNsPerSecond);
}

TEST(QueueMachine, The_finalizer_stays_until_the_queue_is_empty) {
  TaskQueue queue;
  queue.meta.name = "q";
  QueueFacts facts;
  facts.queue = &queue;
  facts.now = kNow;
  QueueStep step = next_step(facts);
  ASSERT_NE(std::get_if<SetFinalizers>(&step), nullptr);
  queue.meta.finalizers = std::get<SetFinalizers>(step).finalizers;
  queue.meta.deletion_time = kNow;
  facts.running = 1;
  step = next_step(facts);
  ASSERT_NE(std::get_if<WriteQueueStatus>(&step), nullptr);
  queue.status = std::get<WriteQueueStatus>(step).status;
  const Condition* deleting = find_condition(queue.status.conditions, "Deleting");
  ASSERT_NE(deleting, nullptr);
  EXPECT_NE(deleting->message.find("1 run"), std::string::npos);
  step = next_step(facts);
  EXPECT_NE(std::get_if<QueueRest>(&step), nullptr);
  facts.running = 0;
  step = next_step(facts);
  ASSERT_NE(std::get_if<SetFinalizers>(&step), nullptr);
  EXPECT_TRUE(std::get<SetFinalizers>(step).finalizers.empty());
}

}  // namespace
}  // namespace fermi
