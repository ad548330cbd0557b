// Allowance: how many Pods of one gang the quotas of its queue, and what is guaranteed to other
// queues on some of the nodes, let onto which nodes.
//
// Only quotas that can bind are in it: one that would let the whole gang onto its nodes says
// nothing. Where the queue has none, or none binds, it is empty and every node is open.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "scheduler/fair/kept.hpp"
#include "scheduler/state/state.hpp"

namespace sched {

enum class Quotas : std::uint8_t {
  kIgnored,
  kNow,     // beside what the queue uses, and what is kept for other queues
  kOwn,     // beside what the queue uses, whatever is kept for others
  kAlone,   // as if nothing else of the queue ran, whatever is kept for others
  kNobody,  // beside what others are guaranteed of some of the nodes alone, as if nobody ran
};

class Allowance {
 public:
  Allowance(const State& state, const Shape& shape, Quotas quotas);

  bool binds() const { return !limits_.empty() || kept_ || claim_; }
  // How many Pods that ask for this much may go to nodes of this class, at most kSlotsMax.
  std::int64_t pods(ClassId cls, const Amounts& request) const;
  // So many go there.
  void take(ClassId cls, const Amounts& request, std::int64_t pods);
  // An upper bound of how many may go to these in sum.
  std::int64_t most(const Crowd& crowd, const Amounts& request) const;

 private:
  struct Limit {
    const Quota* quota = nullptr;
    std::vector<std::pair<ResourceId, __int128>> left;  // exactly (state/devices.hpp)
  };
  const Cluster* cluster_;
  std::vector<Limit> limits_;
  std::optional<Kept> kept_;    // where others' guarantees bind
  std::optional<Cover> claim_;  // what may be claimed, where the search is for that
};

// Whether it has to be asked class by class how much of a shape may go where.
inline bool by_place(const Shape& shape) {
  return shape.limits != kNoId || shape.guards != kNoId || shape.claims != kNoId;
}

// Whether the search for places is exact beside the quotas of the gang's queue: it says no only
// when there is no assignment, and more of what they leave is all that could change that.
bool exact_beside_quotas(const State& state, const Shape& shape, Quotas quotas = Quotas::kNow);

}  // namespace sched
