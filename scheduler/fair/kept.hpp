// Kept: what is guaranteed to queues on some of the nodes, and who may use it meanwhile.
//
// What of a grant (grants.hpp) its queue does not use on those nodes is idle. All is by amounts: a
// guarantee is of so many GPUs somewhere on those nodes, not of a whole node.
//
//   need(queue, S)  what has to stay free on the nodes S for it: of its grants that lie within S
//                   the larger of what is idle of a grant, and the sum of the needs within it. A
//                   need within S is no more than what is free there: what is lent out already
//                   cannot be kept elsewhere. Nor are those of several queues together: of nodes of
//                   which more is guaranteed than there is, that much is kept.
//   left(S)         what is free on S, less the needs of all other queues.
//   covered         a Pod that stays within what is idle of a grant of its own queue, on its nodes.
//
// A queue that does not pool, and any High task, starts a Pod on a node only if for each S in which
// that node lies something is left, or a grant within S covers it. S are the nodes of each grant,
// all nodes, and where grants cross (neither disjoint nor one within the other) those of two and
// more such grants together: one free node must not count for two.
//
//      zone a: 16 free     B is guaranteed 8 in zone a, and uses none: 8 are left to others
//      pool p: 8 free      C is guaranteed 8 in pool p: nothing is left there, nor where it lies
//
// Where two grants of one queue cross, the larger need counts, not both: what it uses where they
// meet counts in both.
#pragma once

#include "scheduler/fair/grants.hpp"
#include "scheduler/fair/guarantee.hpp"

namespace sched {

// What of own grants a gang may still stay within.
class Cover {
 public:
  // Of the grants of a queue, less what it uses, and what is kept for its tasks that wait for
  // others (`but`: this one's aside).
  Cover(const State& state, QueueId queue, TaskId but = kNoId);
  explicit Cover(const std::vector<Granted>& grants) { add(grants); }
  // The same as if it used nothing.
  static Cover whole(const State& state, QueueId queue);
  // Without what is kept for its queue of grants within others, elsewhere: what is left is that by
  // which the needs of the queue fall when it is taken.
  void keep_inner();
  bool none() const { return grants_.empty(); }
  // How many Pods that ask for this much are covered on such a node; only what is guaranteed
  // limits, and at least one resource that they ask for must be.
  std::int64_t pods(const Node& node, const Amounts& request) const;
  // How closely one Pod is covered there (fair/covered.hpp has the scale).
  int closeness(const Node& node, const Amounts& request) const;
  void take(const Node& node, const Amounts& request, std::int64_t pods);

 private:
  friend class Kept;
  Cover() = default;
  void add(const std::vector<Granted>& grants);
  struct Grant {
    const Quota* nodes = nullptr;
    // Of what is guaranteed, exactly: what is idle of the grant, and the most that may still stay
    // within it and those within it together.
    struct Left {
      ResourceId resource = kNoResource;
      __int128 idle = 0, most = 0;
    };
    std::vector<Left> left;
  };
  // How many of these Pods, or -1 where it limits nothing that they ask for.
  __int128 pods(const Grant& grant, const Node& node, const Amounts& request) const;
  // How much of a resource is covered on such a node by this grant, or -1 where it does not say.
  __int128 of(const Grant& grant, const Node& node, ResourceId resource) const;
  std::vector<Grant> grants_;
};

// Nodes, by one of each kind, and how many Pods of a group would fit there if nothing ran.
using Crowd = std::vector<std::pair<const Node*, std::int64_t>>;

// What others' guarantees leave of the nodes to a gang.
class Kept {
 public:
  // kNow: what they do not use of them, as the state is now. kOwnToo: and what its own queue does
  // not use of its own, where it would need as much when the gang has more. kNobody: all of them,
  // as if nobody used anything and every node took Pods; then what is kept is rather said too
  // small.
  enum class Beside : std::uint8_t { kNow, kOwnToo, kNobody };
  Kept(const State& state, const Shape& shape, Beside beside = Beside::kNow);
  // `own`: what of its queue's own grants it may stay within, if not as the state is now.
  Kept(const State& state, const Shape& shape, Beside beside, Cover own);
  // Whether anything of it could keep the gang from a node.
  bool binds() const { return !parts_.empty(); }
  std::int64_t pods(const Node& node, const Amounts& request) const;
  void take(const Node& node, const Amounts& request, std::int64_t pods);
  // An upper bound of how many may go to these in sum.
  std::int64_t most(const Crowd& crowd, const Amounts& request) const;
  // The first nodes to which the gang may not have all that it asks for: which, of what, how much
  // is left to it there, and how much is kept for others.
  struct Told {
    Quota nodes;
    Guarded guarded;
    Amounts asked = {};   // beside kNow: what the gang has to have there
    bool wishes = false;  // there is enough, but not where the gang's wishes let it
  };
  std::optional<Told> tell(const State& state, const Shape& shape) const;
  // The nodes of which a gang that lies so has more than is left to it there, by what it asks for
  // in sum; empty when there are none. One node for each Pod, in the order of its groups.
  grants::Nodes taken(const State& state, const Shape& shape,
                      const std::vector<NodeId>& ranks) const;
  // Beside kNobody: why the gang can never start, if that is certain. It has to have more of some
  // nodes than it can ever have there, or fewer of its Pods may stand anywhere than it has, or
  // where its wishes let them (never_kept.cpp).
  std::optional<Told> never(const State& state, const Shape& shape) const;

 private:
  struct Part {
    std::vector<const Quota*> nodes;  // those that match any of them
    struct Left {
      ResourceId resource = kNoResource;
      __int128 left = 0, kept = 0;
    };
    std::vector<Left> left;
    std::vector<std::size_t> covers;  // own grants within
  };
  class Bound;
  std::optional<Told> never_in(const Bound& bound, const Shape& shape) const;
  std::optional<Told> never_as_wished(const State& state, const Shape& shape) const;
  std::optional<Told> told_of(const Shape& shape, const Part& part, const Part::Left& left) const;
  __int128 most_covered(const Part& part, ResourceId resource) const;
  Amounts asked_of(const State& state, const Shape& shape, const Part& part) const;
  static bool holds(const Part& part, const Node& node);
  bool takes(const State& state, const Shape& shape, const std::vector<NodeId>& ranks,
             const Part& part, const Part::Left& left) const;
  __int128 covered(const Part& part, const Node& node, ResourceId resource) const;

  std::vector<Part> parts_;
  Cover cover_;
};

// Why the guarantees of others of some of the nodes never let a gang of this shape and tier start:
// the same, found out once as long as nodes and rules stay. Not while somebody of a queue with a
// guarantee holds room who yields to that tier.
std::optional<Kept::Told> never_kept(State& state, ShapeId shape, int tier);

// Whether what others are guaranteed is all that keeps the shape from places that there are.
bool guarantees_forbid(const State& state, const Shape& shape);

}  // namespace sched
