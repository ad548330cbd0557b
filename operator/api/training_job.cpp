// Reads the typed part of a TrainingJob.
#include "operator/api/training_job.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "libk8s/codec/json.hpp"
#include "libk8s/codec/selector.hpp"
#include "operator/api/duration.hpp"
#include "operator/api/gpu_part.hpp"
#include "operator/api/meta.hpp"
#include "operator/api/task_queue.hpp"

namespace fermi {
namespace {

using Json = nlohmann::json;

constexpr IntRange kNodes{1, 4096};
constexpr std::int64_t kGpusMax = 64;
constexpr TextRule kLabelValue{1, 63};

bool is_lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

// A letter, then small letters, digits and dashes, ending with none: good for a Service.
bool is_service_name(const std::string& name) {
  if (name.empty() || name.size() > 50 || name.front() < 'a' || name.front() > 'z') return false;
  for (const char c : name)
    if (!is_lower_or_digit(c) && c != '-') return false;
  return name.back() != '-';
}

sched::ZonePolicy policy_of(std::string_view text) {
  if (text == "Exact") return sched::ZonePolicy::kExact;
  if (text == "Single") return sched::ZonePolicy::kSingle;
  if (text == "SameRegion") return sched::ZonePolicy::kSameRegion;
  if (text == "Spread") return sched::ZonePolicy::kSpread;
  return sched::ZonePolicy::kAny;
}

std::optional<std::int64_t> amount(FieldReader& from, std::string_view key,
                                   std::string_view resource) {
  return from.amount(key, resource, most_of_pod(resource));
}

// A whole number of GPUs, or a part of one; 8 and "8" are the same.
void read_gpus(FieldReader& from, std::string_view key, JobGroup& out) {
  if (!from.has(key)) return;
  const Json& value = from.raw(key);
  const std::string text = value.is_string() ? value.get<std::string>() : "";
  out.gpus = out.gpu_milli = 0;
  if (const auto milli = part_of(text)) {
    out.gpu_milli = *milli;
    return;
  }
  const bool digits = !text.empty() && text.size() <= 2 &&
                      text.find_first_not_of("0123456789") == std::string::npos &&
                      (text.size() == 1 || text[0] != '0');
  std::int64_t whole = digits ? std::stoi(text) : -1;
  if (value.is_number_integer() && value >= 0 && value <= kGpusMax) whole = value;
  if (whole >= 0 && whole <= kGpusMax)
    out.gpus = whole;
  else
    from.refuse(key,
                "a whole number from 0 to 64, or a part of one GPU from \"0.001\" to \"0.999\"");
}

// spec.resources and spec.gpusPerNode: what every Pod asks for unless its zone says otherwise.
JobGroup read_resources(FieldReader& spec, TrainingJobSpec& out) {
  FieldReader resources = spec.child("resources");
  JobGroup base;
  base.cpu_milli = amount(resources, "cpu", "cpu");
  base.memory = amount(resources, "memory", "memory");
  out.ephemeral_bytes = amount(resources, "ephemeralStorage", "ephemeral-storage");
  out.shm_bytes = amount(resources, "shm", "memory");
  read_gpus(resources, "gpus", base);
  if (spec.has("gpusPerNode")) {
    if (resources.has("gpus"))
      spec.problem("gpusPerNode", "says the same as spec.resources.gpus; give one of them");
    read_gpus(spec, "gpusPerNode", base);
  }
  return base;
}

void read_zones(FieldReader& scheduling, const JobGroup& base, TrainingJobSpec& out) {
  scheduling.each("zones", 32, [&](FieldReader& zone) {
    JobGroup group = base;
    zone.require("zone");
    zone.require("nodes");
    group.zone = zone.text("zone", kLabelValue);
    group.nodes = zone.integer("nodes", 1, kNodes);
    read_gpus(zone, "gpusPerNode", group);
    if (const auto cpu = amount(zone, "cpu", "cpu")) group.cpu_milli = cpu;
    if (const auto memory = amount(zone, "memory", "memory")) group.memory = memory;
    for (const JobGroup& other : out.groups)
      if (other.zone == group.zone && !group.zone.empty())
        zone.problem("zone", "\"" + group.zone + "\" stands twice; give each zone once");
    out.groups.push_back(std::move(group));
  });
}

// Any number of nodes from `min` to `max`, and nothing said beside it that holds for one number
// only.
void read_elastic(FieldReader& spec, JobGroup base, TrainingJobSpec& out) {
  FieldReader elastic = spec.child("elastic");
  elastic.require("min");
  elastic.require("max");
  base.nodes = elastic.integer("min", 1, kNodes);
  const std::int64_t most = elastic.integer("max", base.nodes, kNodes);
  if (most < base.nodes)
    elastic.problem("max", std::to_string(most) + " is not allowed; at least spec.elastic.min, " +
                               std::to_string(base.nodes));
  if (spec.has("nodes"))
    spec.problem("nodes", "may not be given together with spec.elastic, which says it");
  if (!out.groups.empty())
    spec.problem("elastic",
                 "may not be given together with spec.scheduling.zones, which says how "
                 "many nodes each zone gives");
  if (base.gpu_milli > 0)
    spec.problem("elastic",
                 "may not be given together with a part of a GPU; an elastic job asks "
                 "for whole ones");
  out.most_nodes = std::max(most, base.nodes);
  out.groups.assign(1, std::move(base));
}

// The gang: either the split over zones, or so many nodes anywhere.
void read_groups(FieldReader& spec, FieldReader& scheduling, TrainingJobSpec& out) {
  JobGroup base = read_resources(spec, out);
  read_zones(scheduling, base, out);
  if (spec.has("elastic")) return read_elastic(spec, std::move(base), out);
  if (out.groups.empty()) {
    base.nodes = spec.integer("nodes", 1, kNodes);
    out.groups.push_back(std::move(base));
    return;
  }
  for (const char* key : {"nodes", "gpusPerNode"})
    if (spec.has(key))
      spec.problem(key, "may not be given together with spec.scheduling.zones, which says it");
  if (out.nodes() > kNodes.max)
    scheduling.problem("zones", std::to_string(out.nodes()) + " nodes are not allowed; at most " +
                                    std::to_string(kNodes.max) + " in all");
}

void read_tolerations(FieldReader& scheduling, JobScheduling& out) {
  scheduling.each("tolerations", 32, [&](FieldReader& t) {
    sched::Toleration toleration;
    toleration.key = t.text("key", {0, 317});
    toleration.op = t.choice("operator", "Equal", {"Exists", "Equal"});
    toleration.value = t.text("value", {0, 63});
    toleration.effect = t.choice("effect", "", {"NoSchedule", "PreferNoSchedule", "NoExecute"});
    if (toleration.key.empty())
      t.problem("key", "is missing; tolerating every taint is not allowed");
    if (toleration.key == "node-role.kubernetes.io/control-plane" ||
        toleration.key == "node-role.kubernetes.io/master")
      t.refuse("key", "any taint but those of the control plane");
    out.tolerations.push_back(std::move(toleration));
  });
}

void read_after(FieldReader& scheduling, JobScheduling& out) {
  scheduling.each("after", 16, [&](FieldReader& entry) {
    JobAfter after;
    entry.require("name");
    after.name = entry.text("name", {1, 50});
    const std::string word =
        entry.choice("condition", "Completed", {"Running", "Completed", "Ended"});
    for (const auto one :
         {AfterCondition::kRunning, AfterCondition::kCompleted, AfterCondition::kEnded})
      if (name(one) == word) after.condition = one;
    for (const JobAfter& other : out.after)
      if (other.name == after.name && !after.name.empty())
        entry.problem("name", "\"" + after.name + "\" stands twice; give each job once");
    out.after.push_back(std::move(after));
  });
}

void read_zone_policy(FieldReader& scheduling, bool split, JobScheduling& out) {
  const std::string policy = scheduling.choice("zonePolicy", split ? "Exact" : "Any",
                                               {"Any", "Exact", "Single", "SameRegion", "Spread"});
  out.zone_policy = policy_of(policy);
  if (split && policy != "Exact")
    scheduling.refuse("zonePolicy", "only Exact goes together with zones");
  if (!split && policy == "Exact") scheduling.problem("zones", "needed with zonePolicy Exact");
  if (split) out.zone_policy = sched::ZonePolicy::kExact;
  out.max_zones = scheduling.integer("maxZones", 0, {1, 32});
  out.min_per_zone = scheduling.integer("minPerZone", 0, {1, 4096});
  out.max_skew = scheduling.integer("maxSkew", 0, {1, 4096});
  for (const char* key : {"maxZones", "minPerZone"})
    if (scheduling.has(key) && policy != "SameRegion")
      scheduling.problem(key, "needs zonePolicy SameRegion");
  if (scheduling.has("maxSkew") && policy != "Spread")
    scheduling.problem("maxSkew", "needs zonePolicy Spread");
  if (!scheduling.has("maxLatency")) return;
  auto latency = parse_latency_us(scheduling.text("maxLatency", {1, 16}));
  if (latency)
    out.max_latency_us = *latency;
  else
    scheduling.problem("maxLatency", latency.status().message());
}

void read_topology(FieldReader& scheduling, JobScheduling& out) {
  if (!scheduling.has("topology")) return;
  FieldReader topology = scheduling.child("topology");
  topology.require("level");
  out.topology_level = topology.text("level", kLabelValue);
  out.topology_required =
      topology.choice("policy", "Preferred", {"Required", "Preferred"}) == "Required";
}

// What can be said without the queue: its tier may be the one that the job takes.
void read_preemptible(FieldReader& scheduling, JobScheduling& out) {
  if (!scheduling.has("preemptible")) return;
  out.preemptible = scheduling.boolean("preemptible", false);
  if (out.priority && !may_be_preemptible(out.preemptible, *out.priority))
    scheduling.problem("preemptible", preemptible_refused(*out.priority));
}

void read_node_selector(FieldReader& scheduling, JobScheduling& out) {
  out.node_selector = scheduling.text_map("nodeSelector", 32, {0, 63});
  for (const auto& [key, value] : out.node_selector) {
    if (!k8s::is_qualified_name(key)) {
      scheduling.problem("nodeSelector", shown(Json(key)) +
                                             " is not allowed; a label is a name such as team or "
                                             "example.com/team");
    } else if (!k8s::is_label_value(value)) {
      scheduling.problem("nodeSelector." + key.substr(0, 60),
                         shown(Json(value)) +
                             " is not allowed; the value of a label has letters, digits, -, _ and "
                             ". alone, letters and digits at its ends");
    }
  }
}

void read_scheduling(FieldReader& scheduling, bool split, JobScheduling& out) {
  out.queue = scheduling.text("queue", kLabelValue, "default");
  out.priority = tier_of(scheduling.choice("priority", "", {"High", "Medium", "Low"}));
  read_preemptible(scheduling, out);
  out.priority_value = static_cast<std::int32_t>(
      scheduling.integer("priorityValue", 0, {-2147483648LL, 2147483647LL}));
  out.expected_duration_ns = scheduling.duration_ns("expectedDuration", 1).value_or(0);
  out.pool = scheduling.text("pool", kLabelValue);
  out.gpu_model = scheduling.text("gpuModel", kLabelValue);
  read_node_selector(scheduling, out);
  read_tolerations(scheduling, out);
  read_after(scheduling, out);
  read_zone_policy(scheduling, split, out);
  read_topology(scheduling, out);
}

// An even spread, and a least number in each zone, hold for one number of nodes.
void check_elastic(FieldReader& spec, const TrainingJobSpec& out) {
  if (out.most_nodes == 0) return;
  if (out.scheduling.zone_policy == sched::ZonePolicy::kSpread)
    spec.problem("elastic", "may not be given together with zonePolicy Spread");
  if (out.scheduling.min_per_zone > 0)
    spec.problem("elastic", "may not be given together with spec.scheduling.minPerZone");
}

void read_retry(FieldReader retry, TrainingJobSpec& out) {
  out.retry_limit = retry.integer("limit", out.retry_limit, {0, 1000});
  out.retry_backoff_ns = retry.duration_ns("backoff").value_or(out.retry_backoff_ns);
  retry.each("rules", 32, [&](FieldReader& rule) {
    RetryRule read;
    read.retry = rule.choice("action", "Fail", {"Retry", "Fail"}) == "Retry";
    rule.require("action");
    const Json& codes = rule.raw("exitCodes");
    bool good = codes.is_array() && !codes.empty() && codes.size() <= 255;
    for (const Json& code : good ? codes : Json::array()) {
      good = good && code.is_number_integer() && code >= 1 && code <= 255;
      if (good) read.exit_codes.push_back(code.get<std::int64_t>());
    }
    if (!good) rule.refuse("exitCodes", "a list of whole numbers from 1 to 255");
    out.retry_rules.push_back(std::move(read));
  });
}

void check_program(FieldReader& spec) {
  spec.require("image");
  spec.text("image", {1, 1024});
  spec.texts("command", 256, {0, 65536});
  if (spec.raw("command").is_array() && spec.raw("command").empty())
    spec.refuse("command", "at least one text");
  spec.texts("args", 1024, {0, 131072});
  spec.text("script", {1, 131072});
  for (const char* key : {"command", "args"})
    if (spec.has("script") && spec.has(key))
      spec.problem("script", std::string("may not be given together with spec.") + key);
}

TrainingJobSpec read_spec(FieldReader& spec) {
  TrainingJobSpec out;
  spec.choice("purpose", "training", {"training", "fine-tuning"});
  spec.choice("parallelism", "", {"ddp", "fsdp", "pipeline", "tensor", "hybrid"});
  spec.choice("successPolicy", "AllRanks", {"AllRanks"});
  out.pytorch = spec.choice("framework", "Command", {"PyTorch", "Command"}) == "PyTorch";
  check_program(spec);
  if (!out.pytorch && !spec.has("command") && !spec.has("script"))
    spec.problem("command", "framework Command needs spec.command or spec.script");
  FieldReader scheduling = spec.child("scheduling");
  read_groups(spec, scheduling, out);
  const bool split = !out.groups.front().zone.empty() || out.groups.size() > 1;
  read_scheduling(scheduling, split, out.scheduling);
  check_elastic(spec, out);
  out.processes_per_node = spec.integer("processesPerNode", 0, {1, 1024});
  out.parameters = spec.text_map("parameters", 128, {0, 4096}, true);
  for (const char* key : {"model", "dataset"}) spec.child(key).text("path", {0, 4096});
  if (spec.has("checkpoint")) {
    FieldReader checkpoint = spec.child("checkpoint");
    checkpoint.require("path");
    out.checkpoint_path = checkpoint.text("path", {1, 4096});
    if (!out.checkpoint_path.empty() && out.checkpoint_path.front() != '/')
      checkpoint.refuse("path", "an absolute path");
    out.checkpoint_volume = checkpoint.text("volume", kLabelValue);
    out.checkpoint_interval_ns = checkpoint.duration_ns("interval").value_or(0);
  }
  read_retry(spec.child("retry"), out);
  out.suspend = spec.boolean("suspend", false);
  out.active_deadline_ns = spec.duration_ns("activeDeadline", 1);
  out.ttl_after_finished_ns = spec.duration_ns("ttlAfterFinished");
  return out;
}

}  // namespace

k8s::Resource training_jobs() {
  return {std::string(kGroup), std::string(kVersion), "trainingjobs", "TrainingJob", true};
}

std::string_view name(AfterCondition condition) {
  switch (condition) {
    case AfterCondition::kRunning:
      return "Running";
    case AfterCondition::kCompleted:
      return "Completed";
    case AfterCondition::kEnded:
      return "Ended";
  }
  return "";
}

std::int64_t TrainingJobSpec::nodes() const {
  std::int64_t sum = 0;
  for (const JobGroup& group : groups) sum += group.nodes;
  return sum;
}

const JobGroup& TrainingJobSpec::group_of(std::int64_t rank) const {
  for (const JobGroup& group : groups) {
    if (rank < group.nodes) return group;
    rank -= group.nodes;
  }
  return groups.back();
}

std::string JobPlacement::zone_of(std::int64_t rank) const {
  for (const auto& [zone, count] : zones) {
    if (rank < count) return zone;
    rank -= count;
  }
  return "";
}

k8s::Result<TrainingJob> decode_training_job(const Json& object) {
  auto meta = read_meta(object);
  if (!meta) return meta.status();
  TrainingJob out;
  out.meta = std::move(*meta);
  FieldReader root(object, "", out.problems);
  if (!is_service_name(out.meta.name))
    root.problem("metadata.name",
                 shown(Json(out.meta.name)) +
                     " is not allowed; at most 50 small letters, digits and dashes, beginning with "
                     "a letter and not ending with a dash");
  root.require("spec");
  FieldReader spec = root.child("spec");
  out.spec = read_spec(spec);
  for (const JobAfter& after : out.spec.scheduling.after)
    if (after.name == out.meta.name)
      root.problem("spec.scheduling.after", "a job may not wait for itself");
  check_pod_parts(spec, out.spec.checkpoint_volume);
  out.raw_spec = std::make_shared<const Json>(k8s::object_at(object, "spec"));
  out.status = decode_training_job_status(k8s::object_at(object, "status"));
  return out;
}

}  // namespace fermi
