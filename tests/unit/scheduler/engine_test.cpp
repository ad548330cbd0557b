#include "scheduler/engine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scheduler/reason.hpp"
#include "tests/unit/scheduler/worlds.hpp"

namespace sched::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class EngineTest : public ::testing::Test {
 protected:
  void nodes(std::initializer_list<Node> list) {
    for (const Node& n : list) engine.apply(NodeUpsert{n});
  }
  void queues(std::initializer_list<Queue> list) {
    for (const Queue& q : list) engine.apply(QueueUpsert{q});
  }
  void tasks(std::initializer_list<Task> list) {
    for (const Task& t : list) engine.apply(TaskUpsert{t});
  }
  Engine engine;
};

TEST_F(EngineTest, A_task_starts_where_there_is_room_and_a_decision_is_booked_once) {
  nodes({node("n1")});
  queues({queue("q")});
  tasks({task("t", "q", 1, 8)});
  ASSERT_THAT(placed(engine, "t"), ElementsAre("n1"));
  EXPECT_THAT(placed(engine, "t"), ElementsAre("n1")) << "planning twice gives the same";
  EXPECT_EQ(engine.used("n1")->extended_amount("nvidia.com/gpu"), 0);
  step(engine);
  EXPECT_EQ(engine.state("t"), TaskState::kReserved);
  EXPECT_EQ(engine.used("n1")->extended_amount("nvidia.com/gpu"), 8);
  engine.apply(PodUpsert{"pod", "n1", amounts(8, 1, 1, 1), "t", 0, 0});
  EXPECT_EQ(engine.used("n1")->extended_amount("nvidia.com/gpu"), 8) << "the Pod is the rank";
  engine.apply(Confirm{"t", Time{5}});
  EXPECT_EQ(engine.state("t"), TaskState::kRunning);
  engine.apply(TaskEnd{"t"});
  EXPECT_EQ(engine.used("n1")->extended_amount("nvidia.com/gpu"), 8) << "the Pod still runs";
  engine.apply(PodRemove{"pod"});
  EXPECT_EQ(engine.used("n1")->extended_amount("nvidia.com/gpu"), 0);
}

TEST_F(EngineTest, A_gang_starts_whole_or_not_at_all) {
  nodes({node("n1"), node("n2")});
  queues({queue("q")});
  tasks({task("three", "q", 3, 8), task("two", "q", 2, 8, 1)});
  EXPECT_THAT(step(engine), ElementsAre("two"));
  EXPECT_EQ(engine.explain("three", {}).code, ReasonCode::kNever);
  nodes({node("n3")});
  EXPECT_EQ(engine.explain("three", {}).code, ReasonCode::kCapacity);
  EXPECT_EQ(sentence(engine.explain("three", {})),
            "needs 24 x nvidia.com/gpu: 8 free of 24, 16 held by team/two; 1 of 3 eligible nodes "
            "fit");
  engine.apply(TaskEnd{"two"});
  EXPECT_THAT(step(engine), ElementsAre("three"));
}

TEST_F(EngineTest, The_exact_split_of_the_worked_example) {
  nodes({node("a1", "A"), node("a2", "A"), node("b1", "B"), node("b2", "B"), node("b3", "B")});
  queues({queue("q")});
  Task t = task("t", "q", 2, 8);
  t.groups = {{"A", 2, amounts(8, 64, 256, 1)}, {"B", 3, amounts(8, 64, 256, 1)}};
  t.zone_policy = ZonePolicy::kExact;
  tasks({t});
  EXPECT_THAT(placed(engine, "t"), ElementsAre("a1", "a2", "b1", "b2", "b3"));
  engine.apply(PodUpsert{"x", "b2", amounts(1, 1, 1, 1), "", 0, 0});
  EXPECT_THAT(step(engine), IsEmpty());
  const Reason why = engine.explain("t", {});
  EXPECT_EQ(why.code, ReasonCode::kCapacity);
  EXPECT_EQ(why.zone, "B");
  EXPECT_EQ(why.needed, 24);
  EXPECT_EQ(why.free, 23);
  EXPECT_EQ(why.nodes_fitting, 2);
  engine.apply(PodRemove{"x"});
  EXPECT_THAT(step(engine), ElementsAre("t"));
}

TEST_F(EngineTest, A_strict_queue_is_blocked_by_its_head_and_says_so) {
  nodes({node("n1"), node("n2")});
  queues({queue("q", Tier::kMedium, Strategy::kFifo)});
  tasks({task("runs", "q", 1, 8, 0)});
  step(engine);
  tasks({task("head", "q", 2, 8, 1), task("small", "q", 1, 1, 2)});
  EXPECT_THAT(step(engine), IsEmpty());
  EXPECT_EQ(engine.explain("small", {}).code, ReasonCode::kBlockedHead);
  EXPECT_EQ(engine.explain("small", {}).detail, "team/head");
  EXPECT_EQ(engine.position("small"), 2);
  queues({queue("q", Tier::kMedium, Strategy::kBackfill)});
  EXPECT_THAT(step(engine), ElementsAre("small"));
}

// Somebody gives a node another zone while a gang of one zone runs on it.
TEST_F(EngineTest, A_gang_of_one_zone_whose_nodes_lie_in_two_by_now_does_not_grow) {
  nodes({node("a1"), node("a2")});
  Queue busy = queue("q");
  busy.cooldown_ns = 0;
  queues({busy});
  Task gang = task("gang", "q", 2, 8);
  gang.groups[0].most = 3;
  gang.zone_policy = ZonePolicy::kSingle;
  tasks({gang});
  EXPECT_THAT(step(engine), ElementsAre("gang"));
  engine.apply(Confirm{"gang", Time{1}});
  nodes({node("a3")});
  const Time later{kSecond};
  EXPECT_EQ(engine.plan(later).grows.size(), 1U);
  nodes({node("a2", "zone-b")});
  EXPECT_THAT(engine.plan(later).grows, IsEmpty());
}

TEST_F(EngineTest,
       A_start_that_brings_the_tenant_of_a_strict_head_to_its_limit_frees_those_behind) {
  nodes({node("n1"), node("n2")});
  Queue strict = queue("q", Tier::kHigh, Strategy::kFifo);
  strict.tenant_limits.running = 1;
  queues({queue("other", Tier::kHigh), strict});
  tasks({task("x", "other", 1, 8), task("y", "other", 1, 2)});
  step(engine);
  Task head = task("head", "q", 1, 8, 2), behind = task("behind", "q", 1, 2, 3);
  behind.tenant = "b";
  tasks({head, behind});
  EXPECT_THAT(step(engine), IsEmpty());
  tasks({task("before", "q", 1, 2, 1)});
  EXPECT_THAT(step(engine), ElementsAre("before", "behind"));
  EXPECT_EQ(engine.explain("head", {}).code, ReasonCode::kTenantLimit);
}

// What starts behind it evens out its group, so that it may start with the next plan; this one has
// left it waiting, and it is told why.
TEST_F(EngineTest, One_that_may_start_by_what_starts_behind_it_still_has_a_reason_to_wait) {
  nodes({node("a1"), node("b1", "zone-b")});
  engine.apply(PodUpsert{"foreign", "b1", amounts(6, 1, 1, 1), "", 0, 0});
  queues({queue("q")});
  const auto replica = [](const std::string& uid, std::int64_t gpus, std::int64_t submitted) {
    Task t = task(uid, "q", 1, gpus, submitted);
    t.group_uid = "svc";
    t.group_skew = 1;
    return t;
  };
  tasks({replica("first", 4, 0)});
  EXPECT_THAT(step(engine), ElementsAre("first"));
  tasks({replica("large", 4, 1), replica("small", 2, 2)});
  ASSERT_THAT(placed(engine, "small"), ElementsAre("b1"));
  EXPECT_THAT(placed(engine, "large"), IsEmpty());
  EXPECT_EQ(engine.explain("large", {}).code, ReasonCode::kTopology);
  EXPECT_THAT(step(engine), ElementsAre("small"));
  EXPECT_THAT(step(engine), ElementsAre("large"));
}

// Only while the one of its own group holds a place does it go to a primary zone alone: of others
// nobody tells it when they end.
TEST_F(EngineTest, One_that_would_take_the_place_of_a_task_of_another_group_may_go_to_a_backup) {
  nodes({node("a1"), node("b1", "zone-b")});
  queues({queue("q")});
  const auto replica = [](const std::string& uid, const std::string& group) {
    Task t = task(uid, "q", 1, 8);
    t.group_uid = group;
    t.group_zones = {{"zone-a", false, 1}, {"zone-b", true, 1}};
    return t;
  };
  tasks({replica("old", "other")});
  EXPECT_THAT(step(engine), ElementsAre("old"));
  Task anew = replica("new", "svc");
  anew.replaces = "old";
  tasks({anew});
  EXPECT_THAT(placed(engine, "new"), ElementsAre("b1"));
}

}  // namespace
}  // namespace sched::test
