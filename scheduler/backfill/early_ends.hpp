// EarlyEnds: what a trial in which tasks end before their time has to leave to reservations.
//
// A reservation counts on what running tasks give back until it begins. One that ends now instead
// gives that back now, and nothing then: as much of it as the reservation needs has to stay free.
#pragma once

#include <map>
#include <vector>

#include "scheduler/backfill/calendar.hpp"

namespace sched {

class EarlyEnds {
 public:
  // For a trial of somebody who would run from now until `end`. Takes from it what is kept as
  // things are. What is reserved for the task `of` itself is not counted. No calendar: nothing is.
  EarlyEnds(Calendar* calendar, Time end, Trial& trial, TaskId of = kNoId);

  // A use of a task that the trial takes to end now (sign 1), instead of when it is expected to, or
  // not to (-1). The amounts have to lie still.
  void change(TaskId task, NodeId node, const Amounts& amounts, int sign) {
    if (calendar_ != nullptr && calendar_->reserves(node)) move(task, node, amounts, sign);
  }
  // Gives all of it back to the trial.
  void give_back();

 private:
  void move(TaskId task, NodeId node, const Amounts& amounts, int sign);
  void take(NodeId node);

  Calendar* const calendar_;
  const Time end_;
  Trial& trial_;
  const TaskId of_;
  std::map<NodeId, std::vector<Release>> gone_;
  std::map<NodeId, Amounts> taken_;
};

}  // namespace sched
