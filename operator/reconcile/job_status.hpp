// How the status of a TrainingJob changes: one function for each kind of change, so that phase,
// conditions, timeline, cost and notices always move together. Pure; used by the machine only.
#pragma once

#include <optional>
#include <string>

#include "operator/reconcile/job_machine.hpp"

namespace fermi {

// A status in the making: a copy of the job's, and what people will be told.
struct Draft {
  explicit Draft(const JobFacts& v);
  const JobFacts& view;
  TrainingJobStatus status;
  std::vector<Notice> notices;

  // WriteStatus when the draft differs from what stands there, else Wait.
  Step done(std::optional<k8s::WallTime> look_again = std::nullopt, bool position_only = false);
};

// Sets a condition, with the generation of the job.
void set(Draft& d, std::string_view type, bool value, std::string_view reason,
         std::string_view message);

// Moves to another phase: timeline, reason and message, a notice; nothing else.
void move_to(Draft& d, Phase to, std::string_view reason, std::string_view message,
             bool warning = false);

// Counts what the Pods held up to now. `still_held` says whether they go on holding it.
void account(Draft& d, bool still_held);

void first_seen(Draft& d);
// The spec has problems: it stands in no line, whatever it did before.
void refuse(Draft& d);
// When there is something to be said that may not be said yet: when it may.
std::optional<k8s::WallTime> show_waiting(Draft& d);
void decide(Draft& d);
void start_running(Draft& d);
void complete(Draft& d);
void fail(Draft& d, std::string_view reason, std::string_view message);
void suspend(Draft& d);
// It is being deleted, and holds nothing any more.
void withdraw(Draft& d, std::string_view message);
void requeue(Draft& d, std::string_view reason, std::string_view message);
// The next attempt on the same nodes, not before `at`.
void restart_in_place(Draft& d, k8s::WallTime at, std::string_view reason,
                      std::string_view message);
// The next attempt of an elastic gang, as large as it is to be.
void resize(Draft& d, const JobResize& to);
// Stopping, on the way to `to`.
void begin_stop(Draft& d, Phase to, std::string_view reason, std::string_view message);

}  // namespace fermi
