// Pods and Nodes from protobuf. One message object is used again and again: its strings and arrays
// keep their room, so that reading a list allocates next to nothing for it. Fields that are not
// declared are passed over and go with the message at the next object.

#include "libk8s/codec/proto/core.pb.h"
#include "libk8s/types/codec.hpp"
#include "libk8s/types/effective_requests.hpp"
#include "libk8s/types/read.hpp"

namespace k8s {
namespace {

// Above this a message is not kept, so that one huge object does not hold its room for ever.
constexpr std::size_t kKeptBytes = 256 << 10;

// Calls `use(message)` with the parsed bytes; kMalformed when they are not one.
template <class Message, class Use>
auto with_message(std::string_view bytes, std::string_view kind, const Use& use)
    -> decltype(use(std::declval<const Message&>())) {
  static thread_local Message kept;
  Message fresh;
  Message& message = bytes.size() > kKeptBytes ? fresh : kept;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return Status(Code::kMalformed, "protobuf of a " + std::string(kind) + " that cannot be read");
  return use(message);
}

std::optional<WallTime> time_of(bool present, const pb::Time& time) {
  // Beyond these seconds a WallTime cannot follow.
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max() / 1'000'000'000 - 1;
  if (!present || time.seconds() > kMax || time.seconds() < -kMax) return std::nullopt;
  return WallTime{time.seconds() * 1'000'000'000 + time.nanos()};
}

template <class Entries>
StringMap string_map(const Entries& entries) {
  StringMap out;
  for (const auto& entry : entries) out.insert_or_assign(entry.key(), entry.value());
  return out;
}

template <class Entries>
Amounts amounts(const Entries& entries) {
  Amounts out;
  for (const auto& entry : entries)
    out.emplace_back(entry.key(), amount_or_max(entry.value().text()));
  return out;
}

template <class Containers>
std::vector<ContainerFootprint> containers(const Containers& from) {
  std::vector<ContainerFootprint> out;
  for (const auto& one : from)
    out.push_back(
        {one.name(), amounts(one.resources().requests()), one.restart_policy() == "Always"});
  return out;
}

template <class StatusMessage>
ActualFootprint actual(std::string_view name, const StatusMessage& status) {
  return {name, amounts(status.resources().requests()), amounts(status.allocated_resources())};
}

PodFootprint footprint(const pb::Pod& from, const Pod& pod) {
  const auto& spec = from.spec();
  const auto& status = from.status();
  PodFootprint out;
  out.init_containers = containers(spec.init_containers());
  out.containers = containers(spec.containers());
  for (const auto* statuses : {&status.container_statuses(), &status.init_container_statuses()}) {
    for (const auto& one : *statuses)
      if (one.has_resources()) out.statuses.push_back(actual(one.name(), one));
  }
  out.pod_level = amounts(spec.resources().requests());
  if (status.has_resources()) out.pod_status = actual({}, status);
  out.overhead = amounts(spec.overhead());
  for (const auto& claim : status.claim_allocations())
    out.claims.push_back(amounts(claim.resources()));
  out.resize_infeasible = resize_infeasible(pod);
  return out;
}

ObjectMeta meta_of(const pb::ObjectMeta& from) {
  ObjectMeta meta;
  meta.name = from.name();
  meta.ns = from.namespace_();
  meta.uid = from.uid();
  meta.resource_version = from.resource_version();
  meta.generation = from.generation();
  meta.creation_time =
      time_of(from.has_creation_timestamp(), from.creation_timestamp()).value_or(WallTime{});
  meta.deletion_time = time_of(from.has_deletion_timestamp(), from.deletion_timestamp());
  meta.deletion_grace_seconds = from.deletion_grace_period_seconds();
  meta.labels = string_map(from.labels());
  meta.annotations = string_map(from.annotations());
  for (const auto& one : from.owner_references())
    meta.owners.push_back({one.api_version(), one.kind(), one.name(), one.uid(), one.controller()});
  meta.finalizers.assign(from.finalizers().begin(), from.finalizers().end());
  return meta;
}

std::vector<NodeSelectorTerm> terms(const pb::NodeSelector& selector) {
  std::vector<NodeSelectorTerm> out;
  for (const auto& one : selector.terms()) {
    NodeSelectorTerm& term = out.emplace_back();
    const auto add = [&](const auto& requirements, bool on_field) {
      for (const auto& r : requirements)
        term.push_back({r.key(), r.operator_(), {r.values().begin(), r.values().end()}, on_field});
    };
    add(one.match_expressions(), false);
    add(one.match_fields(), true);
  }
  return out;
}

void read_spec(const pb::PodSpec& spec, Pod& pod) {
  pod.node_name = spec.node_name();
  pod.scheduler_name =
      spec.scheduler_name().empty() ? std::string(kDefaultScheduler) : spec.scheduler_name();
  pod.priority_class = spec.priority_class_name();
  pod.scheduling_group = spec.scheduling_group().pod_group_name();
  pod.node_selector = string_map(spec.node_selector());
  pod.required_affinity = terms(spec.affinity().node_affinity().required());
  for (const auto& one : spec.tolerations())
    pod.tolerations.push_back({one.key(), one.operator_(), one.value(), one.effect()});
  for (const auto& volume : spec.volumes()) {
    const auto& source = volume.source();
    if (source.has_persistent_volume_claim())
      pod.claims.push_back(source.persistent_volume_claim().claim_name());
    if (source.has_ephemeral()) pod.claims.push_back(ephemeral_claim(pod.meta.name, volume.name()));
  }
  pod.gated = !spec.scheduling_gates().empty();
  pod.restart_policy = spec.restart_policy();
}

ContainerStatus container_status(const pb::ContainerStatus& from) {
  ContainerStatus out;
  out.name = from.name();
  out.restarts = from.restart_count();
  out.ready = from.ready();
  const auto& state = from.state();
  if (state.has_terminated()) {
    const auto& ended = state.terminated();
    out.state = ContainerStatus::State::kTerminated;
    out.reason = ended.reason();
    out.message = ended.message();
    out.exit_code = ended.exit_code();
    out.signal = ended.signal();
    // A zero time is written as an empty message, and means "not known".
    out.started = time_of(ended.started_at().has_seconds(), ended.started_at());
    out.finished = time_of(ended.finished_at().has_seconds(), ended.finished_at());
  } else if (state.has_running()) {
    out.state = ContainerStatus::State::kRunning;
    out.started = time_of(state.running().started_at().has_seconds(), state.running().started_at());
  } else {
    out.reason = state.waiting().reason();
    out.message = state.waiting().message();
  }
  return out;
}

void read_status(const pb::PodStatus& status, Pod& pod) {
  pod.phase = phase_named(status.phase());
  pod.reason = status.reason();
  pod.message = status.message();
  pod.pod_ip = status.pod_ip();
  pod.nominated_node = status.nominated_node_name();
  pod.start_time = time_of(status.has_start_time(), status.start_time());
  for (const auto& one : status.conditions())
    pod.conditions.push_back({one.type(), one.status(), one.reason(), one.message()});
  for (const auto& one : status.container_statuses())
    pod.containers.push_back(container_status(one));
}

Result<Pod> pod_of(const pb::Pod& from) {
  Pod pod;
  pod.meta = meta_of(from.metadata());
  if (pod.meta.name.empty()) return nameless("Pod");
  read_spec(from.spec(), pod);
  read_status(from.status(), pod);
  pod.requests = effective_requests(footprint(from, pod));
  return pod;
}

Result<Node> node_of(const pb::Node& from) {
  Node node;
  node.meta = meta_of(from.metadata());
  if (node.meta.name.empty()) return nameless("Node");
  node.unschedulable = from.spec().unschedulable();
  for (const auto& one : from.spec().taints())
    node.taints.push_back({one.key(), one.value(), one.effect()});
  node.capacity = node_amounts(amounts(from.status().capacity()));
  node.allocatable = node_amounts(amounts(from.status().allocatable()));
  if (from.status().allocatable().empty()) node.allocatable = node.capacity;
  for (const auto& one : from.status().conditions())
    if (one.type() == "Ready") node.ready = one.status() == "True";
  for (const auto& one : from.status().addresses())
    if (node.internal_ip.empty() && one.type() == "InternalIP") node.internal_ip = one.address();
  return node;
}

}  // namespace

Result<Pod> Codec<Pod>::from_protobuf(std::string_view bytes) {
  return with_message<pb::Pod>(bytes, "Pod", pod_of);
}

Result<Node> Codec<Node>::from_protobuf(std::string_view bytes) {
  return with_message<pb::Node>(bytes, "Node", node_of);
}

}  // namespace k8s
