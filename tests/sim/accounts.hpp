// Accounts: that what tasks spent, and how long they ran, stands in the ledger once (invariant 18).
//
// Written from what the objects said, with JSON and arithmetic of its own: the last status of every
// job that there ever was, the cost that each plain Pod was told, and the ledger's ConfigMaps as
// they stand at the end. Nothing may be missing, nothing be there twice, to the millionth.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "tests/sim/sim_server.hpp"
#include "tests/sim/truth.hpp"

namespace fermi::sim {

class Accounts {
 public:
  Accounts(SimServer& server, Truth& truth);

  // What was said until a backup of the store is what counts once that is restored.
  void back_up() { backup_ = {jobs_, pods_}; }
  void restore() { std::tie(jobs_, pods_) = backup_; }

  // At rest, when everything has ended: the first thing that is wrong, or "".
  std::string check();
  // What all tasks have spent, in millionths: a run in which nothing is spent proves nothing.
  std::int64_t spent() const;

 private:
  using Cells = std::map<std::string, std::int64_t>;  // "queue/tenant/day/pool": millionths
  struct Job {
    std::string name;
    Cells costs;
    std::int64_t told = 0;    // costAccumulated
    std::int64_t ran_s = -1;  // from running to its end; -1: it has not ended by itself
  };
  struct Ledger {
    Cells costs;
    std::map<std::int64_t, int> runs;  // how many tasks ran for so many seconds
  };
  void on_job(const Json& job);
  void on_pod(const Json& pod);
  Ledger read_ledger();

  SimServer& server_;
  using Jobs = std::map<std::string, Job>;          // by uid, those that are gone as well
  using Pods = std::map<std::string, std::string>;  // plain ones that ended on a node: told cost
  Jobs jobs_;
  Pods pods_;
  std::pair<Jobs, Pods> backup_;
};

}  // namespace fermi::sim
