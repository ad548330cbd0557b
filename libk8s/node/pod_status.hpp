// The status of a Pod, as a node reports it: pure.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "libk8s/node/node_pod.hpp"
#include "libk8s/node/pools.hpp"

namespace k8s::node {

// What is known of a Pod beside its record.
struct StatusInputs {
  const NodePod& pod;
  std::string host_ip;
  std::string address;                 // "" before it has one
  std::optional<WallTime> started_at;  // when this node took it on
  std::optional<PodRecord> record;     // of its shim
  // Set: the Pod was refused, and ends as Failed for this reason.
  std::optional<Refusal> failure;
  // Why its containers do not start yet: reason and message of `waiting`.
  Refusal waiting{"ContainerCreating", ""};
};

// Since when each condition has its status.
struct ConditionTime {
  bool value = false;
  std::optional<WallTime> since;  // nothing: before this runtime knew the Pod
};
using ConditionTimes = std::map<std::string, ConditionTime>;

// A strategic merge patch for the status subresource, with the uid as precondition. `times` is
// brought up to date: a condition keeps its time as long as it keeps its value.
nlohmann::json status_patch(const StatusInputs& inputs, ConditionTimes& times, WallTime now);

// The phase that the patch carries.
PodPhase phase_of(const StatusInputs& inputs);
bool is_ready(const StatusInputs& inputs);

}  // namespace k8s::node
