// What JobControl keeps of one job. For job_control.cpp and job_sync.cpp only.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "operator/loop/job_control.hpp"
#include "operator/translate/dependencies.hpp"
#include "operator/translate/volume_pins.hpp"
#include "operator/translate/waiting.hpp"
#include "scheduler/plan.hpp"

namespace fermi {

struct JobControl::Record {
  std::string key, uid;

  // What the engine has been told.
  std::optional<sched::Task> sent;
  std::optional<std::pair<std::int64_t, sched::Placement>> told;  // attempt and where
  bool confirmed = false;
  bool ended = false;
  std::string tier;
  std::string outsider;             // why its queue does not take in its namespace
  Dependencies after;               // while it waits
  std::set<std::string> waits_for;  // keys of the jobs that it names
  std::set<std::string> claims;     // keys of the claims that it uses
  VolumePins pins;

  // The engine's decision, not yet in the status.
  std::optional<JobPlacement> decided;
  Regions decided_regions;
  // It has to make room, which is not in the status yet.
  std::optional<JobPreempted> preempt;
  // It is to have another size, which is not in the status yet; the engine counts it so already.
  // `may_go`: nobody objects.
  std::optional<JobResize> resize;
  Regions resize_regions;
  bool may_go = false;
  std::string objection;  // why it did not make room when it was to
  // Ranks of attempt `lost_of` whose Pods are gone, and with them the room that was counted for
  // them.
  std::int64_t lost_of = -1;
  std::set<std::int64_t> lost;
  // The next attempt on the same nodes is booked, and being written.
  bool restarting = false;

  std::shared_ptr<JobMemory> memory = std::make_shared<JobMemory>();
  std::int64_t port = 0;
  // Since when the current attempt may be made and bound.
  std::int64_t starting_attempt = -1;
  k8s::TimePoint starting_since;
  // Why it waits, as last said, and what else is known of when it starts.
  sched::Reason shown;
  Outlook outlook;
  // Its place in the budget of position writes.
  std::optional<k8s::TimePoint> position_slot;
  // What it would cost an hour: until when that is not asked again, unless there is another
  // forecast than that of `cost_as_of`.
  std::optional<std::pair<std::int64_t, k8s::TimePoint>> waiting_cost;
  sched::Time cost_as_of;
};

}  // namespace fermi
