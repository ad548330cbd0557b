// Simulation: one run of the whole system in virtual time, from one seed.
//
// The real client core, operator and engine run against the embedded API server, with faults in
// between, a simulated kubelet, users, and people who get in the way. Two phases:
//   safety    faults and interference; invariants 1 to 4 hold throughout
//   liveness  both stop; within a bounded time every job that can end has ended, the accounts are
//             right (6), no work is lost (7), then nothing is written any more (11), and what was
//             spent is in the ledger once (18)
// Two runs of one seed are the same run: their `digest` is equal.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tests/sim/operator_host.hpp"
#include "tests/sim/world.hpp"

namespace fermi::sim {

struct RunOptions {
  std::uint64_t seed = 1;
  bool faults = true;  // false: a reference run, without faults and interference
  // Chance of a restore of the store, in thousandths a second; -1: as the seed draws it.
  int restores = -1;
  bool verbose = false;
  std::uint64_t die_at_write = 0;  // see OperatorHost
  WritePoint die_point = WritePoint::kBeforeSend;
};

struct RunResult {
  std::optional<std::string> violation;
  double at_s = 0;           // virtual time of the violation or the end
  std::uint64_t digest = 0;  // of all that was asked of the server, in order
  std::uint64_t writes = 0;  // by the operators, leases and all
  std::uint64_t bindings = 0;
  std::int64_t spent = 0;  // by all tasks, in millionths
  int crashes = 0;
  int restores = 0;  // of the store, from a backup
  int rejected = 0;  // Pods, by nodes that still ran what was lost
};

RunResult run_simulation(const RunOptions& options);

}  // namespace fermi::sim
