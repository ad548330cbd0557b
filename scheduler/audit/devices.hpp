// Devices: what is used of a node, its shared devices one by one, as the auditor reads it.
//
// Written from the specification: a part lives on one device, never split over two; a device that
// somebody shares is nobody's as a whole. A part of a whole device or more, one beside whole
// devices of the same resource, and one of which nobody knows the device, take whole devices.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "scheduler/delta.hpp"

namespace sched::audit {

// By resource name, cut to what is allowed; nothing of what is 0.
std::map<std::string, std::int64_t> amounts(const Resources& r);

struct Asked {
  std::map<std::string, std::int64_t> whole;
  std::string shared;      // the resource of which a part is asked for; "" for none
  std::int64_t milli = 0;  // 1 .. 999
};
Asked asked(const Resources& requests, const std::string& shared, std::int64_t milli);
inline Asked asked(const PodGroup& g) {
  return asked(g.requests, g.shared_resource, g.shared_milli);
}
inline Asked asked(const PodUpsert& p) {
  return asked(p.requests, p.shared_resource, p.shared_milli);
}

struct NodeUse {
  std::map<std::string, std::int64_t> whole;
  std::map<std::string, std::map<std::int64_t, std::int64_t>> shared;  // thousandths by device

  void add(const Asked& asked, std::int64_t device);
  void add(const NodeUse& other);
  // Devices, or whatever its unit is, that somebody has, wholly or in parts.
  std::int64_t taken(const std::string& resource) const;
  std::set<std::string> resources() const;
};

std::int64_t device_at(const Placement& placement, std::size_t rank);

// What is charged, in thousandths where it is devices: exact sums of whole ones and parts.
using Charge = std::map<std::string, __int128>;
void charge(Charge& to, const PodGroup& group, std::int64_t count, int sign = 1);
// How many of these one whole of the resource is: 1,000 of devices, 1 of anything else.
std::int64_t unit_of(const std::string& resource);
// A limit in the same units.
Charge limits(const Resources& r);

// How many Pods like this an empty node holds.
std::int64_t fits_empty(const Node& node, const PodGroup& group);

}  // namespace sched::audit
