// What all queues together are guaranteed, held against the nodes that there are. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "operator/translate/queue_nodes.hpp"

namespace fermi {

// Nodes of one zone, pool and GPU model as one, with what they have in all, in a fixed order.
std::vector<NodePlace> merged(const std::vector<NodePlace>& nodes);

// For each queue that shares in a guarantee of more than there is, one sentence for each resource:
// its own field, what the other queues have there, and what the nodes have. What a queue alone is
// guaranteed beyond what there is says `look_at_nodes`.
//
// Looked at are the nodes of each guarantee of any queue. There a queue counts with the most that
// it is guaranteed on nodes within: a zone and a pool of that zone count once, two zones add up.
// Guarantees that cross (a zone and a pool of several zones) count with the larger of them, so that
// nothing is said that is not so; some overlap of those may go unsaid.
std::map<std::string, std::string> guarantees_beyond(
    const std::map<std::string, const TaskQueueSpec*>& queues, const std::vector<NodePlace>& nodes);

}  // namespace fermi
