#include "operator/local/nodes.hpp"

#include <gtest/gtest.h>

namespace fermi {
namespace {

TEST(SimulatedNodes, Two_zones_of_two_and_three_nodes_are_five_named_nodes_with_eight_gpus_each) {
  const auto nodes = simulated_nodes("zone-a=2x8,zone-b=3x8");
  ASSERT_TRUE(nodes) << nodes.status().message();
  ASSERT_EQ(nodes->size(), 5U);
  EXPECT_EQ((*nodes)[0].name, "zone-a-0");
  EXPECT_EQ((*nodes)[4].name, "zone-b-2");
  for (const auto& node : *nodes) {
    EXPECT_EQ(node.capacity.at("nvidia.com/gpu"), 8);
    EXPECT_EQ(node.capacity.at("cpu"), 64'000);
    EXPECT_EQ(node.capacity.at("memory"), std::int64_t{256} << 30);
    EXPECT_TRUE(node.devices.empty()) << "simulated GPUs are counted, not handed out";
  }
  EXPECT_EQ((*nodes)[4].labels.at("topology.kubernetes.io/zone"), "zone-b");
}

TEST(SimulatedNodes, A_node_without_gpus_has_no_gpu_model) {
  const auto nodes = simulated_nodes("z=1x0");
  ASSERT_TRUE(nodes);
  EXPECT_EQ((*nodes)[0].capacity.count("nvidia.com/gpu"), 0U);
  EXPECT_EQ((*nodes)[0].labels.count("nvidia.com/gpu.product"), 0U);
}

TEST(SimulatedNodes, What_cannot_be_meant_is_refused_with_the_part_and_the_form_wanted) {
  for (const char* text : {"", "zone-a", "zone-a=2", "zone-a=2x", "zone-a=x8", "=2x8", "Zone=1x1",
                           "a=0x8", "a=-1x8", "a=1x65", "a=1001x1", "a=600x1,b=600x1", "a=1x1,",
                           "a=1x1,a=1x1", "a=1x1x1", "a=99999999999x1", "a b=1x1"}) {
    const auto nodes = simulated_nodes(text);
    ASSERT_FALSE(nodes) << text;
    EXPECT_NE(nodes.status().message().find("wanted ZONE=NODESxGPUS"), std::string::npos) << text;
  }
}

TEST(ThisMachine, Is_a_node_with_at_least_one_core_and_some_memory) {
  const auto node = this_machine();
  EXPECT_FALSE(node.name.empty());
  EXPECT_GE(node.capacity.at("cpu"), 1000);
  EXPECT_GT(node.capacity.at("memory"), 0);
}

}  // namespace
}  // namespace fermi
