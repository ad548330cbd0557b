// Pods and Nodes from JSON. Wrong types read as absent; only an object without a name is refused.

#include <nlohmann/json.hpp>

#include "libk8s/codec/json.hpp"
#include "libk8s/codec/rfc3339.hpp"
#include "libk8s/types/codec.hpp"
#include "libk8s/types/effective_requests.hpp"
#include "libk8s/types/read.hpp"

namespace k8s {
namespace {

using nlohmann::json;

std::optional<WallTime> time_at(const json& object, std::string_view key) {
  const json* value = find(object, {key});
  if (value == nullptr || !value->is_string()) return std::nullopt;
  const auto time = parse_time(value->get_ref<const std::string&>());
  return time ? std::optional(*time) : std::nullopt;
}

StringMap string_map(const json& object) {
  StringMap out;
  for (const auto& [key, value] : object.items()) {
    if (value.is_string()) out.emplace_hint(out.end(), key, value.get_ref<const std::string&>());
  }
  return out;
}

std::vector<std::string> strings(const json& array) {
  std::vector<std::string> out;
  for (const auto& value : array) {
    if (value.is_string()) out.push_back(value.get_ref<const std::string&>());
  }
  return out;
}

// Amounts may be written as numbers, too.
Quantity amount(const json& value) {
  if (value.is_string()) return amount_or_max(value.get_ref<const std::string&>());
  return value.is_number() ? amount_or_max(value.dump()) : Quantity();
}

Amounts amounts(const json& object) {
  Amounts out;
  for (auto it = object.begin(); it != object.end(); ++it) out.emplace_back(it.key(), amount(*it));
  return out;
}

Amounts requests(const json& container) {
  return amounts(object_at(object_at(container, "resources"), "requests"));
}

std::string_view view_at(const json& object, std::string_view key) {
  const json* value = find(object, {key});
  if (value == nullptr || !value->is_string()) return {};
  return value->get_ref<const std::string&>();
}

std::vector<ContainerFootprint> containers(const json& array) {
  std::vector<ContainerFootprint> out;
  for (const auto& one : array)
    out.push_back({view_at(one, "name"), requests(one), view_at(one, "restartPolicy") == "Always"});
  return out;
}

ActualFootprint actual(std::string_view name, const json& status) {
  return {name, requests(status), amounts(object_at(status, "allocatedResources"))};
}

void add_statuses(std::vector<ActualFootprint>& to, const json& statuses) {
  for (const auto& one : statuses) {
    if (has(one, "resources")) to.push_back(actual(view_at(one, "name"), one));
  }
}

PodFootprint footprint(const json& spec, const json& status, const Pod& pod) {
  PodFootprint out;
  out.init_containers = containers(array_at(spec, "initContainers"));
  out.containers = containers(array_at(spec, "containers"));
  add_statuses(out.statuses, array_at(status, "containerStatuses"));
  add_statuses(out.statuses, array_at(status, "initContainerStatuses"));
  out.pod_level = requests(spec);
  if (has(status, "resources")) out.pod_status = actual({}, status);
  out.overhead = amounts(object_at(spec, "overhead"));
  for (const auto& claim : array_at(status, "nodeAllocatableResourceClaimStatuses"))
    out.claims.push_back(amounts(object_at(claim, "resources")));
  out.resize_infeasible = resize_infeasible(pod);
  return out;
}

std::vector<NodeSelectorTerm> terms(const json& selector) {
  std::vector<NodeSelectorTerm> out;
  for (const auto& one : array_at(selector, "nodeSelectorTerms")) {
    NodeSelectorTerm& term = out.emplace_back();
    for (const bool on_field : {false, true}) {
      for (const auto& r : array_at(one, on_field ? "matchFields" : "matchExpressions"))
        term.push_back({string_at(r, "key"), string_at(r, "operator"),
                        strings(array_at(r, "values")), on_field});
    }
  }
  return out;
}

std::vector<std::string> claims(const json& volumes, const std::string& pod) {
  std::vector<std::string> out;
  for (const auto& volume : volumes) {
    if (has(volume, "persistentVolumeClaim"))
      out.push_back(string_at(object_at(volume, "persistentVolumeClaim"), "claimName"));
    if (has(volume, "ephemeral")) out.push_back(ephemeral_claim(pod, view_at(volume, "name")));
  }
  return out;
}

void read_spec(const json& spec, Pod& pod) {
  pod.node_name = string_at(spec, "nodeName");
  pod.scheduler_name = string_at(spec, "schedulerName", kDefaultScheduler);
  pod.priority_class = string_at(spec, "priorityClassName");
  pod.scheduling_group = string_at(object_at(spec, "schedulingGroup"), "podGroupName");
  pod.node_selector = string_map(object_at(spec, "nodeSelector"));
  const json* affinity =
      find(spec, {"affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution"});
  if (affinity != nullptr) pod.required_affinity = terms(*affinity);
  for (const auto& one : array_at(spec, "tolerations"))
    pod.tolerations.push_back({string_at(one, "key"), string_at(one, "operator"),
                               string_at(one, "value"), string_at(one, "effect")});
  pod.claims = claims(array_at(spec, "volumes"), pod.meta.name);
  pod.gated = !array_at(spec, "schedulingGates").empty();
  pod.restart_policy = string_at(spec, "restartPolicy");
}

ContainerStatus container_status(const json& object) {
  ContainerStatus out;
  out.name = string_at(object, "name");
  out.restarts = to_int(int_at(object, "restartCount"));
  out.ready = bool_at(object, "ready");
  const json& state = object_at(object, "state");
  if (has(state, "terminated")) {
    const json& ended = object_at(state, "terminated");
    out.state = ContainerStatus::State::kTerminated;
    out.reason = string_at(ended, "reason");
    out.message = string_at(ended, "message");
    out.exit_code = to_int(int_at(ended, "exitCode"));
    out.signal = to_int(int_at(ended, "signal"));
    out.started = time_at(ended, "startedAt");
    out.finished = time_at(ended, "finishedAt");
  } else if (has(state, "running")) {
    out.state = ContainerStatus::State::kRunning;
    out.started = time_at(object_at(state, "running"), "startedAt");
  } else {
    out.reason = string_at(object_at(state, "waiting"), "reason");
    out.message = string_at(object_at(state, "waiting"), "message");
  }
  return out;
}

void read_status(const json& status, Pod& pod) {
  pod.phase = phase_named(view_at(status, "phase"));
  pod.reason = string_at(status, "reason");
  pod.message = string_at(status, "message");
  pod.pod_ip = string_at(status, "podIP");
  pod.nominated_node = string_at(status, "nominatedNodeName");
  pod.start_time = time_at(status, "startTime");
  for (const auto& one : array_at(status, "conditions"))
    pod.conditions.push_back({string_at(one, "type"), string_at(one, "status"),
                              string_at(one, "reason"), string_at(one, "message")});
  for (const auto& one : array_at(status, "containerStatuses"))
    pod.containers.push_back(container_status(one));
}

}  // namespace

ObjectMeta meta_from_json(const json& metadata) {
  ObjectMeta meta;
  meta.name = string_at(metadata, "name");
  meta.ns = string_at(metadata, "namespace");
  meta.uid = string_at(metadata, "uid");
  meta.resource_version = string_at(metadata, "resourceVersion");
  meta.generation = int_at(metadata, "generation");
  meta.creation_time = time_at(metadata, "creationTimestamp").value_or(WallTime{});
  meta.deletion_time = time_at(metadata, "deletionTimestamp");
  meta.deletion_grace_seconds = int_at(metadata, "deletionGracePeriodSeconds");
  meta.labels = string_map(object_at(metadata, "labels"));
  meta.annotations = string_map(object_at(metadata, "annotations"));
  for (const auto& one : array_at(metadata, "ownerReferences"))
    meta.owners.push_back({string_at(one, "apiVersion"), string_at(one, "kind"),
                           string_at(one, "name"), string_at(one, "uid"),
                           bool_at(one, "controller")});
  meta.finalizers = strings(array_at(metadata, "finalizers"));
  return meta;
}

Result<Pod> Codec<Pod>::from_json(const json& object) {
  Pod pod;
  pod.meta = meta_from_json(object_at(object, "metadata"));
  if (pod.meta.name.empty()) return nameless("Pod");
  const json& spec = object_at(object, "spec");
  const json& status = object_at(object, "status");
  read_spec(spec, pod);
  read_status(status, pod);
  pod.requests = effective_requests(footprint(spec, status, pod));
  return pod;
}

Result<Node> Codec<Node>::from_json(const json& object) {
  Node node;
  node.meta = meta_from_json(object_at(object, "metadata"));
  if (node.meta.name.empty()) return nameless("Node");
  const json& spec = object_at(object, "spec");
  const json& status = object_at(object, "status");
  node.unschedulable = bool_at(spec, "unschedulable");
  for (const auto& one : array_at(spec, "taints"))
    node.taints.push_back(
        {string_at(one, "key"), string_at(one, "value"), string_at(one, "effect")});
  node.capacity = node_amounts(amounts(object_at(status, "capacity")));
  node.allocatable = node_amounts(amounts(object_at(status, "allocatable")));
  if (!has(status, "allocatable")) node.allocatable = node.capacity;
  for (const auto& one : array_at(status, "conditions"))
    if (view_at(one, "type") == "Ready") node.ready = view_at(one, "status") == "True";
  for (const auto& one : array_at(status, "addresses"))
    if (node.internal_ip.empty() && view_at(one, "type") == "InternalIP")
      node.internal_ip = string_at(one, "address");
  return node;
}

}  // namespace k8s
