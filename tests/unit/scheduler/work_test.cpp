// Work follows what changed: counted, not timed.
#include <gtest/gtest.h>

#include "scheduler/engine.hpp"
#include "tests/unit/scheduler/worlds.hpp"

namespace sched::test {
namespace {

// Full nodes, and many tasks that wait in three shapes.
Engine crowded(int waiting) {
  Engine engine;
  for (int i = 0; i < 200; ++i) engine.apply(NodeUpsert{node("n" + std::to_string(i))});
  engine.apply(QueueUpsert{queue("q")});
  engine.apply(TaskUpsert{task("fills", "q", 200, 8)});
  step(engine);
  for (int i = 0; i < waiting; ++i) {
    engine.apply(TaskUpsert{task("w" + std::to_string(i), "q", 2 + i % 3, 8, i + 1)});
  }
  return engine;
}

TEST(Work, Twins_of_a_shape_that_does_not_fit_are_skipped_together) {
  const Engine engine = crowded(3000);
  const Plan::Work first = engine.plan({}).work;
  EXPECT_EQ(first.shapes, 3);
  EXPECT_EQ(first.tasks, 3);
  EXPECT_EQ(first.nodes, 0) << "refused from counts";
  const Plan::Work again = engine.plan({}).work;
  EXPECT_EQ(again.tasks, 0) << "parked until something they lack appears";
}

TEST(Work, A_change_that_cannot_help_wakes_nobody) {
  Engine engine = crowded(300);
  engine.plan({});
  engine.apply(PodUpsert{"cpu", "n1", amounts(0, 1, 1, 1), "", 0, 0});
  engine.apply(PodRemove{"cpu"});
  EXPECT_EQ(engine.plan({}).work.tasks, 0);
  engine.apply(NodeUpsert{node("extra")});
  EXPECT_EQ(engine.plan({}).work.tasks, 0) << "one node is too few for any of them";
  engine.apply(NodeUpsert{node("extra2")});
  const Plan plan = engine.plan({});
  EXPECT_EQ(plan.starts.size(), 1u);
  EXPECT_LE(plan.work.tasks, 3) << "the one that fits, its twin that no longer does, and the first "
                                   "that is blocked, for its reservation";
}

TEST(Work, The_number_of_waiting_tasks_makes_no_difference) {
  std::int64_t tasks[2];
  int i = 0;
  for (const int waiting : {300, 3000}) {
    Engine engine = crowded(waiting);
    engine.plan({});
    engine.apply(NodeUpsert{node("x1")});
    engine.apply(NodeUpsert{node("x2")});
    tasks[i++] = engine.plan({}).work.tasks;
  }
  EXPECT_EQ(tasks[0], tasks[1]);
}

// Low tasks run everywhere, so that whoever stands first may have others stop. Who stands behind
// somebody that is as hopeless changes nothing for him.
TEST(Work, A_gang_that_cannot_fit_is_refused_from_counts_alone) {
  Engine engine;
  for (int i = 0; i < 200; ++i) engine.apply(NodeUpsert{node("n" + std::to_string(i))});
  engine.apply(QueueUpsert{queue("low", Tier::kLow)});
  engine.apply(QueueUpsert{queue("q", Tier::kHigh)});
  engine.apply(TaskUpsert{task("fills", "low", 100, 8)});
  engine.apply(TaskUpsert{task("stays", "q", 100, 8)});
  step(engine);
  engine.apply(TaskUpsert{task("first", "q", 150, 8, 1)});
  EXPECT_TRUE(engine.plan({}).starts.empty());
  engine.apply(TaskUpsert{task("behind", "q", 180, 8, 2)});
  const Plan::Work work = engine.plan({}).work;
  EXPECT_EQ(work.tasks, 1) << "the first of the line is known to find nobody who has to stop";
  EXPECT_EQ(work.shapes, 1);
  EXPECT_EQ(work.nodes + work.ends + work.victims, 0);
  engine.apply(TaskUpsert{task("twin", "q", 180, 8, 3)});
  const Plan::Work again = engine.plan({}).work;
  EXPECT_EQ(again.tasks + again.shapes + again.nodes + again.ends + again.victims, 0);
}

// Six queues have somebody who may ask, more than a pass searches for; but counts tell that all who
// might be asked have too little.
TEST(Work, Whoever_comes_behind_the_blocked_of_many_queues_has_none_of_them_asked_again) {
  Engine engine;
  for (int i = 0; i < 200; ++i) engine.apply(NodeUpsert{node("n" + std::to_string(i))});
  engine.apply(QueueUpsert{queue("low", Tier::kLow)});
  engine.apply(TaskUpsert{task("fills", "low", 100, 8)});
  for (int q = 0; q < 6; ++q) {
    const std::string name = "q" + std::to_string(q);
    engine.apply(QueueUpsert{queue(name, Tier::kHigh)});
    if (q == 0) engine.apply(TaskUpsert{task("stays", name, 100, 8)});
  }
  step(engine);
  for (int q = 0; q < 6; ++q) {
    const std::string number = std::to_string(q);
    engine.apply(TaskUpsert{task("first" + number, "q" + number, 150 + q, 8, 1 + q)});
  }
  const Plan first = engine.plan({});
  EXPECT_TRUE(first.preemptions.empty());
  EXPECT_GE(first.work.tasks, 6) << "each is asked for";
  EXPECT_EQ(first.work.victims, 0);
  EXPECT_EQ(engine.plan({}).work.tasks, 0) << "nobody is asked again";
  for (int q = 0; q < 6; ++q) {
    const std::string number = std::to_string(q);
    engine.apply(TaskUpsert{task("behind" + number, "q" + number, 180 + q, 8, 10 + q)});
    const Plan::Work work = engine.plan({}).work;
    EXPECT_EQ(work.tasks, 1) << "the one that came";
    EXPECT_EQ(work.nodes + work.ends + work.victims, 0);
  }
  engine.apply(TaskUpsert{task("before", "q5", 90, 8, 0)});
  const Plan plan = engine.plan({});
  ASSERT_EQ(plan.preemptions.size(), 1u) << "it stands first in its line";
  EXPECT_EQ(plan.preemptions.front().task, "before");
}

// 10 nodes are in the hands of Low tasks, 10 in those of High ones; the gang lacks one node.
TEST(Work, A_search_in_vain_is_repeated_when_what_came_since_may_suffice) {
  Engine engine;
  for (int i = 0; i < 20; ++i) engine.apply(NodeUpsert{node("n" + std::to_string(i))});
  engine.apply(QueueUpsert{queue("low", Tier::kLow)});
  engine.apply(QueueUpsert{queue("q", Tier::kHigh)});
  engine.apply(TaskUpsert{task("fills", "low", 10, 8)});
  for (int i = 0; i < 10; ++i) {
    engine.apply(TaskUpsert{task("stays" + std::to_string(i), "q", 1, 8)});
  }
  step(engine);
  engine.apply(TaskUpsert{task("lacks one", "q", 11, 8, 1)});
  EXPECT_EQ(engine.plan({}).work.victims, 0) << "counts tell it";
  for (int i = 0; i < 20; ++i) {
    Node changed = node("n" + std::to_string(i));
    engine.apply(PodUpsert{"cpu", changed.name, amounts(0, 1, 1, 1), "", 0, 0});
    EXPECT_EQ(engine.plan({}).work.victims, 0);
    engine.apply(PodRemove{"cpu"});
    EXPECT_EQ(engine.plan({}).work.victims, 0) << "GPUs are what lacks";
    changed.unschedulable = true;
    engine.apply(NodeUpsert{changed});
    EXPECT_EQ(engine.plan({}).work.victims, 0);
    changed.unschedulable = false;
    engine.apply(NodeUpsert{changed});
    EXPECT_EQ(engine.plan({}).work.victims, 0) << "it brings what it had";
  }
  engine.apply(TaskEnd{"stays3"});
  const Plan plan = engine.plan({});
  ASSERT_EQ(plan.preemptions.size(), 1u);
  EXPECT_EQ(plan.preemptions.front().victims, std::vector<std::string>{"fills"});
}

TEST(Work, A_gang_that_comes_first_in_its_line_still_has_others_stop) {
  Engine engine;
  for (int i = 0; i < 20; ++i) engine.apply(NodeUpsert{node("n" + std::to_string(i))});
  engine.apply(QueueUpsert{queue("low", Tier::kLow)});
  engine.apply(QueueUpsert{queue("q", Tier::kHigh)});
  engine.apply(TaskUpsert{task("fills", "low", 10, 8)});
  engine.apply(TaskUpsert{task("stays", "q", 10, 8)});
  step(engine);
  engine.apply(TaskUpsert{task("large", "q", 15, 8, 2)});
  EXPECT_TRUE(engine.plan({}).preemptions.empty());
  engine.apply(TaskUpsert{task("before", "q", 5, 8, 1)});
  const Plan plan = engine.plan({});
  ASSERT_EQ(plan.preemptions.size(), 1u);
  EXPECT_EQ(plan.preemptions.front().task, "before");
}

TEST(Work, Full_nodes_are_not_looked_at_when_one_is_picked) {
  Engine engine = crowded(0);
  for (int i = 0; i < 20; ++i) engine.apply(NodeUpsert{node("x" + std::to_string(i))});
  engine.apply(TaskUpsert{task("t", "q", 20, 8)});
  const Plan plan = engine.plan({});
  ASSERT_EQ(plan.starts.size(), 1u);
  EXPECT_EQ(plan.work.nodes, 20) << "one look for each rank";
}

// 20 racks of 10 nodes; the first node of each is in use.
TEST(Work, A_gang_that_requires_a_rack_is_refused_from_counts_and_looks_at_one_rack) {
  Engine engine;
  ConfigUpdate config;
  config.topology = {{"rack", "rack"}};
  engine.apply(config);
  engine.apply(QueueUpsert{queue("q")});
  for (int i = 0; i < 200; ++i) {
    Node n = node("n" + std::to_string(i));
    n.labels["rack"] = "r" + std::to_string(i / 10);
    engine.apply(NodeUpsert{n});
    if (i % 10 != 0) continue;
    engine.apply(PodUpsert{"p" + std::to_string(i), n.name, amounts(8, 1, 1, 1), "", 0, 0});
  }
  Task t = task("t", "q", 10, 8);
  t.topology_level = "rack";
  t.topology_required = true;
  engine.apply(TaskUpsert{t});
  const Plan refused = engine.plan({});
  EXPECT_TRUE(refused.starts.empty());
  EXPECT_EQ(refused.work.nodes, 0);
  engine.apply(PodRemove{"p70"});
  const Plan placed = engine.plan({});
  ASSERT_EQ(placed.starts.size(), 1u);
  EXPECT_EQ(placed.work.nodes, 10) << "one look for each node of its rack";
}

TEST(Work, A_search_over_many_zones_is_bounded) {
  Engine engine;
  for (int i = 0; i < 60; ++i) {
    engine.apply(NodeUpsert{node("n" + std::to_string(i), "z" + std::to_string(i))});
  }
  engine.apply(QueueUpsert{queue("q")});
  Task t = task("t", "q", 30, 8);
  t.max_latency_us = 100;
  engine.apply(TaskUpsert{t});
  ConfigUpdate config;
  for (int i = 0; i < 60; ++i) {
    for (int j = 0; j < i; ++j) {
      config.latency_us[{"z" + std::to_string(i), "z" + std::to_string(j)}] =
          (i * j) % 7 < 5 ? 50 : 500;
    }
  }
  engine.apply(config);
  const auto why = engine.explain("t", {});
  EXPECT_NE(why.code, ReasonCode::kNever) << "a search that was cut short proves nothing";
}

}  // namespace
}  // namespace sched::test
