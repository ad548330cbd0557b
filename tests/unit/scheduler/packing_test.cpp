// Packing: a Pod goes where it costs the others fewest slots. Worked examples through the engine,
// and against the definition, looking at every node and device.
#include "scheduler/place/packing.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "tests/unit/scheduler/worlds.hpp"

namespace sched::test {
namespace {

constexpr const char* kGpu = "nvidia.com/gpu";

class Packs : public testing::Test {
 protected:
  Packs() { engine_.apply(QueueUpsert{queue("q")}); }

  // Its GPUs are shared where Pods ask for parts.
  void have(const std::string& name, std::int64_t gpus, std::int64_t cores,
            const std::string& model = "A100") {
    Node n = node(name, "zone-a", gpus);
    n.gpu_model = model;
    n.gpu_sharing = true;
    n.allocatable = amounts(gpus, cores, 1024, 110);
    engine_.apply(NodeUpsert{n});
  }
  static Task gang(const std::string& uid, std::int64_t pods, std::int64_t gpus,
                   std::int64_t cores) {
    Task t = task(uid, "q", pods, gpus, ++submitted_);
    t.groups[0].requests = amounts(gpus, cores, 1, 1);
    return t;
  }
  static Task part(const std::string& uid, std::int64_t milli, std::int64_t cores = 1) {
    Task t = gang(uid, 1, 0, cores);
    t.groups[0].shared_resource = kGpu;
    t.groups[0].shared_milli = milli;
    return t;
  }
  // "node" or "node/device", by rank, in the order of ranks; empty when it waits.
  std::string starts(const Task& t) {
    engine_.apply(TaskUpsert{t});
    std::string where;
    for (const Start& s : engine_.plan({1}).starts) {
      if (s.task != t.uid) continue;
      for (std::size_t r = 0; r < s.placement.nodes.size(); ++r) {
        where += (r > 0 ? " " : "") + s.placement.nodes[r];
        if (!s.placement.devices.empty()) {
          where += "/" + std::to_string(s.placement.devices[r]);
        }
      }
      engine_.apply(Assume{s.task, s.attempt, s.placement});
    }
    return where;
  }
  // A task that is somewhere already.
  void runs(const Task& t, const std::string& where, std::int64_t device = -1) {
    engine_.apply(TaskUpsert{t});
    Placement placement{{where}, {}};
    if (device >= 0) placement.devices = {device};
    engine_.apply(Assume{t.uid, 0, placement});
  }

  Engine engine_;
  static std::int64_t submitted_;
};
std::int64_t Packs::submitted_ = 0;

// docs/algorithms.md, 3: costs of 38, 28, 30 and 20, and 2 more on each.
TEST_F(Packs, The_worked_example_of_the_guide_to_the_algorithms) {
  have("a-1", 2, 16);
  have("a-2", 4, 32);
  have("a-3", 4, 96);
  have("a-4", 6, 40);
  have("a-5", 6, 96);
  Task ones = gang("ones", 10, 1, 8), fours = gang("fours", 2, 4, 16);
  ones.held = fours.held = true;
  engine_.apply(TaskUpsert{ones});
  engine_.apply(TaskUpsert{fours});
  EXPECT_EQ(starts(gang("t", 1, 2, 20)), "a-5");
}

// One GPU needs 8 cores: a-small has none to spare, large has 48. By tightness alone it is a-small.
TEST_F(Packs, Work_without_devices_keeps_off_the_cores_that_devices_need) {
  have("large", 2, 64);
  have("other", 1, 8);
  have("a-small", 2, 16);
  runs(gang("trains", 1, 1, 8), "other");
  EXPECT_EQ(starts(gang("builds", 1, 0, 12)), "large");
}

TEST_F(Packs, Who_waits_counts_as_who_runs) {
  have("large", 2, 64);
  have("a-small", 2, 16);
  engine_.apply(TaskUpsert{gang("trains", 100, 1, 8)});  // too large to start
  EXPECT_EQ(starts(gang("builds", 1, 0, 12)), "large");
}

// What asks for another model loses nothing here.
TEST_F(Packs, Needs_of_another_model_do_not_count) {
  have("large", 2, 64);
  have("a-small", 2, 16);
  Task other = gang("trains", 100, 1, 8);
  other.gpu_model = "H100";
  engine_.apply(TaskUpsert{other});
  EXPECT_EQ(starts(gang("builds", 1, 0, 12)), "a-small");
}

TEST_F(Packs, Nobody_is_remembered_who_has_ended) {
  have("large", 2, 64);
  have("a-small", 2, 16);
  engine_.apply(TaskUpsert{gang("trains", 100, 1, 8)});
  engine_.apply(TaskRemove{"trains"});
  EXPECT_EQ(starts(gang("builds", 1, 0, 12)), "a-small");
}

TEST_F(Packs, Each_Pod_of_a_gang_goes_where_it_costs_least) {
  have("large", 2, 64);
  have("a-small", 2, 16);
  engine_.apply(TaskUpsert{gang("trains", 100, 1, 8)});
  // 64 cores less 5 x 9 leave 19, room for two GPUs; the sixth would take one of them.
  EXPECT_EQ(starts(gang("builds", 5, 0, 9)), "large large large large large");
}

TEST_F(Packs, A_large_hole_is_kept_for_large_work) {
  have("a", 4, 64);
  have("b", 4, 64);
  runs(gang("one", 1, 1, 8), "b");
  engine_.apply(TaskUpsert{gang("wide", 50, 4, 8)});
  EXPECT_EQ(starts(gang("a-small", 1, 1, 8)), "b");
}

TEST_F(Packs, A_part_goes_to_a_device_that_is_shared_already) {
  have("free", 2, 32);
  have("shared", 2, 32);
  runs(part("first", 600), "shared", 0);
  EXPECT_EQ(starts(part("second", 300)), "shared/0");
}

TEST_F(Packs, A_part_that_fits_no_shared_device_opens_another) {
  have("shared", 2, 32);
  runs(part("first", 600), "shared", 0);
  EXPECT_EQ(starts(part("second", 500)), "shared/1");
}

// 700 left: room for one half more. 200 left: of use to the small alone.
TEST_F(Packs, A_small_part_takes_the_rest_that_the_others_cannot_use) {
  have("n", 4, 64);
  runs(part("a", 300), "n", 0);
  runs(part("b", 750), "n", 1);
  runs(part("c", 500), "n", 2);
  runs(part("d", 500), "n", 3);
  EXPECT_EQ(starts(part("a-small", 200)), "n/1");
}

// The head will have three GPUs of each node once "runs" has ended. Beside that large has 1 GPU and
// 56 cores, a-small 1 and 16: 9 cores less, and a-small has none left for a GPU with 8.
TEST_F(Packs, Who_passes_a_blocked_head_is_packed_alike) {
  have("large", 4, 64);
  have("a-small", 4, 24);
  have("used", 4, 16);
  Task runner = gang("runs", 1, 4, 8);
  runner.expected_duration_ns = 3600 * kSecond;
  runs(runner, "used");
  engine_.apply(Confirm{"runs", {1}});
  engine_.apply(TaskUpsert{gang("head", 3, 3, 8)});
  engine_.apply(TaskUpsert{gang("waits", 100, 1, 8)});
  Task builds = gang("builds", 1, 0, 9);
  builds.expected_duration_ns = 7200 * kSecond;
  EXPECT_EQ(starts(builds), "large");
}

// A label that somebody asks for splits classes, and nothing else: n0 and n1 are compared as the
// first of their line, though n3 (the second of the slow ones) would lose nothing.
TEST_F(Packs, What_splits_a_class_does_not_change_an_answer) {
  for (const bool split : {false, true}) {
    Engine engine;
    engine.apply(QueueUpsert{queue("q")});
    for (int i = 0; i < 6; ++i) {
      Node n = node("n" + std::to_string(i));
      n.labels["disk"] = i % 2 == 0 ? "fast" : "slow";
      n.allocatable = amounts(2, i < 3 ? 10 : 13, 1024, 110);
      engine.apply(NodeUpsert{n});
    }
    if (split) {
      Task asks = task("asks", "q", 1, 1);
      asks.node_selector["disk"] = "fast";
      engine.apply(TaskUpsert{asks});
      engine.apply(TaskRemove{"asks"});
    }
    Task waits = task("waits", "q", 100, 1);
    waits.groups[0].requests = amounts(1, 8, 1, 1);
    engine.apply(TaskUpsert{waits});
    Task t = task("t", "q", 1, 0, 5);
    t.groups[0].requests = amounts(0, 3, 1, 1);
    engine.apply(TaskUpsert{t});
    EXPECT_EQ(placed(engine, "t", {1}), (std::vector<std::string>{"n0"})) << split;
  }
}

// --- against the definition

// What runs where, kept beside the engine.
class Mirror {
 public:
  struct OnNode {
    std::int64_t cores = 0, whole = 0;
    std::map<std::int64_t, std::int64_t> shared;  // left of each
  };
  struct Need {
    std::int64_t gpus = 0, milli = 0, cores = 0, pods = 0;
  };

  static std::int64_t slots(const OnNode& n, const Need& need) {
    std::int64_t most = n.cores / need.cores;
    if (need.gpus > 0) most = std::min(most, n.whole / need.gpus);
    if (need.milli > 0) {
      std::int64_t parts = n.whole * (1000 / need.milli);
      for (const auto& [device, left] : n.shared) parts += left / need.milli;
      most = std::min(most, parts);
    }
    return most;
  }
  static bool fits(const OnNode& n, const Need& need, std::int64_t device) {
    if (slots(n, need) <= 0) return false;
    if (need.milli == 0) return true;
    const auto at = n.shared.find(device);
    return at == n.shared.end() ? n.whole > 0 : at->second >= need.milli;
  }
  static void take(OnNode& n, const Need& need, std::int64_t device) {
    n.cores -= need.cores;
    n.whole -= need.gpus;
    if (need.milli == 0) return;
    if (n.shared.emplace(device, 1000).second) --n.whole;
    n.shared[device] -= need.milli;
  }
  // Opened devices after all others, then the cost.
  std::pair<bool, std::int64_t> cost(const std::string& node, const Need& need,
                                     std::int64_t device) const {
    const OnNode& before = nodes.at(node);
    OnNode after = before;
    take(after, need, device);
    std::int64_t sum = 0;
    for (const Need& other : mix) {
      const std::int64_t weight = other.pods * (other.gpus * 1000 + other.milli);
      sum += weight * (slots(before, other) - slots(after, other));
    }
    return {need.milli > 0 && !before.shared.contains(device), sum};
  }

  std::map<std::string, OnNode> nodes;
  std::vector<Need> mix;
};

// One node of each kind, of at most two GPUs: then all are compared.
void fill(std::uint64_t seed) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const auto upto = [&](std::uint64_t most) {
    return static_cast<std::int64_t>(random() % (most + 1));
  };
  Engine engine;
  Mirror mirror;
  engine.apply(QueueUpsert{queue("q")});
  for (int i = 0; i < 7; ++i) {
    const std::string name = "n" + std::to_string(i);
    Node n = node(name);
    n.pool = "pool-" + name;
    n.gpu_sharing = true;
    const std::int64_t gpus = upto(2), cores = 4 + upto(40);
    n.allocatable = amounts(gpus, cores, 1024, 1000);
    mirror.nodes[name] = {cores, gpus, {}};
    engine.apply(NodeUpsert{n});
  }
  for (int step = 0; step < 40; ++step) {
    Mirror::Need need{0, 0, 1 + upto(8), 1};
    if (random() % 2 == 0) need.gpus = 1 + upto(1);
    if (need.gpus == 0 && random() % 3 > 0) need.milli = 50 + 50 * upto(18);
    Task t = task("t" + std::to_string(step), "q", 1, 0);
    t.groups[0].requests = amounts(need.gpus, need.cores, 1, 1);
    if (need.milli > 0) t.groups[0].shared_resource = kGpu;
    t.groups[0].shared_milli = need.milli;
    engine.apply(TaskUpsert{t});
    mirror.mix.push_back(need);
    std::optional<std::pair<bool, std::int64_t>> least;
    for (const auto& [name, on] : mirror.nodes) {
      std::set<std::int64_t> devices{need.milli > 0 ? 99 : -1};  // one that nobody is on
      for (const auto& [device, left] : on.shared) devices.insert(device);
      for (const std::int64_t device : devices) {
        if (!Mirror::fits(on, need, device)) continue;
        const auto cost = mirror.cost(name, need, device);
        if (!least || cost < *least) least = cost;
      }
    }
    const Plan plan = engine.plan({1});
    ASSERT_EQ(plan.starts.size() == 1, least.has_value()) << t.uid;
    if (plan.starts.empty()) {
      engine.apply(TaskRemove{t.uid});
      mirror.mix.pop_back();
      continue;
    }
    const Start& start = plan.starts.front();
    const std::string& node = start.placement.nodes.front();
    const std::int64_t device = need.milli > 0 ? start.placement.devices.front() : -1;
    ASSERT_TRUE(Mirror::fits(mirror.nodes.at(node), need, device));
    ASSERT_EQ(mirror.cost(node, need, device), *least) << t.uid << " on " << node;
    Mirror::take(mirror.nodes.at(node), need, device);
    engine.apply(Assume{start.task, start.attempt, start.placement});
  }
}

TEST(Packing, Takes_the_place_that_costs_least_of_all) {
  for (std::uint64_t seed = 1; seed <= 300 && !testing::Test::HasFatalFailure(); ++seed) {
    fill(seed);
  }
}

}  // namespace
}  // namespace sched::test
