// TaskQueue: a cluster-scoped queue that tasks are submitted to.
//
// Decoding never fails for a wrong field: the field gets its default and `problems` one sentence.
// A queue with problems takes no part in scheduling and says so in its Ready condition.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "libk8s/request/request.hpp"
#include "libk8s/types/meta.hpp"
#include "libk8s/watch/codec.hpp"
#include "operator/api/api.hpp"
#include "operator/api/field_reader.hpp"
#include "operator/api/queue_conflicts.hpp"
#include "operator/report/strategy_figures.hpp"
#include "scheduler/delta.hpp"

namespace fermi {

inline constexpr std::int64_t kDefaultDepth = 16;
inline constexpr std::int64_t kDefaultFloorNs = 60'000'000'000;
inline constexpr std::int64_t kDefaultStartDeadlineNs = 900'000'000'000;
inline constexpr std::int64_t kDefaultQuantumNs = std::int64_t{30} * 60'000'000'000;

// A part of the quota that counts on some of the nodes: those that have all that is named.
struct QuotaFlavor {
  std::string zone, pool, gpu_model;
  k8s::ResourceList maximum, guaranteed;
  friend bool operator==(const QuotaFlavor&, const QuotaFlavor&) = default;
};

// What each tenant may have in the queue; 0 and what is not named: no limit.
struct TenantLimitsSpec {
  std::int64_t running = 0, pending = 0;
  k8s::ResourceList resources;
  friend bool operator==(const TenantLimitsSpec&, const TenantLimitsSpec&) = default;
};

struct TaskQueueSpec {
  sched::Tier tier = sched::Tier::kMedium;
  sched::Strategy strategy = sched::Strategy::kBackfill;
  std::int64_t weight = 1;
  bool has_maximum = false;
  k8s::ResourceList maximum;
  std::vector<std::string> zones, pools, gpu_models;
  std::string tenant_label;
  std::int64_t default_duration_ns = 0;  // 0: none
  std::optional<sched::Tier> default_priority;
  std::int64_t max_running = 0;
  bool closed = false;
  // Switches that differ from the strategy's; absent: the strategy's.
  std::optional<sched::Order> order;
  std::optional<sched::Passing> passing;
  std::optional<bool> borrowing;
  bool learn = false;  // who may pass is chosen by what is known of past runs
  std::int64_t depth = kDefaultDepth;
  std::int64_t reserve_after_ns = 0;  // 0: only the head of the queue holds a reservation
  std::int64_t floor_ns = kDefaultFloorNs;
  std::optional<std::int64_t> cooldown_ns;  // absent: the floor
  // How long a gang that has its place may take until all of it runs.
  std::int64_t start_deadline_ns = kDefaultStartDeadlineNs;
  // What disruption budgets over this queue's tasks are worth when these have to make room: where
  // one refuses, the Pod is deleted all the same.
  bool violates_budgets = false;
  std::int64_t half_life_ns = 0;  // 0: not stated
  std::map<std::string, std::int64_t> tenant_weights;
  bool has_guaranteed = false;
  k8s::ResourceList guaranteed;
  std::vector<QuotaFlavor> flavors;
  std::optional<std::int64_t> quantum_ns;  // absent: the strategy's
  std::optional<bool> spread;              // absent: the strategy's
  TenantLimitsSpec tenant_limits;
  // Which namespaces may submit, as the text of a label selector; absent: all.
  std::optional<std::string> namespace_selector;
  friend bool operator==(const TaskQueueSpec&, const TaskQueueSpec&) = default;
};

struct QueueHeadEntry {
  std::int64_t position = 0;
  std::string kind, ns, name, task_id;
  friend bool operator==(const QueueHeadEntry&, const QueueHeadEntry&) = default;
};

// What one tenant has in a queue.
struct TenantShare {
  std::string tenant;
  std::int64_t running = 0;
  k8s::StringMap used;  // by resource, as quantities; GPUs of a named model as "resource@model"
  std::string share;    // "0.125": its dominant share by weight, to a thousandth
  friend bool operator==(const TenantShare&, const TenantShare&) = default;
};

// What tenants had before: for the next leader (translate/served.hpp).
struct PastUse {
  std::string resource, gpu_model;
  std::int64_t period = 0;  // how many half-lives after 1970
  std::string sum;          // amount times milliseconds, a whole number
  friend bool operator==(const PastUse&, const PastUse&) = default;
};
struct TenantPast {
  std::string tenant;
  k8s::WallTime last_start;  // to the microsecond
  std::int64_t starts = 0;   // at that very moment
  std::vector<PastUse> uses;
  friend bool operator==(const TenantPast&, const TenantPast&) = default;
};
struct QueuePast {
  std::int64_t half_life_ns = 0;
  std::vector<TenantPast> tenants;
  friend bool operator==(const QueuePast&, const QueuePast&) = default;
};

// What a tenant, or a pool, costs.
struct CostLine {
  std::string name;                      // "": nodes of no pool
  std::int64_t per_hour = 0, today = 0;  // millionths
  friend bool operator==(const CostLine&, const CostLine&) = default;
};
// What the queue's tasks cost now and have cost on `day` (UTC) until `observed_at`; per hour it is
// always current.
struct QueueCost {
  std::string currency, day;
  std::int64_t per_hour = 0, today = 0;
  std::vector<CostLine> tenants, pools;  // those that cost most, by name
  std::optional<k8s::WallTime> observed_at;
  friend bool operator==(const QueueCost&, const QueueCost&) = default;
};

// What running tasks use of some of the nodes, and of that what is guaranteed to other queues
// there.
struct FlavorUse {
  std::string zone, pool, gpu_model;
  k8s::StringMap used, borrowed;  // quantities
  friend bool operator==(const FlavorUse&, const FlavorUse&) = default;
};

struct TaskQueueStatus {
  std::int64_t observed_generation = 0;
  std::int64_t pending = 0, running = 0;
  std::string gpus;         // "8/40": used and at most
  k8s::StringMap used;      // by resource, as quantities
  k8s::StringMap borrowed;  // of what is guaranteed to other queues
  // Those of the queue's own, and those of others of which it has borrowed.
  std::vector<FlavorUse> flavors;
  std::vector<TenantShare> tenants;  // those with the largest shares
  std::int64_t tenant_count = 0;
  std::int64_t budget_violations = 0;   // Pods that were deleted although a budget had refused
  std::int64_t reservations_moved = 0;  // because a task outlived its estimate
  std::vector<QueueHeadEntry> head;
  QueuePast past;
  std::optional<QueueCost> cost;
  std::vector<StrategyFigures> strategies;  // each that has had a task
  ConflictCounts conflict_counts;
  std::vector<QueueConflict> conflicts;      // the most severe first, then by arrival
  std::vector<QueueResolution> resolutions;  // the last of them, oldest first
  Conditions conditions;
  friend bool operator==(const TaskQueueStatus&, const TaskQueueStatus&) = default;
};

struct TaskQueue {
  k8s::ObjectMeta meta;
  TaskQueueSpec spec;
  TaskQueueStatus status;
  Problems problems;  // what is wrong with the spec, a sentence each
};

k8s::Resource task_queues();

// kInvalid only for what has no name or uid.
k8s::Result<TaskQueue> decode_task_queue(const nlohmann::json& object);
TaskQueueStatus decode_task_queue_status(const nlohmann::json& status);
nlohmann::json encode_status(const TaskQueueStatus& status);

// "High", "Medium", "Low", and back ("" and unknown words: nothing).
std::string_view tier_name(sched::Tier tier);
std::optional<sched::Tier> tier_of(std::string_view text);
// "FIFO", ...; "" for what no queue may ask for.
std::string_view strategy_name(sched::Strategy strategy);

// Whether a task of this tier may say so. false would promise what only High gives.
bool may_be_preemptible(std::optional<bool> said, sched::Tier tier);
// Why `preemptible: false` is refused for this tier, without the field.
std::string preemptible_refused(sched::Tier tier);

}  // namespace fermi

template <>
struct k8s::Codec<fermi::TaskQueue> : k8s::JsonCodec<fermi::TaskQueue> {
  static Resource resource() { return fermi::task_queues(); }
  static Result<fermi::TaskQueue> from_json(const nlohmann::json& object) {
    return fermi::decode_task_queue(object);
  }
};
