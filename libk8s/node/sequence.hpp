// Sequence: what the containers of one Pod do next, as a pure function of what has happened.
//
// The shim tells it facts (started, exited, asked to stop) with their time, asks `step` for the
// actions that are due, and writes `record` to disk whenever it has changed. It starts nothing,
// reads no clock and opens no file, so that minutes of back-off can be tested in no time.
//
// Order of a Pod's life:
//   init containers one by one, each to success (a sidecar: until started)
//   -> main containers all at once, restarted as the policy says, with back-off
//   -> once all of them are over, or a stop was asked for: SIGTERM to the main containers, then to
//      the sidecars from the last to the first; SIGKILL for whatever is left when the grace is over
//   -> final
//
// Back-off: the first restart comes at once, later ones wait first, 2 x first, ... max; a run that
// lasted twice `max` starts over.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "libk8s/node/records.hpp"

namespace k8s::node {

struct Now {
  TimePoint mono;
  WallTime wall;
};

class Sequence {
 public:
  struct Action {
    enum class Kind : std::uint8_t { kStart, kTerminate, kKill } kind;
    std::size_t container;
    int count;  // kStart: the attempt, from 0; kKill: how often it was tried before
    friend bool operator==(const Action&, const Action&) = default;
  };

  // The plan is copied in the parts that matter. `now` is when the Pod's deadline begins to count,
  // moved back by the time since plan.started_at.
  Sequence(const PodPlan& plan, Now now);

  // Facts about container `i`. `wait_status` is as waitpid gives it.
  void started(std::size_t i, Now now);
  void start_failed(std::size_t i, const std::string& message, Now now);
  void exited(std::size_t i, int wait_status, Now now);
  // What its probes say; a container without probes is started and ready from `started` on.
  void probed(std::size_t i, bool is_started, bool is_ready);
  // Ends this run (SIGTERM, then SIGKILL) so that the restart policy decides what follows.
  void end_run(std::size_t i, const std::string& why, Now now);
  // Ends the Pod. A later order may only shorten the grace.
  void stop(const StopOrder& order, Now now);

  // What is due now, each action once (kKill once a second until the container is gone).
  std::vector<Action> step(Now now);
  // When to call `step` again if nothing happens before.
  std::optional<TimePoint> next_wake() const;

  const PodRecord& record() const { return record_; }
  bool final() const { return record_.final; }

 private:
  enum class Step : std::uint8_t {
    kIdle,      // not started yet
    kStarting,  // handed to a supervisor
    kRunning,
    kWaiting,  // for the end of its back-off
    kOver,     // will not run again
  };
  struct Item {
    ContainerKind kind = ContainerKind::kMain;
    bool probed = false;  // has a startup or readiness probe
    bool has_startup = false;
    Step step = Step::kIdle;
    int attempt = -1;
    Duration backoff{0};
    TimePoint restart_at, began;
    bool terminate = false;   // a SIGTERM is due
    bool terminated = false;  // and was sent in this run
    std::optional<TimePoint> kill_at;
    int kills = 0;
    std::string why;  // of end_run

    bool alive() const { return step == Step::kStarting || step == Step::kRunning; }
  };

  void advance(Now now, std::vector<Action>& due);
  void wind_down();
  void launch_if_due(std::size_t i, Now now, std::vector<Action>& due);
  void run_over(std::size_t i, Now now);
  bool restarts(std::size_t i) const;
  void begin_end(Duration grace, Now now);
  void order_end(Item& item);
  void finish();
  void update_phase();

  std::vector<Item> items_;
  RestartPolicy policy_;
  Duration backoff_first_, backoff_max_, grace_;
  std::optional<TimePoint> deadline_;  // activeDeadlineSeconds
  std::optional<TimePoint> end_by_;    // set: winding down
  bool failed_ = false;                // whatever the exit codes say
  PodRecord record_;
};

}  // namespace k8s::node
