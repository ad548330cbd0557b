// KeptPromises: what promised room (State::promises) leaves to others.
//
// A promise is room on named nodes for a waiting task, from a moment on, for as long as the task is
// expected to run. Whoever runs from now until some end may take of a node what it has, less the
// most that the promises which bind him lack there at any moment in between: what they need then
// less what is expected to have ended by then. Nothing of it is booked, and nothing is found anew:
// only nodes that are asked about are looked at.
//
// Room is promised to several tasks beside each other; `stands` says whether what one of them was
// promised on a node is still there, beside those ahead of it.
#pragma once

#include <map>
#include <vector>

#include "scheduler/backfill/future.hpp"
#include "scheduler/place/trial.hpp"

namespace sched {

class KeptPromises {
 public:
  // The holders of the promises that bind somebody, by id.
  using Binding = std::vector<TaskId>;

  KeptPromises(const State& state, Time now) : state_(state), now_(now) {}

  Time begin(TaskId holder) const { return state_.promises.at(holder).at; }
  Time end(TaskId holder) const {
    return end_after(begin(holder), state_.tasks[holder].task.expected_duration_ns);
  }
  // The task starts in this pass, on these nodes: what it has there is given back when it ends, and
  // is nothing that its own promise needs any more.
  void started(TaskId task, const std::vector<NodeId>& ranks,
               const std::vector<std::int64_t>& devices);
  // Of those that bind, the one whose promise begins first before `end`; kNoId when none does.
  TaskId first_before(Time end, const Binding& binding) const;
  // Takes from the trial what whoever runs from now until `end` must leave free. Only nodes that
  // take a Pod of its shape now.
  void keep(Trial& trial, Time end, const Binding& binding) const;
  // The same of all nodes.
  NodeAmounts all(Time end, const Binding& binding) const;
  // The same of one node: the most that is missing there between `from` and `to`, if all of `gone`
  // had ended by now and gave nothing back later.
  Amounts missing(NodeId node, const Binding& binding, Time from, Time to,
                  const std::vector<Release>& gone = {}) const;
  // Whether any of those that bind was promised room on the node.
  bool binds_on(NodeId node, const Binding& binding) const;
  // Whether the room that the holder was promised on this node is there, beside `ahead`.
  bool stands(TaskId holder, NodeId node, const Binding& ahead) const;
  Time now() const { return now_; }
  Time expected_end_of(TaskId task) const { return expected_end(state_, state_.tasks[task], now_); }

 private:
  template <class Use, class Visit>
  void each_node(const Binding& binding, const Use& use, const Visit& visit) const;

  const State& state_;
  const Time now_;
  struct Started {
    TaskId task = kNoId;
    Time end;
    Amounts amounts;
  };
  Amounts left_of(TaskId holder, NodeId node) const;

  std::map<NodeId, std::vector<Started>> started_on_;  // of this pass
};

}  // namespace sched
