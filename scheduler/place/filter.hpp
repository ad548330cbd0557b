// Filter: which nodes may take a Pod, as Kubernetes defines it.
//
// Pure functions over values. `Filter` is what a task and its queue ask of a node; resources are
// not part of it. A filter has a part that all nodes of a class answer alike and a part that looks
// at a single node (its name); the two are asked separately so that the first is asked once.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "scheduler/delta.hpp"

namespace sched {

struct Filter {
  std::string pool, gpu_model;  // "" for any
  std::map<std::string, std::string> node_selector;
  std::vector<std::vector<Requirement>> affinity;  // any of these; empty: none asked
  std::vector<Toleration> tolerations;
  std::vector<std::string> allowed_zones;             // empty: all
  std::vector<std::string> zones, pools, gpu_models;  // of the queue; empty: all
  std::vector<std::string> excluded_nodes;
  bool shares = false;  // a part of a device: only where they are shared
};

enum class Match : std::uint8_t {
  kNo,
  kLast,  // only a PreferNoSchedule taint speaks against it: used when nothing else is left
  kYes,
};

// The filter of a task of this queue (which may be unknown: null).
Filter filter_of(const Task& task, const Queue* queue);

// The part that is the same for all nodes with equal labels (as far as asked), taints, zone, pool
// and model. Cordons and readiness are not looked at.
Match match_class(const Filter& filter, const Node& node);
// The part that needs the node's name. True when nothing is asked of it.
bool match_node(const Filter& filter, const Node& node);
bool asks_of_node(const Filter& filter);

// Label keys that decide `match_class`.
std::set<std::string> asked_labels(const Filter& filter);

bool tolerates(const std::vector<Toleration>& tolerations, const Taint& taint);
bool matches(const Requirement& requirement, const Node& node);

}  // namespace sched
