// Room: what is free on one node, device by device, and what one Pod needs of it.
//
// A Pod takes whole devices, or a part of a single one. A part lies on one device, never split over
// two; a whole device is taken only when nobody is on it. Units: milli-cores, bytes, whole devices,
// and thousandths of a device. Plain values and pure functions; integers only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace fermi::simulate {

inline constexpr std::int32_t kWholeDevice = 1000;  // thousandths

struct Need {
  std::int64_t cpu_milli = 0, memory_bytes = 0;
  std::int32_t devices = 0;  // whole ones
  std::int32_t part = 0;     // of one device, 1..999; only where `devices` is 0
  // In thousandths of a device.
  std::int64_t device_milli() const { return std::int64_t{devices} * kWholeDevice + part; }
  friend auto operator<=>(const Need&, const Need&) = default;
};

struct Room {
  std::int64_t cpu_milli = 0, memory_bytes = 0;
  std::vector<std::int32_t> devices;  // free thousandths of each
  friend bool operator==(const Room&, const Room&) = default;
};

inline constexpr std::size_t kNoDevice = ~std::size_t{0};

std::int32_t whole_devices(const Room& room);
// The most that is free on a device that somebody uses already; 0 where there is none.
std::int32_t largest_rest(const Room& room);

// How many Pods with this need fit beside each other: the least that any resource allows. Exact.
// At most kSlotsMax (limits.hpp).
std::int64_t slots(const Room& room, const Need& need);

// Takes the need, a part from the device named (kNoDevice for whole ones: the first free ones). It
// must fit.
void take(Room& room, const Need& need, std::size_t device);

}  // namespace fermi::simulate
