// Auditor: a second, independent reading of a plan.
//
// It folds the same deltas into its own plain tables and checks a plan against the specification
// (queues, zones, the semantics of Kubernetes' filters). It shares no code with the engine but the
// interface's values and the limits on input: a mistake in one is not repeated in the other. The
// caller runs it before a plan is written and writes nothing of a plan that has violations.
//
// What it checks of every start
//   1. the task is known, waits, is not held, is not in back-off, and starts once;
//   2. the gang is whole (an elastic one between its minimum and its maximum); its ranks lie group
//      by group, in the zones asked for (exact split, Single, SameRegion, Spread, maxZones,
//      minPerZone, maxLatency), and below the zone in one domain of the level that is required,
//      numbered domain by domain;
//   3. each node is there, ready, not cordoned, passes pool, model, selector, affinity, taints,
//      allowed zones, excluded nodes and the queue's own filters;
//   4. no node is given more than is free beside Pods, reservations and the plan so far; a part of
//      a device has one device, of a node that shares its devices, on which there is room for it,
//      and nobody has a device for himself that others share;
//   5. the queue exists, is open, and stays within its maximum, those of its quotas and
//      max_running, and takes no room that is guaranteed to another queue, anywhere or on some of
//      the nodes, unless it may borrow or that room was kept for it; its tenant has no more than
//      the queue lets each tenant have;
//   6. nobody passed a blocked head of a strict queue, nor an equal task that waits before it;
//   where
//      tenants take turns, of the same tenant, and no equal task of a tenant with a clearly smaller
//      share;
//   7. it leaves the room that was promised to others (where promises are kept): to tasks of a tier
//      above its own, to those before it in the line of its queue where tenants do not take turns,
//      and, if it holds a promise itself, to all of its tier; at every moment at which it runs,
//      given when what runs is expected to end. Not where the queue learns, which judges by
//      predictions, nor what starts in room that was held for it.
//
// And of every preemption (preemptions.cpp)
//   8. the task waits as in 1; its victims hold a decision, were not asked to stop before, and the
//      promises of the tiers allow it, or what is said of reclaiming and of turns, whichever the
//      plan says it is;
//   9. the named placement is whole and right as in 2 and 3, and fits when all who were asked to
//      stop have gone, beside the starts of the plan, the holds of others and what the plan
//      preempts for others; its queue may run it there by then;
//   10. what resolves a conflict was wished for by name, breaks no promise and follows the wish's
//       rule (resolutions.cpp);
//   11. an elastic gang that gives something up keeps its minimum at least, of what it has, and
//       what it gives up is what a victim may be asked for; Pods of attempts that are over count as
//       gone.
//
// And of elastic gangs (grow_check.cpp)
//   12. what one starts with, or gets while it runs, beyond its minimum is where nobody waits for
//       room, or was promised it; a running one has run for its queue's cooldown, stays where it
//       is, and what it gets would be a start as in 3 to 5.
//
// And of every reservation that a forecast tells (reservations.cpp; not where promises are kept)
//   13. it is for a whole gang that waits, on nodes that its Pods may run on, and when it begins
//       there is room beside what is then expected to run, as the auditor estimates ends itself,
//       and beside what others have reserved; and what is guaranteed to others of some of the
//       nodes is left to them.
//
// And of every move: that a running task of a group goes from a backup zone to a healthy primary
// one with room, one of its group at a time (group_check.hpp).
//
// Of guarantees of some of the nodes: what is kept of nodes that are guaranteed more than once is
// the most that can be (serving.hpp); who could never start beside them (ever_check.cpp) blocks no
// strict queue, and waits for no room.
//
// Not checked: whether a better plan exists. Single-threaded, no I/O. `apply` costs the logarithm
// of the state, `check` follows the size of the plan and what runs on the nodes it uses.
#pragma once

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "scheduler/audit/devices.hpp"
#include "scheduler/delta.hpp"
#include "scheduler/plan.hpp"

namespace sched {

class Auditor {
 public:
  void apply(const Delta& delta);
  // Violations as sentences; empty when the plan is sound.
  std::vector<std::string> check(const Plan& plan, Time now) const;

 private:
  friend class CoverCheck;
  friend class GroupCheck;
  friend class GuaranteeCheck;
  friend class LimitCheck;
  friend class PromiseCheck;
  friend class PlanCheck;
  friend class PreemptionCheck;
  friend class ReservationCheck;
  using Amount = std::map<std::string, std::int64_t>;  // by resource name
  using ByTenant = std::map<std::pair<std::string, std::string>, audit::Charge>;
  enum class Phase { kWaits, kHolds, kOver };
  struct Known {
    Task task;
    Phase phase = Phase::kWaits;
    Time rejected_until;
    std::int64_t attempt = 0;
    Placement placement;           // the decision
    std::set<std::size_t> seen;    // ranks whose Pod took the reservation over
    std::vector<PodGroup> groups;  // as decided: an elastic one as large as it is
    bool runs = false;             // the whole gang, since this decision
    Time since;                    // when it runs: the moment that it began
    std::string evicted_by;        // while it holds a decision
    Placement hold;                // while it waits
    Time hold_until;
  };
  // Order within a queue: tier, the strategy's key, submit time, uid.
  using Seat = std::tuple<int, std::int64_t, std::int64_t, std::string>;

  void on(const NodeUpsert& d);
  void on(const NodeRemove& d);
  void on(const QueueUpsert& d);
  void on(const QueueRemove& d);
  void on(const TaskUpsert& d);
  void on(const TaskRemove& d);
  void on(const PodUpsert& d);
  void on(const PodRemove& d);
  void on(const Assume& d);
  void on(const Confirm& d);
  void on(const Reject& d);
  void on(const TaskEnd& d);
  void on(const ConfigUpdate& d);
  void on(const Evict& d);
  void on(const Hold& d);
  void on(const Served&) {}
  void on(const PastRuns& d);
  void on(const Resolve& d);
  void on(const Promise& d);
  void forget_promises_on(const std::string& node);
  void forget_promises_of(const std::string& queue);
  std::string forbids_wish(const Known& above, const Known& below, Time now,
                           const ByTenant& more) const;
  double share(const std::string& queue, const std::string* tenant, const ByTenant& more) const;
  std::vector<std::string> check_preemptions(const Plan& plan, Time now) const;
  bool cluster_could_hold(const Known& task, const Queue& queue) const;
  bool lacks_together(const Known& task, const Queue& queue) const;
  // What Pods have there, and decisions whose Pods are not there yet.
  audit::NodeUse in_use(const std::string& node) const;
  std::vector<std::string> check_reservations(const Plan& plan, Time now) const;
  std::vector<PastRuns::Run> past_of(const Task& task) const;
  // When one that holds a decision is expected to end, estimated by the auditor itself.
  std::int64_t end_of(const Known& task, Time now) const;
  // Whether one that waits may, by its tier, have the room of one that holds a decision at that
  // moment, as far as is known today.
  bool yields_by(const Known& above, const Known& below, std::int64_t at) const;
  bool turn_is_over(const Known& above, const Known& below, std::int64_t at) const;
  void rule(const std::string& name, const Queue* queue);
  void give_up(Known& task);
  void line_up(const std::string& uid);
  void step_out(const std::string& uid);
  void count_holder(const Known& task, int sign);
  Seat seat(const Task& task) const;
  static const PodGroup* group_of(const std::vector<PodGroup>& groups, std::size_t rank);
  static Amount amounts(const Resources& r) { return audit::amounts(r); }

  std::map<std::string, Node> nodes_;
  std::map<std::string, Queue> queues_;
  std::map<std::string, Known> tasks_;
  std::map<std::string, PodUpsert> pods_;
  std::map<std::string, std::set<std::string>> pods_on_;     // by node
  std::map<std::string, std::set<std::string>> holders_on_;  // decided tasks by node
  std::map<std::string, std::set<std::string>> pods_of_;     // by task
  std::map<std::string, std::set<Seat>> lines_;              // by queue
  struct Usage {
    std::int64_t tasks = 0;
    audit::Charge amount;
  };
  std::map<std::string, Usage> usage_;  // by queue
  // What a queue uses on each node, of those that it uses.
  using ByNode = std::map<std::string, audit::Charge>;
  std::map<std::string, ByNode> used_on_;
  // What of this a quota counts: on the nodes that match it as they are now.
  audit::Charge counted(const Quota& quota, const ByNode& used_on) const;
  // By queue and tenant; GPUs of tasks that name a model under "resource@model".
  ByTenant tenants_;
  std::map<std::pair<std::string, std::string>, std::int64_t> placed_of_;  // how many tasks
  static audit::Charge shares_of(const Task& task, const std::vector<PodGroup>& groups);
  ConfigUpdate config_;
  std::map<std::string, Resolve> wishes_;    // by the task that waits
  std::map<std::string, Promise> promises_;  // the same; those that name nodes
  // By queue, kind and tenant, then by shape; the newest first.
  using Runs = std::map<std::string, std::vector<PastRuns::Run>>;
  std::map<std::tuple<std::string, std::string, std::string>, Runs> past_;
};

}  // namespace sched
