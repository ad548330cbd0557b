// Cluster: nodes, what is used on them, and how many Pods of each profile still fit.
//
// Words
//   class    nodes that every filter answers alike: same zone, pool, model, taints, readiness and
//            the labels that somebody asks for. A filter is matched once per class.
//   profile  one Pod's filter and request, interned. Tasks of 100,000 share a few hundred.
//   slots    how many Pods of a profile fit now; kept per (profile, node), summed per class and
//            zone, and changed by the node that changed: reading a sum never scans nodes.
//
// Invariants
//   1. used(node) is the sum of what was booked with `adjust`, whether the node is there or not.
//   2. slots of a profile in a zone = sum over open nodes there of min over resources of
//      free / request, parts of devices as in devices.hpp. Free is never below 0, even where
//      allocatable fell below use.
//   3. Every answer depends on content only, never on the order in which it came about.
//
// A plain value: copying copies the whole cluster. Ids are positions in tables and are reused.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "scheduler/place/filter.hpp"
#include "scheduler/state/amounts.hpp"
#include "scheduler/state/change_log.hpp"
#include "scheduler/state/domains.hpp"
#include "scheduler/state/ordered.hpp"

namespace sched {

// Something of each of some nodes.
using NodeAmounts = std::vector<std::pair<NodeId, Amounts>>;

struct NodeRecord {
  Node node;             // as last seen; only the name counts while `present` is false
  bool present = false;  // a node can be used (by Pods) before it is seen
  Amounts total, used, free;
  Amounts by_model;  // its GPUs under their model's name (ResourceNames::of_model)
  ClassId cls = kNoId;
  // The place in the packing order of its class: free devices, then what is left of the scarcer
  // of CPU and memory (in 2^-20 of the node), then the name.
  std::int64_t free_devices = 0, rest = 0;
  std::int64_t bookings = 0;
  std::uint64_t changed = 0;  // the last change of it or of its amounts, by number
  // While present: its domain at each level of the topology, and where it stands among the nodes of
  // its zone.
  std::vector<DomainId> domains;
  std::string path;
};

struct NodeClass {
  std::string key;
  Node example;
  bool open = false;  // ready and not cordoned
  ZoneId zone = kNoId;
  ResourceId device = kNoResource;  // the extended resource that packing looks at
  std::int64_t nodes = 0;
  std::int64_t cpu_max = 0, memory_max = 0;  // of any node it ever had: a bound, not a sum
  Amounts total, free;                       // sums over its nodes
  struct Entry {
    std::int64_t rest = 0;
    NodeId node = kNoId;
  };
  std::map<std::int64_t, Ordered<Entry>> by_free_devices;
  // Nodes with parts of devices in use, by what is left of such a device; a node once for each
  // different rest above 0.
  std::map<std::int64_t, Ordered<Entry>> by_rest;
  std::vector<ProfileId> profiles;  // those that match
};

struct Zone {
  std::string name;
  std::map<std::string, std::int64_t> regions;  // what its nodes say
  std::int64_t nodes = 0, closed = 0;
  std::vector<ClassId> classes;
};

// See place/outlook.hpp.
enum class Outlook : std::uint8_t { kWithoutLow, kSettled };

struct Profile {
  std::string key;
  Filter filter;
  Amounts request;
  bool node_level = false;
  std::int64_t refs = 0;
  std::uint64_t last_used = 0;
  struct Cell {  // per class
    Match match = Match::kNo;
    std::int64_t slots = 0, fitting = 0;  // Pods that fit; nodes that take at least one
    std::int64_t empty = 0;               // Pods that would fit if nothing ran, closed nodes too
  };
  std::vector<Cell> cells;
  std::vector<std::uint32_t> node_slots;
  std::vector<bool> takes;  // by node: whether it is open, and a Pod would fit if nothing ran
  struct Sum {              // per zone
    std::int64_t slots = 0, last = 0, empty = 0;  // last: those on nodes to be used last
  };
  std::vector<Sum> zones;
  Sum all;
  std::string level;  // of the topology, whose domains are counted; "": none
  DomainRoom domains;
  // How many parked shapes wait for room to grow, and how many for any change at all.
  std::int64_t watch_growth = 0, watch_any = 0;
  bool reported = false;
  // How many Pods more there would be room for without some of what is there, as of the change of a
  // node number `seen` of what they follow: kept by place/outlook.hpp, for those who ask.
  struct Outlook {
    struct OnNode {
      std::int64_t gain = 0;
      ZoneId zone = 0;  // whose sum has it
    };
    std::vector<OnNode> nodes;
    std::vector<std::int64_t> zones;
    std::int64_t all = 0;
    std::uint64_t seen = 0;  // 0: not known
  };
  std::array<Outlook, 2> outlooks;
};

class Cluster {
 public:
  // --- changes
  bool upsert(const Node& node, ResourceNames& names);  // false: nothing new
  bool remove(const std::string& name);
  NodeId intern(const std::string& name);  // known or not
  void release(NodeId id);                 // forgets an absent node that nothing uses
  // Books `add` and gives `sub` back in one step (either may be null). `bookings` changes by
  // one for each.
  void adjust(NodeId node, const Amounts* add, const Amounts* sub);
  // The levels below the zone, from wide to narrow. Sorts all nodes anew.
  void set_topology(const std::vector<TopologyLevel>& levels, const ResourceNames& names);

  ProfileId acquire(const Filter& filter, const Amounts& request, const std::string& key,
                    const ResourceNames& names, const std::string& level = "");
  void release_profile(ProfileId id);

  // Tells of a class of nodes that so much is free, and what was: for who asks what would be left
  // of it at another moment, and puts that back (backfill/moment.hpp).
  Amounts exchange_free(ClassId id, Amounts free) {
    return std::exchange(classes_[id].free, std::move(free));
  }

  // --- reading
  const NodeRecord& node(NodeId id) const { return nodes_[id]; }
  std::size_t node_count() const { return nodes_.size(); }
  NodeId find(std::string_view name) const;
  const NodeClass& cls(ClassId id) const { return classes_[id]; }
  const Zone& zone(ZoneId id) const { return zones_[id]; }
  ZoneId find_zone(const std::string& name) const;
  // The zones that have nodes, by name.
  const std::map<std::string, ZoneId>& zones() const { return zone_ids_; }
  std::string region(ZoneId id) const;
  // Whether so many thousandths of its nodes, or more, are not ready.
  bool degraded(ZoneId id, std::int64_t permille) const;
  const Domains& domains() const { return domains_; }
  // The node's domain of the level that the profile asks about; kNoId: none.
  DomainId domain_of(const Profile& profile, NodeId node) const;
  // The order of ranks within a zone: domain by domain, node by node.
  bool stands_before(NodeId a, NodeId b) const;
  Profile& profile(ProfileId id) { return profiles_[id]; }
  const Profile& profile(ProfileId id) const { return profiles_[id]; }
  const Amounts& total() const { return total_; }
  // GPUs once more, under the name of each model.
  const Amounts& total_by_model() const { return total_by_model_; }
  // Each change of a node, or of what runs there.
  const ChangeLog& changes() const { return log_; }
  // Of who runs there, where that leaves its amounts as they are.
  void note_change(NodeId node) { log_.note(node); }
  // Grows with each change of the nodes themselves (not of what runs on them).
  std::uint64_t epoch() const { return epoch_; }
  // The same but for whether they are ready and not cordoned.
  std::uint64_t makeup() const { return makeup_; }
  // Grows with each change of what the nodes have in all.
  std::uint64_t sizes() const { return sizes_; }
  // Grows when a zone comes to count to another region.
  std::uint64_t geography() const { return geography_; }

  // Whether Pods of the profile may run on the node as it is now, room aside.
  bool open_to(ProfileId profile, NodeId node) const;
  // Whether a Pod of the profile could run on the node as it is now if nothing else did.
  bool takes(ProfileId profile, NodeId node) const {
    const std::vector<bool>& of = profiles_[profile].takes;
    return node < of.size() && of[node];
  }
  // A node's place in the packing order of a profile: tightest by free devices, then by what is
  // left of the scarcer rest, then by name; nodes to be used last come last. Total.
  struct Spot {
    bool last = false;
    std::int64_t devices = 0, rest = 0;
    NodeId node = kNoId;  // kNoId comes after all others
  };
  // As if so much more were free there.
  Spot spot(ProfileId profile, NodeId node, const Amounts& more) const;
  bool precedes(const Spot& a, const Spot& b) const;
  // A node of the class with less left than this has not the CPU or the memory for a Pod.
  std::int64_t least_rest(const Profile& profile, const NodeClass& cls) const;
  class Walk;

  // Profiles with a watcher whose slots grew or whose nodes changed, since the last call.
  struct Change {
    ProfileId profile;
    bool grew;
  };
  std::vector<Change> take_changes();
  // Nodes of which more became free, since the last call.
  std::vector<NodeId> take_freed();
  // While quiet, nothing is reported: for looking at states that are not so, and are undone before
  // the quiet ends.
  bool quiet = false;

 private:
  void attach(NodeId id, const ResourceNames& names);
  void detach(NodeId id);
  void index(NodeId id, bool insert);
  void keep(std::map<std::int64_t, Ordered<NodeClass::Entry>>& buckets, std::int64_t key, NodeId id,
            bool insert);
  void measure(NodeId id);
  void reslot(NodeId id);
  void set_slots(ProfileId p, NodeRecord& node, NodeId id, std::int64_t slots);
  void count_empty(NodeId id, int sign);
  void add_empty(Profile& profile, NodeId id, int sign);
  ClassId class_of(const NodeRecord& node, const ResourceNames& names);
  std::string class_key(const NodeRecord& node, ResourceId device) const;
  void drop_class(ClassId id);
  void match_profile(ProfileId p, ClassId c);
  ZoneId zone_of(const std::string& name);
  void zone_count(const Node& node, ZoneId zone, int sign);
  void learn_labels(const Filter& filter, const ResourceNames& names);
  void forget_labels(const Filter& filter);
  void evict_idle();
  void drop_profile(ProfileId id);
  void note(ProfileId p, bool grew);
  void sort_anew(const ResourceNames& names, const std::vector<TopologyLevel>* levels);

  std::vector<NodeRecord> nodes_;
  std::vector<NodeId> free_nodes_;
  std::unordered_map<std::string, NodeId> node_ids_;
  std::vector<NodeClass> classes_;
  std::vector<ClassId> free_classes_;
  std::unordered_map<std::string, ClassId> class_ids_;
  std::vector<Zone> zones_;
  std::vector<ZoneId> free_zones_;
  std::map<std::string, ZoneId> zone_ids_;
  std::vector<Profile> profiles_;
  std::vector<ProfileId> free_profiles_;
  std::unordered_map<std::string, ProfileId> profile_ids_;
  std::int64_t idle_profiles_ = 0;
  std::uint64_t uses_ = 0;
  std::map<std::string, std::int64_t> asked_labels_;  // and how many profiles ask
  std::size_t dead_labels_ = 0;                       // asked for by none
  std::vector<Change> changes_;
  std::vector<NodeId> freed_;
  Domains domains_;
  Amounts total_, total_by_model_;
  std::uint64_t epoch_ = 0, makeup_ = 0, sizes_ = 0, geography_ = 0;
  ChangeLog log_;
};

// The nodes of a zone that take a Pod of the profile, in the packing order.
// Filling each before the next is the same as choosing the tightest anew for each Pod: a node that
// takes one stays the tightest for the next. The cluster must not change meanwhile.
class Cluster::Walk {
 public:
  Walk(const Cluster& cluster, ProfileId profile, ZoneId zone);
  // No node at the end. Adds the nodes it looked at to `looked`.
  Spot next(std::int64_t& looked);

 private:
  struct Line {  // of one class
    ClassId cls = kNoId;
    bool begun = false;
    std::int64_t rest = 0;  // a node with less left than this has not the CPU or the memory
    std::map<std::int64_t, Ordered<NodeClass::Entry>>::const_iterator bucket;
    Ordered<NodeClass::Entry>::Cursor at;
    Spot first;
  };
  void advance(Line& line, std::int64_t& looked) const;

  const Cluster& cluster_;
  const Profile& profile_;
  std::vector<Line> lines_;
};

}  // namespace sched
