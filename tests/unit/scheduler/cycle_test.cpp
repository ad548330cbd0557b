// Assume, confirm, reject, end; Pods that come early, late, twice or elsewhere.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scheduler/engine.hpp"
#include "scheduler/reason.hpp"
#include "tests/unit/scheduler/worlds.hpp"

namespace sched::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Cycle : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"n1", "n2"}) engine.apply(NodeUpsert{node(name)});
    engine.apply(QueueUpsert{queue("q")});
    engine.apply(TaskUpsert{task("t", "q", 2, 8)});
  }
  std::int64_t gpus(const std::string& node) {
    return engine.used(node)->extended_amount("nvidia.com/gpu");
  }
  PodUpsert pod(const std::string& uid, const std::string& node, std::int64_t rank,
                std::int64_t attempt = 0) {
    return {uid, node, amounts(8, 1, 1, 1), "t", attempt, rank};
  }
  Engine engine;
};

TEST_F(Cycle, Each_rank_is_booked_once_whether_its_pod_is_seen_or_not) {
  step(engine);
  engine.apply(pod("p0", "n1", 0));
  EXPECT_EQ(gpus("n1"), 8);
  EXPECT_EQ(gpus("n2"), 8);
  EXPECT_FALSE(engine.apply(pod("p0", "n1", 0))) << "nothing new";
  engine.apply(PodRemove{"p0"});
  EXPECT_EQ(gpus("n1"), 0) << "the reservation ended when the Pod was seen";
  EXPECT_EQ(gpus("n2"), 8);
}

TEST_F(Cycle, A_pod_seen_before_the_decision_is_read_back_is_not_counted_twice) {
  engine.apply(pod("p0", "n1", 0));
  engine.apply(Assume{"t", 0, {{"n1", "n2"}}});
  EXPECT_EQ(gpus("n1"), 8);
  EXPECT_EQ(gpus("n2"), 8);
}

TEST_F(Cycle, A_pod_of_another_attempt_takes_over_nothing) {
  engine.apply(Assume{"t", 1, {{"n1", "n2"}}});
  engine.apply(pod("old", "n1", 0, 0));
  EXPECT_EQ(gpus("n1"), 16) << "the old Pod still terminates beside the new reservation";
  engine.apply(PodRemove{"old"});
  EXPECT_EQ(gpus("n1"), 8);
}

TEST_F(Cycle, A_pod_that_was_bound_elsewhere_frees_its_reservation) {
  engine.apply(NodeUpsert{node("n3")});
  engine.apply(Assume{"t", 0, {{"n1", "n2"}}});
  engine.apply(pod("p0", "n3", 0));
  EXPECT_EQ(gpus("n1"), 0);
  EXPECT_EQ(gpus("n3"), 8);
}

TEST_F(Cycle, A_rejected_task_waits_at_its_old_place_until_its_back_off_is_over) {
  step(engine);
  engine.apply(TaskUpsert{task("later", "q", 2, 8, 1)});
  engine.apply(Reject{"t", "refused", Time{100}});
  EXPECT_EQ(gpus("n1"), 0);
  EXPECT_EQ(engine.position("t"), 1);
  EXPECT_EQ(engine.next_time(Time{0}), Time{100});
  EXPECT_EQ(engine.explain("t", Time{99}).code, ReasonCode::kBackoff);
  EXPECT_EQ(engine.explain("t", Time{99}).detail, "refused");
  EXPECT_THAT(placed(engine, "t", Time{99}), IsEmpty());
  EXPECT_THAT(placed(engine, "t", Time{100}), ElementsAre("n1", "n2"));
  EXPECT_EQ(engine.next_time(Time{100}), std::nullopt);
  EXPECT_THAT(placed(engine, "later", Time{99}), ElementsAre("n1", "n2"))
      << "a clock that goes back is taken at its word";
}

TEST_F(Cycle, An_upsert_after_a_reject_does_not_shorten_the_back_off) {
  step(engine);
  engine.apply(Reject{"t", "refused", Time{100}});
  Task again = task("t", "q", 2, 8);
  again.attempt = 1;
  engine.apply(TaskUpsert{again});
  EXPECT_THAT(step(engine, Time{99}), IsEmpty());
  const Plan plan = engine.plan(Time{100});
  ASSERT_EQ(plan.starts.size(), 1u);
  EXPECT_EQ(plan.starts[0].attempt, 1);
}

TEST_F(Cycle, Deltas_that_name_nothing_known_change_nothing) {
  const std::uint64_t before = engine.digest();
  for (const Delta& delta : std::vector<Delta>{
           NodeRemove{"x"}, QueueRemove{"x"}, TaskRemove{"x"}, PodRemove{"x"}, TaskEnd{"x"},
           Assume{"x", 0, {{"n1"}}}, Confirm{"x", {}}, Reject{"x", "", {}}, Confirm{"t", {}},
           Assume{"t", 0, {{"n1"}}}, NodeUpsert{node("n1")}, QueueUpsert{queue("q")},
           TaskUpsert{task("t", "q", 2, 8)}, NodeUpsert{}, QueueUpsert{}, TaskUpsert{}}) {
    EXPECT_FALSE(engine.apply(delta)) << delta.index();
    EXPECT_EQ(engine.digest(), before) << delta.index();
  }
}

TEST_F(Cycle, A_removed_task_releases_everything_and_may_come_back) {
  step(engine);
  engine.apply(TaskRemove{"t"});
  EXPECT_EQ(gpus("n1"), 0);
  EXPECT_EQ(engine.state("t"), std::nullopt);
  engine.apply(TaskUpsert{task("t", "q", 2, 8)});
  EXPECT_THAT(step(engine), ElementsAre("t"));
}

TEST_F(Cycle, An_ended_task_stays_out_of_the_line) {
  step(engine);
  engine.apply(TaskEnd{"t"});
  Task changed = task("t", "q", 1, 1);
  engine.apply(TaskUpsert{changed});
  EXPECT_THAT(step(engine), IsEmpty());
  EXPECT_EQ(engine.state("t"), TaskState::kEnded);
  EXPECT_EQ(engine.position("t"), 0);
  EXPECT_FALSE(engine.apply(Reject{"t", "", {}}));
}

TEST_F(Cycle, A_node_that_goes_and_comes_back_still_knows_what_runs_on_it) {
  step(engine);
  engine.apply(NodeRemove{"n1"});
  engine.apply(TaskUpsert{task("u", "q", 1, 8, 1)});
  EXPECT_THAT(step(engine), IsEmpty());
  engine.apply(NodeUpsert{node("n1")});
  EXPECT_THAT(step(engine), IsEmpty());
  EXPECT_EQ(gpus("n1"), 8);
  engine.apply(TaskEnd{"t"});
  EXPECT_THAT(step(engine), ElementsAre("u"));
}

TEST_F(Cycle, Allocatable_below_use_breaks_nothing) {
  step(engine);
  Node small = node("n1", "zone-a", 2);
  engine.apply(NodeUpsert{small});
  engine.apply(TaskUpsert{task("one", "q", 1, 1, 1)});
  EXPECT_EQ(engine.explain("one", {}).code, ReasonCode::kCapacity);
  EXPECT_EQ(engine.explain("one", {}).free, 0) << "never below zero";
  engine.apply(TaskEnd{"t"});
  EXPECT_THAT(placed(engine, "one"), ElementsAre("n1"));
}

TEST_F(Cycle, Queue_figures_count_what_waits_and_what_was_decided) {
  step(engine);
  engine.apply(TaskUpsert{task("u", "q", 1, 8, 1)});
  const Engine::QueueFigures figures = engine.figures("q");
  EXPECT_EQ(figures.pending, 1);
  EXPECT_EQ(figures.running, 1);
  EXPECT_EQ(figures.used.extended_amount("nvidia.com/gpu"), 16);
  EXPECT_EQ(figures.used.pods, 2);
  EXPECT_THAT(engine.head("q", 5), ElementsAre("u"));
  EXPECT_THAT(engine.head("nowhere", 5), IsEmpty());
}

TEST_F(Cycle, A_running_task_that_moves_to_another_queue_is_charged_there) {
  step(engine);
  engine.apply(QueueUpsert{queue("r")});
  engine.apply(TaskUpsert{task("t", "r", 2, 8)});
  EXPECT_EQ(engine.figures("q").running, 0);
  EXPECT_EQ(engine.figures("r").used.extended_amount("nvidia.com/gpu"), 16);
}

}  // namespace
}  // namespace sched::test
