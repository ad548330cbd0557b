// TaskQueue: a cluster-scoped queue that tasks are submitted to.
//
// Decoding never fails for a wrong field: the field gets its default and `problems` one sentence.
// A queue with problems takes no part in scheduling and says so in its Ready condition.
#pragma once

#include <cstdint>
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
  friend bool operator==(const TaskQueueSpec&, const TaskQueueSpec&) = default;
};

struct QueueHeadEntry {
  std::int64_t position = 0;
  std::string kind, ns, name, task_id;
  friend bool operator==(const QueueHeadEntry&, const QueueHeadEntry&) = default;
};

struct TaskQueueStatus {
  std::int64_t observed_generation = 0;
  std::int64_t pending = 0, running = 0;
  std::string gpus;     // "8/40": used and at most
  k8s::StringMap used;  // by resource, as quantities
  std::vector<QueueHeadEntry> head;
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
nlohmann::json encode_status(const TaskQueueStatus& status);

// "High", "Medium", "Low", and back ("" and unknown words: nothing).
std::string_view tier_name(sched::Tier tier);
std::optional<sched::Tier> tier_of(std::string_view text);

}  // namespace fermi

template <>
struct k8s::Codec<fermi::TaskQueue> : k8s::JsonCodec<fermi::TaskQueue> {
  static Resource resource() { return fermi::task_queues(); }
  static Result<fermi::TaskQueue> from_json(const nlohmann::json& object) {
    return fermi::decode_task_queue(object);
  }
};
