#include "scheduler/preempt/trial.hpp"

#include <algorithm>

#include "scheduler/limits.hpp"
#include "scheduler/preempt/holds.hpp"

namespace sched {
namespace {

// How many Pods fit on a node after the changes; what is free is at least 0, as in Cluster. Devices
// first, as they are what mostly lacks.
std::int64_t slots_after(const NodeRecord& node, const Amounts& ended, const Amounts& request) {
  std::int64_t least = kSlotsMax;
  const auto limit = [&](std::int64_t free, std::int64_t amount) {
    least = std::min(least, std::max<std::int64_t>(0, free) / amount);
  };
  for (const auto& [id, amount] : request.extended) {
    limit(node.total.at(id) - node.used.at(id) + ended.at(id), amount);
    if (least == 0) return 0;
  }
  for (ResourceId id = 0; id < kFirstExtended; ++id) {
    const std::int64_t free = node.total.base[id] - node.used.base[id] + ended.base[id];
    if (request.base[id] > 0) limit(free, request.base[id]);
  }
  return least;
}

std::int64_t slots_now(const Profile& profile, NodeId node) {
  return node < profile.node_slots.size() ? profile.node_slots[node] : 0;
}

}  // namespace

Trial::Trial(State& state, const Shape& shape)
    : state_(state),
      shape_(shape),
      exact_(!groups_share_zones(shape)),
      spot_of_(state.cluster.node_count(), kNoId) {
  for (const Shape::Group& group : shape.groups) {
    const auto same = [&](const OfProfile& p) { return p.profile == group.profile; };
    auto at = std::find_if(profiles_.begin(), profiles_.end(), same);
    profile_of_group_.push_back(static_cast<std::size_t>(at - profiles_.begin()));
    if (at != profiles_.end()) continue;
    OfProfile p;
    p.profile = group.profile;
    p.gains.resize(state.cluster.profile(group.profile).zones.size(), 0);
    p.takes.resize(state.cluster.node_count(), -1);
    profiles_.push_back(std::move(p));
  }
}

// --- which nodes

bool Trial::takes(OfProfile& p, NodeId id) const {
  std::int8_t& known = p.takes[id];
  if (known >= 0) return known != 0;
  const NodeRecord& node = state_.cluster.node(id);
  const Profile& profile = state_.cluster.profile(p.profile);
  bool yes = node.present && state_.cluster.cls(node.cls).open;
  yes = yes && node.cls < profile.cells.size() && profile.cells[node.cls].match != Match::kNo;
  yes = yes && slots(node.total, profile.request) > 0;
  yes = yes && (!profile.node_level || match_node(profile.filter, node.node));
  known = yes ? 1 : 0;
  return yes;
}

bool Trial::eligible(NodeId node) {
  for (std::size_t g = 0; g < shape_.groups.size(); ++g) {
    if (!takes(profiles_[profile_of_group_[g]], node)) continue;
    const std::string& zone = shape_.groups[g].zone;
    if (zone.empty() || state_.cluster.node(node).node.zone == zone) return true;
  }
  return false;
}

// --- changes

// Nodes that can take no Pod of the gang do not matter to it.
void Trial::change(NodeId id, const Amounts& amounts, int sign) {
  if (!eligible(id)) return;
  const NodeRecord& node = state_.cluster.node(id);
  if (spot_of_[id] == kNoId) {
    spot_of_[id] = static_cast<std::uint32_t>(spots_.size());
    spots_.push_back({id, {}, std::vector<std::int64_t>(profiles_.size(), 0)});
  }
  Spot& spot = spots_[spot_of_[id]];
  spot.ended.plus(amounts, sign);
  for (std::size_t i = 0; i < profiles_.size(); ++i) {
    OfProfile& p = profiles_[i];
    if (!takes(p, id)) continue;
    const Profile& profile = state_.cluster.profile(p.profile);
    const std::int64_t gain =
        slots_after(node, spot.ended, profile.request) - slots_now(profile, id);
    const std::int64_t more = gain - spot.gains[i];
    if (more == 0) continue;
    counted_ = false;
    spot.gains[i] = gain;
    p.gains[state_.cluster.cls(node.cls).zone] += more;
    p.all += more;
  }
}

std::vector<TaskId> Trial::near() {
  std::vector<TaskId> found;
  std::vector<bool> seen(state_.tasks.size(), false);
  for (NodeId node = 0; node < state_.tasks_on_node.size(); ++node) {
    const auto& here = state_.tasks_on_node[node];
    if (here.empty() || !eligible(node)) continue;
    for (const TaskId id : here) {
      if (seen[id]) continue;
      seen[id] = true;
      found.push_back(id);
    }
  }
  return found;
}

void Trial::look_ahead(TaskId task, const std::vector<TaskId>& near, Time now,
                       bool deficits_booked) {
  for (const TaskId id : near) {
    if (state_.tasks[id].evicted_by.empty()) continue;
    for (const Use& use : uses(state_, state_.tasks[id])) change(use.node, *use.amounts, 1);
  }
  for (const TaskId holder : state_.held) {
    if (holder == task) continue;
    for (const HeldRoom& room : hold_need(state_, holder, now)) change(room.node, room.amounts, -1);
    if (!deficits_booked) continue;
    for (const HeldRoom& room : hold_deficit(state_, holder, now)) {
      change(room.node, room.amounts, 1);
    }
  }
}

// --- asking

bool Trial::fits(Overlay& overlay, std::int64_t& looked) {
  ++looked;
  if (!counted_) counts_allow_ = count();
  counted_ = true;
  if (exact_ || !counts_allow_) return counts_allow_;
  const std::size_t mark = overlay.mark();
  const bool placed = place(overlay, looked).has_value();
  overlay.undo(mark);
  return placed;
}

// Sums first; they refuse most. Then the same division over zones that a start is found with, on
// sums that are moved for the length of the question.
bool Trial::count() {
  for (std::size_t g = 0; g < shape_.groups.size(); ++g) {
    const Shape::Group& group = shape_.groups[g];
    const OfProfile& p = profiles_[profile_of_group_[g]];
    const Profile& profile = state_.cluster.profile(p.profile);
    const ZoneId zone = group.zone.empty() ? kNoId : state_.cluster.find_zone(group.zone);
    if (!group.zone.empty() && zone == kNoId) return false;
    const std::int64_t have =
        zone == kNoId ? profile.all.slots + p.all : profile.zones[zone].slots + p.gains[zone];
    if (have < group.count) return false;
  }
  shift(1);
  const bool divides = !divide(state_, shape_, Room::kNow).splits.empty();
  shift(-1);
  return divides;
}

void Trial::shift(int sign) {
  for (const OfProfile& p : profiles_) {
    Profile& profile = state_.cluster.profile(p.profile);
    for (ZoneId zone = 0; zone < p.gains.size(); ++zone) {
      profile.zones[zone].slots += sign * p.gains[zone];
    }
    profile.all.slots += sign * p.all;
  }
}

void Trial::apply(Overlay& overlay) const {
  for (const Spot& spot : spots_) {
    if (!spot.ended.zero()) overlay.free(spot.node, spot.ended);
  }
}

std::optional<Gang> Trial::place(Overlay& overlay, std::int64_t& looked) const {
  apply(overlay);
  return place_gang(state_, shape_, overlay, looked).gang;
}

}  // namespace sched
