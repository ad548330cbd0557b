// Packing: parts of a device, and the rule that keeps slots, by worked examples and against a look
// at every node.
#include "scheduler/place/packing.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <random>

namespace sched {
namespace {

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

TEST(Packing, A_part_goes_to_a_device_that_is_shared_already) {
  Packing packing;
  packing.add(room(32, {1000, 1000}), 0);
  packing.add(room(32, {1000, 400}), 0);
  EXPECT_EQ(packing.pick(packing.need(part(300))), (Packing::Spot{1, 1}));
}

TEST(Packing, A_part_that_fits_no_shared_device_opens_another) {
  Packing packing;
  packing.add(room(32, {1000, 400}), 0);
  EXPECT_EQ(packing.pick(packing.need(part(500))), (Packing::Spot{0, 0}));
}

// The small rest of a device is of use to the small alone.
TEST(Packing, A_small_part_takes_the_rest_that_the_others_cannot_use) {
  Packing packing;
  packing.add(room(64, {1000, 1000, 1000, 1000}), 0);
  const auto half = packing.need(part(500)), small = packing.need(part(200));
  packing.start(half, {0, 0});
  packing.start(half, {0, 0});
  packing.start(packing.need(part(300)), {0, 1});  // 700 left: room for one half
  packing.start(packing.need(part(800)), {0, 2});  // 200 left: for none
  EXPECT_EQ(packing.pick(small), (Packing::Spot{0, 2}));
}

// Where one GPU needs 8 cores, the first node has none to spare and the second has 48.
TEST(Packing, Work_without_devices_keeps_off_the_cores_that_devices_need) {
  Packing packing;
  packing.add(room(16, {1000, 1000}), 0);
  packing.add(room(64, {1000, 1000}), 1);
  packing.add(room(8, {1000}), 2);
  packing.start(packing.need(whole(1, 8)), {2, kNoDevice});
  EXPECT_EQ(packing.pick(packing.need({12 * kCore, kGib, 0, 0})), (Packing::Spot{1, kNoDevice}));
}

TEST(Packing, A_large_hole_is_kept_for_large_work) {
  Packing packing;
  packing.add(room(64, {1000, 1000, 1000, 1000}), 0);
  packing.add(room(64, {1000, 1000, 1000, 1000}), 0);
  packing.add(room(64, {1000, 1000, 1000, 1000}), 0);
  packing.start(packing.need(whole(4, 8)), {0, kNoDevice});
  packing.start(packing.need(whole(1, 8)), {1, kNoDevice});
  EXPECT_EQ(packing.pick(packing.need(whole(1, 8)))->node, 1u);
}

TEST(Packing, What_fits_nowhere_is_refused) {
  Packing packing;
  EXPECT_FALSE(packing.pick(packing.need(part(1))));
  packing.add(room(4, {1000}), 0);
  EXPECT_FALSE(packing.pick(packing.need(whole(2, 1))));
  EXPECT_FALSE(packing.pick(packing.need(whole(1, 5))));
  EXPECT_TRUE(packing.pick(packing.need(whole(1, 4))));
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

// Never refused while a node fits, never more than there is; a device is shared or whole.
void fill(std::uint64_t seed) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  Packing packing;
  std::vector<Room> rooms;
  for (std::uint64_t i = 0; i < 1 + random() % 12; ++i) {
    rooms.push_back(room(static_cast<std::int64_t>(1 + random() % 64),
                         std::vector<std::int32_t>(random() % 9, kWholeDevice)));
    packing.add(rooms.back(), static_cast<std::uint32_t>(random() % 3));
  }
  for (int step = 0; step < 200; ++step) {
    const Need need = random_need(random);
    const auto spot = packing.pick(packing.need(need));
    const bool fits =
        std::any_of(rooms.begin(), rooms.end(), [&](const Room& r) { return slots(r, need) > 0; });
    ASSERT_EQ(spot.has_value(), fits);
    if (!spot) continue;
    Room& at = rooms[spot->node];
    ASSERT_GT(slots(at, need), 0);
    if (need.part > 0) {
      ASSERT_LT(spot->device, at.devices.size());
      ASSERT_GE(at.devices[spot->device], need.part);
    }
    packing.start(packing.need(need), *spot);
    const std::int64_t before = std::accumulate(at.devices.begin(), at.devices.end(), 0LL);
    take(at, need, spot->device);
    ASSERT_EQ(before - std::accumulate(at.devices.begin(), at.devices.end(), 0LL),
              need.device_milli());
    ASSERT_EQ(packing.room(spot->node), at);
  }
}

TEST(Packing, Finds_a_node_exactly_when_there_is_one) {
  std::uint64_t seed = 1;
  for (; seed <= 200 && !HasFatalFailure(); ++seed) fill(seed);
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
}  // namespace sched
