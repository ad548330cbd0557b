#include "scheduler/place/outlook.hpp"

#include <algorithm>

#include "scheduler/state/devices.hpp"

namespace sched {
namespace {

// What is kept for holders there, and is not taken yet: less of it is free.
void take_holds(const State& state, NodeId node, Amounts& more) {
  for (const auto& [holder, room] : state.held_rooms) {
    const auto at = room.at(node);
    if (!at) continue;
    more.plus(room.booked[*at].second);
    more.minus(room.need[*at].second);
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

// Most changes are of who runs there, and leave a node as it was here: each profile looks only at
// those that are others.
const ChangeLog& look_again(State& state, Outlook which) {
  State::OnNodes& known = state.outlooks[static_cast<std::size_t>(which)];
  const std::size_t nodes = state.cluster.node_count();
  known.more.resize(nodes);
  known.changed.resize(nodes);
  follow(state.cluster.changes(), known.seen, nodes, [&](NodeId node) {
    Amounts more = look_on(state, node, which);
    const std::uint64_t changed = state.cluster.node(node).changed;
    if (changed == known.changed[node] && more == known.more[node]) return;
    known.more[node] = std::move(more);
    known.changed[node] = changed;
    known.log.note(node);
  });
  return known.log;
}

std::int64_t gain_on(const State& state, ProfileId id, NodeId node, const Amounts& more) {
  if (more.zero() || !state.cluster.takes(id, node)) return 0;
  const Profile& profile = state.cluster.profile(id);
  const NodeRecord& record = state.cluster.node(node);
  const std::int64_t now = node < profile.node_slots.size() ? profile.node_slots[node] : 0;
  return slots_without(record.total, record.used, more, profile.request) - now;
}

}  // namespace

const Amounts& outlook_on(const State& state, NodeId node, Outlook which) {
  return state.outlooks[static_cast<std::size_t>(which)].more[node];
}

void note_gain(const State& state, ProfileId id, NodeId node, const Amounts& more,
               Profile::Outlook& known, std::size_t at) {
  Profile::Outlook::OnNode& here = known.nodes[at];
  const std::int64_t gain = gain_on(state, id, node, more);
  const ZoneId zone = gain == 0 ? here.zone : state.cluster.cls(state.cluster.node(node).cls).zone;
  if (gain == here.gain && zone == here.zone) return;
  known.zones.resize(std::max(known.zones.size(), static_cast<std::size_t>(zone) + 1));
  known.zones[here.zone] -= here.gain;
  known.zones[zone] += gain;
  known.all += gain - here.gain;
  here = {gain, zone};
}

const Profile::Outlook& outlook_of(State& state, ProfileId id, Outlook which) {
  const ChangeLog& changes = look_again(state, which);
  Profile& profile = state.cluster.profile(id);
  Profile::Outlook& known = profile.outlooks[static_cast<std::size_t>(which)];
  known.nodes.resize(state.cluster.node_count());
  known.zones.resize(std::max(known.zones.size(), std::max<std::size_t>(profile.zones.size(), 1)));
  follow(changes, known.seen, state.cluster.node_count(), [&](NodeId node) {
    note_gain(state, id, node, outlook_on(state, node, which), known, node);
  });
  return known;
}

}  // namespace sched
