// Covered: how closely what runs is covered by the guarantees of its own queue. It decides who may
// be asked by a claim, and why no chain of claims closes.
//
// A Pod is covered by a grant of its queue on whose nodes it lies, if beside those before it it
// stays within what is guaranteed there. A task is as closely covered as the least of its Pods (of
// an elastic gang: of its minimum, those Pods that are covered most closely). Closeness, from loose
// to close:
//
//   -1      not at all: borrowed, or of what nobody is guaranteed
//    0 .. 3 by a grant that names so many of zone, pool and model, and not all of its devices
//    4 .. 7 the same with all devices that it asks for
//
// Those of a queue count in the order in which they began to run; who does not run yet stands
// behind, by uid; what elastic gangs have beyond their minimum comes after all minima. So who
// starts takes nothing from those who ran before it, and who ends only leaves more to them.
//
//     guaranteed 2 in zone a, 4 anywhere       first: 1 GPU in a    5
//                                              second: 4 GPUs in b  not covered: 1 + 4 > 4
//                                              third: 1 GPU in a    5
#pragma once

#include <map>
#include <set>
#include <vector>

#include "scheduler/state/state.hpp"

namespace sched {

inline constexpr int kUncovered = -1, kAllDevices = 4, kClosest = 7;

// Of the state as it was when first asked: to be made anew for each search. Looks at a queue when
// one of its tasks is asked for.
class Covered {
 public:
  explicit Covered(const State& state) : state_(state) {}
  // A placed task, as a whole; and one Pod of it.
  int of(TaskId task);
  int of_rank(TaskId task, std::size_t rank);
  // A waiting task, if it ran on these nodes as the last of its queue, beside what is kept for
  // others of the queue.
  static int when_placed(const State& state, TaskId task, const std::vector<std::string>& nodes);

 private:
  struct Closeness {
    int whole = kUncovered;
    std::vector<int> ranks;
  };
  class Prefix;
  void look(QueueId queue);
  const Closeness* find(TaskId task);

  const State& state_;
  std::set<QueueId> looked_at_;
  std::map<TaskId, Closeness> known_;  // those that are covered, wholly or in part
};

}  // namespace sched
