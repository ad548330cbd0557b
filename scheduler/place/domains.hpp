// Domains: which parts of a zone the Pods of a gang go to, for gangs that ask for a level of the
// topology below the zone. From counts alone.
//
//   Required   one domain takes all of the gang's Pods of the zone: the smallest that does, so that
//              wide ones stay whole (the one with most room, where the queue spreads).
//   Preferred  as Required where that is possible. Else as few domains as possible; among the
//              choices with as few, within one domain of the next wider level, or the next, if one
//              suffices, the smallest that does. All but the last of them are filled; the last is
//              the smallest that takes the rest. Nodes that lie in no domain come after all others.
//
// Smallest: by how many more of the gang's Pods would fit; then by the values of the labels.
#pragma once

#include <cstdint>
#include <vector>

#include "scheduler/place/allowance.hpp"
#include "scheduler/state/state.hpp"

namespace sched {

// Whether the gang asks for a level that there is.
bool asks_for_domains(const State& state, const Shape& shape);

inline constexpr DomainId kAnyDomain = kNoId - 1;  // all nodes of the zone, wherever they lie

struct DomainPart {
  DomainId domain = kNoId;  // kNoId: the nodes of the zone that lie in none; or kAnyDomain
  std::int64_t count = 0;
};

// So many Pods of the profile in this zone; empty when they do not fit as asked. The zone has slots
// for them in sum.
std::vector<DomainPart> divide_zone(const State& state, const Shape& shape, ProfileId profile,
                                    ZoneId zone, std::int64_t count);

// The fewest domains of the zone that take so many Pods; 0 where none is asked for.
std::int64_t fewest_domains(const State& state, const Shape& shape, ProfileId profile, ZoneId zone,
                            std::int64_t count);

// The nodes of a domain that take a Pod of the profile, in the packing order.
std::vector<Cluster::Spot> spots_in(const Cluster& cluster, ProfileId profile, DomainId domain);

// Whether the ranks of each zone lie as the gang requires.
bool lies_as_required(const State& state, const Shape& shape, const std::vector<NodeId>& ranks);

// The same where the gang only prefers few domains, and quotas or guarantees bind: how much of a
// domain they leave to it is asked node by node. The domain that takes most comes first, the
// smallest of these; what none takes goes to nodes that lie in none.
std::vector<DomainPart> divide_zone_beside(const State& state, const Shape::Group& group,
                                           ZoneId zone, std::int64_t count, const Allowance& left);

}  // namespace sched
