#include "operator/api/task_queue.hpp"

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "libk8s/codec/json.hpp"
#include "libk8s/codec/quantity.hpp"
#include "libk8s/codec/selector.hpp"
#include "operator/api/duration.hpp"
#include "operator/api/meta.hpp"

namespace fermi {
namespace {

using Json = nlohmann::json;

constexpr TextRule kNameRule{1, 63};
constexpr std::size_t kMaxNames = 64;

// What works. A strategy whose effect is not there is refused, not taken for another.
constexpr std::array<std::pair<std::string_view, sched::Strategy>, 8> kStrategies = {{
    {"FIFO", sched::Strategy::kFifo},
    {"DRF", sched::Strategy::kDrf},
    {"Backfill", sched::Strategy::kBackfill},
    {"PriorityBased", sched::Strategy::kPriorityBased},
    {"FairSharing", sched::Strategy::kFairSharing},
    {"ResourcePooling", sched::Strategy::kResourcePooling},
    {"LoadBalancing", sched::Strategy::kLoadBalancing},
    {"Hybrid", sched::Strategy::kHybrid},
}};
constexpr std::array<std::pair<std::string_view, sched::Order>, 6> kOrders = {{
    {"SubmitTime", sched::Order::kSubmitTime},
    {"TenantShare", sched::Order::kTenantShare},
    {"Priority", sched::Order::kPriority},
    {"DecayedShare", sched::Order::kDecayedShare},
    {"RoundRobin", sched::Order::kRoundRobin},
    {"TenantPriority", sched::Order::kTenantPriority},
}};
constexpr std::array<std::pair<std::string_view, sched::Passing>, 3> kModes = {{
    {"Strict", sched::Passing::kStrict},
    {"EASY", sched::Passing::kEasy},
    {"Conservative", sched::Passing::kConservative},
}};

// The value of one of these words; nothing when it is absent or another.
template <class Table>
auto word(FieldReader& reader, std::string_view key, const Table& table)
    -> std::optional<decltype(table[0].second)> {
  if (!reader.has(key)) return std::nullopt;
  const Json& given = reader.raw(key);
  std::string all;
  for (const auto& [name, value] : table) {
    if (given.is_string() && given.get_ref<const std::string&>() == name) return value;
    all += (all.empty() ? "" : ", ") + std::string(name);
  }
  reader.refuse(key, "one of " + all);
  return std::nullopt;
}

// Sums over many nodes: larger than what one Pod may ask for.
std::int64_t most_of_queue(std::string_view resource) {
  const bool bytes = resource == "memory" || resource == "ephemeral-storage";
  return bytes ? std::int64_t{1} << 62 : std::int64_t{1'000'000'000'000'000};
}

// A misspelt resource would limit, or keep, nothing at all.
bool is_resource(std::string_view name) {
  for (const std::string_view known : {"cpu", "memory", "ephemeral-storage", "pods"})
    if (name == known) return true;
  return name.find('/') != std::string_view::npos && name.find('@') == std::string_view::npos;
}

// Whether there is such an object.
bool read_amounts(FieldReader& quota, std::string_view key, k8s::ResourceList& out) {
  if (!quota.has(key)) return false;
  if (!quota.raw(key).is_object() || quota.raw(key).size() > 32) {
    quota.refuse(key, "an object of at most 32 amounts by resource");
    return true;
  }
  FieldReader amounts = quota.child(key);
  for (const auto& [resource, value] : quota.raw(key).items()) {
    if (!is_resource(resource))
      amounts.problem(resource.substr(0, 60),
                      "is not a resource; cpu, memory, ephemeral-storage, pods, or a name with a "
                      "domain such as nvidia.com/gpu (GPU models have no quota of their own)");
    else if (const auto amount = amounts.amount(resource, resource, most_of_queue(resource)))
      out[resource] = *amount;
  }
  return true;
}

void read_quota(FieldReader quota, TaskQueueSpec& spec) {
  spec.has_maximum = read_amounts(quota, "maximum", spec.maximum);
  // The engine knows no limit of nothing: it would not limit at all.
  for (const auto& [resource, amount] : spec.maximum)
    if (amount == 0)
      quota.problem("maximum", resource +
                                   ": 0 is not allowed; more than 0, or leave it out where " +
                                   "there is no limit");
  spec.has_guaranteed = read_amounts(quota, "guaranteed", spec.guaranteed);
  for (const auto& [resource, amount] : spec.guaranteed) {
    const auto most = spec.maximum.find(resource);
    if (most != spec.maximum.end() && amount > most->second)
      quota.problem("guaranteed", resource + ": more is guaranteed, " +
                                      k8s::format_amount(resource, amount) +
                                      ", than spec.quota.maximum allows, " +
                                      k8s::format_amount(resource, most->second));
  }
  if (quota.has("borrowing")) spec.borrowing = quota.boolean("borrowing", false);
}

// Such as "2h"; not below `least`.
std::optional<std::int64_t> duration_from(FieldReader& reader, std::string_view key,
                                          std::int64_t least) {
  const auto given = reader.duration_ns(key);
  if (!given || *given >= least) return given;
  reader.refuse(key, "at least " + (least < kNsPerSecond ? "1ms" : format_duration(least)));
  return std::nullopt;
}

void read_switches(FieldReader spec, TaskQueueSpec& out) {
  out.order = word(spec, "order", kOrders);
  FieldReader backfill = spec.child("backfill");
  out.passing = word(backfill, "mode", kModes);
  out.depth = backfill.integer("depth", kDefaultDepth, {1, 256});
  out.reserve_after_ns = spec.duration_ns("reserveAfter").value_or(0);
  out.floor_ns = duration_from(spec, "guaranteeFloor", 1).value_or(kDefaultFloorNs);
  out.cooldown_ns = spec.duration_ns("cooldown");
  out.half_life_ns = duration_from(spec, "halfLife", 60 * kNsPerSecond).value_or(0);
  if (!spec.has("tenantWeights")) return;
  if (!spec.raw("tenantWeights").is_object() || spec.raw("tenantWeights").size() > 256)
    return spec.refuse("tenantWeights", "an object of at most 256 weights by tenant");
  FieldReader weights = spec.child("tenantWeights");
  for (const auto& [tenant, value] : spec.raw("tenantWeights").items())
    if (const auto weight = weights.maybe_integer(tenant, {1, 1'000'000}))
      out.tenant_weights[tenant] = *weight;
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
  out.strategy = word(spec, "strategy", kStrategies).value_or(sched::Strategy::kBackfill);
  read_switches(spec, out);
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
  out.status = decode_task_queue_status(k8s::object_at(object, "status"));
  return out;
}

std::string_view strategy_name(sched::Strategy strategy) {
  for (const auto& [word, known] : kStrategies)
    if (known == strategy) return word;
  return "";
}

}  // namespace fermi
