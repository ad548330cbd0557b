// TrainingJob: a gang of Pods that start together or not at all.
//
// The typed part of the spec is what decisions are made of. What only travels into Pods (command,
// environment, volumes, the Pod template) stays as JSON in `raw_spec`.
// Decoding never fails for a wrong field: the field gets its default and `problems` one sentence
// each. A job with problems is not scheduled and says so in its Accepted condition.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "libk8s/request/request.hpp"
#include "libk8s/types/meta.hpp"
#include "libk8s/watch/codec.hpp"
#include "operator/api/api.hpp"
#include "operator/api/field_reader.hpp"
#include "scheduler/delta.hpp"

namespace fermi {

// Pods that are alike: `nodes` of them, in `zone` when it is not "".
struct JobGroup {
  std::string zone;
  std::int64_t nodes = 1;
  std::int64_t gpus = 0;                          // of each Pod
  std::int64_t gpu_milli = 0;                     // or so many thousandths of one, below 1,000
  std::optional<std::int64_t> cpu_milli, memory;  // of each Pod
  friend bool operator==(const JobGroup&, const JobGroup&) = default;
};

struct RetryRule {
  std::vector<std::int64_t> exit_codes;
  bool retry = false;
  friend bool operator==(const RetryRule&, const RetryRule&) = default;
};

// Another job of the namespace that has to have come so far before this one may start.
enum class AfterCondition : std::uint8_t { kRunning, kCompleted, kEnded };
struct JobAfter {
  std::string name;
  AfterCondition condition = AfterCondition::kCompleted;
  friend bool operator==(const JobAfter&, const JobAfter&) = default;
};
std::string_view name(AfterCondition condition);  // "Running", ...

struct JobScheduling {
  std::string queue = "default";
  std::optional<sched::Tier> priority;  // absent: the queue's
  // absent: as its tier says. true makes it only more preemptible; false is for High alone.
  std::optional<bool> preemptible;
  std::int32_t priority_value = 0;
  std::int64_t expected_duration_ns = 0;  // 0: not stated
  std::string pool, gpu_model;
  sched::ZonePolicy zone_policy = sched::ZonePolicy::kAny;
  std::int64_t max_zones = 0, min_per_zone = 0, max_skew = 0, max_latency_us = 0;
  std::string topology_level;      // below the zone; "": not asked for
  bool topology_required = false;  // else as few of its domains as possible
  k8s::StringMap node_selector;
  std::vector<sched::Toleration> tolerations;
  std::vector<JobAfter> after;
  friend bool operator==(const JobScheduling&, const JobScheduling&) = default;
};

struct TrainingJobSpec {
  bool pytorch = false;          // framework PyTorch; else Command
  std::vector<JobGroup> groups;  // never empty; ranks are numbered in this order
  // spec.elastic.max; the minimum is the size of the one group. 0: it has one size.
  std::int64_t most_nodes = 0;
  std::optional<std::int64_t> ephemeral_bytes, shm_bytes;  // of each Pod
  std::int64_t processes_per_node = 0;                     // 0: one per GPU, at least one
  JobScheduling scheduling;
  k8s::StringMap parameters;
  std::string checkpoint_path, checkpoint_volume;
  std::int64_t checkpoint_interval_ns = 0;  // 0: not stated
  std::int64_t retry_limit = 3, retry_backoff_ns = 10'000'000'000;
  std::vector<RetryRule> retry_rules;
  bool suspend = false;
  std::optional<std::int64_t> active_deadline_ns, ttl_after_finished_ns;

  std::int64_t nodes() const;  // over all groups; of an elastic job at least
  bool may_have_several() const { return nodes() > 1 || most_nodes > 1; }
  // The group that a rank belongs to; ranks beyond the last fall into it.
  const JobGroup& group_of(std::int64_t rank) const;
};

// What a gang costs per hour in one pool.
struct PoolRate {
  std::string pool;  // "" for nodes of no pool
  std::int64_t micros = 0;
  friend bool operator==(const PoolRate&, const PoolRate&) = default;
};
// What was spent on one day (UTC, "2026-03-01"), by whom and where.
struct CostPart {
  std::string day, queue, tenant, pool;
  std::int64_t micros = 0;
  friend bool operator==(const CostPart&, const CostPart&) = default;
};
// Of a task that lasts longer, the oldest days are counted together.
inline constexpr std::size_t kCostParts = 64;

// Where an attempt goes. Written to the status before anything is made of it.
struct JobPlacement {
  std::int64_t attempt = 0;
  std::int64_t epoch = 0;  // which leader decided
  std::int64_t port = 0;   // of the rendezvous; 0: the usual one
  k8s::WallTime decided_at;
  std::vector<std::string> nodes;  // by rank
  // Zones in the order of the ranks with the number of nodes in each; "" for nodes without zone.
  std::vector<std::pair<std::string, std::int64_t>> zones;
  // By rank: which shared GPU of its node, -1 for none; empty when nobody shares one.
  std::vector<std::int64_t> devices{};
  std::string tenant{};           // who is charged
  std::vector<PoolRate> rates{};  // by pool; none where it costs nothing
  std::string zone_of(std::int64_t rank) const;
  friend bool operator==(const JobPlacement&, const JobPlacement&) = default;
};

// What comes once all Pods are gone, while the phase is Stopping.
struct JobStopping {
  Phase to = Phase::kNone;  // Pending, Stopped, Completed or Failed
  std::string reason, message;
  friend bool operator==(const JobStopping&, const JobStopping&) = default;
};

// Who had to make room for whom, the last time. Never overwritten by anything but the next one.
struct JobPreempted {
  std::string by, by_task_id;  // "namespace/name", the task's id
  k8s::WallTime at;
  std::string reason{};  // why that was right: one of the words below
  friend bool operator==(const JobPreempted&, const JobPreempted&) = default;
};
inline constexpr std::string_view kPreempted = "Preempted";  // the reason of a stop
inline constexpr std::string_view kByTier = "Tier", kReclaim = "Reclaim", kRotation = "Rotation",
                                  kResolution = "Resolution";

// The last change of an elastic job's size while it ran.
struct JobResized {
  k8s::WallTime at;
  std::int64_t from = 0, to = 0;  // nodes
  std::string by{}, by_task_id{};  // for whom it became smaller; "" when it grew
  friend bool operator==(const JobResized&, const JobResized&) = default;
};

struct TimelineEntry {
  k8s::WallTime time;
  std::string from, to, why;
  friend bool operator==(const TimelineEntry&, const TimelineEntry&) = default;
};
inline constexpr std::size_t kTimelineLength = 50;

struct TrainingJobStatus {
  std::int64_t observed_generation = 0;
  Phase phase = Phase::kNone;
  Conditions conditions;
  std::string task_id, queue, priority;
  std::int64_t queue_position = 0, tasks_ahead = 0;  // 0 and absent when it does not wait
  std::optional<k8s::WallTime> observed_at;
  std::optional<k8s::WallTime> estimated_start;  // while it waits, where room is promised to it
  std::string reason, message;
  // Names out of spec.scheduling.after that it waits for no more, whatever becomes of them.
  std::vector<std::string> after_met;
  std::int64_t attempt = 0;
  std::optional<JobPlacement> placement;
  // Ranks of this attempt that have ended with 0, in order: their Pods may be deleted by anybody.
  std::vector<std::int64_t> succeeded;
  std::optional<k8s::WallTime> succeeded_at;  // when that was last written
  std::optional<JobStopping> stopping;
  std::int64_t restarts = 0, disruptions = 0, start_failures = 0, preemptions = 0;
  std::optional<JobPreempted> preempted;
  std::int64_t resizes = 0;
  std::optional<JobResized> resized;
  // Medium, while it runs: nobody may preempt it before then. What was left of it when the gang
  // stopped for another reason than preemption is what the next run gets.
  std::optional<k8s::WallTime> guarantee_until;
  std::optional<std::int64_t> guarantee_left_ns;
  std::int64_t disruptions_in_row = 0;  // without ten minutes of running between them
  std::optional<std::int64_t> exit_code;
  std::optional<k8s::WallTime> retry_at, submit_time, start_time, running_since, completion_time;
  std::int64_t cost_per_hour_micros = 0, cost_micros = 0;
  std::optional<k8s::WallTime> cost_accounted_at;
  // Who is charged since it first held room.
  std::string charged_queue, charged_tenant;
  // How long it ran, and was suspended; GPU seconds of attempts that a preemption ended.
  std::int64_t ran_seconds = 0, held_seconds = 0, lost_gpu_seconds = 0;
  std::vector<CostPart> costs;  // what makes up `cost_micros`, oldest day first
  std::string currency;
  std::vector<TimelineEntry> timeline;
  friend bool operator==(const TrainingJobStatus&, const TrainingJobStatus&) = default;
};

struct TrainingJob {
  k8s::ObjectMeta meta;
  TrainingJobSpec spec;
  TrainingJobStatus status;
  std::shared_ptr<const nlohmann::json> raw_spec;  // never null
  Problems problems;
};

k8s::Resource training_jobs();

// kInvalid only for what has no name or uid.
k8s::Result<TrainingJob> decode_training_job(const nlohmann::json& object);
TrainingJobStatus decode_training_job_status(const nlohmann::json& status);
nlohmann::json encode_status(const TrainingJobStatus& status);

// The parts of the spec that only travel into Pods: what may not be said there. Adds to `problems`.
void check_pod_parts(FieldReader& spec, const std::string& checkpoint_volume);
void check_pod_template(FieldReader pod_template);

}  // namespace fermi

template <>
struct k8s::Codec<fermi::TrainingJob> : k8s::JsonCodec<fermi::TrainingJob> {
  static Resource resource() { return fermi::training_jobs(); }
  static Result<fermi::TrainingJob> from_json(const nlohmann::json& object) {
    return fermi::decode_training_job(object);
  }
};
