// Fields: the order in which each record's fields are written and read. One list for both ways,
// so that they cannot drift apart. A change here is a new version of the format.
#pragma once

#include "scheduler/journal/journal.hpp"

namespace sched::journal {

template <class A>
void fields(A& a, Time& v) {
  a(v.ns);
}
template <class A>
void fields(A& a, Resources& v) {
  a(v.cpu_milli, v.memory_bytes, v.ephemeral_bytes, v.pods, v.extended);
}
template <class A>
void fields(A& a, Taint& v) {
  a(v.key, v.value, v.effect);
}
template <class A>
void fields(A& a, Toleration& v) {
  a(v.key, v.op, v.value, v.effect);
}
template <class A>
void fields(A& a, Requirement& v) {
  a(v.key, v.op, v.values);
}
template <class A>
void fields(A& a, Node& v) {
  a(v.name, v.zone, v.region, v.pool, v.gpu_model, v.labels, v.taints, v.unschedulable, v.ready,
    v.gpu_sharing, v.allocatable);
}
template <class A>
void fields(A& a, Quota& v) {
  a(v.zone, v.pool, v.gpu_model, v.maximum, v.has_maximum, v.guaranteed, v.has_guaranteed);
}
template <class A>
void fields(A& a, TenantLimits& v) {
  a(v.running, v.pending, v.resources, v.has_resources);
}
template <class A>
void fields(A& a, Queue& v) {
  a(v.name, v.tier, v.strategy, v.weight, v.closed, v.max_running, v.maximum, v.has_maximum,
    v.zones, v.pools, v.gpu_models, v.order, v.passing, v.pooling, v.spread, v.slices, v.depth,
    v.reserve_after_ns, v.floor_ns, v.cooldown_ns, v.quantum_ns, v.half_life_ns, v.tenant_weights,
    v.guaranteed, v.has_guaranteed, v.learned, v.quotas, v.tenant_limits);
}
template <class A>
void fields(A& a, PodGroup& v) {
  a(v.zone, v.count, v.requests, v.shared_resource, v.shared_milli, v.most);
}
template <class A>
void fields(A& a, GroupZone& v) {
  a(v.zone, v.backup, v.replicas);
}
template <class A>
void fields(A& a, Task& v) {
  a(v.uid, v.ns, v.name, v.kind, v.queue, v.tenant, v.group_uid, v.tier, v.priority_value,
    v.submitted, v.expected_duration_ns, v.checkpoint_every_ns, v.held, v.held_why, v.groups,
    v.zone_policy, v.max_zones, v.min_per_zone, v.max_skew, v.max_latency_us, v.pool, v.gpu_model,
    v.node_selector, v.affinity, v.tolerations, v.allowed_zones, v.excluded_nodes, v.attempt,
    v.not_before, v.preemptible, v.service, v.topology_level, v.topology_required, v.unevictable,
    v.preemptions, v.guarantee_until, v.last_preempted, v.group_zones, v.group_skew, v.replaces);
}
template <class A>
void fields(A& a, Placement& v) {
  a(v.nodes, v.devices);
}
template <class A>
void fields(A& a, Price& v) {
  a(v.cpu_core, v.memory_gib, v.gpu_by_model, v.gpu_default);
}
template <class A>
void fields(A& a, NodeUpsert& v) {
  a(v.node);
}
template <class A>
void fields(A& a, NodeRemove& v) {
  a(v.name);
}
template <class A>
void fields(A& a, QueueUpsert& v) {
  a(v.queue);
}
template <class A>
void fields(A& a, QueueRemove& v) {
  a(v.name);
}
template <class A>
void fields(A& a, TaskUpsert& v) {
  a(v.task);
}
template <class A>
void fields(A& a, TaskRemove& v) {
  a(v.uid, v.at);
}
template <class A>
void fields(A& a, PodUpsert& v) {
  a(v.uid, v.node, v.requests, v.task, v.attempt, v.rank, v.shared_resource, v.shared_milli,
    v.device);
}
template <class A>
void fields(A& a, PodRemove& v) {
  a(v.uid);
}
template <class A>
void fields(A& a, Assume& v) {
  a(v.task, v.attempt, v.placement, v.at);
}
template <class A>
void fields(A& a, Confirm& v) {
  a(v.task, v.at);
}
template <class A>
void fields(A& a, Reject& v) {
  a(v.task, v.why, v.not_before, v.at);
}
template <class A>
void fields(A& a, TaskEnd& v) {
  a(v.task, v.at);
}
template <class A>
void fields(A& a, Evict& v) {
  a(v.task, v.by, v.at);
}
template <class A>
void fields(A& a, Hold& v) {
  a(v.task, v.placement, v.until);
}
template <class A>
void fields(A& a, Served::Span& v) {
  a(v.from, v.to, v.gpu_model, v.used);
}
template <class A>
void fields(A& a, Served& v) {
  a(v.queue, v.tenant, v.last_start, v.starts, v.spans);
}
template <class A>
void fields(A& a, PastRuns::Run& v) {
  a(v.ended, v.ran_ns, v.stated_ns, v.size);
}
template <class A>
void fields(A& a, PastRuns& v) {
  a(v.queue, v.kind, v.tenant, v.shape, v.runs, v.longest_wait_ns);
}
template <class A>
void fields(A& a, Resolve& v) {
  a(v.task, v.others, v.by, v.at);
}
template <class A>
void fields(A& a, Promise& v) {
  a(v.task, v.placement, v.at);
}
template <class A>
void fields(A& a, TopologyLevel& v) {
  a(v.name, v.label);
}
template <class A>
void fields(A& a, ConfigUpdate& v) {
  a(v.latency_us, v.price, v.zone_price, v.pool_price, v.node_price, v.topology,
    v.degraded_permille, v.overrun, v.reservations, v.reservation_ends, v.victim_searches,
    v.keep_promises);
}
template <class A>
void fields(A& a, Start& v) {
  a(v.task, v.attempt, v.placement, v.zones, v.max_latency_us);
}
template <class A>
void fields(A& a, PlanRecord& v) {
  a(v.now, v.max_starts, v.starts);
}

// The word that names each delta, in the order of the variant.
inline constexpr const char* kVerbs[] = {
    "node",       "node-remove", "queue",   "queue-remove", "task",   "task-remove", "pod",
    "pod-remove", "assume",      "confirm", "reject",       "end",    "config",      "evict",
    "hold",       "served",      "resolve", "past",         "promise"};
static_assert(std::size(kVerbs) == std::variant_size_v<Delta>);

}  // namespace sched::journal
