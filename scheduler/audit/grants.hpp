// Grants: what a queue is guaranteed, by the nodes that are named for it, for the auditor alone.
#pragma once

#include <string>
#include <vector>

#include "scheduler/audit/devices.hpp"
#include "scheduler/delta.hpp"

namespace sched::audit {

struct Grant {
  Quota nodes;  // that names no node in particular: all of them
  Charge guaranteed;
};
std::vector<Grant> grants_of(const Queue& queue);

bool same_nodes(const Quota& a, const Quota& b);
// Whether all nodes of `a` are nodes of `b`, and named more closely.
bool closer(const Quota& a, const Quota& b);
// Whether no node is one of both.
bool apart(const Quota& a, const Quota& b);
// Those within no other of them; and those within these nodes.
std::vector<Grant> outermost(const std::vector<Grant>& grants);
std::vector<Grant> inside(const std::vector<Grant>& grants, const Quota& nodes);

__int128 at(const Charge& charge, const std::string& resource);

}  // namespace sched::audit
