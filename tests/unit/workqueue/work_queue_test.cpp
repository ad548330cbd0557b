#include "libk8s/workqueue/work_queue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/support/sim_loop.hpp"

namespace k8s {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using Verdict = WorkQueue::Verdict;

// ---- WorkSet ---------------------------------------------------------------------------------

TEST(WorkSet, Keys_come_out_in_the_order_they_went_in) {
  WorkSet set;
  set.add("a");
  set.add("b");
  EXPECT_EQ(set.take(), "a");
  EXPECT_EQ(set.take(), "b");
  EXPECT_EQ(set.take(), std::nullopt);
}

TEST(WorkSet, A_key_that_waits_is_not_queued_twice) {
  WorkSet set;
  EXPECT_TRUE(set.add("a"));
  EXPECT_FALSE(set.add("a"));
  EXPECT_EQ(set.waiting(), 1u);
}

TEST(WorkSet, A_key_added_during_its_work_waits_until_that_is_done) {
  WorkSet set;
  set.add("a");
  set.take();
  set.add("a");
  set.add("a");
  EXPECT_EQ(set.take(), std::nullopt);
  set.done("a");
  EXPECT_EQ(set.take(), "a");
  set.done("a");
  EXPECT_EQ(set.take(), std::nullopt);
}

// Random adds, takes and dones; each add must be followed by a take of that key that began after
// it, and no key may be out twice.
TEST(WorkSet, Loses_no_add_and_hands_out_no_key_twice) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    testing::Random random(seed);
    WorkSet set;
    std::set<std::string> out, owed;
    const auto take = [&] {
      const auto key = set.take();
      if (!key) return;
      ASSERT_TRUE(out.insert(*key).second);
      owed.erase(*key);
    };
    for (int i = 0; i < 500; ++i) {
      const std::string key = "k" + std::to_string(random.below(8));
      switch (random.below(3)) {
        case 0:
          set.add(key);
          owed.insert(key);
          break;
        case 1:
          take();
          break;
        default:
          if (out.erase(key) == 1) set.done(key);
      }
    }
    for (const std::string& key : out) set.done(key);
    out.clear();
    while (set.waiting() > 0) take();
    EXPECT_TRUE(owed.empty());
  }
}

// ---- RetryDelay ------------------------------------------------------------------------------

TEST(RetryDelay, Doubles_per_key_from_5_ms_and_forgets_on_success) {
  RetryDelay retry;
  const TimePoint now{1'000'000'000};
  EXPECT_EQ(retry.next("a", now), milliseconds(5));
  EXPECT_EQ(retry.next("a", now), milliseconds(10));
  EXPECT_EQ(retry.next("b", now), milliseconds(5));
  EXPECT_EQ(retry.next("a", now), milliseconds(20));
  retry.forget("a");
  EXPECT_EQ(retry.next("a", now), milliseconds(5));
}

TEST(RetryDelay, Never_exceeds_its_cap) {
  RetryDelay retry({.first = milliseconds(5), .cap = seconds(60), .per_second = 0});
  Duration wait{};
  for (int i = 0; i < 200; ++i) wait = retry.next("a", TimePoint{1});
  EXPECT_EQ(wait, seconds(60));
}

TEST(RetryDelay, All_keys_together_keep_to_the_bucket) {
  RetryDelay retry({.per_second = 10, .burst = 100});
  const TimePoint now{1'000'000'000};
  Duration wait{};
  for (int i = 0; i < 150; ++i) wait = retry.next("k" + std::to_string(i), now);
  // 150 retries, 100 of them at once: the last waits for 50 places of 100 ms.
  EXPECT_EQ(wait, seconds(5));
}

// ---- WorkQueue -------------------------------------------------------------------------------

class WorkQueueTest : public ::testing::Test {
 protected:
  void make(int workers) {
    queue = std::make_unique<WorkQueue>(loop, WorkQueue::Options{.workers = workers},
                                        [this](const std::string& key, WorkQueue::Finish finish) {
                                          begun.push_back(key);
                                          open[key] = std::move(finish);
                                        });
  }
  void finish(const std::string& key, Verdict verdict) {
    const auto fn = open.extract(key).mapped();
    fn(verdict);
  }

  testing::SimLoop loop;
  std::unique_ptr<WorkQueue> queue;
  std::vector<std::string> begun;
  std::map<std::string, WorkQueue::Finish> open;
};

TEST_F(WorkQueueTest, The_worker_is_not_called_from_inside_add) {
  make(1);
  queue->add("a");
  EXPECT_TRUE(begun.empty());
  loop.run_due();
  EXPECT_THAT(begun, ElementsAre("a"));
}

TEST_F(WorkQueueTest, No_more_keys_are_under_way_than_there_are_workers) {
  make(2);
  for (const char* key : {"a", "b", "c"}) queue->add(key);
  loop.run_due();
  EXPECT_THAT(begun, ElementsAre("a", "b"));
  finish("a", Verdict::done());
  loop.run_due();
  EXPECT_THAT(begun, ElementsAre("a", "b", "c"));
}

TEST_F(WorkQueueTest, A_failed_key_comes_back_after_its_back_off) {
  make(1);
  queue->add("a");
  loop.run_due();
  finish("a", Verdict::retry());
  loop.run_for(milliseconds(4));
  EXPECT_EQ(begun.size(), 1u);
  loop.run_for(milliseconds(1));
  EXPECT_EQ(begun.size(), 2u);
  EXPECT_EQ(queue->failures("a"), 1);
  finish("a", Verdict::done());
  EXPECT_EQ(queue->failures("a"), 0);
}

TEST_F(WorkQueueTest, A_change_during_back_off_is_worked_on_at_once) {
  make(1);
  queue->add("a");
  loop.run_due();
  for (int i = 0; i < 10; ++i) {
    finish("a", Verdict::retry());
    loop.run_until([&] { return !open.empty(); });
  }
  finish("a", Verdict::retry());  // waits for some seconds now
  queue->add("a");
  loop.run_due();
  EXPECT_EQ(begun.size(), 12u);
}

TEST_F(WorkQueueTest, A_delayed_key_waits_for_the_earliest_time_it_was_given) {
  make(1);
  queue->add_after("a", seconds(10));
  queue->add_after("a", seconds(3));
  queue->add_after("a", seconds(20));
  loop.run_for(seconds(3));
  EXPECT_THAT(begun, ElementsAre("a"));
  finish("a", Verdict::again_after(seconds(60)));
  loop.run_for(seconds(59));
  EXPECT_EQ(begun.size(), 1u);
  loop.run_for(seconds(1));
  EXPECT_EQ(begun.size(), 2u);
}

TEST_F(WorkQueueTest, A_second_finish_of_one_round_does_nothing) {
  make(1);
  queue->add("a");
  loop.run_due();
  const WorkQueue::Finish twice = open["a"];
  twice(Verdict::done());
  twice(Verdict::retry());
  loop.run_for(seconds(10));
  EXPECT_EQ(begun.size(), 1u);
}

TEST_F(WorkQueueTest, A_stopped_queue_begins_nothing_and_says_when_it_has_drained) {
  make(2);
  for (const char* key : {"a", "b", "c"}) queue->add(key);
  queue->add_after("d", seconds(1));
  loop.run_due();
  queue->stop();
  bool drained = false;
  queue->on_drained([&] { drained = true; });
  finish("a", Verdict::retry());
  EXPECT_FALSE(drained);
  finish("b", Verdict::done());
  EXPECT_TRUE(drained);
  loop.run_for(seconds(60));
  EXPECT_THAT(begun, ElementsAre("a", "b"));
  EXPECT_EQ(loop.pending(), 0u);
}

TEST_F(WorkQueueTest, A_finish_after_the_end_of_the_queue_is_harmless) {
  make(1);
  queue->add("a");
  loop.run_due();
  queue.reset();
  finish("a", Verdict::retry());
  loop.run_for(seconds(1));
  EXPECT_EQ(loop.pending(), 0u);
}

}  // namespace
}  // namespace k8s
