// Domains: the parts of a zone at each level of the topology below it (block, rack), and how many
// Pods of a profile fit in each.
//
//   zone-a ── block b1 ── rack r1: n1 n2      path of rack r1 in b1: "b1\0r1\0"
//          │           └─ rack r2: n3
//          └─ block b2 ── rack r1: n4         another rack, though its label says the same
//
// A domain is named by its zone and by the values of the labels from the widest level down to its
// own: of two blocks, the racks of one name are two. A node without the label of a level lies in no
// domain of that level. A domain is there as long as a node lies in it.
//
// Plain values: copying copies all. Every order that is told ends in the path.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "scheduler/delta.hpp"
#include "scheduler/state/ids.hpp"
#include "scheduler/state/ordered.hpp"

namespace sched {

struct Domain {
  ZoneId zone = kNoId;
  std::uint32_t level = 0;
  std::string path;
  DomainId wider = kNoId;       // of the next wider level; kNoId: that of the zone
  std::vector<NodeId> nodes{};  // in no order
};

class Domains {
 public:
  // Only while no node is in any. Levels beyond kTopologyLevelsMax, and those without a name or a
  // label, are left out.
  void set_levels(const std::vector<TopologyLevel>& levels);
  std::size_t levels() const { return levels_.size(); }
  // kNoId for an unknown one.
  std::uint32_t find_level(const std::string& name) const;

  // The node's domain at each level; kNoId where it has no label of that level.
  std::vector<DomainId> join(NodeId id, const Node& node, ZoneId zone);
  void leave(NodeId id, const std::vector<DomainId>& domains);
  // The values of its labels from the widest level down: equal ones lie together.
  std::string path_of(const Node& node) const;

  const Domain& domain(DomainId id) const { return domains_[id]; }
  // Those of one level of a zone, by path.
  std::vector<DomainId> of(ZoneId zone, std::uint32_t level) const;

 private:
  std::vector<TopologyLevel> levels_;
  std::vector<Domain> domains_;
  std::vector<DomainId> unused_;
  std::map<std::tuple<ZoneId, std::uint32_t, std::string>, DomainId> ids_;
};

// How many Pods of one profile fit in each domain of one level: kept as its nodes change, and read
// without looking at any.
class DomainRoom {
 public:
  struct Entry {
    std::int64_t slots = 0;
    DomainId domain = kNoId;
  };
  using Line = Ordered<Entry>;

  DomainRoom() = default;
  explicit DomainRoom(std::uint32_t level) : level_(level) {}
  std::uint32_t level() const { return level_; }

  void add(const Domains& domains, DomainId domain, std::int64_t slots);
  void add_empty(DomainId domain, std::int64_t slots);

  std::int64_t slots(DomainId domain) const { return domain < slots_.size() ? slots_[domain] : 0; }
  std::int64_t empty(DomainId domain) const { return domain < empty_.size() ? empty_[domain] : 0; }
  // The domains of a zone that take a Pod: fewest slots first, those with as many by path, the last
  // one first. From its end on it is most slots first, by path.
  const Line& line(ZoneId zone) const;
  // The most that one domain of the zone takes.
  std::int64_t most(ZoneId zone) const;
  // The first by path of those that take so many, and no more than they must; kNoId: none does.
  DomainId smallest(ZoneId zone, std::int64_t count) const;
  // The first by path of those that take most; kNoId: none takes any.
  DomainId largest(ZoneId zone) const;

 private:
  std::uint32_t level_ = kNoId;
  std::vector<std::int64_t> slots_, empty_;  // by domain
  std::vector<Line> lines_;                  // by zone
};

}  // namespace sched
