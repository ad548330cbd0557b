#include "scheduler/state/cluster.hpp"

#include <algorithm>
#include <utility>

#include "scheduler/limits.hpp"
#include "scheduler/state/devices.hpp"

namespace sched {
namespace {

// What is left of one resource in 2^-20 of what the node has; rounded down.
std::int64_t left(std::int64_t free, std::int64_t total) {
  if (total <= 0) return 0;
  return static_cast<std::int64_t>((static_cast<unsigned __int128>(free) << 20) /
                                   static_cast<unsigned __int128>(total));
}

bool differs_but_in_being_open(const Node& a, Node b) {
  b.ready = a.ready;
  b.unschedulable = a.unschedulable;
  return a != b;
}

}  // namespace

// --- nodes

NodeId Cluster::find(std::string_view name) const {
  auto known = node_ids_.find(std::string(name));
  return known == node_ids_.end() ? kNoId : known->second;
}

NodeId Cluster::intern(const std::string& name) {
  if (const NodeId id = find(name); id != kNoId) return id;
  NodeId id = static_cast<NodeId>(nodes_.size());
  if (free_nodes_.empty()) {
    nodes_.emplace_back();
  } else {
    id = free_nodes_.back();
    free_nodes_.pop_back();
  }
  nodes_[id] = {};
  nodes_[id].node.name = name;
  node_ids_.emplace(name, id);
  return id;
}

// Records of absent nodes live as long as something is booked on them.
void Cluster::release(NodeId id) {
  NodeRecord& record = nodes_[id];
  if (record.present || record.bookings > 0) return;
  node_ids_.erase(record.node.name);
  record = {};
  free_nodes_.push_back(id);
}

// A changed node leaves its class and joins the one it now belongs to; what is used stays.
bool Cluster::upsert(const Node& node, ResourceNames& names) {
  const NodeId id = intern(node.name);
  const Amounts total = names.amounts(node.allocatable);
  NodeRecord& record = nodes_[id];
  if (record.present && record.node == node) return false;
  sizes_ += !record.present || record.total != total;
  if (record.present) {
    detach(id);
    total_.minus(record.total);
    total_by_model_.minus(record.by_model);
  }
  ++epoch_;
  if (!record.present || differs_but_in_being_open(record.node, node)) ++makeup_;
  record.node = node;
  record.present = true;
  record.total = total;
  total_.plus(total);
  record.by_model = names.of_model(total, node.gpu_model);
  total_by_model_.plus(record.by_model);
  attach(id, names);
  return true;
}

// What runs on it is still booked: the Pods are removed by deltas of their own, and the node may
// come back before.
bool Cluster::remove(const std::string& name) {
  const NodeId id = find(name);
  if (id == kNoId || !nodes_[id].present) return false;
  ++epoch_;
  ++makeup_;
  detach(id);
  NodeRecord& record = nodes_[id];
  total_.minus(record.total);
  total_by_model_.minus(record.by_model);
  record.present = false;
  Node bare;
  bare.name = record.node.name;
  record.node = std::move(bare);
  record.total = {};
  record.free = {};
  release(id);
  return true;
}

// The hot path: one node changes, and with it the sums of its class, its place in the packing
// order, and the slots of the profiles that match its class.
std::vector<NodeId> Cluster::take_freed() { return std::exchange(freed_, {}); }

void Cluster::adjust(NodeId id, const Amounts* add, const Amounts* sub) {
  NodeRecord& record = nodes_[id];
  record.bookings += (add != nullptr) - (sub != nullptr);
  const bool adds = add != nullptr && !add->zero(), subs = sub != nullptr && !sub->zero();
  if (!adds && !subs) return;
  if (adds && subs && *add == *sub) return;
  record.changed = log_.note(id);
  if (record.present) index(id, false);
  if (add != nullptr) record.used.plus(*add);
  if (sub != nullptr) record.used.minus(*sub);
  if (!record.present) return;
  if (subs && !quiet) freed_.push_back(id);
  NodeClass& c = classes_[record.cls];
  c.free.minus(record.free);
  measure(id);
  c.free.plus(record.free);
  index(id, true);
  reslot(id);
}

// --- a node in its class

// Free is cut at 0 where allocatable fell below use: nothing fits there, and nothing else breaks.
void Cluster::measure(NodeId id) {
  NodeRecord& r = nodes_[id];
  r.free = free_of(r.total, r.used);
  const NodeClass& c = classes_[r.cls];
  r.free_devices = c.device == kNoResource ? 0 : r.free.at(c.device);
  r.rest = std::min(left(r.free.base[kCpu], r.total.base[kCpu]),
                    left(r.free.base[kMemory], r.total.base[kMemory]));
}

// The place of a node in its class must be found by what it was inserted with: callers take it out
// before they change what `measure` reads, and put it in after.
void Cluster::index(NodeId id, bool insert) {
  const NodeRecord& r = nodes_[id];
  NodeClass& c = classes_[r.cls];
  keep(c.by_free_devices, r.free_devices, id, insert);
  if (!has_parts(r.free)) return;
  std::set<std::int64_t> rests;
  for (const auto& [resource, milli] : r.free.extended) {
    if (is_device(resource) && whole_of(resource) == c.device) rests.insert(milli);
  }
  for (const std::int64_t rest : rests) keep(c.by_rest, rest, id, insert);
}

// A node in one bucket of an index of its class, or out of it.
void Cluster::keep(std::map<std::int64_t, Ordered<NodeClass::Entry>>& buckets, std::int64_t key,
                   NodeId id, bool insert) {
  const auto less = [this](const NodeClass::Entry& a, const NodeClass::Entry& b) {
    if (a.rest != b.rest) return a.rest < b.rest;
    return a.node != b.node && nodes_[a.node].node.name < nodes_[b.node].node.name;
  };
  const NodeClass::Entry entry{nodes_[id].rest, id};
  if (insert) {
    buckets[key].insert(entry, less);
    return;
  }
  auto bucket = buckets.find(key);
  bucket->second.erase(entry, less);
  if (bucket->second.empty()) buckets.erase(bucket);
}

void Cluster::attach(NodeId id, const ResourceNames& names) {
  nodes_[id].changed = log_.note(id);
  const ClassId cls = class_of(nodes_[id], names);
  freed_.push_back(id);
  NodeRecord& r = nodes_[id];
  r.cls = cls;
  NodeClass& c = classes_[cls];
  ++c.nodes;
  c.cpu_max = std::max(c.cpu_max, r.total.base[kCpu]);
  c.memory_max = std::max(c.memory_max, r.total.base[kMemory]);
  measure(id);
  c.total.plus(r.total);
  c.free.plus(r.free);
  zone_count(r.node, c.zone, 1);
  r.domains = domains_.join(id, r.node, c.zone);
  r.path = domains_.path_of(r.node);
  index(id, true);
  count_empty(id, 1);
  reslot(id);
}

void Cluster::detach(NodeId id) {
  nodes_[id].changed = log_.note(id);
  NodeRecord& r = nodes_[id];
  const ClassId cls = r.cls;
  NodeClass& c = classes_[cls];
  for (const ProfileId p : c.profiles) set_slots(p, r, id, 0);
  count_empty(id, -1);
  index(id, false);
  c.total.minus(r.total);
  c.free.minus(r.free);
  zone_count(r.node, c.zone, -1);
  domains_.leave(id, std::exchange(r.domains, {}));
  r.cls = kNoId;
  if (--c.nodes == 0) drop_class(cls);
}

// What would fit if nothing ran: closed nodes count too, they may come back.
void Cluster::count_empty(NodeId id, int sign) {
  const NodeRecord& r = nodes_[id];
  for (const ProfileId p : classes_[r.cls].profiles) {
    Profile& profile = profiles_[p];
    if (profile.node_level && !match_node(profile.filter, r.node)) continue;
    add_empty(profile, id, sign);
  }
}

void Cluster::add_empty(Profile& profile, NodeId id, int sign) {
  const ClassId cls = nodes_[id].cls;
  const std::int64_t fit = slots(nodes_[id].total, profile.request);
  profile.takes.resize(nodes_.size());
  profile.takes[id] = sign > 0 && fit > 0 && classes_[cls].open;
  profile.cells[cls].empty += sign * fit;
  profile.zones[classes_[cls].zone].empty += sign * fit;
  profile.all.empty += sign * fit;
  const DomainId domain = domain_of(profile, id);
  if (domain != kNoId) profile.domains.add_empty(domain, sign * fit);
}

DomainId Cluster::domain_of(const Profile& profile, NodeId id) const {
  const std::uint32_t level = profile.domains.level();
  const std::vector<DomainId>& domains = nodes_[id].domains;
  return level < domains.size() ? domains[level] : kNoId;
}

bool Cluster::stands_before(NodeId a, NodeId b) const {
  if (a == b) return false;
  const NodeRecord &x = nodes_[a], &y = nodes_[b];
  return x.path != y.path ? x.path < y.path : x.node.name < y.node.name;
}

void Cluster::reslot(NodeId id) {
  NodeRecord& r = nodes_[id];
  const NodeClass& c = classes_[r.cls];
  for (const ProfileId p : c.profiles) {
    const Profile& profile = profiles_[p];
    const bool takes = c.open && (!profile.node_level || match_node(profile.filter, r.node));
    set_slots(p, r, id, takes ? slots(r.free, profile.request) : 0);
    if (profile.watch_any > 0) note(p, false);
  }
}

// Every sum that contains this node moves by the difference: reading one never scans.
void Cluster::set_slots(ProfileId p, NodeRecord& node, NodeId id, std::int64_t now) {
  Profile& profile = profiles_[p];
  if (profile.node_slots.size() <= id) profile.node_slots.resize(nodes_.size(), 0);
  const std::int64_t before = profile.node_slots[id];
  if (before == now) return;
  profile.node_slots[id] = static_cast<std::uint32_t>(now);
  Profile::Cell& cell = profile.cells[node.cls];
  Profile::Sum& zone = profile.zones[classes_[node.cls].zone];
  cell.slots += now - before;
  cell.fitting += (now > 0) - (before > 0);
  zone.slots += now - before;
  profile.all.slots += now - before;
  const DomainId domain = domain_of(profile, id);
  if (domain != kNoId) profile.domains.add(domains_, domain, now - before);
  if (cell.match == Match::kLast) {
    zone.last += now - before;
    profile.all.last += now - before;
  }
  if (now > before && profile.watch_growth > 0) note(p, true);
}

void Cluster::note(ProfileId p, bool grew) {
  if (quiet || (!grew && profiles_[p].reported)) return;
  profiles_[p].reported = true;
  changes_.push_back({p, grew});
}

std::vector<Cluster::Change> Cluster::take_changes() {
  for (const Change& change : changes_) profiles_[change.profile].reported = false;
  return std::exchange(changes_, {});
}

// --- picking

// The packing order over all classes of a zone; total, since names are unique.
bool Cluster::precedes(const Spot& a, const Spot& b) const {
  if (b.node == kNoId) return a.node != kNoId;
  if (a.node == kNoId) return false;
  if (a.last != b.last) return !a.last;
  if (a.devices != b.devices) return a.devices < b.devices;
  if (a.rest != b.rest) return a.rest < b.rest;
  return nodes_[a.node].node.name < nodes_[b.node].node.name;
}

Cluster::Walk::Walk(const Cluster& cluster, ProfileId profile, ZoneId zone)
    : cluster_(cluster), profile_(cluster.profiles_[profile]) {
  for (const ClassId id : cluster.zones_[zone].classes) {
    if (profile_.cells[id].slots == 0) continue;
    const NodeClass& c = cluster.classes_[id];
    Line line;
    line.cls = id;
    line.rest = cluster.least_rest(profile_, c);
    const std::int64_t devices = c.device == kNoResource ? 0 : profile_.request.at(c.device);
    line.bucket = c.by_free_devices.lower_bound(devices);
    lines_.push_back(line);
  }
}

std::int64_t Cluster::least_rest(const Profile& profile, const NodeClass& c) const {
  return std::min(left(profile.request.base[kCpu], c.cpu_max),
                  left(profile.request.base[kMemory], c.memory_max));
}

bool Cluster::open_to(ProfileId id, NodeId node) const {
  const NodeRecord& r = nodes_[node];
  if (!r.present || !classes_[r.cls].open) return false;
  const Profile& p = profiles_[id];
  if (r.cls >= p.cells.size() || p.cells[r.cls].match == Match::kNo) return false;
  return !p.node_level || match_node(p.filter, r.node);
}

Cluster::Spot Cluster::spot(ProfileId profile, NodeId id, const Amounts& more) const {
  const NodeRecord& r = nodes_[id];
  const NodeClass& c = classes_[r.cls];
  const auto free = [&](ResourceId resource) {
    return std::max<std::int64_t>(0,
                                  r.total.at(resource) - r.used.at(resource) + more.at(resource));
  };
  const std::int64_t rest =
      std::min(left(free(kCpu), r.total.base[kCpu]), left(free(kMemory), r.total.base[kMemory]));
  std::int64_t devices = c.device == kNoResource ? 0 : free(c.device);
  if (devices > 0 && (has_parts(r.used) || has_parts(more))) {
    Amounts used = r.used;
    used.minus(more);
    devices = free_of(r.total, used).at(c.device);
  }
  return {profiles_[profile].cells[r.cls].match == Match::kLast, devices, rest, id};
}

Cluster::Spot Cluster::Walk::next(std::int64_t& looked) {
  Line* best = nullptr;
  for (Line& line : lines_) {
    if (!line.begun) advance(line, looked);
    if (line.first.node == kNoId) continue;
    if (best == nullptr || cluster_.precedes(line.first, best->first)) best = &line;
  }
  if (best == nullptr) return {};
  best->begun = false;  // the next is looked for when it is asked for
  return best->first;
}

// To the next node of the class that takes a Pod. The first look at a bucket skips those that are
// too full.
void Cluster::Walk::advance(Line& line, std::int64_t& looked) const {
  const NodeClass& c = cluster_.classes_[line.cls];
  const auto enough = [&] {
    return line.bucket->second.lower_bound([&](const auto& e) { return e.rest < line.rest; });
  };
  if (line.bucket != c.by_free_devices.end()) {
    line.at = line.first.node == kNoId ? enough() : line.bucket->second.next(line.at);
  }
  line.begun = true;
  line.first = {};
  while (line.bucket != c.by_free_devices.end()) {
    const auto& nodes = line.bucket->second;
    for (; !nodes.at_end(line.at); line.at = nodes.next(line.at)) {
      ++looked;
      const NodeClass::Entry& entry = nodes.get(line.at);
      if (profile_.node_slots.size() <= entry.node || profile_.node_slots[entry.node] == 0)
        continue;
      line.first = {profile_.cells[line.cls].match == Match::kLast, line.bucket->first, entry.rest,
                    entry.node};
      return;
    }
    if (++line.bucket != c.by_free_devices.end()) line.at = enough();
  }
}

}  // namespace sched
