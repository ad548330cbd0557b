// Devices: parts of a device among Amounts.
//
// A Pod may ask for a part of one device, in thousandths. Devices of which parts are given away go
// by number on their node: those who share one say the same number. A number is a name, not a place
// in the machine; the node gives it a device when the first of them comes, and takes it back when
// the last has gone.
//
//   asked     nvidia.com/gpu#milli  460    of any one device
//   used      nvidia.com/gpu#2      460    of the node's shared device 2
//   free      nvidia.com/gpu        3      with nobody on them
//             nvidia.com/gpu#2      540
//
// What is asked for and what is used are sums, exact in thousandths. What is free is not a
// difference: a device of which a part is used is no longer free as a whole.
//
// In an id the resource has the low half; the high half is 0 for whole devices.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "scheduler/state/amounts.hpp"

namespace sched {

inline constexpr std::int64_t kWholeMilli = 1000;
inline constexpr const char* kMilliSuffix = "#milli";

inline ResourceId whole_of(ResourceId id) { return id & 0xffffu; }
inline ResourceId milli_of(ResourceId whole) { return whole | 0xffff0000u; }
inline bool is_milli(ResourceId id) { return id >> 16 == 0xffffu; }
inline ResourceId device_of(ResourceId whole, std::int64_t number) {
  return whole | static_cast<ResourceId>(number + 1) << 16;
}
inline bool is_device(ResourceId id) { return id >> 16 != 0 && !is_milli(id); }
inline std::int64_t device_number(ResourceId id) { return std::int64_t{id >> 16} - 1; }

// Whether parts of devices are among them, as asked for or as used.
inline bool has_parts(const Amounts& a) {
  return !a.extended.empty() && a.extended.back().first >> 16 != 0;
}
// The part that is asked for: its resource and how much.
struct Part {
  ResourceId whole = kNoResource;
  std::int64_t milli = 0;
};
std::optional<Part> part_of(const Amounts& request);

// What a Pod with this request uses when it shares this device of its node. Without a number
// (below 0), nobody knows which: it has one for itself.
Amounts use_of(const Amounts& request, std::int64_t device);

// What a node that has `total` still has beside `used`: at least 0 of each. Where more devices are
// used than there are, nothing is left on the shared ones either.
Amounts free_of(const Amounts& total, const Amounts& used);
// How many Pods fit beside what is used when so much of it has ended (below 0: has begun).
std::int64_t slots_without(const Amounts& total, const Amounts& used, const Amounts& ended,
                           const Amounts& request);
// Whether there is room for `need` beside `used`. What is not asked for does not limit.
bool fits_beside(const Amounts& total, const Amounts& used, const Amounts& need);

// Which shared device takes the part on a node: the one that is left with least, then the lowest
// number; else a free one under the lowest number not in use; -1 when there is none.
std::int64_t device_for(const Amounts& free, const Amounts& used, const Part& part);

// What such a use is charged: parts without the numbers of their devices.
Amounts charged(const Amounts& use);

// An amount that is asked for or charged, as it is compared: devices in thousandths, whole ones and
// parts together; anything else as it is.
__int128 exactly(const Amounts& amounts, ResourceId id);
inline __int128 exactly(std::int64_t amount, ResourceId id) {
  return id < kFirstExtended ? __int128{amount} : __int128{amount} * kWholeMilli;
}

}  // namespace sched
