// Group: in which zones the next task of a group may be. Replicas of one service, say.
//
// Each task lies whole in one zone. The zones that the group names are primary or backup; those
// that are degraded (or down) are used last:
//
//   1. primary zones     2. backup zones     3. primary, degraded     4. backup, degraded
//
// A task goes to the first of these in which it fits now, in a zone that has fewer tasks of the
// group than it may have. So a backup zone gets one only while the primary zones are full, degraded
// or down. A group that names no zones may be in all of them.
//
// `group_skew` keeps the zones of the first stage even: no zone gets a task while another, that
// could hold one if it were empty, is healthy and has not all that it may have, would have so many
// fewer.
//
// Counted are tasks that hold a place, in the zone of their first Pod, as its node is labelled now.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "scheduler/state/state.hpp"

namespace sched {

// Whether what the task says of its group decides where it may be.
inline bool places_group(const Task& task) {
  return !task.group_uid.empty() && (!task.group_zones.empty() || task.group_skew > 0);
}

// As things are; stages without a zone are left out.
std::vector<std::set<ZoneId>> group_stages(const State& state, const Shape& shape);
// All zones that the group names, whatever is there.
std::set<ZoneId> group_zones(const State& state, const Shape& shape);
// The zone in which a placed task lies; kNoId when its node is not there.
ZoneId zone_of(const State& state, const TaskRecord& task);

}  // namespace sched
