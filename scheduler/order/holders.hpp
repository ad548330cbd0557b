// Holders: who has the room that a task lacks, and until when.
//
// Only for reasons that somebody asks for. Looks at what is expected to end, soonest first, and
// then, for what ends nobody knows when, at the tasks on the nodes in question; both up to a bound,
// so that an answer never costs more than a plan. Named is only whose end makes room: where a node
// takes no Pod more when some have gone from it, they are not. What it names is true; it does not
// name all.
// Tasks that were asked to stop are left out: their room is on its way to somebody.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "scheduler/backfill/future.hpp"
#include "scheduler/plan.hpp"

namespace sched {

// Room of one group of a shape: on nodes that its Pods may use now, in one zone or in all. Told is
// what they have of `resource`.
struct Wanted {
  ProfileId profile = kNoId;
  ZoneId zone = kNoId;
  ResourceId resource = kNoResource;
  std::int64_t pods = 0;  // for so many there is none
};

// The first few, until there would be room for all; `late`: as of `now`.
std::vector<Reason::Holder> holders(const State& state, const Wanted& wanted, const Late& late,
                                    Time now);

// How much of a resource this use is, in the unit in which it is asked for: parts in thousandths.
std::int64_t amount_of(const Amounts& use, ResourceId asked);

// "namespace/name", or the uid where there is none.
std::string label(const Task& task);

}  // namespace sched
