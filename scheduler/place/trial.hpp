// Trial: what would fit if some of what is there were otherwise, for one shape.
//
// Two ways to ask, from cheap to dear. Counts: each change of a node moves the number of Pods that
// fit there, one division per resource, and the sums over zones with it; for gangs whose groups do
// not compete for one zone's room the counts alone decide, and name the nodes (but not the devices
// of which parts are asked for). Nodes: all changes
// are put into the live state, one per node, and the gang is placed there. Nothing of this stays:
// the live state is as before when a call returns, but for what a gang that was asked for takes,
// and `apply`, both in the caller's overlay.
//
// Made for a cluster that is quiet (see Quiet in place/gang.hpp) and does not change meanwhile.
// Costs: one word per node to begin with, then what is changed.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "scheduler/place/domains.hpp"
#include "scheduler/place/gang.hpp"

namespace sched {

class Trial {
 public:
  Trial(State& state, const Shape& shape);

  // As if this use had ended (sign 1), or had begun beside all that is there (sign -1).
  void change(NodeId node, const Amounts& amounts, int sign);

  // To be called before any change: as if all Low tasks had ended that may be asked to stop
  // (outlook.hpp), who then must not be ended by changes, too. False, and nothing is done, where
  // there are none or it would not be exact.
  bool begin_without_low();
  // The same with any outlook, wherever sums alone are asked for from then on: `plausible`,
  // `missing`; and `counts_allow`, for gangs whose groups do not compete and ask for no domains.
  void begin(Outlook outlook);

  // Whether a Pod of the shape could run on the node if nothing else did.
  bool eligible(NodeId node);
  // Whether a Pod of the shape fits on the node in the live state.
  bool takes_now(NodeId node) const;
  // Whether the slots suffice in sum for each group: no more than additions.
  bool plausible() const;
  // Pods that are missing in sum for the group that lacks most; 0 or less when none does.
  std::int64_t missing() const;
  // Whether the counts let it fit: no more than a division over zones.
  bool counts_allow();
  // The same beside what is guaranteed to others, as the state has that: the slots are moved, what
  // is free and used is not.
  bool divides();
  // Whether the gang fits now. Counts in `looked` what was looked at.
  bool fits(Overlay& overlay, std::int64_t& looked);
  // What the gang's queue uses of its quotas is other than before.
  void recount() { counted_ = false; }
  // Whether `fits` is exact: it says no only when there is no assignment.
  bool exact() const { return exact_; }

  void apply(Overlay& overlay) const;
  // The changes that it applies: (node, what is free beside what is).
  template <class Visit>
  void each_applied(const Visit& visit) const {
    for (const Spot& spot : spots_) {
      if (!spot.ended.zero() && matters(spot)) visit(spot.node, spot.ended);
    }
  }
  // Names the gang's nodes, and books nothing. `kFreed`: those on which something ended come
  // first, those with least free now before the others; then the tightest. `kAsStarts`: as
  // place_gang chooses for what starts: where it costs least (packing.hpp), or the least loaded
  // where its queue spreads. What has begun is load.
  enum class First : std::uint8_t { kTightest, kFreed, kAsStarts };
  std::optional<Gang> place(Overlay& overlay, std::int64_t& looked, First first = First::kTightest);

 private:
  struct Spot {
    NodeId node = kNoId;
    Amounts ended;               // below 0 of a resource: more begun than ended
    Few<std::int64_t, 2> gains;  // by profile: slots more than in the live state
  };
  struct OfProfile {
    ProfileId profile = kNoId;
    std::vector<std::int64_t> gains;  // by zone
    std::int64_t all = 0;
    std::map<DomainId, std::int64_t> by_domain;  // of the level that it asks about
  };
  struct Zoned {  // a group's profile, and the zone it names
    std::size_t profile = 0;
    ZoneId zone = kNoId;
    bool nowhere = false;  // it names one that is not there
  };
  bool ask(NodeId node) const;
  bool matters(const Spot& spot) const;
  bool has_changed(NodeId node) const { return !spots_.empty() && spot_of_[node] < spots_.size(); }
  Spot& spot_on(NodeId node);
  std::int64_t first_gain(const OfProfile& p, NodeId node) const;
  void name_first();
  std::int64_t have(std::size_t group) const;
  bool count();
  void shift(int sign);
  std::optional<Gang> place_by_counts(std::int64_t& looked, First first);
  // So many Pods of a group, in one domain of a zone or in its nodes that lie in none.
  struct Part {
    std::size_t group = 0;
    ZoneId zone = kNoId;
    std::vector<DomainPart> domains;
  };
  std::optional<std::vector<Part>> parts_of(const Split& split) const;
  bool fill(const Part& part, First first, std::vector<NodeId>& ranks, std::int64_t& looked) const;
  bool keep_slots(const Part& part, const DomainPart& of, std::vector<NodeId>& ranks,
                  std::int64_t& looked) const;
  void fill_zone(const Part& part, First first, const std::int64_t& left,
                 const std::function<void(NodeId)>& take, std::int64_t& looked) const;
  void fill_domain(const Part& part, DomainId domain, First first, const std::int64_t& left,
                   const std::function<void(NodeId)>& take, std::int64_t& looked) const;
  void fill_in_order(std::size_t profile, ZoneId zone, const std::vector<Cluster::Spot>& own,
                     const std::int64_t& left, const std::function<void(NodeId)>& take,
                     std::int64_t& looked) const;
  // The changed nodes of a zone that take a Pod, in the packing order. `freed`: only those that
  // take more than before, in the order of what is free on them now.
  std::vector<Cluster::Spot> changed(std::size_t profile, ZoneId zone, bool freed) const;
  std::int64_t gain(std::size_t profile, NodeId node) const;
  std::int64_t slots_on(std::size_t profile, NodeId node) const;

  State& state_;
  const Shape& shape_;
  const bool exact_;
  std::vector<OfProfile> profiles_;
  std::vector<Zoned> groups_;
  std::vector<Spot> spots_;  // of the nodes that changed
  // By node; kUnasked, kOut, kNoId or a position. Made for the first node that is asked about.
  std::vector<std::uint32_t> spot_of_;
  std::optional<Outlook> begins_;
  bool counted_ = false, counts_allow_ = false;  // the answer for the slots as they are
};

}  // namespace sched
