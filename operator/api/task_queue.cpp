#include "operator/api/task_queue.hpp"

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "libk8s/codec/json.hpp"
#include "libk8s/codec/selector.hpp"
#include "operator/api/meta.hpp"

namespace fermi {
namespace {

using Json = nlohmann::json;

constexpr TextRule kNameRule{1, 63};
constexpr std::size_t kMaxNames = 64;

constexpr std::array<std::pair<std::string_view, sched::Strategy>, 3> kStrategies = {{
    {"FIFO", sched::Strategy::kFifo},
    {"Backfill", sched::Strategy::kBackfill},
    {"PriorityBased", sched::Strategy::kPriorityBased},
}};

sched::Strategy strategy_of(std::string_view text) {
  for (const auto& [name, strategy] : kStrategies)
    if (name == text) return strategy;
  return sched::Strategy::kBackfill;
}

// Sums over many nodes: larger than what one Pod may ask for.
std::int64_t most_of_queue(std::string_view resource) {
  const bool bytes = resource == "memory" || resource == "ephemeral-storage";
  return bytes ? std::int64_t{1} << 62 : std::int64_t{1'000'000'000'000'000};
}

void read_quota(FieldReader quota, TaskQueueSpec& spec) {
  if (!quota.has("maximum")) return;
  spec.has_maximum = true;
  if (!quota.raw("maximum").is_object() || quota.raw("maximum").size() > 32) {
    quota.refuse("maximum", "an object of at most 32 amounts by resource");
    return;
  }
  FieldReader maximum = quota.child("maximum");
  for (const auto& [resource, value] : quota.raw("maximum").items()) {
    if (const auto amount = maximum.amount(resource, resource, most_of_queue(resource)))
      spec.maximum[resource] = *amount;
  }
}

void read_defaults(FieldReader defaults, TaskQueueSpec& spec) {
  spec.default_duration_ns = defaults.duration_ns("expectedDuration").value_or(0);
  spec.default_priority = tier_of(defaults.choice("priority", "", {"High", "Medium", "Low"}));
  if (spec.default_priority && *spec.default_priority < spec.tier)
    defaults.problem("priority",
                     "may not be above spec.tier, which is " + std::string(tier_name(spec.tier)));
}

TaskQueueSpec read_spec(FieldReader spec) {
  TaskQueueSpec out;
  spec.choice("type", "Default", {"Default"});
  out.tier = tier_of(spec.choice("tier", "Medium", {"High", "Medium", "Low"})).value();
  out.strategy =
      strategy_of(spec.choice("strategy", "Backfill", {"FIFO", "Backfill", "PriorityBased"}));
  out.weight = spec.integer("weight", 1, {1, 1'000'000});
  read_quota(spec.child("quota"), out);
  out.zones = spec.texts("zones", kMaxNames, kNameRule);
  out.pools = spec.texts("pools", kMaxNames, kNameRule);
  out.gpu_models = spec.texts("gpuModels", kMaxNames, kNameRule);
  out.tenant_label = spec.text("tenantLabel", {0, 317});
  read_defaults(spec.child("defaults"), out);
  out.max_running = spec.integer("maxRunning", 0, {0, 1'000'000});
  out.closed = spec.boolean("closed", false);
  return out;
}

TaskQueueStatus read_status(const Json& status) {
  TaskQueueStatus out;
  out.observed_generation = k8s::int_at(status, "observedGeneration");
  out.pending = k8s::int_at(status, "pending");
  out.running = k8s::int_at(status, "running");
  out.gpus = k8s::string_at(status, "gpus");
  for (const auto& [resource, amount] : k8s::object_at(status, "used").items())
    if (amount.is_string()) out.used[resource] = amount.get<std::string>();
  for (const Json& entry : k8s::array_at(status, "head"))
    out.head.push_back({k8s::int_at(entry, "position"), k8s::string_at(entry, "kind"),
                        k8s::string_at(entry, "namespace"), k8s::string_at(entry, "name"),
                        k8s::string_at(entry, "taskId")});
  out.conditions = decode_conditions(k8s::array_at(status, "conditions"));
  return out;
}

}  // namespace

k8s::Resource task_queues() {
  return {std::string(kGroup), std::string(kVersion), "taskqueues", "TaskQueue", false};
}

std::string_view tier_name(sched::Tier tier) {
  switch (tier) {
    case sched::Tier::kHigh:
      return "High";
    case sched::Tier::kMedium:
      return "Medium";
    case sched::Tier::kLow:
      return "Low";
  }
  return "Low";
}

std::optional<sched::Tier> tier_of(std::string_view text) {
  for (const auto tier : {sched::Tier::kHigh, sched::Tier::kMedium, sched::Tier::kLow})
    if (tier_name(tier) == text) return tier;
  return std::nullopt;
}

k8s::Result<TaskQueue> decode_task_queue(const Json& object) {
  auto meta = read_meta(object);
  if (!meta) return meta.status();
  TaskQueue out;
  out.meta = std::move(*meta);
  FieldReader root(object, "", out.problems);
  if (out.meta.name.size() > 63)
    root.problem("metadata.name", "at most 63 characters, as it becomes a label value");
  root.require("spec");
  out.spec = read_spec(root.child("spec"));
  out.status = read_status(k8s::object_at(object, "status"));
  return out;
}

Json encode_status(const TaskQueueStatus& status) {
  Json out = {{"pending", status.pending}, {"running", status.running}};
  if (status.observed_generation != 0) out["observedGeneration"] = status.observed_generation;
  if (!status.gpus.empty()) out["gpus"] = status.gpus;
  if (!status.used.empty()) out["used"] = status.used;
  for (const QueueHeadEntry& e : status.head)
    out["head"].push_back({{"position", e.position},
                           {"kind", e.kind},
                           {"namespace", e.ns},
                           {"name", e.name},
                           {"taskId", e.task_id}});
  if (!status.conditions.empty()) out["conditions"] = encode_conditions(status.conditions);
  return out;
}

}  // namespace fermi
