// Trial: what would fit if some of what runs had ended, for one shape.
//
// Two ways to ask, from cheap to dear. Counts: each change of a node moves the number of Pods that
// fit there, one division per resource, and the sums over zones with it; for gangs whose groups do
// not compete for one zone's room the counts alone decide. Nodes: all changes are put into the live
// state, one per node, and the gang is placed there. Nothing of this stays: the live state is as
// before when a call returns, but for `apply` and `place`, which book in the caller's overlay; that
// must be undone before the next change, and before the trial goes.
//
// Made for a cluster that is quiet (see Quiet in place/gang.hpp) and does not change meanwhile.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "scheduler/backfill/ends.hpp"
#include "scheduler/place/gang.hpp"

namespace sched {

class Trial {
 public:
  Trial(State& state, const Shape& shape);

  // As if this use had ended (sign 1), or had begun beside all that is there (sign -1).
  void change(NodeId node, const Amounts& amounts, int sign);
  // All who were placed on nodes that could take a Pod of the shape.
  std::vector<TaskId> near();
  // The state in which those of `near` who were asked to stop have gone and every hold but that of
  // `task` is filled. `deficits_booked`: the caller has booked `hold_deficits` (holds.hpp) of all
  // others.
  void look_ahead(TaskId task, const std::vector<TaskId>& near, Time now, bool deficits_booked);

  // Whether a Pod of the shape could run on the node if nothing else did.
  bool eligible(NodeId node);
  // Whether the gang fits now. Counts in `looked` what was looked at.
  bool fits(Overlay& overlay, std::int64_t& looked);
  // Whether `fits` is exact: it says no only when there is no assignment.
  bool exact() const { return exact_; }

  void apply(Overlay& overlay) const;
  std::optional<Gang> place(Overlay& overlay, std::int64_t& looked) const;

 private:
  struct Spot {
    NodeId node = kNoId;
    Amounts ended;                    // below 0 of a resource: more begun than ended
    std::vector<std::int64_t> gains;  // by profile: slots more than in the live state
  };
  struct OfProfile {
    ProfileId profile = kNoId;
    std::vector<std::int64_t> gains;  // by zone
    std::int64_t all = 0;
    std::vector<std::int8_t> takes;  // by node; -1: not asked yet
  };
  bool takes(OfProfile& p, NodeId node) const;
  bool count();
  void shift(int sign);

  State& state_;
  const Shape& shape_;
  const bool exact_;
  std::vector<OfProfile> profiles_;
  std::vector<std::size_t> profile_of_group_;
  std::vector<Spot> spots_;                      // of the nodes that changed
  std::vector<std::uint32_t> spot_of_;           // by node
  bool counted_ = false, counts_allow_ = false;  // the answer for the slots as they are
};

}  // namespace sched
