#include "operator/translate/objects.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "operator/translate/job_pod.hpp"
#include "operator/translate/parts.hpp"
#include "operator/translate/resources.hpp"
#include "scheduler/order/rules.hpp"

namespace fermi {
namespace {

constexpr std::int64_t kDefaultHalfLifeNs = std::int64_t{24} * 3600 * 1'000'000'000;

// A label's number; nothing for anything but plain digits.
std::optional<std::int64_t> number_of(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

void describe(const TrainingJob& job, sched::Task& task) {
  task.uid = job.meta.uid;
  task.ns = job.meta.ns;
  task.name = job.meta.name;
  task.kind = "TrainingJob";
  task.attempt = job.status.attempt;
  task.submitted = {job.status.submit_time.value_or(job.meta.creation_time).ns};
  if (job.status.retry_at) task.not_before = {job.status.retry_at->ns};
}

// While it holds a place it is charged as it was decided: its own wishes and the rules of queues
// may have changed since, and count from the next decision on.
void keep_decision(const TrainingJobStatus& status, sched::Task& task) {
  const Phase phase = status.phase;
  const bool decided =
      phase == Phase::kStarting || phase == Phase::kRunning || phase == Phase::kStopping;
  if (!decided || !status.placement) return;
  if (!status.queue.empty()) task.queue = status.queue;
  if (const auto tier = tier_of(status.priority)) task.tier = *tier;
}

void place_in_queue(const TrainingJob& job, const TaskQueue* queue, sched::Task& task) {
  const JobScheduling& wish = job.spec.scheduling;
  task.queue = wish.queue;
  task.tenant = job.meta.ns;
  task.priority_value = wish.priority_value;
  task.preemptible = wish.preemptible.value_or(false);
  task.expected_duration_ns = wish.expected_duration_ns;
  task.checkpoint_every_ns = job.spec.checkpoint_interval_ns;
  task.tier = wish.priority.value_or(sched::Tier::kMedium);
  if (queue == nullptr) return;
  if (came_late(job, *queue)) task.queue.clear();
  const sched::Tier fallback = queue->spec.default_priority.value_or(queue->spec.tier);
  task.tier = std::max(wish.priority.value_or(fallback), queue->spec.tier);
  if (task.expected_duration_ns == 0) task.expected_duration_ns = queue->spec.default_duration_ns;
  const auto& preempted = job.status.preempted;
  if (takes_turns(*queue) && preempted && preempted->reason == kRotation)
    task.submitted = behind_turn(task.submitted, preempted->at);
  if (queue->spec.tenant_label.empty()) return;
  const std::string tenant{job.meta.label(queue->spec.tenant_label)};
  if (!tenant.empty()) task.tenant = tenant;
}

void hold(const TrainingJob& job, const TaskQueue* queue, const Configuration& config,
          sched::Task& task) {
  std::string problem = queue_problem(job, queue).sentence;
  if (problem.empty()) problem = part_problem(job, config);
  if (problem.empty()) problem = level_problem(job, config);
  if (problem.empty()) problem = hold_problem(job.meta);
  if (job.spec.suspend) {
    task.held_why = "spec.suspend is true";
  } else if (is_held(job.meta)) {
    task.held_why = std::string("the annotation ") + annotation::kHold + " is true";
  } else if (!problem.empty()) {
    task.held_why = problem;
  }
  task.held = !task.held_why.empty();
}

void add_groups(const TrainingJob& job, const Configuration& config, sched::Task& task) {
  std::int64_t rank = 0;
  for (const JobGroup& group : job.spec.groups) {
    task.groups.push_back({group.zone, group.nodes,
                           pod_to_engine(effective_requests(job, rank, config)),
                           group.gpu_milli > 0 ? config.gpu_resource : "", group.gpu_milli});
    rank += group.nodes;
  }
  task.groups.front().most = job.spec.most_nodes;
}

}  // namespace

bool takes_turns(const TaskQueue& queue) {
  return queue.spec.quantum_ns || queue.spec.strategy == sched::Strategy::kTimeSlicing;
}

sched::Time behind_turn(sched::Time submitted, k8s::WallTime turn_over) {
  return std::max(submitted, sched::Time{turn_over.ns + 999'999'999});
}

std::string gpu_model_of(const k8s::Node& node, const Configuration& config) {
  const std::string value{node.meta.label(config.gpu_models.label)};
  const auto name = config.gpu_models.names.find(value);
  return name == config.gpu_models.names.end() ? value : name->second;
}

sched::Node to_engine(const k8s::Node& node, const Configuration& config) {
  sched::Node out;
  out.name = node.meta.name;
  out.zone = node.meta.label(label::kNodeZone);
  out.region = node.meta.label(label::kNodeRegion);
  out.pool = node.meta.label(label::kPool);
  out.gpu_model = gpu_model_of(node, config);
  out.labels = node.meta.labels;
  out.labels[std::string(kNameField)] = node.meta.name;
  for (const k8s::Taint& taint : node.taints)
    out.taints.push_back({taint.key, taint.value, taint.effect});
  out.unschedulable = node.unschedulable || node.meta.deleting();
  out.ready = node.ready;
  out.gpu_sharing = node.meta.label(label::kGpuSharing) == "true";
  out.allocatable = to_engine(node.allocatable);
  return out;
}

sched::Queue to_engine(const TaskQueue& queue, const Configuration&) {
  const TaskQueueSpec& spec = queue.spec;
  sched::Queue out;
  out.name = queue.meta.name;
  out.tier = spec.tier;
  out.strategy = spec.strategy;
  out.weight = spec.weight;
  out.closed = spec.closed || queue.meta.deleting() || !queue.problems.empty();
  out.max_running = spec.max_running;
  out.maximum = to_engine(spec.maximum);
  out.has_maximum = spec.has_maximum && !spec.maximum.empty();
  out.zones = spec.zones;
  out.pools = spec.pools;
  out.gpu_models = spec.gpu_models;
  out.order = spec.order;
  out.passing = spec.passing;
  out.pooling = spec.borrowing;
  out.depth = spec.depth;
  out.learned = spec.learn;
  out.reserve_after_ns = spec.reserve_after_ns;
  out.floor_ns = spec.floor_ns;
  out.cooldown_ns = spec.cooldown_ns.value_or(spec.floor_ns);
  // Without one nothing would ever be forgotten, and the order would be another.
  const bool decays = sched::rules_of(out).order == sched::Order::kDecayedShare;
  if (decays) out.half_life_ns = spec.half_life_ns > 0 ? spec.half_life_ns : kDefaultHalfLifeNs;
  out.tenant_weights = spec.tenant_weights;
  out.guaranteed = to_engine(spec.guaranteed);
  // A guarantee of nothing keeps nothing.
  const auto some = [](const k8s::ResourceList& amounts) {
    return std::any_of(amounts.begin(), amounts.end(),
                       [](const auto& entry) { return entry.second > 0; });
  };
  out.has_guaranteed = some(spec.guaranteed);
  const bool turns = spec.quantum_ns || sched::rules_of(out).slices;
  if (turns) out.quantum_ns = spec.quantum_ns.value_or(kDefaultQuantumNs);
  if (spec.quantum_ns) out.slices = true;
  out.spread = spec.spread;
  for (const QuotaFlavor& flavor : spec.flavors) {
    sched::Quota quota;
    quota.zone = flavor.zone;
    quota.pool = flavor.pool;
    quota.gpu_model = flavor.gpu_model;
    quota.maximum = to_engine(flavor.maximum);
    quota.has_maximum = !flavor.maximum.empty();
    quota.guaranteed = to_engine(flavor.guaranteed);
    quota.has_guaranteed = some(flavor.guaranteed);
    out.quotas.push_back(std::move(quota));
  }
  const TenantLimitsSpec& limits = spec.tenant_limits;
  out.tenant_limits = {limits.running, limits.pending, to_engine(limits.resources),
                       !limits.resources.empty()};
  return out;
}

std::optional<PodRank> job_rank(const k8s::Pod& pod) {
  const k8s::OwnerReference* owner = pod.meta.controller();
  if (owner == nullptr || owner->kind != "TrainingJob" ||
      !owner->api_version.starts_with("fermi-cluster.com/"))
    return std::nullopt;
  const auto attempt = number_of(pod.meta.label(label::kAttempt));
  const auto rank = number_of(pod.meta.label(label::kRank));
  if (!attempt || !rank) return std::nullopt;
  return PodRank{owner->uid, *attempt, *rank};
}

sched::PodUpsert to_engine(const k8s::Pod& pod) {
  sched::PodUpsert out;
  out.uid = pod.meta.uid;
  out.node = pod.node_name;
  out.requests = pod_to_engine(pod.requests);
  read_part(pod, out);
  return out;
}

bool came_late(const TrainingJob& job, const TaskQueue& queue) {
  const std::string& before = job.status.queue;
  if (before.empty()) return came_late(job.meta.creation_time, queue);
  return queue.meta.deleting() && before != queue.meta.name;
}

// The API knows whole seconds: what came in the same one was in time.
bool came_late(k8s::WallTime submitted, const TaskQueue& queue) {
  return queue.meta.deleting() && submitted > *queue.meta.deletion_time;
}

std::string takes_nothing_new(const TaskQueue& queue) {
  return "queue \"" + queue.meta.name +
         "\" is being deleted and takes nothing new; name another queue";
}

Obstacle queue_problem(const TrainingJob& job, const TaskQueue* queue) {
  if (queue == nullptr) return {};
  if (came_late(job, *queue))
    return {kQueueDeleting, "spec.scheduling.queue: " + takes_nothing_new(*queue)};
  const JobScheduling& wish = job.spec.scheduling;
  const std::string name = " queue \"" + queue->meta.name + "\"";
  if (wish.priority && *wish.priority < queue->spec.tier)
    return {"PriorityAboveQueue",
            "spec.scheduling.priority: \"" + std::string(tier_name(*wish.priority)) +
                "\" is not allowed; at most " + std::string(tier_name(queue->spec.tier)) +
                ", the tier of" + name};
  const sched::Tier tier = wish.priority.value_or(
      std::max(queue->spec.default_priority.value_or(queue->spec.tier), queue->spec.tier));
  if (may_be_preemptible(wish.preemptible, tier)) return {};
  return {"PreemptibleBelowHigh", "spec.scheduling.preemptible: " + preemptible_refused(tier) +
                                      " (the priority is that of" + name + ")"};
}

Obstacle invalid_queue(const TaskQueue* queue) {
  if (queue == nullptr || queue->problems.empty()) return {};
  const std::size_t more = queue->problems.size() - 1;
  return {kQueueInvalid, "the spec of queue \"" + queue->meta.name +
                             "\" is wrong: " + queue->problems.front() +
                             (more > 0 ? " (and " + std::to_string(more) + " more)" : "") +
                             "; nothing starts in it until that is mended"};
}

std::string level_problem(const TrainingJob& job, const Configuration& config) {
  const std::string& wish = job.spec.scheduling.topology_level;
  if (wish.empty()) return "";
  std::string known;
  for (const sched::TopologyLevel& level : config.engine.topology) {
    if (level.name == wish) return "";
    known += (known.empty() ? "one of " : ", ") + level.name;
  }
  return "spec.scheduling.topology.level: \"" + wish + "\" is not allowed; " +
         (known.empty() ? "the configuration names no level below the zone" : known);
}

bool is_held(const k8s::ObjectMeta& meta) { return meta.annotation(annotation::kHold) == "true"; }

std::string hold_problem(const k8s::ObjectMeta& meta) {
  const std::string_view said = meta.annotation(annotation::kHold);
  if (said.empty() || said == "true" || said == "false") return "";
  return std::string("the annotation ") + annotation::kHold + ": \"" +
         std::string(said.substr(0, 60)) + "\" is not allowed; true or false";
}

sched::Task to_engine(const TrainingJob& job, const TaskQueue* queue, const Configuration& config) {
  const JobScheduling& wish = job.spec.scheduling;
  sched::Task task;
  describe(job, task);
  place_in_queue(job, queue, task);
  keep_decision(job.status, task);
  hold(job, queue, config, task);
  add_groups(job, config, task);
  task.preemptions = job.status.preemptions;
  task.guarantee_until = {job.status.guarantee_until ? job.status.guarantee_until->ns : 0};
  task.last_preempted = {job.status.preempted ? job.status.preempted->at.ns : 0};
  task.zone_policy = wish.zone_policy;
  task.max_zones = wish.max_zones;
  task.min_per_zone = wish.min_per_zone;
  task.max_skew = wish.max_skew;
  task.max_latency_us = wish.max_latency_us;
  task.topology_level = wish.topology_level;
  task.topology_required = wish.topology_required;
  task.pool = wish.pool;
  task.gpu_model = wish.gpu_model;
  task.node_selector = wish.node_selector;
  task.tolerations = wish.tolerations;
  return task;
}

}  // namespace fermi
