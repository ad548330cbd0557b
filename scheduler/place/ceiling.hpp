// Ceiling: how many Pods of a group a zone takes at most beside rules about some of the nodes, if
// nothing of the rest of the world were in the way.
//
//   zone a: 16 GPUs, 4 of them guaranteed to others     Pods of 8: at most 1
//   the same as two racks, and all Pods in one rack     Pods of 4: at most 2 of 4
//
// Upper bounds alone: what does not fit below them never fits. Counted class by class, or node by
// node where the Pods of a zone have to lie in one domain.
#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "scheduler/place/allowance.hpp"

namespace sched {

class Ceiling {
 public:
  // `quotas`: kAlone or kNobody. Keeps references to what it is given.
  Ceiling(const State& state, const Shape& shape, Quotas quotas);

  // Whether any rule could keep the gang from anything.
  bool binds() const { return allowance_.binds(); }
  std::int64_t most(const Shape::Group& group, ZoneId zone) const;

 private:
  std::int64_t most_of(const Shape::Group& group, ZoneId zone) const;

  const State& state_;
  const Shape& shape_;
  const Allowance allowance_;
  mutable std::map<std::pair<const Shape::Group*, ZoneId>, std::int64_t> known_;
};

}  // namespace sched
