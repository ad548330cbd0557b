// Pod: the fields that scheduling and gang control read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "libk8s/types/meta.hpp"

namespace k8s {

struct Toleration {
  std::string key;  // "" with Exists: every key
  std::string op;   // "Equal" (default) or "Exists"
  std::string value;
  std::string effect;  // "" for every effect
  friend bool operator==(const Toleration&, const Toleration&) = default;
};

// One matchExpressions entry of a node selector term. `op`: In, NotIn, Exists, DoesNotExist, Gt,
// Lt.
struct NodeRequirement {
  std::string key, op;
  std::vector<std::string> values;
  bool on_field = false;  // matchFields (metadata.name) instead of a label
  friend bool operator==(const NodeRequirement&, const NodeRequirement&) = default;
};
using NodeSelectorTerm = std::vector<NodeRequirement>;  // all must hold

struct PodCondition {
  std::string type, status, reason, message;
  friend bool operator==(const PodCondition&, const PodCondition&) = default;
};

struct ContainerStatus {
  std::string name;
  int restarts = 0;
  bool ready = false;
  enum class State : std::uint8_t { kWaiting, kRunning, kTerminated } state = State::kWaiting;
  std::string reason;  // of waiting or terminated
  std::string message;
  int exit_code = 0;  // terminated only
  int signal = 0;
  std::optional<WallTime> started, finished;
  friend bool operator==(const ContainerStatus&, const ContainerStatus&) = default;
};

enum class PodPhase : std::uint8_t { kPending, kRunning, kSucceeded, kFailed, kUnknown };

struct Pod {
  ObjectMeta meta;

  // spec
  std::string node_name;       // "" while unbound
  std::string scheduler_name;  // "default-scheduler" when not said
  std::string priority_class;
  std::string scheduling_group;  // spec.schedulingGroup.podGroupName, or ""
  ResourceList requests;         // effective requests (types/effective_requests.hpp)
  StringMap node_selector;
  std::vector<NodeSelectorTerm> required_affinity;  // any term; empty: none asked for
  std::vector<Toleration> tolerations;
  std::vector<std::string> claims;  // PersistentVolumeClaims used, by name
  bool gated = false;               // has scheduling gates
  std::string restart_policy;

  // status
  PodPhase phase = PodPhase::kPending;
  std::string reason, message;  // e.g. "Evicted"
  std::string pod_ip;
  std::string nominated_node;
  std::optional<WallTime> start_time;
  std::vector<PodCondition> conditions;
  std::vector<ContainerStatus> containers;

  bool finished() const { return phase == PodPhase::kSucceeded || phase == PodPhase::kFailed; }
  // Holds its node's resources: bound and not in a terminal phase (terminating Pods still do).
  bool occupies() const { return !node_name.empty() && !finished(); }
  const PodCondition* condition(std::string_view type) const;
  bool ready() const;
};

}  // namespace k8s
