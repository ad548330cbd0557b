// EarlyEnds: what a trial in which tasks end before their time has to leave to reservations.
//
// A reservation counts on what running tasks give back until it begins. One that ends now instead
// gives that back now, and nothing then: as much of it as the reservation needs has to stay free.
#pragma once

#include <map>
#include <vector>

#include "scheduler/backfill/ahead.hpp"

namespace sched {

class EarlyEnds {
 public:
  // For a trial of somebody who has to leave that to others. Takes from it what is kept as things
  // are. Both must outlive it.
  EarlyEnds(const Ahead& ahead, Trial& trial);

  // A use of a task that the trial takes to end now (sign 1), instead of when it is expected to, or
  // not to (-1). The amounts have to lie still.
  void change(TaskId task, NodeId node, const Amounts& amounts, int sign) {
    if (ahead_.reserves(node)) move(task, node, amounts, sign);
  }
  // Gives all of it back to the trial.
  void give_back();

 private:
  void move(TaskId task, NodeId node, const Amounts& amounts, int sign);
  void take(NodeId node);

  const Ahead& ahead_;
  Trial& trial_;
  std::map<NodeId, std::vector<Release>> gone_;
  std::map<NodeId, Amounts> taken_;
};

}  // namespace sched
