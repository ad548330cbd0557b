// Limits: every bound of the engine in one place, with its reason.
//
// Input comes from users. What is larger than a bound is cut to it on entry, so that no sum
// overflows and nothing grows without end.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sched {

// One amount of one resource: 2^46 is 64 TiB of memory. The largest gang times the largest amount
// still fits 63 bits.
inline constexpr std::int64_t kAmountMax = std::int64_t{1} << 46;
// Pods of one gang. Larger gangs wait with the reason Never.
inline constexpr std::int64_t kGangMax = 100'000;
// Pods of one kind counted on one node; a Pod that asks for nothing has this many slots.
inline constexpr std::int64_t kSlotsMax = 1'000'000;
// Numbers of shared devices on one node, from 0; a part of any other has a device for itself.
inline constexpr std::int64_t kDeviceNumbers = 4096;
// Weight of a queue; smaller than 1 counts as 1.
inline constexpr std::int64_t kWeightMax = 1'000'000;
// Tenants of a queue that have nothing there any more and whose past is remembered.
inline constexpr std::size_t kIdleTenantsMax = 4096;
// Different resource names kept; later ones share one name that no node offers.
inline constexpr std::size_t kResourceNamesMax = 4096;
// Slot tables of shapes that nobody waits with are kept for the next task of that shape.
inline constexpr std::size_t kIdleProfilesMax = 64;
// Label keys that nobody asks for any more and that still split classes.
inline constexpr std::size_t kDeadLabelsMax = 32;
// What the configuration may ask for at most: expected ends and nodes looked at in one pass, and
// reservations held at one time, over all queues.
inline constexpr std::int64_t kReservationEndsMax = 5'120'000;
inline constexpr std::int64_t kReservationsMax = 256;
// Packing keeps room for so many needs, the heaviest that may run on a node, among so many.
inline constexpr std::size_t kMixNeeds = 64, kMixNeedsAsked = 512;
// Of how many shapes (of a kind and tenant each) a queue remembers how long their tasks lasted, and
// how many tasks of each.
inline constexpr std::size_t kPastShapesMax = 4096, kPastRunsMax = 32;
// Levels of the topology below the zone; narrower ones are left out.
inline constexpr std::size_t kTopologyLevelsMax = 8;
// Domains of one zone tried for groups that share it.
inline constexpr std::size_t kDomainTriesMax = 32;
// Conflicts are looked for among the first so many waiting tasks of each queue, and so many in all.
inline constexpr std::size_t kConflictHeads = 8, kConflictWaiters = 64;
// Whose room they may want: of all placed tasks the first so many by expected end; of these, for
// one waiting task, the first so many on nodes that could take a Pod of it.
inline constexpr std::size_t kConflictEnds = 2048, kConflictHolders = 256;
// New tasks behind which what a pass asked in vain is remembered.
inline constexpr std::size_t kCameMax = 64;
// Sets of zones looked at in one search; beyond it the best set found so far is taken.
inline constexpr int kZoneSearchSteps = 20'000;

}  // namespace sched
