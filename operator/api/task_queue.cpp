#include "operator/api/task_queue.hpp"

#include <array>
#include <nlohmann/json.hpp>
#include <tuple>
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

constexpr std::array<std::pair<std::string_view, sched::Strategy>, 9> kStrategies = {{
    {"FIFO", sched::Strategy::kFifo},
    {"DRF", sched::Strategy::kDrf},
    {"Backfill", sched::Strategy::kBackfill},
    {"PriorityBased", sched::Strategy::kPriorityBased},
    {"FairSharing", sched::Strategy::kFairSharing},
    {"TimeSlicing", sched::Strategy::kTimeSlicing},
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

// Devices are counted whole: more than what was said would be allowed, or kept.
bool in_pieces(std::string_view resource, const Json& value) {
  if (resource.find('/') == std::string_view::npos) return false;
  const auto quantity =
      k8s::Quantity::parse(value.is_string() ? value.get<std::string>() : value.dump());
  constexpr k8s::Quantity::Nano kOne = 1'000'000'000;
  return quantity && quantity->nano() % kOne != 0;
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
                      "domain such as nvidia.com/gpu (for one GPU model: spec.quota.flavors)");
    else if (in_pieces(resource, value))
      amounts.refuse(resource, "a whole number, such as 4");
    else if (const auto amount = amounts.amount(resource, resource, most_of_queue(resource)))
      out[resource] = *amount;
  }
  return true;
}

// The engine knows no limit of nothing: it would not limit at all.
bool read_limits(FieldReader& from, std::string_view key, k8s::ResourceList& out) {
  const bool given = read_amounts(from, key, out);
  for (const auto& [resource, amount] : out)
    if (amount == 0)
      from.problem(key, resource + ": 0 is not allowed; more than 0, or leave it out where " +
                            "there is no limit");
  return given;
}

// What can never be had cannot be promised.
void refuse_more(FieldReader& from, const k8s::ResourceList& guaranteed,
                 const k8s::ResourceList& maximum, const std::string& what) {
  for (const auto& [resource, amount] : guaranteed) {
    const auto most = maximum.find(resource);
    if (most != maximum.end() && amount > most->second)
      from.problem("guaranteed", resource + ": more is guaranteed, " +
                                     k8s::format_amount(resource, amount) + ", than " + what +
                                     " allows, " + k8s::format_amount(resource, most->second));
  }
}

// Two parts that name the same nodes would contradict each other, or say the same twice.
void read_flavors(FieldReader& quota, std::vector<QuotaFlavor>& out) {
  quota.each("flavors", 32, [&out](FieldReader& entry) {
    QuotaFlavor flavor;
    flavor.zone = entry.text("zone", {0, 63});
    flavor.pool = entry.text("pool", {0, 63});
    flavor.gpu_model = entry.text("gpuModel", {0, 63});
    const bool limits = read_limits(entry, "maximum", flavor.maximum);
    const bool keeps = read_amounts(entry, "guaranteed", flavor.guaranteed);
    if (!limits && !keeps)
      entry.problem("", "says nothing of these nodes; at least one of maximum, guaranteed");
    refuse_more(entry, flavor.guaranteed, flavor.maximum, "the maximum beside it");
    if (flavor.zone.empty() && flavor.pool.empty() && flavor.gpu_model.empty())
      entry.problem("",
                    "names no nodes; at least one of zone, pool, gpuModel (for all nodes: "
                    "spec.quota.maximum, spec.quota.guaranteed)");
    for (const QuotaFlavor& other : out)
      if (std::tie(other.zone, other.pool, other.gpu_model) ==
          std::tie(flavor.zone, flavor.pool, flavor.gpu_model))
        entry.problem("",
                      "names the same nodes as another before it; one for each combination of "
                      "zone, pool and gpuModel");
    out.push_back(std::move(flavor));
  });
}

void read_quota(FieldReader quota, TaskQueueSpec& spec) {
  spec.has_maximum = read_limits(quota, "maximum", spec.maximum);
  read_flavors(quota, spec.flavors);
  spec.has_guaranteed = read_amounts(quota, "guaranteed", spec.guaranteed);
  refuse_more(quota, spec.guaranteed, spec.maximum, "spec.quota.maximum");
  std::size_t at = 0;
  quota.each("flavors", 32, [&](FieldReader& entry) {
    if (at < spec.flavors.size())
      refuse_more(entry, spec.flavors[at++].guaranteed, spec.maximum, "spec.quota.maximum");
  });
  if (quota.has("borrowing")) spec.borrowing = quota.boolean("borrowing", false);
}

void read_switches(FieldReader spec, TaskQueueSpec& out) {
  out.order = word(spec, "order", kOrders);
  FieldReader backfill = spec.child("backfill");
  out.passing = word(backfill, "mode", kModes);
  out.depth = backfill.integer("depth", kDefaultDepth, {1, 256});
  out.learn = backfill.boolean("learn", false);
  out.reserve_after_ns = spec.duration_ns("reserveAfter").value_or(0);
  out.floor_ns = spec.duration_ns("guaranteeFloor", 1).value_or(kDefaultFloorNs);
  out.cooldown_ns = spec.duration_ns("cooldown");
  out.start_deadline_ns =
      spec.duration_ns("startDeadline", kNsPerSecond).value_or(kDefaultStartDeadlineNs);
  out.violates_budgets = spec.choice("pdbPolicy", "Honor", {"Honor", "Violate"}) == "Violate";
  out.half_life_ns = spec.duration_ns("halfLife", 60 * kNsPerSecond).value_or(0);
  out.quantum_ns = spec.duration_ns("quantum", kNsPerSecond);
  const std::string placement = spec.choice("placement", "", {"Pack", "Spread"});
  if (!placement.empty()) out.spread = placement == "Spread";
  if (!spec.has("tenantWeights")) return;
  if (!spec.raw("tenantWeights").is_object() || spec.raw("tenantWeights").size() > 256)
    return spec.refuse("tenantWeights", "an object of at most 256 weights by tenant");
  FieldReader weights = spec.child("tenantWeights");
  for (const auto& [tenant, value] : spec.raw("tenantWeights").items())
    if (const auto weight = weights.maybe_integer(tenant, {1, 1'000'000}))
      out.tenant_weights[tenant] = *weight;
}

// Kept as the text of a selector, which is what people are told, too.
void read_namespaces(FieldReader& spec, TaskQueueSpec& out) {
  if (!spec.has("namespaceSelector")) return;
  const Json& given = spec.raw("namespaceSelector");
  if (!given.is_object())
    return spec.refuse("namespaceSelector", "an object with matchLabels, matchExpressions");
  FieldReader selector = spec.child("namespaceSelector");
  selector.text_map("matchLabels", 32, {0, 63});
  selector.each("matchExpressions", 32, [](FieldReader& entry) {
    entry.text("key", {1, 317});
    if (!entry.has("key")) entry.require("key");
    entry.choice("operator", "", {"In", "NotIn", "Exists", "DoesNotExist"});
    if (!entry.has("operator")) entry.require("operator");
    entry.texts("values", 64, {0, 63});
  });
  auto parsed = k8s::LabelSelector::from_json(given);
  if (parsed)
    out.namespace_selector = parsed->to_string();
  else
    spec.problem("namespaceSelector", parsed.status().message());
}

void read_tenant_limits(FieldReader limits, TenantLimitsSpec& out) {
  out.running = limits.integer("running", 0, {0, 1'000'000});
  out.pending = limits.integer("pending", 0, {0, 1'000'000});
  read_limits(limits, "resources", out.resources);
}

void read_defaults(FieldReader defaults, TaskQueueSpec& spec) {
  spec.default_duration_ns = defaults.duration_ns("expectedDuration", 1).value_or(0);
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
  if (!out.tenant_label.empty() && !k8s::is_qualified_name(out.tenant_label))
    spec.problem("tenantLabel", shown(spec.raw("tenantLabel")) +
                                    " is not the name of a label; write one such as team or "
                                    "example.com/team");
  read_tenant_limits(spec.child("tenantLimits"), out.tenant_limits);
  read_namespaces(spec, out);
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

bool may_be_preemptible(std::optional<bool> said, sched::Tier tier) {
  return !said || *said || tier == sched::Tier::kHigh;
}

std::string preemptible_refused(sched::Tier tier) {
  return "false is not allowed with priority " + std::string(tier_name(tier)) +
         "; use priority High, which nobody preempts, or leave it out";
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
