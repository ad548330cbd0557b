// Ahead: what somebody who would run from now until some end has to leave to others.
//
// Room is reserved in one of two ways: by the reservations that a pass makes anew (Calendar), or by
// promises that are kept from pass to pass (KeptPromises). Who looks for running tasks to end now need not
// know by which.
#pragma once

#include <vector>

#include "scheduler/backfill/calendar.hpp"
#include "scheduler/backfill/kept_promises.hpp"

namespace sched {

class Ahead {
 public:
  // Nothing is reserved.
  Ahead() = default;
  // By this calendar; what is reserved for the task `of` itself is not counted.
  Ahead(Calendar& calendar, Time end, TaskId of) : calendar_(&calendar), end_(end), of_(of) {}
  // By these promises.
  Ahead(const KeptPromises& kept, Time end, KeptPromises::Binding binding)
      : kept_(&kept), end_(end), binding_(std::move(binding)) {}

  // What has to stay free of what is free now, by node.
  NodeAmounts all() const;
  // The same of one node, if all of `gone` had ended by now and gave nothing back later.
  Amounts on(NodeId node, const std::vector<Release>& gone) const;
  // Whether anything of the node may be reserved.
  bool reserves(NodeId node) const;
  Time expected_end_of(TaskId task) const;

 private:
  Calendar* calendar_ = nullptr;  // one of the two, or neither
  const KeptPromises* kept_ = nullptr;
  Time end_{};
  TaskId of_ = kNoId;
  KeptPromises::Binding binding_;
};

}  // namespace sched
