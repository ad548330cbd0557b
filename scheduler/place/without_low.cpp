#include "scheduler/place/without_low.hpp"

#include <algorithm>

#include "scheduler/state/devices.hpp"

namespace sched {
namespace {

std::int64_t gain_on(const State& state, const Profile& profile, ProfileId id, NodeId node) {
  if (!state.cluster.open_to(id, node)) return 0;
  const NodeRecord& record = state.cluster.node(node);
  if (slots(record.total, profile.request) == 0) return 0;
  const Amounts low = low_on(state, node);
  if (low.zero()) return 0;
  const std::int64_t now = node < profile.node_slots.size() ? profile.node_slots[node] : 0;
  return slots_without(record.total, record.used, low, profile.request) - now;
}

void look_again(const State& state, Profile& profile, ProfileId id, NodeId node) {
  Profile::WithoutLow& known = profile.without_low;
  Profile::WithoutLow::OnNode& here = known.nodes[node];
  const std::int64_t gain = gain_on(state, profile, id, node);
  const NodeRecord& record = state.cluster.node(node);
  const ZoneId zone = gain != 0 ? state.cluster.cls(record.cls).zone : here.zone;
  if (gain == here.gain && zone == here.zone) return;
  known.zones.resize(std::max(known.zones.size(), static_cast<std::size_t>(zone) + 1));
  known.zones[here.zone] -= here.gain;
  known.zones[zone] += gain;
  known.all += gain - here.gain;
  here = {gain, zone};
}

}  // namespace

Amounts low_on(const State& state, NodeId node) {
  Amounts low;
  if (state.yielding_at_once == 0 || node >= state.tasks_on_node.size()) return low;
  for (const TaskId id : state.tasks_on_node[node]) {
    if (!state.yields_at_once(id)) continue;
    state.each_use_on(node, id, [&low](const Amounts& amounts) { low.plus(amounts); });
  }
  return low;
}

const Profile::WithoutLow& without_low(State& state, ProfileId id) {
  const Cluster& cluster = state.cluster;
  Profile& profile = state.cluster.profile(id);
  Profile::WithoutLow& known = profile.without_low;
  const std::uint64_t now = cluster.changes_of_nodes();
  const bool anew = known.seen == 0 || now - known.seen >= Cluster::kChangesKept;
  if (anew) known = {};
  known.nodes.resize(cluster.node_count());
  known.zones.resize(std::max(known.zones.size(), std::max<std::size_t>(profile.zones.size(), 1)));
  if (anew) {
    for (NodeId node = 0; node < known.nodes.size(); ++node) look_again(state, profile, id, node);
  } else {
    for (std::uint64_t i = known.seen; i != now; ++i) {
      look_again(state, profile, id, cluster.changed_node(i));
    }
  }
  known.seen = now;
  return known;
}

}  // namespace sched
