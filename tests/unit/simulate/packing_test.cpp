// The experiment of packing: its files, its draws, and what it does with small clusters.
#include "operator/simulate/packing.hpp"

#include <gtest/gtest.h>

#include <random>
#include <sstream>

namespace fermi::simulate {
namespace {

constexpr const char* kTasksHeader = "name,cpu_milli,memory_mib,num_gpu,gpu_milli\n";
constexpr const char* kNodesHeader = "sn,cpu_milli,memory_mib,gpu,model\n";

auto tasks_of(const std::string& lines) {
  std::istringstream in(kTasksHeader + lines);
  return read_packing_tasks(in);
}
auto nodes_of(const std::string& lines) {
  std::istringstream in(kNodesHeader + lines);
  return read_packing_nodes(in);
}

TEST(PackingFiles, One_GPU_may_be_a_part_and_more_are_whole) {
  const auto tasks =
      tasks_of("a,1000,1024,1,460\nb,1000,1024,1,1000\nc,1000,1024,2,500\nd,1,1,0,0");
  ASSERT_TRUE(tasks) << tasks.status().message();
  ASSERT_EQ(tasks->size(), 4u);
  EXPECT_EQ((*tasks)[0], (Need{1000, std::int64_t{1} << 30, 0, 460}));
  EXPECT_EQ((*tasks)[1].devices, 1);
  EXPECT_EQ((*tasks)[1].part, 0);
  EXPECT_EQ((*tasks)[2].device_milli(), 2000);
  EXPECT_EQ((*tasks)[3].device_milli(), 0);
}

TEST(PackingFiles, Nodes_without_GPUs_are_left_out) {
  const auto nodes = nodes_of("a,32000,1024,0,\nb,32000,1024,2,T4\n");
  ASSERT_TRUE(nodes) << nodes.status().message();
  ASSERT_EQ(nodes->size(), 1u);
  EXPECT_EQ((*nodes)[0].room.devices, (std::vector<std::int32_t>{1000, 1000}));
  EXPECT_EQ((*nodes)[0].model, "T4");
}

TEST(PackingFiles, What_is_wrong_is_said_with_its_line) {
  for (const char* line :
       {"a,-1,1,1,500", "a,1,1,1,0", "a,1,1,1,1001", "a,1,1,-1,0", "a,1,1,99999,0", "a,x,1,1,500",
        "a,1,1", "a,99999999999999999999,1,1,1"}) {
    const auto tasks = tasks_of(std::string("ok,1,1,0,0\n") + line);
    EXPECT_FALSE(tasks) << line;
    EXPECT_NE(tasks.status().message().find("line 3"), std::string::npos)
        << tasks.status().message();
  }
  EXPECT_FALSE(nodes_of("a,1,1,100000,T4"));
  EXPECT_FALSE(nodes_of("a,1,-1,1,T4"));
  std::istringstream no_column("a,b\n1,2\n");
  EXPECT_FALSE(read_packing_nodes(no_column));
}

TEST(PackingRules, A_rule_that_there_is_not_is_named) {
  EXPECT_EQ(parse_packing_rules("Engine,BestFit")->size(), 2u);
  const auto bad = parse_packing_rules("Engine,Worst");
  EXPECT_EQ(bad.status().message(),
            "\"Worst\" is no rule; there are BestFit, FragmentGradient and Engine");
  EXPECT_FALSE(parse_packing_rules(""));
}

TEST(PackingRun, Stops_when_what_was_asked_for_reaches_the_load) {
  const auto tasks = tasks_of("a,1000,1024,1,500");
  const auto nodes = nodes_of("n,64000,262144,4,A100");
  for (const auto rule :
       {PackingRule::kBestFit, PackingRule::kFragmentGradient, PackingRule::kEngine}) {
    const auto result = run_packing(*tasks, *nodes, rule, 1, 130);
    ASSERT_TRUE(result);
    EXPECT_EQ(result->gpu_milli, 4000);
    EXPECT_EQ(result->tasks, 11);  // 5500 is the first that is not below 5200
    EXPECT_EQ(result->placed_milli, 4000);
    EXPECT_EQ(result->dropped, 3);
  }
}

TEST(PackingRun, The_same_seed_gives_the_same_run) {
  const auto tasks =
      tasks_of("a,9000,1024,1,700\nb,3000,9000,1,300\nc,12000,1024,1,1000\nd,500,1,0,0");
  const auto nodes = nodes_of("n,64000,262144,4,A100\nm,16000,65536,2,T4\no,96000,1024,1,T4");
  const auto once = run_packing(*tasks, *nodes, PackingRule::kEngine, 7, 150);
  const auto again = run_packing(*tasks, *nodes, PackingRule::kEngine, 7, 150);
  EXPECT_EQ(once->placed_milli, again->placed_milli);
  EXPECT_EQ(once->tasks, again->tasks);
}

TEST(PackingRun, Refuses_what_would_never_end) {
  const auto idle = tasks_of("d,500,1,0,0");
  const auto tasks = tasks_of("a,1000,1024,1,500");
  const auto nodes = nodes_of("n,64000,262144,4,A100");
  EXPECT_FALSE(run_packing(*idle, *nodes, PackingRule::kEngine, 1, 130));
  EXPECT_FALSE(run_packing({}, *nodes, PackingRule::kEngine, 1, 130));
  EXPECT_FALSE(run_packing(*tasks, {}, PackingRule::kEngine, 1, 130));
  EXPECT_FALSE(run_packing(*tasks, *nodes, PackingRule::kEngine, 1, 0));
  EXPECT_FALSE(run_packing(*tasks, *nodes, PackingRule::kEngine, 1, kPackingLoadMax + 1));
}

constexpr std::int64_t kCore = 1000, kGib = std::int64_t{1} << 30;

Room room(std::int64_t cores, std::vector<std::int32_t> devices) {
  return {cores * kCore, cores * 4 * kGib, std::move(devices)};
}
Need whole(std::int32_t devices, std::int64_t cores) { return {cores * kCore, kGib, devices, 0}; }
Need part(std::int32_t milli, std::int64_t cores = 1) { return {cores * kCore, kGib, 0, milli}; }

TEST(Room, A_part_lies_on_one_device) {
  const Room two_halves = room(16, {500, 500});
  EXPECT_EQ(slots(two_halves, part(600)), 0);
  EXPECT_EQ(slots(two_halves, part(500)), 2);
  EXPECT_EQ(slots(two_halves, part(200)), 4);
}

TEST(Room, A_whole_device_is_one_that_nobody_is_on) {
  EXPECT_EQ(slots(room(16, {999, 1000, 1000}), whole(1, 1)), 2);
  EXPECT_EQ(slots(room(16, {999, 1000, 1000}), whole(2, 1)), 1);
  EXPECT_EQ(slots(room(16, {999, 999}), whole(1, 1)), 0);
}

TEST(Room, Cores_and_memory_limit_parts_as_they_limit_devices) {
  EXPECT_EQ(slots(room(5, {1000, 1000}), part(100, 2)), 2);
  EXPECT_EQ(slots({64 * kCore, 3 * kGib, {1000}}, part(100)), 3);
}

Need random_need(std::mt19937_64& random) {
  const auto upto = [&](std::int64_t most) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(most + 1));
  };
  Need need{upto(12) * kCore, upto(40) * kGib, 0, 0};
  if (random() % 3 == 0) need.devices = static_cast<std::int32_t>(upto(4));
  if (need.devices == 0 && random() % 4 != 0) need.part = static_cast<std::int32_t>(1 + upto(998));
  return need;
}

// How many Pods fit, found by placing them.
TEST(Room, Slots_are_what_placing_one_after_the_other_gives) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    std::mt19937_64 random(seed);
    Room at = room(static_cast<std::int64_t>(1 + random() % 64), {});
    for (std::uint64_t d = 0; d < random() % 9; ++d) {
      at.devices.push_back(random() % 2 == 0 ? kWholeDevice
                                             : static_cast<std::int32_t>(random() % 1000));
    }
    Need need = random_need(random);
    if (need.cpu_milli == 0) need.cpu_milli = 500;
    const std::int64_t said = slots(at, need);
    std::int64_t placed = 0;
    for (; slots(at, need) > 0; ++placed) {
      std::size_t device = kNoDevice;
      for (std::size_t d = 0; d < at.devices.size() && need.part > 0; ++d) {
        if (at.devices[d] >= need.part) device = d;
      }
      take(at, need, device);
    }
    EXPECT_EQ(said, placed) << "seed " << seed;
  }
}

}  // namespace
}  // namespace fermi::simulate
