// Cluster: classes, zones and profiles.
#include <algorithm>

#include "scheduler/limits.hpp"
#include "scheduler/state/cluster.hpp"

namespace sched {
namespace {

void append(std::string& key, const std::string& part) {
  key += part;
  key += '\0';
}

// The extended resource that packing looks at: GPUs where there are any, else the first other
// device by name. Huge pages are memory, not devices.
ResourceId device_of(const Amounts& total, const ResourceNames& names) {
  ResourceId best = kNoResource;
  bool best_gpu = false;
  for (const auto& [id, amount] : total.extended) {
    const std::string& name = names.name(id);
    if (name.starts_with("hugepages-")) continue;
    const bool gpu = is_gpu(name);
    const bool better =
        best == kNoResource || (gpu && !best_gpu) || (gpu == best_gpu && name < names.name(best));
    if (!better) continue;
    best = id;
    best_gpu = gpu;
  }
  return best;
}

template <class Table>
std::uint32_t take_id(Table& table, std::vector<std::uint32_t>& unused) {
  if (unused.empty()) {
    table.emplace_back();
    return static_cast<std::uint32_t>(table.size() - 1);
  }
  const std::uint32_t id = unused.back();
  unused.pop_back();
  table[id] = {};
  return id;
}

}  // namespace

// --- classes

// Everything that a filter may look at and that is not the node's alone. The label part holds only
// keys that somebody asks for: a label unique to each node does not split classes.
std::string Cluster::class_key(const NodeRecord& record, ResourceId device) const {
  const Node& n = record.node;
  std::string key;
  for (const std::string* part : {&n.zone, &n.pool, &n.gpu_model}) append(key, *part);
  append(key, std::to_string(device) + (n.ready ? "r" : "-") + (n.unschedulable ? "c" : "-") +
                  (n.gpu_sharing ? "s" : "-"));
  for (const auto& [label, profiles] : asked_labels_) {
    auto value = n.labels.find(label);
    append(key, value == n.labels.end() ? "-" : "+" + value->second);
  }
  for (const Taint& t : n.taints) {
    append(key, t.key);
    append(key, t.value);
    append(key, t.effect);
  }
  return key;
}

ClassId Cluster::class_of(const NodeRecord& record, const ResourceNames& names) {
  const ResourceId device = device_of(record.total, names);
  std::string key = class_key(record, device);
  if (auto known = class_ids_.find(key); known != class_ids_.end()) return known->second;
  const ZoneId zone = zone_of(record.node.zone);
  const ClassId id = take_id(classes_, free_classes_);
  NodeClass& c = classes_[id];
  c.key = key;
  c.example = record.node;
  c.open = record.node.ready && !record.node.unschedulable;
  c.zone = zone;
  c.device = device;
  class_ids_.emplace(std::move(key), id);
  zones_[zone].classes.push_back(id);
  for (ProfileId p = 0; p < profiles_.size(); ++p) {
    if (!profiles_[p].key.empty()) match_profile(p, id);
  }
  return id;
}

// The last class of a zone takes the zone with it.
void Cluster::drop_class(ClassId id) {
  NodeClass& c = classes_[id];
  for (const ProfileId p : c.profiles) profiles_[p].cells[id] = {};
  auto& of_zone = zones_[c.zone].classes;
  of_zone.erase(std::find(of_zone.begin(), of_zone.end(), id));
  if (of_zone.empty()) {
    zone_ids_.erase(zones_[c.zone].name);
    free_zones_.push_back(c.zone);
  }
  class_ids_.erase(c.key);
  c = {};
  free_classes_.push_back(id);
}

// Asked once per class and profile, of any node of the class.
void Cluster::match_profile(ProfileId p, ClassId c) {
  Profile& profile = profiles_[p];
  if (profile.cells.size() <= c) profile.cells.resize(classes_.size());
  if (profile.zones.size() < zones_.size()) profile.zones.resize(zones_.size());
  profile.cells[c] = {};
  profile.cells[c].match = match_class(profile.filter, classes_[c].example);
  if (profile.cells[c].match != Match::kNo) classes_[c].profiles.push_back(p);
}

// --- zones

ZoneId Cluster::find_zone(const std::string& name) const {
  auto known = zone_ids_.find(name);
  return known == zone_ids_.end() ? kNoId : known->second;
}

ZoneId Cluster::zone_of(const std::string& name) {
  if (const ZoneId known = find_zone(name); known != kNoId) return known;
  const ZoneId id = take_id(zones_, free_zones_);
  zones_[id].name = name;
  zone_ids_.emplace(name, id);
  return id;
}

void Cluster::zone_count(const Node& node, ZoneId id, int sign) {
  Zone& zone = zones_[id];
  const std::string before = region(id);
  zone.nodes += sign;
  if (!node.ready) zone.closed += sign;
  if ((zone.regions[node.region] += sign) == 0) zone.regions.erase(node.region);
  if (region(id) != before) ++geography_;
}

// Nodes of one zone should agree on its region. Where they do not, most of them decide, then the
// name: an answer that does not depend on who came first.
std::string Cluster::region(ZoneId id) const {
  std::string region;
  std::int64_t most = 0;
  for (const auto& [name, nodes] : zones_[id].regions) {
    if (nodes <= most) continue;
    most = nodes;
    region = name;
  }
  return region;
}

bool Cluster::degraded(ZoneId id, std::int64_t permille) const {
  const Zone& zone = zones_[id];
  return zone.closed > 0 &&
         zone.closed * 1000 >= std::clamp<std::int64_t>(permille, 0, 1000) * zone.nodes;
}

// --- profiles

ProfileId Cluster::acquire(const Filter& filter, const Amounts& request, const std::string& key,
                           const ResourceNames& names, const std::string& level) {
  if (auto known = profile_ids_.find(key); known != profile_ids_.end()) {
    if (profiles_[known->second].refs++ == 0) --idle_profiles_;
    return known->second;
  }
  learn_labels(filter, names);
  const ProfileId id = take_id(profiles_, free_profiles_);
  Profile& profile = profiles_[id];
  profile.key = key;
  profile.filter = filter;
  profile.request = request;
  profile.node_level = asks_of_node(filter);
  profile.refs = 1;
  profile.level = level;
  profile.domains = DomainRoom(level.empty() ? kNoId : domains_.find_level(level));
  profile.cells.resize(classes_.size());
  profile.zones.resize(zones_.size());
  profile.node_slots.resize(nodes_.size(), 0);
  profile_ids_.emplace(key, id);
  for (ClassId c = 0; c < classes_.size(); ++c) {
    if (classes_[c].nodes > 0) match_profile(id, c);
  }
  for (NodeId n = 0; n < nodes_.size(); ++n) {
    NodeRecord& r = nodes_[n];
    if (!r.present || profile.cells[r.cls].match == Match::kNo) continue;
    if (profile.node_level && !match_node(filter, r.node)) continue;
    add_empty(profile, n, 1);
    if (classes_[r.cls].open) set_slots(id, r, n, slots(r.free, request));
  }
  return id;
}

void Cluster::release_profile(ProfileId id) {
  Profile& profile = profiles_[id];
  if (--profile.refs > 0) return;
  profile.last_used = ++uses_;
  ++idle_profiles_;
  if (idle_profiles_ > static_cast<std::int64_t>(kIdleProfilesMax)) evict_idle();
}

// The one unused longest goes. This only costs a recount later and never changes an answer.
void Cluster::evict_idle() {
  ProfileId oldest = kNoId;
  for (ProfileId p = 0; p < profiles_.size(); ++p) {
    if (profiles_[p].key.empty() || profiles_[p].refs > 0) continue;
    if (oldest == kNoId || profiles_[p].last_used < profiles_[oldest].last_used) oldest = p;
  }
  drop_profile(oldest);
  --idle_profiles_;
}

void Cluster::drop_profile(ProfileId id) {
  for (NodeClass& c : classes_) std::erase(c.profiles, id);
  profile_ids_.erase(profiles_[id].key);
  forget_labels(profiles_[id].filter);
  profiles_[id] = {};
  free_profiles_.push_back(id);
}

// A label key that nobody asked for before can split classes: all nodes are sorted anew. Keys stay
// known while somebody asks, and a while longer, so this is rare.
void Cluster::learn_labels(const Filter& filter, const ResourceNames& names) {
  bool news = false;
  for (const std::string& label : asked_labels(filter)) {
    auto [at, fresh] = asked_labels_.try_emplace(label, 0);
    if (!fresh && at->second == 0) --dead_labels_;
    ++at->second;
    news = news || fresh;
  }
  if (!news) return;
  if (dead_labels_ > kDeadLabelsMax) {
    std::erase_if(asked_labels_, [](const auto& label) { return label.second == 0; });
    dead_labels_ = 0;
  }
  sort_anew(names, nullptr);
}

// Every node leaves its class and its domains, and joins those it now belongs to.
void Cluster::sort_anew(const ResourceNames& names, const std::vector<TopologyLevel>* levels) {
  std::vector<NodeId> present;
  for (NodeId n = 0; n < nodes_.size(); ++n) {
    if (nodes_[n].present) present.push_back(n);
  }
  for (const NodeId n : present) detach(n);
  if (levels != nullptr) {
    domains_.set_levels(*levels);
    for (Profile& profile : profiles_) {
      const bool asks = !profile.level.empty();
      profile.domains = DomainRoom(asks ? domains_.find_level(profile.level) : kNoId);
    }
  }
  for (const NodeId n : present) attach(n, names);
}

void Cluster::set_topology(const std::vector<TopologyLevel>& levels, const ResourceNames& names) {
  sort_anew(names, &levels);
}

void Cluster::forget_labels(const Filter& filter) {
  for (const std::string& label : asked_labels(filter)) {
    if (--asked_labels_.at(label) == 0) ++dead_labels_;
  }
}

}  // namespace sched
