// Addresses, devices and room.

#include "libk8s/node/pools.hpp"

#include <gtest/gtest.h>

#include <set>

namespace k8s::node {
namespace {

TEST(AddressPool, Gives_each_owner_one_address_until_none_is_left) {
  Result<AddressPool> pool = AddressPool::parse("127.1.2.0/29");
  ASSERT_TRUE(pool);
  std::set<std::string> given;
  for (int i = 0; i < 6; ++i) {
    const auto address = pool->take("owner" + std::to_string(i), "same hint");
    ASSERT_TRUE(address);
    given.insert(*address);
  }
  EXPECT_EQ(given.size(), 6u);  // 8 less the first and the last
  EXPECT_FALSE(given.contains("127.1.2.0"));
  EXPECT_FALSE(given.contains("127.1.2.7"));
  EXPECT_FALSE(pool->take("one more", "x"));
  EXPECT_EQ(pool->take("owner3", "y"), pool->take("owner3", "z"));
  pool->release("owner3");
  EXPECT_TRUE(pool->take("one more", "x"));
}

TEST(AddressPool, The_same_name_gets_the_same_address_again) {
  const auto first = AddressPool::parse("127.64.0.0/10")->take("uid-1", "ns/worker-0");
  const auto second = AddressPool::parse("127.64.0.0/10")->take("uid-2", "ns/worker-0");
  EXPECT_EQ(first, second);
}

TEST(AddressPool, What_another_has_cannot_be_claimed) {
  Result<AddressPool> pool = AddressPool::parse("127.64.0.0/10");
  EXPECT_TRUE(pool->claim("a", "127.64.0.1"));
  EXPECT_TRUE(pool->claim("a", "127.64.0.1"));
  EXPECT_FALSE(pool->claim("b", "127.64.0.1"));
  EXPECT_FALSE(pool->claim("b", "not an address"));
}

TEST(AddressPool, Refuses_blocks_that_are_not_in_127_8) {
  for (const char* bad : {"", "127.0.0.1", "10.0.0.0/8", "127.0.0.0/7", "127.0.0.0/31",
                          "127.0.0.1/30", "127.0.0.0/x", "127.0.0.0/24x"}) {
    EXPECT_FALSE(AddressPool::parse(bad)) << bad;
  }
}

TEST(DevicePool, Gives_a_device_to_one_owner_at_a_time) {
  DevicePool pool({"a", "b", "c"});
  EXPECT_EQ(pool.take("p", 2), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(pool.take("q", 2), std::nullopt);
  EXPECT_EQ(pool.take("q", 1), (std::vector<std::string>{"c"}));
  pool.release("p");
  EXPECT_EQ(pool.take("r", 1), (std::vector<std::string>{"a"}));
}

TEST(Room, Says_which_resource_is_out_and_how_much_there_is) {
  const ResourceList has = {{"cpu", 2000}, {"pods", 2}};
  EXPECT_FALSE(check_room(has, {{"cpu", 1000}, {"pods", 1}}, {{"cpu", 1000}, {"pods", 1}}));
  const auto cpu = check_room(has, {{"cpu", 1500}}, {{"cpu", 1000}});
  ASSERT_TRUE(cpu);
  EXPECT_EQ(cpu->reason, "OutOfcpu");
  EXPECT_NE(cpu->message.find("requested: 1000, used: 1500, capacity: 2000"), std::string::npos);
  EXPECT_EQ(check_room(has, {}, {{"example.com/x", 1}})->reason, "OutOfexample.com/x");
  EXPECT_FALSE(check_room(has, {{"cpu", 3000}}, {{"pods", 1}}));
  EXPECT_TRUE(check_room(has, {{"cpu", 1}}, {{"cpu", INT64_MAX}}));
}

}  // namespace
}  // namespace k8s::node
