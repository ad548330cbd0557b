// Parts of devices among amounts.
#include "scheduler/state/devices.hpp"

#include <gtest/gtest.h>

#include "scheduler/reason.hpp"

namespace sched {
namespace {

class Devices : public ::testing::Test {
 protected:
  Amounts gpus(std::int64_t count) {
    Amounts a;
    a.add(gpu_, count);
    return a;
  }
  Amounts asks(std::int64_t milli) { return names_.request({}, "nvidia.com/gpu", milli); }
  Amounts on(std::int64_t device, std::int64_t milli) { return use_of(asks(milli), device); }

  ResourceNames names_;
  ResourceId gpu_ = names_.id("nvidia.com/gpu");
};

TEST_F(Devices, A_device_of_which_a_part_is_used_is_no_longer_free_as_a_whole) {
  Amounts used = on(0, 460);
  used.plus(on(2, 1000 - 1));
  const Amounts free = free_of(gpus(4), used);
  EXPECT_EQ(free.at(gpu_), 2);
  EXPECT_EQ(free.at(device_of(gpu_, 0)), 540);
  EXPECT_EQ(free.at(device_of(gpu_, 2)), 1);
  used.minus(on(0, 460));
  EXPECT_EQ(free_of(gpus(4), used).at(gpu_), 3);
}

TEST_F(Devices, Where_more_devices_are_used_than_there_are_nothing_is_left_on_shared_ones) {
  Amounts used = on(0, 460);
  used.plus(gpus(2));
  const Amounts free = free_of(gpus(2), used);
  EXPECT_EQ(free.at(gpu_), 0);
  EXPECT_EQ(free.at(device_of(gpu_, 0)), 0);
}

// 1 free device holds three parts of 0.3, and 0.7 of another one two more.
TEST_F(Devices, Slots_of_a_part_are_counted_device_by_device) {
  const Amounts free = free_of(gpus(2), on(0, 300));
  EXPECT_EQ(slots(free, asks(300)), 5);
  EXPECT_EQ(slots(free, asks(700)), 2);
  EXPECT_EQ(slots(free, asks(701)), 1);
  EXPECT_EQ(slots(free, gpus(1)), 1);
}

TEST_F(Devices, The_device_left_with_least_is_taken_then_the_lowest_number_not_in_use) {
  Amounts used = on(0, 200);
  used.plus(on(1, 500));
  used.plus(on(3, 900));
  const Amounts free = free_of(gpus(6), used);
  EXPECT_EQ(device_for(free, used, {gpu_, 100}), 3);
  EXPECT_EQ(device_for(free, used, {gpu_, 101}), 1);
  EXPECT_EQ(device_for(free, used, {gpu_, 501}), 0);
  EXPECT_EQ(device_for(free, used, {gpu_, 801}), 2);
  EXPECT_EQ(device_for(free_of(gpus(3), used), used, {gpu_, 801}), -1);
}

TEST_F(Devices, What_is_needed_fits_beside_what_is_used_device_by_device) {
  const Amounts used = on(0, 600);
  EXPECT_TRUE(fits_beside(gpus(1), used, on(0, 400)));
  EXPECT_FALSE(fits_beside(gpus(1), used, on(0, 401)));
  EXPECT_FALSE(fits_beside(gpus(1), used, on(1, 1)));
  EXPECT_TRUE(fits_beside(gpus(2), used, on(1, 1)));
  EXPECT_FALSE(fits_beside(gpus(1), used, gpus(1)));
}

TEST_F(Devices, A_part_without_a_number_has_a_device_for_itself) {
  EXPECT_EQ(on(-1, 460), gpus(1));
  EXPECT_EQ(on(4096, 460), gpus(1));
}

TEST_F(Devices, A_whole_one_or_more_and_parts_beside_whole_ones_are_rounded_up) {
  EXPECT_EQ(asks(1000), gpus(1));
  EXPECT_EQ(asks(1001), gpus(2));
  Resources one;
  one.set_extended("nvidia.com/gpu", 1);
  EXPECT_EQ(names_.request(one, "nvidia.com/gpu", 460), gpus(2));
}

TEST_F(Devices, Charges_of_whole_devices_and_parts_are_compared_in_thousandths) {
  Amounts charged = gpus(3);
  charged.plus(asks(460), 3);
  EXPECT_EQ(static_cast<std::int64_t>(exactly(charged, gpu_)), 4380);
  EXPECT_EQ(names_.gpus(charged), 5);
  EXPECT_EQ(names_.gpu_milli(charged), 4380);
  EXPECT_EQ(names_.charged(names_.resources(charged)), charged);
}

TEST(PartSentence, Says_the_part_as_a_decimal) {
  Reason r;
  r.code = ReasonCode::kCapacity;
  r.resource = "nvidia.com/gpu#milli";
  r.needed = 460;
  r.free = 1200;
  r.total = 8000;
  r.nodes_eligible = 2;
  EXPECT_EQ(sentence(r), "needs 0.46 of a GPU: 1.2 free of 8; 0 of 2 eligible nodes fit");
  r.gpu_model = "A100";
  EXPECT_EQ(sentence(r), "needs 0.46 of one A100: 1.2 free of 8; 0 of 2 eligible nodes fit");
  r.needed = 1380;
  EXPECT_EQ(sentence(r), "needs 1.38 x A100: 1.2 free of 8; 0 of 2 eligible nodes fit");
}

}  // namespace
}  // namespace sched
