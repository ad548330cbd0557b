// JobMachine: what happens next to one TrainingJob, as a pure function.
//
//   (job, its Pods, what the engine decided or says, time)  ->  one step
//
// The caller carries the step out, takes in the answer, and asks again; so every place where a
// crash may happen lies between two steps, and after each of them the machine goes on from what
// stands in the API server. One step holds requests of one kind only.
//
// Phases, and what leads from one to the next:
//   (none)    -> Pending     it was seen
//   Pending   -> Starting    the engine found a place; the decision is written before anything else
//   Pending   -> Stopped     spec.suspend
//   Starting  -> Running     every Pod of the gang has started
//   Starting  -> Stopping    suspended; refused by the server; not bound whole, or not running,
//                            in time
//   Running   -> Completed   every rank ended with 0
//   Running   -> Starting    a rank failed and is tried again soon: next attempt, same nodes; an
//                            elastic gang has another size: next attempt, the nodes decided
//                            (from Starting as well)
//   Running   -> Stopping    suspended; failed for good; past its deadline; a node was lost;
//                            preempted (from Starting as well)
//   Stopping  -> Pending, Stopped, Failed or Completed, once the Pods are gone
//   Stopped   -> Pending     no longer suspended
//
// The finalizer: a job that holds room carries ours, from before its first Pod is made until what
// it spent and how long it ran stand in the ledger. That is when it has ended; one that is deleted
// before stops first (Stopping, then Stopped), so that its last hour is counted as well. So a job
// that waits, or has ended, goes at once, whether Fermi is there or not.
//
// Invariants:
//  1. No Pod is made before the decision of its attempt stands in the status.
//  2. No Pod of an attempt is made while one of an earlier attempt is left.
//  3. Nothing is made for a job in a terminal phase or in deletion.
//  4. The finalizer is taken off only when nothing is spent any more and all of it is in the
//  ledger.
//  5. A state in which nothing changes yields no step but Wait.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "libk8s/types/pod.hpp"
#include "operator/api/task_queue.hpp"
#include "operator/api/training_job.hpp"
#include "operator/translate/configuration.hpp"

namespace fermi {

// How the job stands in line, as the engine sees it.
struct Waiting {
  std::int64_t position = 0, ahead = 0;
  std::string reason;     // stable word, "" when it starts with the next plan
  std::string message;    // the sentence with numbers
  bool hopeless = false;  // it can never start as things are: Accepted=False
  std::optional<k8s::WallTime> estimated_start;  // when it is expected to start, if that is known
  std::int64_t hourly_micros = 0;                // what it would cost
  bool in_queue = true;                          // false: its queue does not take it in
};

// Where a decision leads, beyond its zones.
struct Regions {
  std::vector<std::string> names;   // by rank, each once
  std::int64_t max_latency_us = 0;  // between the zones used; sched::kLatencyFar: not known
};

enum class NodeState : std::uint8_t {
  kReady,
  kCordoned,  // what runs there goes on; nothing new may start
  kNotReady,
  kGone,
};

// A claim without a volume is told for which node it is to get one, before a Pod that uses it is
// bound there.
struct SelectNode {
  std::string claim, node;
};

// The engine decided that an elastic gang goes on with other nodes, under its next attempt.
struct JobResize {
  JobPlacement placement;
  std::string by{}, by_task_id{};  // for whom it gives some up; "" when it gets more
};

struct JobFacts {
  const TrainingJob* job = nullptr;
  // Every Pod that this job controls, of all attempts, in the order of their names. A Pod that is
  // known to be bound shows its node.
  std::vector<std::shared_ptr<const k8s::Pod>> pods;
  std::string queue_tier;  // the tier that the task has, for the status
  // The engine's decision that does not stand in the status yet.
  std::optional<JobPlacement> decided;
  std::optional<Waiting> waiting;  // while it waits
  // Jobs that it waits for no more, while it waits.
  std::vector<std::string> after_met;
  // The engine decided that it has to make room: for whom.
  std::optional<JobPreempted> preempt;
  std::optional<JobResize> resize;
  std::string objection;         // why it did not make room when it was to; "" when it never was
  std::string violates_budgets;  // its queue's name, if that lets disruption budgets be violated
  // While it stops to make room: why one of its Pods stays.
  std::optional<std::string> eviction_refused;
  // What its next run is protected for, by its preemptions so far: Medium only.
  std::optional<std::int64_t> guarantee_ns;
  std::vector<SelectNode> unselected;  // of its placement, not told yet
  bool service_known = false;          // the gang's Service exists and is ours
  bool service_gone = false;           // it was looked for and removed
  // What the server said when it refused a Pod, a Service or a Binding for good.
  std::optional<std::string> refusal;
  bool start_overdue = false;  // the gang should have been bound by now
  // How long it may take until all of it runs, from its decision on: the queue says so.
  std::int64_t start_deadline_ns = kDefaultStartDeadlineNs;
  // For what the next attempt would ask for; null: it is taken to be the same.
  const Configuration* config = nullptr;
  // Every rank's room is still counted as this job's, so that the next attempt may have it.
  bool room_kept = false;
  // Ranks of the current attempt whose Pods were there and are gone. Their room is not counted any
  // more, so they may not simply be made again.
  std::set<std::int64_t> lost;
  std::function<NodeState(const std::string& node)> node_state;
  Regions regions;  // of `decided`
  // What it spent and how long it ran stands in the ledger, for good.
  bool folded = false;
  std::string currency;
  std::int64_t epoch = 0;  // of this leader
  k8s::WallTime now;
};

// What people are told of a change.
struct Notice {
  bool warning = false;
  std::string reason, message;
};

struct Wait {
  std::optional<k8s::WallTime> until;  // look again then; else when something changes
};
struct WriteStatus {
  TrainingJobStatus status;
  std::vector<Notice> notices;
  bool position_only = false;  // it may wait for its turn
};
struct CreateService {};
struct DeleteService {};
struct CreatePods {
  std::vector<std::int64_t> ranks;
};
struct Bind {
  std::string pod, uid, node;
};
struct BindPods {
  std::vector<Bind> binds;
};
struct Doomed {
  std::string pod, uid;
  bool force = false;      // its node is gone: nobody is left to stop it
  bool evict = false;      // for another task: disruption budgets may object
  std::string violates{};  // the queue that says what they object is not to count; "" for none
};
struct DeletePods {
  std::vector<Doomed> pods;
};
struct DeleteJob {};
// The whole new list of finalizers.
struct SetJobFinalizers {
  std::vector<std::string> finalizers;
};
// Cost and run time go into the ledger.
struct FoldJob {};

using Step = std::variant<Wait, WriteStatus, CreateService, DeleteService, CreatePods, SelectNode,
                          BindPods, DeletePods, DeleteJob, SetJobFinalizers, FoldJob>;

Step next_step(const JobFacts& view);

// Whether it carries the finalizer that keeps it until the ledger has it.
bool carries_finalizer(const TrainingJob& job);

}  // namespace fermi
