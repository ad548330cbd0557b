// Spreading: the node with the least load, against a look at every node.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <tuple>

#include "scheduler/state/ordered.hpp"
#include "tests/unit/scheduler/worlds.hpp"

namespace sched {
namespace {

using namespace test;

TEST(Ordered, Is_walked_backwards_over_its_blocks) {
  Ordered<int> list;
  EXPECT_TRUE(list.at_end(list.last()));
  for (int i = 0; i < 2000; ++i) list.insert((i * 7) % 2000, std::less<>());
  int expected = 1999;
  for (auto at = list.last(); !list.at_end(at); at = list.previous(at)) {
    ASSERT_EQ(list.get(at), expected--);
  }
  EXPECT_EQ(expected, -1);
}

// What is left, as the definition has it: by the scarcer of CPU and memory, in 2^-20 of the node.
std::int64_t rest(const Resources& total, const Resources& free) {
  return std::min((free.cpu_milli << 20) / total.cpu_milli,
                  static_cast<std::int64_t>((static_cast<__int128>(free.memory_bytes) << 20) /
                                            total.memory_bytes));
}

struct Nodes {
  std::map<std::string, Resources> total, free;

  bool fits(const std::string& name, const Resources& request) const {
    const Resources& f = free.at(name);
    return f.cpu_milli >= request.cpu_milli && f.memory_bytes >= request.memory_bytes &&
           f.pods >= request.pods &&
           f.extended_amount("nvidia.com/gpu") >= request.extended_amount("nvidia.com/gpu");
  }
  void use(const std::string& name, const Resources& request) {
    Resources& f = free.at(name);
    f.cpu_milli -= request.cpu_milli;
    f.memory_bytes -= request.memory_bytes;
    f.pods -= request.pods;
    f.set_extended("nvidia.com/gpu",
                   f.extended_amount("nvidia.com/gpu") - request.extended_amount("nvidia.com/gpu"));
  }
  // "" when it fits nowhere.
  std::string least_loaded(const Resources& request) const {
    const std::int64_t gpus = request.extended_amount("nvidia.com/gpu");
    std::string best;
    std::tuple<bool, std::int64_t, std::int64_t, std::string> least;
    for (const auto& [name, room] : free) {
      if (!fits(name, request)) continue;
      const bool has_gpus = total.at(name).extended_amount("nvidia.com/gpu") > 0;
      const std::tuple key{gpus == 0 && has_gpus,
                           gpus > 0 ? -room.extended_amount("nvidia.com/gpu") : 0,
                           -rest(total.at(name), room), name};
      if (!best.empty() && least < key) continue;
      best = name;
      least = key;
    }
    return best;
  }
};

class Spreading : public testing::Test {
 protected:
  void add(const std::string& name, std::int64_t gpus, std::int64_t cores, std::int64_t gib) {
    Node n = node(name, "zone-a", gpus);
    n.allocatable = amounts(gpus, cores, gib, 20);
    engine_.apply(NodeUpsert{n});
    nodes_.total[name] = nodes_.free[name] = n.allocatable;
  }
  void spread(bool on) {
    Queue q = queue("q");
    q.spread = on;
    engine_.apply(QueueUpsert{q});
  }
  // The nodes it got; empty when it waits.
  std::vector<std::string> start(const Resources& request, std::int64_t pods) {
    ++tasks_;
    Task t = task("t" + std::to_string(tasks_), "q", pods, 0, tasks_);
    t.groups[0].requests = request;
    engine_.apply(TaskUpsert{t});
    const Plan plan = engine_.plan({1'000'000 * kSecond});
    if (plan.starts.empty()) {
      engine_.apply(TaskRemove{t.uid});
      return {};
    }
    engine_.apply(Assume{t.uid, 0, plan.starts[0].placement});
    return plan.starts[0].placement.nodes;
  }

  Engine engine_;
  Nodes nodes_;
  std::int64_t tasks_ = 0;
};

TEST_F(Spreading, Takes_the_least_loaded_node_for_each_Pod) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const auto below = [&](std::uint64_t n) { return static_cast<std::int64_t>(random() % n); };
    engine_ = Engine();
    nodes_ = {};
    spread(true);
    for (std::int64_t i = 1 + below(8); i > 0; --i) {
      add("n" + std::to_string(i), below(2) * 2 * below(5), 4 + 4 * below(8), 16 + 16 * below(8));
    }
    for (int step = 0; step < 40; ++step) {
      const Resources request =
          amounts(below(3) == 0 ? 0 : below(4), 1 + below(8), 1 + below(24), 1);
      const std::int64_t pods = 1 + below(3);
      Nodes after = nodes_;
      std::vector<std::string> expected;
      for (std::int64_t i = 0; i < pods; ++i) {
        const std::string name = after.least_loaded(request);
        if (name.empty()) break;
        after.use(name, request);
        expected.push_back(name);
      }
      if (expected.size() < static_cast<std::size_t>(pods)) expected.clear();
      std::sort(expected.begin(), expected.end());
      ASSERT_EQ(start(request, pods), expected) << "step " << step;
      if (!expected.empty()) nodes_ = after;
    }
  }
}

// Two kinds of Pods that fit packed and not spread: a gang starts whenever it can be found at all.
TEST_F(Spreading, Packs_a_gang_that_does_not_fit_otherwise) {
  spread(true);
  add("n1", 4, 64, 256);
  add("n2", 4, 64, 256);
  Task t = task("t", "q", 1, 4);
  t.groups = {
      {"", 2, amounts(2, 1, 1, 1)}, {"", 1, amounts(0, 60, 1, 1)}, {"", 1, amounts(4, 8, 1, 1)}};
  engine_.apply(TaskUpsert{t});
  const Plan plan = engine_.plan({kSecond});
  ASSERT_EQ(plan.starts.size(), 1u);
  EXPECT_EQ(plan.starts[0].placement.nodes[0], plan.starts[0].placement.nodes[1]);
}

TEST_F(Spreading, Hundreds_of_equal_nodes_are_not_looked_at_one_by_one) {
  spread(true);
  for (int i = 0; i < 500; ++i) add("n" + std::to_string(i), 8, 64, 256);
  Task t = task("t", "q", 1, 1);
  engine_.apply(TaskUpsert{t});
  EXPECT_LE(engine_.plan({kSecond}).work.nodes, 4);
}

}  // namespace
}  // namespace sched
