// Zones: how a gang is divided over zones, from slot counts alone.
//
// The answer is a number of Pods per (group, zone); which nodes they get is `gang.hpp`. Exact for
// gangs whose groups do not compete for one zone's room: the counts then prove both "fits" and
// "does not fit". Groups that share a zone are counted one by one, so a candidate may fail on the
// nodes; the caller then tries the next.
//
// Order of preference: fewest degraded zones; lower latency between the zones used; fewer zones
// (SameRegion: fewer zones first, Spread: as many as are asked for); fewer domains of the level of
// the topology that is asked for; nodes to be used last; least room of this shape left behind
// (most, where the queue spreads); lower price; names.
//
// Beside quotas that bind, a zone has room for no more than they let in there (allowance.hpp), and
// what one zone takes of a quota the next has no more.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "scheduler/place/allowance.hpp"

namespace sched {

enum class Room : std::uint8_t {
  kNow,    // what is free
  kEmpty,  // if nothing ran and every node were ready
};

struct ZonePart {
  ZoneId zone = kNoId;
  std::int64_t count = 0;
};

struct Split {
  std::vector<std::vector<ZonePart>> groups;  // by zone name within a group
  std::int64_t zones = 0, latency_us = 0;
};

struct ZoneAnswer {
  std::vector<Split> splits;  // best first; one is enough unless groups share zones
  bool exhaustive = true;     // false: the search was cut short
};

// How many Pods of one group fit in a zone, quotas aside; where its Pods of one zone have to lie in
// one domain, in the best of these.
std::int64_t slots_in_zone(const State& state, const Shape& shape, const Shape::Group& group,
                           ZoneId zone, Room room);

ZoneAnswer divide(const State& state, const Shape& shape, Room room, Quotas quotas = Quotas::kNow);

// Groups that each fit alone may together ask for more than all nodes have on which any of them may
// run: those that name this zone (null: all of them). What they lack; nothing proves nothing.
struct JointLack {
  ResourceId resource = kNoResource;
  std::int64_t needed = 0, total = 0;
};
std::optional<JointLack> joint_lack(const State& state, const Shape& shape,
                                    const std::string* zone);

// Whether the cluster cannot hold the shape even when empty. Exact for one group, and for groups
// that name different zones; where groups share nodes, what it says is true, and it may say no
// though they cannot be packed together. Kept until the nodes change.
bool never(State& state, ShapeId shape);
// Whether it cannot be divided as it wishes beside the quotas of its queue (kAlone), or what others
// are guaranteed (kNobody), whatever else happens: proved by upper bounds (ceiling.hpp).
bool never_within(const State& state, const Shape& shape, Quotas quotas);
// Whether it could, but the quotas of its queue would not let it in even if nothing else ran.
bool never_allowed(State& state, ShapeId shape);
// Whether the quotas, beside what the queue uses now, keep it out however much room there was.
bool quotas_forbid(const State& state, const Shape& shape);

}  // namespace sched
