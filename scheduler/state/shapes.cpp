// State: shapes, and who wakes when there is room.
#include <algorithm>

#include "scheduler/fair/kept.hpp"
#include "scheduler/limits.hpp"
#include "scheduler/order/rules.hpp"
#include "scheduler/place/group.hpp"
#include "scheduler/state/devices.hpp"
#include "scheduler/state/state.hpp"

namespace sched {
namespace {

// Keys say the length of each text, so that two different wishes never give one key.
void append(std::string& key, const std::string& text) {
  key += std::to_string(text.size());
  key += ':';
  key += text;
}

void append(std::string& key, std::int64_t number) {
  key += std::to_string(number);
  key += ',';
}

void append(std::string& key, const std::vector<std::string>& list) {
  append(key, static_cast<std::int64_t>(list.size()));
  for (const std::string& text : list) append(key, text);
}

// Every field of the filter, in a fixed order: two filters are equal exactly when their keys are.
std::string filter_key(const Filter& f) {
  std::string key;
  append(key, f.pool);
  append(key, f.gpu_model);
  append(key, static_cast<std::int64_t>(f.node_selector.size()));
  for (const auto& [label, value] : f.node_selector) {
    append(key, label);
    append(key, value);
  }
  append(key, static_cast<std::int64_t>(f.affinity.size()));
  for (const auto& term : f.affinity) {
    append(key, static_cast<std::int64_t>(term.size()));
    for (const Requirement& r : term) {
      append(key, r.key);
      append(key, r.op);
      append(key, r.values);
    }
  }
  append(key, static_cast<std::int64_t>(f.tolerations.size()));
  for (const Toleration& t : f.tolerations) {
    for (const std::string* part : {&t.key, &t.op, &t.value, &t.effect}) append(key, *part);
  }
  for (const auto* list :
       {&f.allowed_zones, &f.zones, &f.pools, &f.gpu_models, &f.excluded_nodes}) {
    append(key, *list);
  }
  return key;
}

std::string request_key(const Amounts& a) {
  std::string key;
  for (const std::int64_t amount : a.base) append(key, amount);
  for (const auto& [id, amount] : a.extended) {
    append(key, static_cast<std::int64_t>(id));
    append(key, amount);
  }
  return key;
}

// What decides where it may be beside the others of its group.
void append_group(std::string& key, const Task& task) {
  if (!places_group(task)) return append(key, std::string());
  append(key, task.group_uid);
  append(key, task.replaces);
  append(key, task.group_skew);
  append(key, static_cast<std::int64_t>(task.group_zones.size()));
  for (const GroupZone& zone : task.group_zones) {
    append(key, zone.zone);
    append(key, std::int64_t{zone.backup});
    append(key, zone.replicas);
  }
}

void set_group(Shape& shape, const Task& task) {
  if (!places_group(task)) return;
  shape.group = task.group_uid;
  shape.group_zones = task.group_zones;
  shape.group_skew = task.group_skew;
  shape.replaces = task.replaces;
  if (shape.policy != ZonePolicy::kExact) shape.policy = ZonePolicy::kSingle;
}

}  // namespace

// The shape includes the queue's own filters: the same wish in another queue may be another shape.
// Groups without Pods are dropped here, so that nothing later has to think of them.
ShapeId State::acquire_shape(const Task& task, const QueueRecord& queue) {
  const Filter filter = filter_of(task, queue.known ? &queue.queue : nullptr);
  const std::string filtered = filter_key(filter);
  std::string key = filtered;
  const Rules rules = rules_of(queue.queue);
  const bool spread = queue.known && (rules.spread || (rules.spreads_services && task.service));
  for (const std::int64_t part :
       {static_cast<std::int64_t>(task.zone_policy), task.max_zones, task.min_per_zone,
        task.max_skew, task.max_latency_us, std::int64_t{spread}}) {
    append(key, part);
  }
  const std::string& level = task.topology_level;
  const bool one_domain = !level.empty() && task.topology_required;
  append(key, level);
  append(key, std::int64_t{one_domain});
  const bool limited = queue.known && limits_places(queue.queue);
  append(key, limited ? queue.queue.name : "");
  const bool kept = granting > 0 && kept_from_places(queue, tier_of(task, queue));
  append(key, kept ? queue.queue.name : "");
  append_group(key, task);
  std::vector<Amounts> requests;
  for (const PodGroup& group : task.groups) {
    requests.push_back(names.request(group.requests, group.shared_resource, group.shared_milli));
    append(key, group.zone);
    append(key, group.count);
    append(key, request_key(requests.back()));
  }
  if (auto known = shape_ids_.find(key); known != shape_ids_.end()) {
    ++shapes[known->second].refs;
    return known->second;
  }
  const ShapeId id = free_shape();
  Shape& shape = shapes[id];
  shape.key = key;
  shape.policy = task.zone_policy;
  shape.max_zones = task.max_zones;
  shape.min_per_zone = task.min_per_zone;
  shape.max_skew = task.max_skew;
  shape.max_latency_us = task.max_latency_us;
  shape.gpu_model = task.gpu_model;
  shape.one_domain = one_domain;
  shape.spread = spread;
  if (limited) shape.limits = queue_ids.at(queue.queue.name);
  set_group(shape, task);
  if (kept) shape.guards = queue_ids.at(queue.queue.name);
  shape.refs = 1;
  for (std::size_t g = 0; g < task.groups.size(); ++g) {
    const std::int64_t count = std::clamp<std::int64_t>(task.groups[g].count, 0, kGangMax + 1);
    if (count == 0) continue;
    shape.too_large = shape.too_large || shape.pods + count > kGangMax;
    if (shape.too_large) continue;  // it never starts: its sums are not needed
    shape.pods += count;
    shape.total.plus(requests[g], count);
    std::string profile_key = filtered;
    append(profile_key, request_key(requests[g]));
    append(profile_key, level);
    Filter own = filter;
    own.shares = has_parts(requests[g]);
    shape.shares = shape.shares || own.shares;
    const ProfileId profile = cluster.acquire(own, requests[g], profile_key, names, level);
    shape.groups.push_back({profile, task.groups[g].zone, count, requests[g]});
    if (shapes_by_profile_.size() <= profile) shapes_by_profile_.resize(profile + 1);
    shapes_by_profile_[profile].push_back(id);
  }
  shape.served = served_of(shape.total, names.of_model(shape.total, task.gpu_model), names);
  shape_ids_.emplace(std::move(key), id);
  return id;
}

ShapeId State::free_shape() {
  if (free_shapes_.empty()) {
    shapes.emplace_back();
    return static_cast<ShapeId>(shapes.size() - 1);
  }
  const ShapeId id = free_shapes_.back();
  free_shapes_.pop_back();
  shapes[id] = {};
  return id;
}

// Gone with its last waiting task. The slots it used stay for a while (Cluster keeps idle
// profiles), so that a stream of single tasks of one shape does not count the cluster each time.
void State::release_shape(ShapeId id) {
  Shape& shape = shapes[id];
  if (--shape.refs > 0) return;
  if (shape.parked) watch(shape, -1);
  for (const Shape::Group& group : shape.groups) {
    auto& users = shapes_by_profile_[group.profile];
    users.erase(std::find(users.begin(), users.end(), id));
    cluster.release_profile(group.profile);
  }
  shape_ids_.erase(shape.key);
  shape = {};
  free_shapes_.push_back(id);
}

// --- parking

// What must hold before a shape can fit at all: enough slots in sum for each group. Cheap enough
// to ask at each change.
bool State::plausible(const Shape& shape) const {
  return std::all_of(shape.groups.begin(), shape.groups.end(), [&](const Shape::Group& g) {
    const Profile& profile = cluster.profile(g.profile);
    const auto room = [&](ZoneId zone) {
      return shape.one_domain ? profile.domains.most(zone) : profile.zones[zone].slots;
    };
    if (g.zone.empty() && shape.one_domain) {
      std::int64_t sum = 0;
      for (const auto& [name, zone] : cluster.zones()) sum += room(zone);
      return sum >= g.count;
    }
    if (g.zone.empty()) return profile.all.slots >= g.count;
    const ZoneId zone = cluster.find_zone(g.zone);
    return zone != kNoId && room(zone) >= g.count;
  });
}

// Tells the cluster which profiles somebody waits for; the others change without a word.
void State::watch(const Shape& shape, int sign) {
  for (const Shape::Group& group : shape.groups) {
    Profile& profile = cluster.profile(group.profile);
    (shape.fragile ? profile.watch_any : profile.watch_growth) += sign;
  }
}

void State::park(ShapeId id, bool fragile) {
  Shape& shape = shapes[id];
  if (shape.parked) return;
  shape.parked = true;
  shape.fragile = fragile;
  watch(shape, 1);
  for (const BucketId bucket : shape.buckets) refresh(bucket);
}

void State::unpark(ShapeId id) {
  Shape& shape = shapes[id];
  if (!shape.parked) return;
  watch(shape, -1);
  shape.parked = false;
  shape.fragile = false;
  for (const BucketId bucket : shape.buckets) refresh(bucket);
}

// Only slots that grew can help an exact search; a heuristic one may be helped by any change.
void State::wake_changed() {
  wake_refused_on();
  for (const Cluster::Change& change : cluster.take_changes()) {
    if (change.profile >= shapes_by_profile_.size()) continue;
    for (const ShapeId id : shapes_by_profile_[change.profile]) {
      const Shape& shape = shapes[id];
      if (shape.parked && (shape.fragile || (change.grew && plausible(shape)))) unpark(id);
    }
  }
}

void State::wake_all() {
  wake_refused();
  for (ShapeId id = 0; id < shapes.size(); ++id) unpark(id);
}

// Nodes came, went or changed. For most shapes only more slots can help, and those are noticed;
// an even spread and a search that was cut short can also profit from a loss. A zone that now
// counts to another region changes what is near.
void State::wake_zone_sensitive() {
  const bool moved = geography != cluster.geography();
  geography = cluster.geography();
  if (moved) wake_refused();
  for (ShapeId id = 0; id < shapes.size(); ++id) {
    const Shape& shape = shapes[id];
    if (!shape.parked) continue;
    if (moved || shape.fragile || shape.policy == ZonePolicy::kSpread) unpark(id);
  }
}

// --- what nodes and the configuration change

bool State::on(const NodeUpsert& d) {
  const NodeId id = cluster.find(d.node.name);
  const bool fresh = id == kNoId;
  const NodeRecord bare;
  const Node& old = fresh ? bare.node : cluster.node(id).node;
  const bool as_large = !fresh && cluster.node(id).present &&
                        old.allocatable == d.node.allocatable && old.zone == d.node.zone &&
                        old.region == d.node.region;
  if (d.node.name.empty() || (!fresh && cluster.node(id).present && old == d.node)) return false;
  // Who may ever start, and what shares are of, does not ask whether a node is cordoned.
  Node cordoned = d.node;
  cordoned.unschedulable = old.unschedulable;
  const bool cordon_alone = as_large && cordoned == old;
  in_order_ = cordon_alone && promises.empty();
  if (!fresh) forget_promises_on(id);
  if (!fresh) recount(id, -1);
  cluster.upsert(d.node, names);
  if (!fresh) recount(id, 1);
  if (as_large) {
    using What = Loosening::What;
    const bool closes = d.node.unschedulable;
    loosen(!cordon_alone ? What::kNode : closes ? What::kCloses : What::kOpens, id);
  } else {
    loosened += kLoosenedAnew;
    wake_refused();
  }
  for (const TaskId holder : fresh ? held : std::set<TaskId>{}) unsettle(holder);  // may name it
  wake_zone_sensitive();
  return true;
}

bool State::on(const NodeRemove& d) {
  const NodeId id = cluster.find(d.name);
  if (id == kNoId || !cluster.node(id).present) return false;
  forget_promises_on(id);
  recount(id, -1);
  cluster.remove(d.name);
  recount(id, 1);
  loosen(Loosening::What::kAnything, id);  // zones may divide in another way
  wake_refused();
  wake_zone_sensitive();
  return true;
}

bool State::on(const ConfigUpdate& d) {
  if (config == d) return false;
  const bool sorted_anew = config.topology != d.topology;
  if (sorted_anew) cluster.set_topology(d.topology, names);
  while ((sorted_anew || !d.keep_promises) && !promises.empty()) {
    forget_promise(promises.begin()->first);
  }
  config = d;
  for (Shape& shape : shapes) {
    shape.never_epoch = 0;
    for (Shape::Hopeless& known : shape.hopeless) known = {};
  }
  for (auto& [task, room] : promises) room.hopeless = {};
  wake_all();
  return true;
}

// Symmetric: either order of the two names is looked up.
std::int64_t State::latency_us(ZoneId a, ZoneId b) const {
  if (a == b) return 0;
  const std::string& x = cluster.zone(a).name;
  const std::string& y = cluster.zone(b).name;
  for (const auto& key : {std::pair{x, y}, std::pair{y, x}}) {
    if (auto known = config.latency_us.find(key); known != config.latency_us.end()) {
      return std::clamp<std::int64_t>(known->second, 0, kLatencyFar);
    }
  }
  return cluster.region(a) == cluster.region(b) ? 0 : kLatencyFar;
}

}  // namespace sched
