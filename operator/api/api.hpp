// The words of Fermi's API: group, labels, annotations, phases, conditions.
//
// Values only; nothing here reads a clock or the network.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libk8s/base/loop.hpp"

namespace fermi {

inline constexpr std::string_view kGroup = "fermi-cluster.com";
inline constexpr std::string_view kVersion = "v1alpha1";
inline constexpr std::string_view kApiVersion = "fermi-cluster.com/v1alpha1";
inline constexpr std::string_view kSchedulerName = "fermi-scheduler";
inline constexpr std::string_view kGpuResource = "nvidia.com/gpu";

// Labels of children, and of plain Pods that ask for a queue.
namespace label {
inline constexpr const char* kKind = "fermi-cluster.com/kind";
inline constexpr const char* kName = "fermi-cluster.com/name";
inline constexpr const char* kTaskId = "fermi-cluster.com/task-id";
inline constexpr const char* kQueue = "fermi-cluster.com/queue";
inline constexpr const char* kRole = "fermi-cluster.com/role";
inline constexpr const char* kRank = "fermi-cluster.com/rank";
inline constexpr const char* kZone = "fermi-cluster.com/zone";
inline constexpr const char* kAttempt = "fermi-cluster.com/attempt";
inline constexpr const char* kGang = "fermi-cluster.com/gang";
inline constexpr const char* kGangSize = "fermi-cluster.com/gang-size";
inline constexpr const char* kPool = "fermi-cluster.com/pool";
inline constexpr const char* kGpuSharing = "fermi-cluster.com/gpu-sharing";  // of nodes: "true"
inline constexpr const char* kNodeZone = "topology.kubernetes.io/zone";
inline constexpr const char* kNodeRegion = "topology.kubernetes.io/region";
}  // namespace label

namespace annotation {
inline constexpr const char* kPriority = "fermi-cluster.com/priority";
inline constexpr const char* kExpectedDuration = "fermi-cluster.com/expected-duration";
inline constexpr const char* kCheckpointInterval = "fermi-cluster.com/checkpoint-interval";
inline constexpr const char* kPreemptible = "fermi-cluster.com/preemptible";
inline constexpr const char* kZones = "fermi-cluster.com/zones";
// Of a claim, as Kubernetes names it: where storage that waits for its consumer is to be made.
inline constexpr const char* kSelectedNode = "volume.kubernetes.io/selected-node";
inline constexpr const char* kHold = "fermi-cluster.com/hold";
inline constexpr const char* kEpoch = "fermi-cluster.com/epoch";
// Of Pods that share a GPU (translate/parts.hpp).
inline constexpr const char* kSharedPart = "fermi-cluster.com/shared-part";
inline constexpr const char* kSharedDevice = "fermi-cluster.com/shared-device";
// Of a plain Pod: what it costs per hour, and in all once it has ended and the ledger has it.
inline constexpr const char* kCostPerHour = "fermi-cluster.com/cost-per-hour";
inline constexpr const char* kCost = "fermi-cluster.com/cost";
// On a TaskQueue, by an administrator: "CONFLICT=STRATEGY".
inline constexpr const char* kResolveConflict = "fermi-cluster.com/resolve-conflict";
}  // namespace annotation

// Keeps a queue until it is empty.
inline constexpr const char* kQueueFinalizer = "fermi-cluster.com/queue-in-use";
// Keeps a task that held room until its cost and run time stand in the ledger.
inline constexpr const char* kTaskFinalizer = "fermi-cluster.com/ledger";

enum class Phase : std::uint8_t {
  kNone,  // not looked at yet
  kPending,
  kStarting,
  kRunning,
  kStopping,
  kStopped,
  kCompleted,
  kFailed,
};
std::string_view name(Phase phase);     // "" for kNone
Phase phase_of(std::string_view text);  // kNone for what is unknown
inline bool is_terminal(Phase p) { return p == Phase::kCompleted || p == Phase::kFailed; }

struct Condition {
  std::string type;
  std::string status;  // "True", "False", "Unknown"
  std::string reason, message;
  k8s::WallTime last_transition;
  std::int64_t observed_generation = 0;
  friend bool operator==(const Condition&, const Condition&) = default;
};
using Conditions = std::vector<Condition>;

const Condition* find_condition(const Conditions& conditions, std::string_view type);
// Sets or adds; the time changes only when the status does. Equal content changes nothing at all.
void set_condition(Conditions& conditions, Condition condition, k8s::WallTime now);

nlohmann::json encode_conditions(const Conditions& conditions);
Conditions decode_conditions(const nlohmann::json& array);

// What the API keeps of a time: whole seconds. Statuses hold only such times, so that writing and
// reading one gives an equal value.
k8s::WallTime whole_seconds(k8s::WallTime time);

// The merge patch (RFC 7386) that turns `from` into `to`, both objects; {} when they are equal.
nlohmann::json merge_diff(const nlohmann::json& from, const nlohmann::json& to);

}  // namespace fermi
