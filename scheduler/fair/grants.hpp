// Grants: what a queue is guaranteed, of all nodes or of some of them, and what of it is used.
//
// A grant names nodes as a quota does (quota.hpp), and amounts; the guarantee of the whole cluster
// is the grant that names no node in particular. Grants of one queue may lie within each other.
#pragma once

#include <tuple>
#include <vector>

#include "scheduler/fair/quota.hpp"
#include "scheduler/state/state.hpp"

namespace sched {

// One grant, and what of it is used. All three outlive it.
struct Granted {
  const Quota* nodes = nullptr;
  const Amounts* guaranteed = nullptr;
  const Amounts* used = nullptr;
};
// The guarantee of the whole cluster among them, as the last.
std::vector<Granted> grants_of(const QueueRecord& queue);

// Whether the queue is guaranteed something of some of the nodes.
bool grants_places(const Queue& queue);
// Whether idle grants of others keep tasks of this tier of the queue from places.
bool kept_from_places(const QueueRecord& queue, Tier tier);

namespace grants {

using Grants = std::vector<Granted>;
using Nodes = std::vector<const Quota*>;  // those that match any

const Quota& all_nodes();
inline auto name_of(const Quota& q) { return std::tie(q.zone, q.pool, q.gpu_model); }
inline bool same(const Quota& a, const Quota& b) { return name_of(a) == name_of(b); }

// Those that lie within no other of them; those that lie within these nodes, and are narrower.
Grants outermost(const Grants& grants);
Grants inside_of(const Grants& grants, const Quota& nodes);
// What is not used of it, exactly (state/devices.hpp); at least 0.
__int128 idle(const Granted& grant, ResourceId r);
// The resources of which there is something: devices once, whole or in parts.
std::vector<ResourceId> asked(const Amounts& amounts);

}  // namespace grants
}  // namespace sched
