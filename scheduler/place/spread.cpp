#include "scheduler/place/spread.hpp"

#include <tuple>

#include "scheduler/place/domains.hpp"

namespace sched {
namespace {

struct Found {
  bool last = false, leaves_devices = false;
  std::int64_t devices = 0, rest = 0;
  NodeId node = kNoId;
};

class Look {
 public:
  Look(const Cluster& cluster, const Profile& profile, std::int64_t& looked)
      : cluster_(cluster), profile_(profile), looked_(looked) {}

  void look_in(ClassId id) {
    const NodeClass& c = cluster_.cls(id);
    const std::int64_t wanted = c.device == kNoResource ? 0 : profile_.request.at(c.device);
    Found found;
    found.last = profile_.cells[id].match == Match::kLast;
    found.leaves_devices = wanted == 0 && c.device != kNoResource;
    for (auto bucket = c.by_free_devices.rbegin(); bucket != c.by_free_devices.rend(); ++bucket) {
      if (bucket->first < wanted) return;
      if (!freest(bucket->second, found)) continue;
      found.devices = wanted > 0 ? bucket->first : 0;
      if (less_loaded(found, best_)) best_ = found;
      if (wanted > 0) return;  // fewer free devices are more load
    }
  }

  void look_at(NodeId node) {
    if (!takes(node)) return;
    const NodeRecord& record = cluster_.node(node);
    const NodeClass& c = cluster_.cls(record.cls);
    const bool wanted = c.device != kNoResource && profile_.request.at(c.device) > 0;
    Found found{profile_.cells[record.cls].match == Match::kLast,
                !wanted && c.device != kNoResource, wanted ? record.free_devices : 0, record.rest,
                node};
    if (less_loaded(found, best_)) best_ = found;
  }

  NodeId best() const { return best_.node; }

 private:
  bool takes(NodeId node) {
    ++looked_;
    return node < profile_.node_slots.size() && profile_.node_slots[node] > 0;
  }

  // The last entry that fits has most left; the first that fits of those with as much left comes
  // first by name.
  bool freest(const Ordered<NodeClass::Entry>& nodes, Found& found) {
    auto at = nodes.last();
    while (!nodes.at_end(at) && !takes(nodes.get(at).node)) at = nodes.previous(at);
    if (nodes.at_end(at)) return false;
    found.rest = nodes.get(at).rest;
    at = nodes.lower_bound([&](const auto& entry) { return entry.rest < found.rest; });
    while (!takes(nodes.get(at).node)) at = nodes.next(at);
    found.node = nodes.get(at).node;
    return true;
  }

  bool less_loaded(const Found& a, const Found& b) const {
    if (b.node == kNoId) return true;
    const auto key = [](const Found& f) {
      return std::tuple(f.last, f.leaves_devices, -f.devices, -f.rest);
    };
    if (key(a) != key(b)) return key(a) < key(b);
    if (const int order = compare_pools(a.node, b.node); order != 0) return order < 0;
    return cluster_.node(a.node).node.name < cluster_.node(b.node).node.name;
  }

  // What is in use of a pool, in one zone: of its devices where the profile asks for some, else of
  // its CPU.
  struct Load {
    std::int64_t used = 0, total = 0;
  };
  Load load_of(const NodeRecord& node) const {
    Load load;
    for (const ClassId id : cluster_.zone(cluster_.cls(node.cls).zone).classes) {
      const NodeClass& c = cluster_.cls(id);
      if (c.example.pool != node.node.pool) continue;
      const bool devices = c.device != kNoResource && profile_.request.at(c.device) > 0;
      const ResourceId counted = devices ? c.device : ResourceId{kCpu};
      load.total += c.total.at(counted);
      load.used += c.total.at(counted) - c.free.at(counted);
    }
    return load;
  }
  int compare_pools(NodeId a, NodeId b) const {
    const NodeRecord &x = cluster_.node(a), &y = cluster_.node(b);
    if (x.node.pool == y.node.pool) return 0;
    const Load in_x = load_of(x), in_y = load_of(y);
    const auto left = static_cast<__int128>(in_x.used) * in_y.total;
    const auto right = static_cast<__int128>(in_y.used) * in_x.total;
    return left == right ? 0 : left < right ? -1 : 1;
  }

  const Cluster& cluster_;
  const Profile& profile_;
  std::int64_t& looked_;
  Found best_;
};

}  // namespace

NodeId least_loaded(const Cluster& cluster, ProfileId id, ZoneId zone, std::int64_t& looked,
                    const std::function<bool(ClassId)>& open) {
  const Profile& profile = cluster.profile(id);
  Look look(cluster, profile, looked);
  for (const ClassId c : cluster.zone(zone).classes) {
    if (profile.cells[c].slots > 0 && (!open || open(c))) look.look_in(c);
  }
  return look.best();
}

NodeId least_loaded_in(const Cluster& cluster, ProfileId id, ZoneId zone, DomainId domain,
                       std::int64_t& looked, const std::function<bool(ClassId)>& open) {
  if (domain == kNoId || domain == kAnyDomain) return least_loaded(cluster, id, zone, looked, open);
  Look look(cluster, cluster.profile(id), looked);
  for (const NodeId node : cluster.domains().domain(domain).nodes) {
    if (open(cluster.node(node).cls)) look.look_at(node);
  }
  return look.best();
}

}  // namespace sched
