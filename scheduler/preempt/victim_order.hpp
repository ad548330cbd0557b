// Victim order: of two who may both be asked to stop, who goes first.
//
// Within a tier: longest past its guarantee (its turn, to rotate), least work lost, fewest Pods,
// latest start, uid. Work lost is GPU time since its last checkpoint, or since it runs where it
// does not say how often it writes one; CPU time counts for tasks without GPUs, which lose less
// than any with GPUs. A total order on exact integers.
//
// An elastic gang above its minimum stands in it twice: with what it has beyond that, which it may
// give up and run on, and as a whole. Both lose the same work, since a change of size restarts all
// of it; the first is fewer Pods, and so always comes before the second.
#pragma once

#include "scheduler/state/state.hpp"

namespace sched {

enum class Scope : std::uint8_t {
  kWhole,    // a gang of one size, or at its minimum
  kSurplus,  // what an elastic gang has beyond its minimum
  kRest,     // all of an elastic gang, after its surplus
};

struct Candidate {
  TaskId task = kNoId;
  Scope scope = Scope::kWhole;
  __int128 overdue = 0;  // nanoseconds past its guarantee, or its turn
  __int128 gpu_work = 0, cpu_work = 0;
  std::size_t pods = 0;
  std::int64_t begun = 0;
};

// A task that does not run yet has lost nothing and is the latest of all.
// `turns`: it is asked to give way after its turn.
Candidate rate(const State& state, TaskId id, Time now, bool turns);
Candidate rate(const Askable& task, Time now, bool turns);

// Both of one tier.
bool before(const State& state, const Candidate& a, const Candidate& b);

}  // namespace sched
