// Invariants: what must hold whatever goes wrong, checked against the Truth, in code of its own.
//
// Numbers are those of the project's list of invariants.
//   1 (at each Binding of the operator)  No over-commit: what occupying Pods hold of a node never
//     exceeds its allocatable amounts because of that Binding.
//   2 (the same moment)  Devices are counted resources here: no more holders than devices.
//   (A restore of the store from a backup makes another history of all after the backup.)
//   3 (history)  One successful Binding per Pod uid; none for a Pod that is being deleted, gated,
//   or
//     bound already; a bound Pod never changes its node.
//   4 (history)  A gang is never left with some members bound and some not for longer than
//     `kGangDeadline`, unless one of its members has ended.
//   6 (at rest)  The engine's own accounting equals that of a fresh look at the truth.
//   7 (at rest)  Every job that could end has ended; one that waits, waits for a reason it states.
//  11 (at rest)  Nothing is written when nothing happens.
//  18 (at rest)  Cost and run time of each task that is over are in the ledger once (accounts.hpp).
// 6, 7, 11 and 18 are checked by the run itself (simulation.hpp), with the helpers here.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "tests/sim/sim_server.hpp"
#include "tests/sim/truth.hpp"

namespace fermi::sim {

class Invariants {
 public:
  // The operator has a minute to bind a gang; an outage, a fail-over and a silent watch come on
  // top.
  static constexpr k8s::Duration kGangDeadline = std::chrono::minutes(6);

  Invariants(SimServer& server, Truth& truth);

  // The first violation, if any: "invariant 1: node n3 has 9 of 8 nvidia.com/gpu".
  const std::optional<std::string>& violation() const { return violation_; }
  void violate(const std::string& what);

  // The store goes back to a backup while `restore` runs: Pods may lose their node by it, and
  // nothing that was bound since then is.
  void across(const std::function<void()>& restore);

  // Looks at all gangs; to be called every few seconds.
  void check_gangs();
  // Gangs that are partly bound now: what must be none at rest.
  std::optional<std::string> partial_gang() const;

  // Writes by the operator other than to leases and events.
  std::uint64_t operator_writes() const { return operator_writes_; }
  const std::string& last_operator_write() const { return last_operator_write_; }
  std::uint64_t bindings() const { return bindings_; }

 private:
  struct Gang {
    std::int64_t size = 0;
    int bound = 0;
    bool ended = false;  // a member is in a terminal phase
  };
  std::map<std::string, Gang> gangs() const;

  void on_served(const Served& served);
  void on_pod_change(const Json* before, const Json* after);
  void on_binding(const Served& served);
  void check_node(const std::string& node);

  SimServer& server_;
  Truth& truth_;
  std::optional<std::string> violation_;
  bool restoring_ = false;
  std::map<std::string, int> bound_;  // by Pod uid
  std::map<std::string, k8s::TimePoint> partial_since_;
  std::uint64_t operator_writes_ = 0, bindings_ = 0;
  std::string last_operator_write_;
};

}  // namespace fermi::sim
