// Tenants of a queue: who is next, what they are charged, and what it costs to know.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scheduler/audit/audit.hpp"
#include "scheduler/fair/fraction.hpp"
#include "scheduler/fair/usage.hpp"
#include "tests/unit/scheduler/worlds.hpp"

namespace sched::test {
namespace {

using ::testing::ElementsAre;

Task of(const std::string& tenant, Task task) {
  task.tenant = tenant;
  return task;
}

TEST(Fraction, Products_of_128_bits_are_exact) {
  const unsigned __int128 most = ~static_cast<unsigned __int128>(0);
  EXPECT_EQ(compare({most, most - 1}, {most - 1, most}), 1);
  EXPECT_EQ(compare({most - 1, most}, {most, most - 1}), -1);
  EXPECT_EQ(compare({most, most}, {1, 1}), 0);
  EXPECT_EQ(compare({most - 1, most}, {most - 2, most - 1}), 1) << "they differ in the last bit";
}

TEST(Usage, The_past_is_halved_at_each_multiple_of_the_half_life) {
  Amounts gpus;
  gpus.add(kFirstExtended, 8);
  Usage usage;
  usage.span(100, Time{0}, Time{50'000'000}, gpus);  // 50 ms x 8
  const auto at = [&](std::int64_t ms) {
    return static_cast<std::int64_t>(usage.at(kFirstExtended, 100, Time{ms * 1'000'000}));
  };
  EXPECT_EQ(at(50), 400);
  EXPECT_EQ(at(99), 400);
  EXPECT_EQ(at(100), 200);
  EXPECT_EQ(at(250), 100);
  EXPECT_EQ(at(100'000), 0);
}

TEST(Usage, What_is_taken_back_leaves_no_trace) {
  Amounts gpus;
  gpus.add(kFirstExtended, 8);
  Usage usage;
  usage.step(100, Time{7'000'000}, gpus, 1);
  usage.step(100, Time{999'000'000'000}, gpus, 1);
  usage.step(100, Time{999'000'000'000}, gpus, -1);
  usage.step(100, Time{7'000'000}, gpus, -1);
  EXPECT_TRUE(usage.empty());
}

TEST(Tenants, GPUs_of_a_named_model_are_a_resource_of_their_own) {
  Engine engine;
  engine.apply(NodeUpsert{node("n1")});
  Node other = node("n2", "zone-a", 24);
  other.gpu_model = "H100";
  engine.apply(NodeUpsert{other});
  engine.apply(QueueUpsert{queue("q", Tier::kMedium, Strategy::kDrf)});
  Task scarce = of("ann", task("a1", "q", 1, 4));
  scarce.gpu_model = "A100";
  engine.apply(TaskUpsert{scarce});
  engine.apply(TaskUpsert{of("bob", task("b1", "q", 1, 8))});
  step(engine);
  const auto tenants = engine.tenants("q");
  ASSERT_EQ(tenants.size(), 2u);
  EXPECT_EQ(tenants[0].share_millionths, 500'000) << "4 of 8 A100";
  EXPECT_EQ(tenants[1].share_millionths, 250'000) << "8 of 32 GPUs";
  engine.apply(TaskUpsert{of("ann", task("a2", "q", 1, 1, 1))});
  engine.apply(TaskUpsert{of("bob", task("b2", "q", 1, 1, 2))});
  EXPECT_THAT(step(engine), ElementsAre("b2", "a2"));
}

TEST(Tenants, A_weight_of_zero_counts_as_one_and_a_huge_one_is_cut) {
  Engine engine;
  engine.apply(NodeUpsert{node("n1")});
  Queue q = queue("q", Tier::kMedium, Strategy::kDrf);
  q.tenant_weights = {{"ann", 0}, {"bob", std::int64_t{1} << 62}};
  engine.apply(QueueUpsert{q});
  for (int i = 0; i < 3; ++i) {
    engine.apply(TaskUpsert{of("ann", task("a" + std::to_string(i), "q", 1, 1))});
    engine.apply(TaskUpsert{of("bob", task("b" + std::to_string(i), "q", 1, 1))});
  }
  EXPECT_THAT(step(engine), ElementsAre("a0", "b0", "b1", "b2", "a1", "a2"));
}

TEST(Tenants, A_task_that_moves_to_another_tenant_takes_its_share_along) {
  Engine engine;
  engine.apply(NodeUpsert{node("n1")});
  engine.apply(QueueUpsert{queue("q", Tier::kMedium, Strategy::kDrf)});
  Task moving = of("ann", task("a", "q", 1, 4));
  engine.apply(TaskUpsert{moving});
  step(engine);
  moving.tenant = "bob";
  engine.apply(TaskUpsert{moving});
  const auto tenants = engine.tenants("q");
  ASSERT_EQ(tenants.size(), 2u) << "ann has started something: that is remembered";
  EXPECT_EQ(tenants[0].share_millionths, 0);
  EXPECT_EQ(tenants[1].share_millionths, 500'000);
}

TEST(Tenants, The_past_of_one_that_is_gone_is_kept_for_a_bounded_number) {
  Engine engine;
  engine.apply(NodeUpsert{node("n1")});
  engine.apply(QueueUpsert{queue("q", Tier::kMedium, Strategy::kTimeSlicing)});
  for (int i = 0; i < 5000; ++i) {
    const std::string name = "t" + std::to_string(i);
    engine.apply(TaskUpsert{of(name, task(name, "q", 1, 1))});
    engine.apply(Assume{name, 0, {{"n1"}}, Time{(i + 1) * kSecond}});
    engine.apply(TaskRemove{name, Time{(i + 1) * kSecond}});
  }
  EXPECT_LE(engine.tenants("q").size(), 4097u);
  EXPECT_GE(engine.tenants("q").size(), 4000u);
}

TEST(Tenants, A_queue_that_is_deleted_takes_the_past_along) {
  Engine engine;
  engine.apply(NodeUpsert{node("n1")});
  engine.apply(QueueUpsert{queue("q", Tier::kMedium, Strategy::kDrf)});
  engine.apply(TaskUpsert{of("ann", task("a", "q", 1, 1))});
  step(engine);
  engine.apply(TaskRemove{"a", {}});
  EXPECT_EQ(engine.served("q").size(), 1u);
  engine.apply(QueueRemove{"q"});
  engine.apply(QueueUpsert{queue("q", Tier::kMedium, Strategy::kDrf)});
  EXPECT_TRUE(engine.served("q").empty());
}

TEST(Tenants, What_cannot_be_known_of_a_past_is_refused) {
  Engine engine;
  EXPECT_FALSE(engine.apply(Served{"nowhere", "ann", {}, 1, {}}));
  engine.apply(QueueUpsert{queue("q", Tier::kMedium, Strategy::kDrf)});
  EXPECT_FALSE(engine.apply(Served{"q", "ann", {}, -1, {}}));
  const Served::Span backwards{Time{5 * kSecond}, Time{kSecond}, "", amounts(1, 1, 1, 1)};
  EXPECT_TRUE(engine.apply(Served{"q", "ann", Time{kSecond}, 1, {backwards}}));
  EXPECT_FALSE(engine.apply(Served{"q", "ann", Time{kSecond}, 1, {backwards}})) << "nothing new";
}

// The same deltas for both, but for what `also` says to the auditor alone.
std::vector<std::string> audited(const std::vector<Delta>& deltas, const std::vector<Delta>& also) {
  Engine engine;
  Auditor auditor;
  for (const Delta& d : deltas) {
    engine.apply(d);
    auditor.apply(d);
  }
  for (const Delta& d : also) auditor.apply(d);
  const Plan plan = engine.plan({});
  EXPECT_EQ(plan.starts.size(), 1u);
  return auditor.check(plan, {});
}

TEST(FairAudit, A_start_that_passes_a_tenant_with_less_is_found) {
  const std::vector<Delta> deltas{
      NodeUpsert{node("n1")},
      QueueUpsert{queue("q", Tier::kMedium, Strategy::kDrf)},
      TaskUpsert{of("ann", task("runs", "q", 1, 2))},
      Assume{"runs", 0, {{"n1"}}},
      TaskUpsert{of("ann", task("rich", "q", 1, 6))},
  };
  EXPECT_TRUE(audited(deltas, {}).empty());
  EXPECT_THAT(audited(deltas, {TaskUpsert{of("bob", task("poor", "q", 1, 6, 5))}}),
              ElementsAre("rich: passes poor, which asks for the same for a tenant with less"));
}

TEST(FairAudit, A_start_that_takes_guaranteed_room_is_found) {
  const std::vector<Delta> deltas{NodeUpsert{node("n1")}, QueueUpsert{queue("q")},
                                  TaskUpsert{task("t", "q", 1, 6)}};
  Queue owner = queue("owner");
  owner.has_guaranteed = true;
  owner.guaranteed.set_extended("nvidia.com/gpu", 2);
  EXPECT_TRUE(audited(deltas, {QueueUpsert{owner}}).empty());
  owner.guaranteed.set_extended("nvidia.com/gpu", 3);
  EXPECT_THAT(audited(deltas, {QueueUpsert{owner}}),
              ElementsAre("t: takes nvidia.com/gpu that is guaranteed to other queues"));
}

// Work follows the tenants and what changed, never the tasks that wait.
TEST(Tenants, A_hundred_thousand_waiting_tasks_are_not_scanned) {
  Engine engine;
  for (int i = 0; i < 20; ++i) engine.apply(NodeUpsert{node("n" + std::to_string(i))});
  engine.apply(QueueUpsert{queue("q", Tier::kMedium, Strategy::kDrf)});
  engine.apply(TaskUpsert{of("first", task("fills", "q", 20, 8))});
  step(engine);
  for (int i = 0; i < 20'000; ++i) {
    engine.apply(TaskUpsert{
        of("t" + std::to_string(i % 1000), task("w" + std::to_string(i), "q", 2, 8, i))});
  }
  engine.plan({});
  engine.apply(NodeUpsert{node("x1")});
  EXPECT_EQ(engine.plan({}).work.tasks, 0) << "one node is too few";
  engine.apply(NodeUpsert{node("x2")});
  const Plan plan = engine.plan({});
  ASSERT_EQ(plan.starts.size(), 1u);
  EXPECT_EQ(plan.starts[0].task, "w0");
  EXPECT_LE(plan.work.tasks, 4);
}

}  // namespace
}  // namespace sched::test
