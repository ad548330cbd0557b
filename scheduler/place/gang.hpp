// Gang: puts a whole gang on nodes, or leaves everything as it was.
//
// Beside the quotas of its queue (allowance.hpp). Takes, Pod by Pod, the node and the device that
// cost the others least (packing.hpp), or the least loaded one where the queue spreads
// (spread.hpp), and books it in the live state, so that everything placed later is placed beside
// it. The overlay remembers what was booked and gives it back.
//
// Exact for groups that do not share a zone; groups that do are placed in two orders (hardest
// first, then as written) over the best splits: a heuristic, and `exact` says so. Whether these fit
// is found out with the tightest nodes (Cluster::Walk, parts.hpp), so that it depends on what is on
// the nodes alone; where the Pods then go follows packing.hpp, too, if they all find a place so.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "scheduler/place/zones.hpp"

namespace sched {

// Room booked for looking on; undone in reverse. The state must outlive it.
class Overlay {
 public:
  explicit Overlay(State& state) : state_(state) {}
  ~Overlay() { undo(0); }
  Overlay(const Overlay&) = delete;
  Overlay& operator=(const Overlay&) = delete;

  void book(NodeId node, const Amounts& request, std::int64_t times = 1);
  // As if this use of the node had ended.
  void free(NodeId node, const Amounts& use);
  std::size_t mark() const { return changes_.size(); }
  void undo(std::size_t mark);
  // Calls with (node, amounts, sign) for each change; sign 1: room was freed.
  template <class Visit>
  void each(const Visit& visit) const {
    for (const Change& change : changes_) visit(change.node, change.amounts, change.freed ? 1 : -1);
  }

 private:
  State& state_;
  struct Change {
    NodeId node;
    Amounts amounts;  // a copy: what was booked may be gone when it is given back
    bool freed;
  };
  std::vector<Change> changes_;
};

// While it lives, what is booked and freed is only looked at: nobody is woken by it.
class Quiet {
 public:
  explicit Quiet(Cluster& cluster) : cluster_(cluster), before_(cluster.quiet) {
    cluster.quiet = true;
  }
  ~Quiet() { cluster_.quiet = before_; }
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;

 private:
  Cluster& cluster_;
  const bool before_;
};

struct Gang {
  std::vector<NodeId> ranks;
  std::int64_t zones = 0, latency_us = 0;
  std::vector<std::int64_t> devices{};  // by rank, -1 for none; empty when nobody shares one
};

struct GangAnswer {
  std::optional<Gang> gang;  // booked in the overlay when there is one
  // No gang: proved that there is none, and that only more room could change that.
  bool exact = true;
};

struct Fit {
  bool fits = false;
  bool exact = true;  // no: proved that there is no assignment
};

// Whether place_gang would find nodes; books nothing and wakes nobody. From counts where they
// decide.
Fit fits_alone(State& state, const Shape& shape, std::int64_t& looked);

// Whether counts alone could be wrong about this shape, its queue's quotas aside: groups compete
// for one zone's room.
bool groups_share_zones(const Shape& shape);

// Books each rank of the gang on its node, and its device.
void book(Overlay& overlay, const Shape& shape, const Gang& gang);

GangAnswer place_gang(State& state, const Shape& shape, Overlay& overlay, std::int64_t& looked);

}  // namespace sched
