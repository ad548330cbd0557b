// What a queue's spec says of nodes, held against those that there are. Pure.
#pragma once

#include <string>
#include <vector>

#include "operator/api/task_queue.hpp"

namespace fermi {

// Where a node stands, and what it has.
struct NodePlace {
  std::string zone, pool, gpu_model;
  k8s::ResourceList allocatable;
  friend bool operator==(const NodePlace&, const NodePlace&) = default;
};
// Whether the queue may use it, by its zones, pools and GPU models.
bool may_use(const TaskQueueSpec& spec, const NodePlace& node);

// What is wrong, in words for people, the fields named; "" for nothing.
struct QueueNodes {
  // Zones, pools and GPU models that no node has: "spec.zones: no node lies in nope (zones: a, b)".
  std::string missing;
  // Guarantees of more than the nodes have that the queue may use. They keep all that there is from
  // queues that do not borrow.
  std::string uncovered;
};

// Whether there is anything to look at.
bool names_nodes(const TaskQueueSpec& spec);
// Without a node nothing is said: they may be on their way.
QueueNodes look_at_nodes(const TaskQueueSpec& spec, const std::vector<NodePlace>& nodes);

}  // namespace fermi
