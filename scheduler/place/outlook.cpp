#include "scheduler/place/outlook.hpp"

#include <algorithm>

#include "scheduler/state/devices.hpp"

namespace sched {
namespace {

// What is kept for holders there, and is not taken yet: less of it is free.
void take_holds(const State& state, NodeId node, Amounts& more) {
  for (const auto& [holder, room] : state.held_rooms) {
    const auto before = [node](const auto& part) { return part.first < node; };
    const auto at = std::partition_point(room.need.begin(), room.need.end(), before);
    if (at == room.need.end() || at->first != node) continue;
    more.plus(room.booked[static_cast<std::size_t>(at - room.need.begin())].second);
    more.minus(at->second);
  }
}

Amounts look_on(const State& state, NodeId node, Outlook which) {
  Amounts more;
  const auto ends = [&more](const Amounts& amounts) { more.plus(amounts); };
  const bool settles = which == Outlook::kSettled;
  static const std::set<TaskId> kNobody;
  for (const TaskId id : node < state.tasks_on_node.size() ? state.tasks_on_node[node] : kNobody) {
    if (settles && !state.tasks[id].evicted_by.empty()) {
      state.each_use_on(node, id, ends);
    } else if (state.yields_at_once(id)) {
      state.each_own_use_on(node, id, ends);
    }
  }
  if (!settles) return more;
  state.each_passing_use([&](TaskId, const Use& use) {
    if (use.node == node) more.plus(use.amounts);
  });
  take_holds(state, node, more);
  return more;
}

// Calls with each node that may be another than at number `seen`, and brings that up to date.
template <class Visit>
void each_changed(const Cluster& cluster, std::uint64_t& seen, const Visit& visit) {
  const std::uint64_t now = cluster.changes_of_nodes();
  if (seen == 0 || now - seen >= Cluster::kChangesKept) {
    for (NodeId node = 0; node < cluster.node_count(); ++node) visit(node);
  } else {
    for (std::uint64_t i = seen; i != now; ++i) visit(cluster.changed_node(i));
  }
  seen = now;
}

void look_again(State& state, Outlook which) {
  State::OnNodes& known = state.outlooks[static_cast<std::size_t>(which)];
  known.more.resize(state.cluster.node_count());
  each_changed(state.cluster, known.seen,
               [&](NodeId node) { known.more[node] = look_on(state, node, which); });
}

std::int64_t gain_on(const State& state, const Profile& profile, ProfileId id, NodeId node,
                     const Amounts& more) {
  if (more.zero() || !state.cluster.open_to(id, node)) return 0;
  const NodeRecord& record = state.cluster.node(node);
  if (slots(record.total, profile.request) == 0) return 0;
  const std::int64_t now = node < profile.node_slots.size() ? profile.node_slots[node] : 0;
  return slots_without(record.total, record.used, more, profile.request) - now;
}

void note(Profile::Outlook& known, NodeId node, std::int64_t gain, ZoneId zone) {
  Profile::Outlook::OnNode& here = known.nodes[node];
  if (gain == here.gain && zone == here.zone) return;
  known.zones.resize(std::max(known.zones.size(), static_cast<std::size_t>(zone) + 1));
  known.zones[here.zone] -= here.gain;
  known.zones[zone] += gain;
  known.all += gain - here.gain;
  here = {gain, zone};
}

}  // namespace

const Amounts& outlook_on(const State& state, NodeId node, Outlook which) {
  return state.outlooks[static_cast<std::size_t>(which)].more[node];
}

const Profile::Outlook& outlook_of(State& state, ProfileId id, Outlook which) {
  look_again(state, which);
  Profile& profile = state.cluster.profile(id);
  Profile::Outlook& known = profile.outlooks[static_cast<std::size_t>(which)];
  known.nodes.resize(state.cluster.node_count());
  known.zones.resize(std::max(known.zones.size(), std::max<std::size_t>(profile.zones.size(), 1)));
  each_changed(state.cluster, known.seen, [&](NodeId node) {
    const std::int64_t gain = gain_on(state, profile, id, node, outlook_on(state, node, which));
    const ZoneId before = known.nodes[node].zone;
    note(known, node, gain,
         gain == 0 ? before : state.cluster.cls(state.cluster.node(node).cls).zone);
  });
  return known;
}

}  // namespace sched
