// What all queues together are guaranteed, beside the nodes that there are.
#include "operator/translate/guarantees.hpp"

#include <gtest/gtest.h>

namespace fermi {
namespace {

constexpr const char* kGpu = "nvidia.com/gpu";

// zone-a: 16 GPUs, 8 of them in pool gold; zone-b: 8.
std::vector<NodePlace> three_nodes() {
  return merged({{"zone-a", "gold", "", {{kGpu, 8}}},
                 {"zone-a", "", "", {{kGpu, 8}}},
                 {"zone-b", "", "", {{kGpu, 8}}}});
}

TaskQueueSpec guaranteed(std::int64_t gpus) {
  TaskQueueSpec spec;
  spec.guaranteed = {{kGpu, gpus}};
  return spec;
}

TaskQueueSpec guaranteed_in(const std::string& zone, const std::string& pool, std::int64_t gpus) {
  TaskQueueSpec spec;
  QuotaFlavor flavor;
  flavor.zone = zone;
  flavor.pool = pool;
  flavor.guaranteed = {{kGpu, gpus}};
  spec.flavors = {flavor};
  return spec;
}

TEST(Guarantees, Two_queues_that_fit_alone_and_not_both_are_told_of_each_other) {
  const TaskQueueSpec a = guaranteed(16), b = guaranteed(12), none;
  const auto said = guarantees_beyond({{"a", &a}, {"b", &b}, {"none", &none}}, three_nodes());
  ASSERT_EQ(said.size(), 2U);
  EXPECT_EQ(said.at("a"),
            "spec.quota.guaranteed: 16 x nvidia.com/gpu guaranteed, and to queues b (12 x "
            "nvidia.com/gpu): together 28 x nvidia.com/gpu, and the nodes have 24 x "
            "nvidia.com/gpu, so not all of them can have theirs at once");
  EXPECT_NE(said.at("b").find("to queues a (16 x"), std::string::npos) << said.at("b");
}

TEST(Guarantees, All_that_there_is_may_be_guaranteed) {
  const TaskQueueSpec a = guaranteed(16), b = guaranteed(8);
  EXPECT_TRUE(guarantees_beyond({{"a", &a}, {"b", &b}}, three_nodes()).empty());
  EXPECT_TRUE(guarantees_beyond({{"a", &a}, {"b", &b}}, {}).empty()) << "nodes are on their way";
}

// 12 of zone-a and 13 of all: zone-a has 16, and all have 24.
TEST(Guarantees, One_of_a_zone_and_one_of_all_nodes_add_up_over_all) {
  const TaskQueueSpec a = guaranteed_in("zone-a", "", 12), b = guaranteed(13);
  const auto said = guarantees_beyond({{"a", &a}, {"b", &b}}, three_nodes());
  EXPECT_EQ(said.at("a"),
            "spec.quota.flavors[0].guaranteed: 12 x nvidia.com/gpu guaranteed, and to queues b (13 "
            "x nvidia.com/gpu): together 25 x nvidia.com/gpu, and the nodes have 24 x "
            "nvidia.com/gpu, so not all of them can have theirs at once");
  EXPECT_EQ(said.count("b"), 1U);
}

TEST(Guarantees, Those_of_a_zone_are_held_against_that_zone) {
  const TaskQueueSpec a = guaranteed_in("zone-a", "gold", 6), b = guaranteed_in("zone-a", "", 12);
  const auto said = guarantees_beyond({{"a", &a}, {"b", &b}}, three_nodes());
  EXPECT_NE(said.at("a").find("together 18 x nvidia.com/gpu, and the nodes of zone zone-a have 16"),
            std::string::npos)
      << said.at("a");
}

TEST(Guarantees, A_zone_and_a_pool_of_it_count_once_and_two_zones_add_up) {
  TaskQueueSpec once = guaranteed_in("zone-a", "", 12);
  once.flavors.push_back(guaranteed_in("zone-a", "gold", 8).flavors[0]);
  const TaskQueueSpec rest = guaranteed(12);
  EXPECT_TRUE(guarantees_beyond({{"once", &once}, {"rest", &rest}}, three_nodes()).empty());
  TaskQueueSpec both = guaranteed_in("zone-a", "", 12);
  both.flavors.push_back(guaranteed_in("zone-b", "", 1).flavors[0]);
  EXPECT_EQ(guarantees_beyond({{"both", &both}, {"rest", &rest}}, three_nodes()).size(), 2U);
}

TEST(Guarantees, What_one_alone_has_too_much_of_is_not_said_here) {
  const TaskQueueSpec a = guaranteed(100), b = guaranteed(4);
  const auto said = guarantees_beyond({{"a", &a}, {"b", &b}}, three_nodes());
  EXPECT_EQ(said.count("a"), 0U);
  EXPECT_EQ(said.count("b"), 1U) << "the other is told why it may not have its own";
}

TEST(Guarantees, A_queue_counts_on_the_nodes_that_it_may_use) {
  TaskQueueSpec a = guaranteed(8), b = guaranteed(8);
  a.zones = {"zone-b"};
  b.zones = {"zone-a"};
  EXPECT_TRUE(guarantees_beyond({{"a", &a}, {"b", &b}}, three_nodes()).empty());
  b.zones = {"zone-b"};
  const auto said = guarantees_beyond({{"a", &a}, {"b", &b}}, three_nodes());
  EXPECT_NE(said.at("a").find("the nodes that queue a may use have 8"), std::string::npos)
      << said.at("a");
}

}  // namespace
}  // namespace fermi
