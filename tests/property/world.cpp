#include "tests/property/world.hpp"

#include <algorithm>

namespace sched::property {
namespace {

constexpr std::int64_t kGiB = std::int64_t{1} << 30;
constexpr const char* kGpu = "nvidia.com/gpu";
const std::vector<std::string> kZones{"a", "b", "c"};
const std::vector<std::string> kPools{"", "train", "serve"};
const std::vector<std::string> kModels{"A100", "H100"};
const std::vector<std::string> kQueues{"q1", "q2", "q3"};
const std::vector<std::string> kTenants{"ns", "t2", "t3"};
const std::vector<std::string> kBlocks{"b1", "b2"};
const std::vector<std::string> kRacks{"r1", "r2", "r3"};
const std::vector<std::string> kEffects{"NoSchedule", "PreferNoSchedule", "NoExecute"};

std::string region_of(const std::string& zone) { return zone == "c" ? "r2" : "r1"; }

void take(PodUpsert& pod, const PodGroup& group, std::int64_t device) {
  pod.requests = group.requests;
  pod.shared_resource = group.shared_resource;
  pod.shared_milli = group.shared_milli;
  pod.device = group.shared_milli > 0 ? device : -1;
}

// What one Pod is charged: a part in thousandths, unless it is rounded up.
Resources charged(const PodGroup& group) {
  Resources r = group.requests;
  const std::int64_t whole = r.extended_amount(kGpu);
  if (group.shared_milli >= 1000 || (group.shared_milli > 0 && whole > 0)) {
    r.set_extended(kGpu, whole + (group.shared_milli + 999) / 1000);
  } else {
    r.set_extended("nvidia.com/gpu#milli", group.shared_milli);
  }
  return r;
}

}  // namespace

Node World::random_node(const std::string& name) {
  Node n;
  n.name = name;
  n.zone = rng.pick(kZones);
  n.region = region_of(n.zone);
  n.labels["kubernetes.io/hostname"] = name;
  n.allocatable.cpu_milli = 4000 + 4000 * rng.below(2);
  n.allocatable.memory_bytes = (8 + 8 * rng.below(2)) * kGiB;
  n.allocatable.pods = rng.one_in(8) ? 2 : 20;
  n.allocatable.set_extended("nvidia.com/gpu", rng.below(5));
  if (options_.topology) {
    if (!rng.one_in(6)) n.labels["block"] = rng.pick(kBlocks);
    if (!rng.one_in(8)) n.labels["rack"] = rng.pick(kRacks);
  }
  if (options_.parts) n.gpu_sharing = !rng.one_in(4);
  if (options_.plain) return n;
  n.gpu_model = rng.pick(kModels);
  n.pool = rng.pick(kPools);
  if (rng.one_in(3)) n.labels["disk"] = rng.one_in(2) ? "ssd" : "hdd";
  if (rng.one_in(3)) n.labels["gen"] = std::to_string(rng.below(4));
  if (rng.one_in(6)) n.taints.push_back({"dedicated", "x", rng.pick(kEffects)});
  if (rng.one_in(8)) n.unschedulable = true;
  if (rng.one_in(8)) n.ready = false;
  return n;
}

Queue World::random_queue(const std::string& name) {
  Queue q;
  q.name = name;
  q.tier = static_cast<Tier>(rng.below(3));
  q.strategy = static_cast<Strategy>(rng.below(9));
  if (rng.one_in(2)) q.strategy = Strategy::kFifo;
  q.weight = rng.below(4);
  if (rng.one_in(8)) q.closed = true;
  if (rng.one_in(4)) q.max_running = 1 + rng.below(3);
  if (rng.one_in(3)) {
    q.has_maximum = true;
    q.maximum.set_extended("nvidia.com/gpu", 1 + rng.below(8));
    if (rng.one_in(2)) q.maximum.cpu_milli = 2000 + 1000 * rng.below(10);
  }
  if (q.strategy != Strategy::kFifo && rng.one_in(3)) q.order = static_cast<Order>(rng.below(6));
  if (rng.one_in(3)) q.half_life_ns = (2 + rng.below(3)) * 1'000'000'000;
  if (rng.one_in(3)) q.tenant_weights[rng.pick(kTenants)] = rng.below(4);
  if (rng.one_in(4)) q.pooling = rng.one_in(2);
  if (rng.one_in(4)) q.spread = rng.one_in(2);
  if (options_.guarantees && rng.one_in(3)) {
    q.has_guaranteed = true;
    q.guaranteed.set_extended("nvidia.com/gpu", rng.below(5));
    if (rng.one_in(2)) q.guaranteed.cpu_milli = 1000 * rng.below(6);
  }
  if (rng.one_in(6)) q.zones = {"a", "b"};
  if (rng.one_in(6)) q.pools = {"", "train"};
  if (rng.one_in(6)) q.gpu_models = {"A100"};
  if (options_.limits) add_limits(q);
  if (options_.elastic) q.cooldown_ns = more_.below(4) * 1'000'000'000;
  if (options_.ends) {
    q.learned = more_.one_in(2);
    if (more_.one_in(2)) q.passing = more_.one_in(2) ? Passing::kConservative : Passing::kEasy;
    if (more_.one_in(3)) q.reserve_after_ns = (1 + more_.below(4)) * 1'000'000'000;
    if (more_.one_in(4)) q.closed = false;
  }
  return q;
}

// Names one thing at least, as the API asks for.
Quota World::random_quota() {
  Quota quota;
  while (quota.zone.empty() && quota.pool.empty() && quota.gpu_model.empty()) {
    if (more_.one_in(2)) quota.zone = more_.pick(kZones);
    if (more_.one_in(4)) quota.pool = more_.pick(kPools);
    if (more_.one_in(3)) quota.gpu_model = more_.pick(kModels);
  }
  quota.has_maximum = true;
  quota.maximum.set_extended("nvidia.com/gpu", 1 + more_.below(5));
  if (more_.one_in(4)) quota.maximum.cpu_milli = 1000 + 1000 * more_.below(5);
  if (options_.grants) grant(quota);
  return quota;
}

void World::grant(Quota& quota) {
  if (more_.one_in(3)) {
    quota.has_maximum = false;
    quota.maximum = {};
  }
  if (quota.has_maximum && more_.one_in(3)) return;
  quota.has_guaranteed = true;
  quota.guaranteed.set_extended("nvidia.com/gpu", more_.below(5));
  if (more_.one_in(4)) quota.guaranteed.cpu_milli = 1000 * more_.below(5);
}

void World::add_limits(Queue& q) {
  if (more_.one_in(2)) {
    for (std::int64_t i = 1 + more_.below(2); i > 0; --i) q.quotas.push_back(random_quota());
  }
  if (more_.one_in(4)) q.tenant_limits.running = 1 + more_.below(2);
  if (more_.one_in(4)) q.tenant_limits.pending = 1 + more_.below(3);
  if (more_.one_in(4)) {
    q.tenant_limits.has_resources = true;
    q.tenant_limits.resources.set_extended("nvidia.com/gpu", 1 + more_.below(6));
  }
  if (more_.one_in(3)) {
    q.slices = true;
    q.quantum_ns = (1 + more_.below(3)) * 1'000'000'000;
  }
}

Resources World::random_request() {
  Resources r;
  r.cpu_milli = 500 * rng.below(6);
  r.memory_bytes = rng.below(5) * kGiB;
  r.pods = 1;
  r.set_extended("nvidia.com/gpu", rng.below(4));
  return r;
}

PodGroup World::random_group(const std::string& zone, std::int64_t count) {
  PodGroup group{zone, count, random_request()};
  if (!options_.parts || rng.one_in(2)) return group;
  group.requests.set_extended(kGpu, rng.one_in(16) ? 1 : 0);
  group.shared_resource = kGpu;
  group.shared_milli = rng.pick(std::vector<std::int64_t>{1, 250, 300, 460, 500, 700, 999, 1300});
  return group;
}

Task World::random_task(const std::string& uid) {
  Task t;
  t.uid = uid;
  t.ns = "ns";
  t.name = uid;
  t.queue = options_.plain ? "q1" : rng.one_in(20) ? "nowhere" : rng.pick(kQueues);
  t.tenant = options_.plain ? "ns" : rng.pick(kTenants);
  t.tier = static_cast<Tier>(rng.below(3));
  t.priority_value = static_cast<std::int32_t>(rng.below(3));
  t.submitted.ns = rng.below(6) * 1'000'000'000;
  t.zone_policy = static_cast<ZonePolicy>(rng.below(5));
  const bool exact = t.zone_policy == ZonePolicy::kExact;
  const std::int64_t groups = exact || rng.one_in(5) ? 1 + rng.below(2) : 1;
  std::vector<std::string> zones = kZones;
  rng.shuffle(zones);
  for (std::int64_t g = 0; g < groups; ++g) {
    const bool named = exact || rng.one_in(8);
    const std::int64_t count = 1 + rng.below(4);
    t.groups.push_back(random_group(named ? zones[static_cast<std::size_t>(g)] : "", count));
  }
  if (options_.elastic && t.groups.size() == 1 && more_.one_in(2)) {
    t.groups[0].most = t.groups[0].count + more_.below(4);
  }
  if (rng.one_in(6)) t.max_zones = 1 + rng.below(2);
  if (rng.one_in(8)) t.min_per_zone = 1 + rng.below(2);
  if (rng.one_in(6)) t.max_latency_us = 500 + 1000 * rng.below(3);
  if (rng.one_in(4)) t.max_skew = 1 + rng.below(2);
  if (options_.topology && !rng.one_in(3)) {
    t.topology_level = rng.one_in(10) ? "shelf" : rng.one_in(3) ? "block" : "rack";
    t.topology_required = !rng.one_in(3);
  }
  if (options_.groups && !more_.one_in(4)) join(t);
  if (options_.plain) return t;
  if (rng.one_in(5)) t.pool = rng.pick(kPools);
  if (rng.one_in(5)) t.gpu_model = rng.pick(kModels);
  if (rng.one_in(6)) t.node_selector["disk"] = "ssd";
  if (rng.one_in(16))
    t.node_selector["kubernetes.io/hostname"] = "n" + std::to_string(rng.below(6));
  if (rng.one_in(8)) t.affinity.push_back({{"gen", "Gt", {"1"}}});
  if (rng.one_in(10)) t.affinity.push_back({{"disk", "NotIn", {"hdd"}}});
  if (rng.one_in(14)) {
    t.affinity.push_back({{"kubernetes.io/hostname", "In", {"n1", "n2"}}});
  }
  if (rng.one_in(3)) t.tolerations.push_back({"dedicated", "Exists", "", ""});
  if (rng.one_in(10)) t.allowed_zones = {"b", "a"};
  if (rng.one_in(10)) t.excluded_nodes = {"n" + std::to_string(rng.below(6))};
  if (rng.one_in(12)) t.held = true;
  if (rng.one_in(8)) t.not_before.ns = now.ns + rng.below(5) * 1'000'000'000;
  if (options_.ends) add_ends(t);
  return t;
}

// Mostly one Pod each, so that there is something to count. Not all of a group say the same.
void World::join(Task& t) {
  t.group_uid = more_.one_in(3) ? "g2" : "g1";
  if (!more_.one_in(3)) {
    t.groups.resize(1);
    t.groups[0].count = 1;
    t.groups[0].zone = "";
    t.zone_policy = ZonePolicy::kAny;
  }
  const bool first = t.group_uid == "g1" && !more_.one_in(8);
  if (first || more_.one_in(3)) {
    t.group_zones = {{"a", false, 2}, {"b", true, 1 + more_.below(2)}};
    if (!first) t.group_zones.push_back({"c", false, 0});
  }
  if (t.group_zones.empty() || more_.one_in(4)) t.group_skew = 1 + more_.below(2);
  if (more_.one_in(8)) t.replaces = "t" + std::to_string(more_.below(6));
}

// Most state how long they last, and are of a few kinds and tenants, so that many have a past.
void World::add_ends(Task& task) {
  if (!more_.one_in(6)) task.expected_duration_ns = (1 + more_.below(6)) * 1'000'000'000;
  task.kind = more_.one_in(4) ? "Pod" : "TrainingJob";
  if (more_.one_in(2)) task.tenant = kTenants.front();
  if (more_.one_in(2)) task.queue = kQueues.front();
}

std::vector<Delta> World::begin() {
  std::vector<Delta> deltas;
  const std::int64_t count = 1 + rng.below(options_.nodes_max);
  for (std::int64_t i = 0; i < count; ++i) {
    const Node n = random_node("n" + std::to_string(i));
    nodes[n.name] = n;
    deltas.push_back(NodeUpsert{n});
  }
  for (const std::string& name : kQueues) {
    Queue q = random_queue(name);
    if (options_.plain) {
      q = {};
      q.name = name;
      if (options_.elastic) q.cooldown_ns = 2'000'000'000;
    }
    queues[name] = q;
    deltas.push_back(QueueUpsert{q});
  }
  if (rng.one_in(2)) {
    config.latency_us[{"a", "b"}] = 400 + 1000 * rng.below(3);
    config.latency_us[{"b", "c"}] = 6000;
    config.price.gpu_default = 8'500'000;
    config.zone_price["a"].gpu_default = 9'000'000;
    deltas.push_back(config);
  }
  if (options_.topology && !rng.one_in(5)) deltas.push_back(random_levels());
  return deltas;
}

ConfigUpdate World::random_levels() {
  config.topology.clear();
  if (!rng.one_in(4)) config.topology.push_back({"block", "block"});
  if (!rng.one_in(6)) config.topology.push_back({"rack", "rack"});
  config.degraded_permille = 250 + 250 * rng.below(3);
  return config;
}

std::vector<Delta> World::event(const std::vector<Start>& starts) {
  if (options_.topology && rng.one_in(20)) return {random_levels()};
  switch (rng.below(12)) {
    case 0:
      return node_event();
    case 1:
      return queue_event();
    case 2:
    case 3:
    case 4:
    case 5:
      return task_event();
    case 6:
    case 7:
      return pod_event();
    case 8:
    case 9:
      return life_event();
    case 10:
      now.ns += rng.below(4) * 1'000'000'000;
      return {};
    default:
      return carry_out(starts);
  }
}

std::vector<Delta> World::carry_out(const std::vector<Start>& starts) {
  std::vector<Delta> deltas;
  for (const Start& s : starts) {
    if (rng.one_in(6)) break;  // a writer that stops half way
    const Assume assume{s.task, s.attempt, s.placement, now};
    Known& known = tasks.at(s.task);
    note_start(known.task);
    known.decision = assume;
    known.confirmed.reset();
    known.rejected.reset();
    known.gone.clear();
    deltas.push_back(assume);
  }
  return deltas;
}

std::vector<Delta> World::resize(const Resize& resize) {
  Known& known = tasks.at(resize.task);
  note_end(known);
  note_start(known.task);
  known.decision = Assume{resize.task, resize.attempt + 1, resize.placement, now};
  known.task.attempt = resize.attempt + 1;
  known.confirmed.reset();
  known.gone.clear();
  return {*known.decision, TaskUpsert{known.task}};
}

std::vector<Delta> World::node_event() {
  const std::string name = "n" + std::to_string(rng.below(options_.nodes_max));
  if (nodes.contains(name) && rng.one_in(3)) {
    nodes.erase(name);
    return {NodeRemove{name}};
  }
  Node n = random_node(name);
  if (nodes.contains(name) && rng.one_in(2)) {
    n = nodes[name];
    n.unschedulable = !n.unschedulable;
  }
  nodes[name] = n;
  return {NodeUpsert{n}};
}

std::vector<Delta> World::queue_event() {
  const std::string name = rng.pick(kQueues);
  if (queues.contains(name) && rng.one_in(4)) {
    queues.erase(name);
    forget_pasts(name, true);
    runs.erase(name);
    longest_wait.erase(name);
    return {QueueRemove{name}};
  }
  const Queue before = queues[name];
  queues[name] = random_queue(name);
  if (before.half_life_ns != queues[name].half_life_ns) forget_pasts(name, false);
  return {QueueUpsert{queues[name]}};
}

std::vector<Delta> World::task_event() {
  if (!tasks.empty() && rng.one_in(4)) {
    auto at = std::next(tasks.begin(), rng.below(static_cast<std::int64_t>(tasks.size())));
    if (rng.one_in(2)) {
      const std::string uid = at->first;
      note_end(at->second);
      tasks.erase(at);
      return {TaskRemove{uid, now}};
    }
    if (at->second.decision || at->second.ended) return {};
    Task changed = random_task(at->first);
    if (rng.one_in(2)) {
      changed = at->second.task;
      changed.held = !changed.held;
      changed.attempt += 1;
    }
    at->second.task = changed;
    return {TaskUpsert{changed}};
  }
  const std::string uid = "t" + std::to_string(serial_++);
  tasks[uid].task = random_task(uid);
  return {TaskUpsert{tasks[uid].task}};
}

World::Known* World::random_decided() {
  std::vector<Known*> decided;
  for (auto& [uid, known] : tasks) {
    if (known.decision) decided.push_back(&known);
  }
  return decided.empty() ? nullptr : rng.pick(decided);
}

std::vector<Delta> World::pod_event() {
  if (!pods.empty() && rng.one_in(3)) {
    auto at = std::next(pods.begin(), rng.below(static_cast<std::int64_t>(pods.size())));
    const PodUpsert pod = at->second;
    pods.erase(at);
    if (auto task = tasks.find(pod.task); task != tasks.end() && task->second.decision &&
                                          task->second.decision->attempt == pod.attempt) {
      task->second.gone.push_back(pod);
    }
    return {PodRemove{pod.uid}};
  }
  PodUpsert pod;
  pod.uid = "p" + std::to_string(serial_++);
  Known* known = rng.one_in(3) ? nullptr : random_decided();
  if (known == nullptr) {
    pod.node = "n" + std::to_string(rng.below(options_.nodes_max + 1));
    take(pod, random_group("", 1), rng.below(4) - 1);
  } else {
    const auto& placed = known->decision->placement.nodes;
    pod.rank = rng.below(static_cast<std::int64_t>(placed.size()));
    pod.node = rng.one_in(10) ? "n0" : placed[static_cast<std::size_t>(pod.rank)];
    pod.task = known->task.uid;
    pod.attempt = known->decision->attempt;
    std::int64_t rank = pod.rank;
    const auto& devices = known->decision->placement.devices;
    const auto at = static_cast<std::size_t>(pod.rank);
    for (const PodGroup& group : known->task.groups) {
      take(pod, group, at < devices.size() && !rng.one_in(10) ? devices[at] : -1);
      if (rank < group.count) break;
      rank -= group.count;
    }
  }
  pods[pod.uid] = pod;
  return {pod};
}

void World::forget_decision(Known& known) {
  known.decision.reset();
  known.confirmed.reset();
  known.gone.clear();
}

std::vector<Delta> World::life_event() {
  Known* known = random_decided();
  if (known == nullptr) return {};
  const std::string uid = known->task.uid;
  const auto stop = [&] {
    note_end(*known);
    forget_decision(*known);
  };
  switch (rng.below(3)) {
    case 0:
      if (!known->confirmed) note_wait(*known);
      known->confirmed = Confirm{uid, now};
      return {*known->confirmed};
    case 1: {
      std::vector<Delta> deltas = tell_run(*known);
      stop();
      known->ended = true;
      deltas.push_back(TaskEnd{uid, now});
      return deltas;
    }
    default:
      stop();
      known->rejected = Reject{uid, "refused", Time{now.ns + rng.below(3) * 1'000'000'000}, now};
      return {*known->rejected};
  }
}

// Several starts of one instant are counted.
void World::note_start(const Task& task) {
  Served& past = pasts[{task.queue, task.tenant}];
  past.queue = task.queue;
  past.tenant = task.tenant;
  past.starts = past.last_start == now ? past.starts + 1 : 1;
  past.last_start = now;
}

void World::note_end(const Known& known) {
  const auto queue = queues.find(known.task.queue);
  if (!known.confirmed || queue == queues.end() || queue->second.half_life_ns == 0) return;
  Served& past = pasts[{known.task.queue, known.task.tenant}];
  past.queue = known.task.queue;
  past.tenant = known.task.tenant;
  const bool one = known.task.groups.size() == 1;
  for (const PodGroup& group : known.task.groups) {
    const std::int64_t size = one ? std::ssize(known.decision->placement.nodes) : group.count;
    for (std::int64_t i = 0; i < size; ++i) {
      past.spans.push_back({known.confirmed->at, now, known.task.gpu_model, charged(group)});
    }
  }
}

void World::note_wait(const Known& known) {
  if (!queues.contains(known.task.queue)) return;
  std::int64_t& longest = longest_wait[known.task.queue];
  longest = std::max(longest, now.ns - known.task.submitted.ns);
}

// As the books would tell it of one that ran.
std::vector<Delta> World::tell_run(const Known& known) {
  const Task& task = known.task;
  if (!options_.ends || !known.confirmed || !queues.contains(task.queue)) return {};
  const std::int64_t pods = static_cast<std::int64_t>(known.decision->placement.nodes.size());
  const PastRuns::Run run{now, now.ns - known.confirmed->at.ns, task.expected_duration_ns, pods};
  const std::string shape = std::to_string(pods);
  runs[task.queue].push_back({task.queue, task.kind, task.tenant, shape, {run}, {}});
  return {runs[task.queue].back()};
}

// All that was ever told, one by one: what is kept of it is for the engine to say.
void World::tell_runs(std::vector<Delta>& deltas, bool shuffled) {
  for (const auto& [name, queue] : queues) {
    std::vector<PastRuns> all = runs[name];
    if (shuffled) rng.shuffle(all);
    all.push_back({name, "", "", "", {}, longest_wait[name]});
    deltas.insert(deltas.end(), all.begin(), all.end());
  }
}

// A queue that goes takes its past along; another half-life begins it anew.
void World::forget_pasts(const std::string& queue, bool starts_too) {
  for (auto& [who, past] : pasts) {
    if (who.first != queue) continue;
    past.spans.clear();
    if (!starts_too) continue;
    past.starts = 0;  // said in so many words: what still runs started before the queue was new
    past.last_start = {};
  }
}

std::vector<Delta> World::snapshot(bool shuffled) {
  std::vector<Delta> base;
  for (const auto& [name, node] : nodes) base.push_back(NodeUpsert{node});
  for (const auto& [name, queue] : queues) base.push_back(QueueUpsert{queue});
  for (const auto& [uid, known] : tasks) base.push_back(TaskUpsert{known.task});
  for (const auto& [uid, pod] : pods) base.push_back(pod);
  base.push_back(config);
  if (shuffled) rng.shuffle(base);
  std::vector<Delta> fates;
  for (const auto& [uid, known] : tasks) {
    if (known.decision) fates.push_back(*known.decision);
    if (known.rejected) fates.push_back(*known.rejected);
    if (known.ended) fates.push_back(TaskEnd{uid});
  }
  if (shuffled) rng.shuffle(fates);
  base.insert(base.end(), fates.begin(), fates.end());
  for (const auto& [uid, known] : tasks) {
    if (known.confirmed) base.push_back(*known.confirmed);
    for (const PodUpsert& pod : known.gone) {
      base.push_back(pod);
      base.push_back(PodRemove{pod.uid});
    }
  }
  for (const auto& [who, past] : pasts) base.push_back(past);
  tell_runs(base, shuffled);
  return base;
}

}  // namespace sched::property
