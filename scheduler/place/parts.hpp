// Parts: which shared device of which node takes a Pod that asks for a part of one.
//
// Devices that are shared already come first: of those that have room for it the one with least
// left, wherever it is in the zone, so that as few devices as possible are broken into. Only where
// none has room a free device is opened, on the node that packing would choose: the tightest by
// free devices, then by what is left of the scarcer of CPU and memory, then by name. Nodes to be
// used last come last. Content only; whether there is a place at all is exact.
//
// In queues that spread the node is the least loaded one (spread.hpp); the device on it is chosen
// in the same way.
#pragma once

#include <cstdint>
#include <vector>

#include "scheduler/place/gang.hpp"

namespace sched {

// Books the Pods of a part of a group in its zone, one by one: each is looked at by the next. Adds
// node and device of each, by the node's name and the number of the device. False when they do not
// fit; what was booked until then is in the overlay.
bool place_parts(State& state, const Shape::Group& group, const ZonePart& part, bool spread,
                 Overlay& overlay, std::vector<NodeId>& ranks, std::vector<std::int64_t>& devices,
                 std::int64_t& looked);

}  // namespace sched
