// Strategy: a name -> the one queue that a simulation has.
//
//   FIFO          nobody passes a blocked head: the textbook's first come, first served
//   EASY          the textbook's EASY: one reservation, for the head; estimates taken as they are,
//                 and what runs past its estimate is expected to end now
//   Backfill      EASY, with what is learned of finished jobs (scheduler/learn)
//   Conservative  a reservation for each of the first `depth` that wait
//   and the strategies of a TaskQueue by their names: DRF, PriorityBased, FairSharing,
//   TimeSlicing, ResourcePooling, LoadBalancing, Hybrid
//
// All jobs are of one tier. It is Medium, but Low under TimeSlicing: there a turn lasts the
// quantum, where a Medium job would first have the whole of its guarantee, which is what it states
// to last.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "libk8s/base/status.hpp"
#include "scheduler/delta.hpp"

namespace fermi::simulate {

struct Strategy {
  std::string name;
  sched::Queue queue;
  sched::ConfigUpdate config;
};

struct StrategyOptions {
  std::int64_t quantum_ns = std::int64_t{1800} * 1'000'000'000;     // TimeSlicing
  std::int64_t half_life_ns = std::int64_t{86400} * 1'000'000'000;  // FairSharing, Hybrid
  // Whether somebody asked for them: then a strategy has to be there that has one.
  bool says_quantum = false, says_half_life = false;
};

// "FIFO,EASY": upper and lower case are the same. kInvalid with the list of what is known.
k8s::Result<std::vector<Strategy>> parse_strategies(std::string_view names,
                                                    const StrategyOptions& options = {});

}  // namespace fermi::simulate
