#include "operator/simulate/room.hpp"

#include <algorithm>

#include "scheduler/limits.hpp"

namespace fermi::simulate {

std::int32_t whole_devices(const Room& room) {
  return static_cast<std::int32_t>(
      std::count(room.devices.begin(), room.devices.end(), kWholeDevice));
}

std::int32_t largest_rest(const Room& room) {
  std::int32_t most = 0;
  for (const std::int32_t free : room.devices) {
    if (free < kWholeDevice) most = std::max(most, free);
  }
  return most;
}

std::int64_t slots(const Room& room, const Need& need) {
  std::int64_t most = sched::kSlotsMax;
  if (need.cpu_milli > 0) most = std::min(most, room.cpu_milli / need.cpu_milli);
  if (need.memory_bytes > 0) most = std::min(most, room.memory_bytes / need.memory_bytes);
  if (most <= 0) return 0;
  if (need.devices > 0) {
    most = std::min<std::int64_t>(most, whole_devices(room) / need.devices);
  } else if (need.part > 0) {
    std::int64_t parts = 0;
    for (const std::int32_t free : room.devices) parts += free / need.part;
    most = std::min(most, parts);
  }
  return most;
}

void take(Room& room, const Need& need, std::size_t device) {
  room.cpu_milli -= need.cpu_milli;
  room.memory_bytes -= need.memory_bytes;
  if (need.part > 0) {
    room.devices[device] -= need.part;
    return;
  }
  std::int32_t left = need.devices;
  for (auto free = room.devices.begin(); left > 0; ++free) {
    if (*free != kWholeDevice) continue;
    *free = 0;
    --left;
  }
}

}  // namespace fermi::simulate
