#include "scheduler/preempt/own_room.hpp"

#include <algorithm>

#include "scheduler/place/outlook.hpp"

namespace sched {
namespace {

const Profile::Outlook& given_back(const State& state, ProfileId id, const HeldRoom& own) {
  const auto same = [id](const auto& known) { return known.first == id; };
  auto at = std::find_if(own.given_back.begin(), own.given_back.end(), same);
  if (at == own.given_back.end()) at = own.given_back.insert(at, {id, {}});
  Profile::Outlook& known = at->second;
  known.nodes.resize(own.booked.size());
  known.zones.resize(std::max<std::size_t>(known.zones.size(), 1));
  follow(state.cluster.changes(), known.seen, state.cluster.node_count(), [&](NodeId node) {
    const auto here = own.at(node);
    if (here) note_gain(state, id, node, own.booked[*here].second, known, *here);
  });
  return known;
}

}  // namespace

bool sums_allow_without(State& state, const Shape& shape, const HeldRoom& own) {
  return std::all_of(shape.groups.begin(), shape.groups.end(), [&](const Shape::Group& group) {
    const Profile::Outlook& more = given_back(state, group.profile, own);
    const Profile& profile = state.cluster.profile(group.profile);
    if (group.zone.empty()) return group.count <= profile.all.slots + more.all;
    const ZoneId zone = state.cluster.find_zone(group.zone);
    if (zone == kNoId) return false;
    const std::int64_t gain = zone < more.zones.size() ? more.zones[zone] : 0;
    return group.count <= profile.zones[zone].slots + gain;
  });
}

}  // namespace sched
