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

#include "scheduler/place/domains.hpp"
#include "scheduler/place/gang.hpp"

namespace sched {

// Where one Pod goes.
struct Seat {
  NodeId node = kNoId;
  std::int64_t device = -1;  // that it shares there; -1 for none
};

// Books so many Pods of a group in a domain of its zone (`kNoId`: on the nodes that lie in none of
// the level that is asked for), one by one, beside the quotas: each is looked at by the next. Adds
// the seat of each. False when they do not fit; what was booked until then is in the overlay.
bool share_devices(State& state, const Shape::Group& group, ZoneId zone, const DomainPart& part,
                   bool spread, Overlay& overlay, Allowance& left, std::vector<Seat>& seats,
                   std::int64_t& looked);

}  // namespace sched
