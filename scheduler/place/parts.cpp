#include "scheduler/place/parts.hpp"

#include <tuple>

#include "scheduler/place/spread.hpp"
#include "scheduler/state/devices.hpp"

namespace sched {
namespace {

struct Found {
  bool last = false, opens = false;
  std::int64_t tight = 0;  // what is left of the device; of one that is opened: free devices
  std::int64_t rest = 0;
  NodeId node = kNoId;
};

class Look {
 public:
  Look(const Cluster& cluster, const Profile& profile, const Part& part, DomainId domain,
       std::int64_t& looked)
      : cluster_(cluster), profile_(profile), part_(part), domain_(domain), looked_(looked) {}

  void look_in(ClassId id) {
    const NodeClass& c = cluster_.cls(id);
    const bool last = profile_.cells[id].match == Match::kLast;
    const std::int64_t least = cluster_.least_rest(profile_, c);
    // Parts of what is not the class's own kind of device are in no index: any node may have them.
    const bool own = c.device == part_.whole;
    if (own && look_in(c.by_rest, part_.milli, least, last, false)) return;
    look_in(c.by_free_devices, own ? 1 : 0, least, last, true);
  }

  NodeId best() const { return best_.node; }

 private:
  bool takes(NodeId node) {
    ++looked_;
    return node < profile_.node_slots.size() && profile_.node_slots[node] > 0 &&
           (domain_ == kAnyDomain || cluster_.domain_of(profile_, node) == domain_);
  }

  // The first node that takes a Pod, in the tightest bucket that has one.
  bool look_in(const std::map<std::int64_t, Ordered<NodeClass::Entry>>& buckets, std::int64_t from,
               std::int64_t least, bool last, bool opens) {
    for (auto bucket = buckets.lower_bound(from); bucket != buckets.end(); ++bucket) {
      const auto& nodes = bucket->second;
      auto at = nodes.lower_bound([&](const auto& entry) { return entry.rest < least; });
      while (!nodes.at_end(at) && !takes(nodes.get(at).node)) at = nodes.next(at);
      if (nodes.at_end(at)) continue;
      const Found found{last, opens, bucket->first, nodes.get(at).rest, nodes.get(at).node};
      if (tighter(found, best_)) best_ = found;
      return true;
    }
    return false;
  }

  bool tighter(const Found& a, const Found& b) const {
    if (b.node == kNoId) return true;
    const auto key = [](const Found& f) { return std::tuple(f.last, f.opens, f.tight, f.rest); };
    if (key(a) != key(b)) return key(a) < key(b);
    return cluster_.node(a.node).node.name < cluster_.node(b.node).node.name;
  }

  const Cluster& cluster_;
  const Profile& profile_;
  const Part part_;
  const DomainId domain_;
  std::int64_t& looked_;
  Found best_;
};

NodeId tightest(const Cluster& cluster, const Profile& profile, const Part& part, ZoneId zone,
                DomainId domain, std::int64_t& looked, const std::function<bool(ClassId)>& open) {
  Look look(cluster, profile, part, domain, looked);
  for (const ClassId c : cluster.zone(zone).classes) {
    if (profile.cells[c].slots > 0 && open(c)) look.look_in(c);
  }
  return look.best();
}

}  // namespace

bool share_devices(State& state, const Shape::Group& group, ZoneId zone, const DomainPart& pods,
                   bool spread, Overlay& overlay, Allowance& left, std::vector<Seat>& seats,
                   std::int64_t& looked) {
  const Cluster& cluster = state.cluster;
  const Profile& profile = cluster.profile(group.profile);
  const Part part = *part_of(group.request);
  const auto open = [&](ClassId cls) { return left.pods(cls, group.request) > 0; };
  for (std::int64_t i = 0; i < pods.count; ++i) {
    const NodeId node =
        spread ? least_loaded_in(cluster, group.profile, zone, pods.domain, looked, open)
               : tightest(cluster, profile, part, zone, pods.domain, looked, open);
    if (node == kNoId) return false;
    const NodeRecord& record = cluster.node(node);
    const std::int64_t device = device_for(record.free, record.used, part);
    if (device < 0) return false;
    left.take(record.cls, group.request, 1);
    overlay.book(node, use_of(group.request, device));
    seats.push_back({node, device});
  }
  return true;
}

}  // namespace sched
