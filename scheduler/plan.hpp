// Plan: what the engine decided, as a value; carrying it out is somebody else's work.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "scheduler/delta.hpp"

namespace sched {

// Start this task here. The caller writes it down, then feeds it back as Assume.
struct Start {
  std::string task;
  std::int64_t attempt = 0;
  Placement placement;
  std::int64_t zones = 0;           // how many zones it uses
  std::int64_t max_latency_us = 0;  // between the zones used; kLatencyFar: other regions, unknown
  friend bool operator==(const Start&, const Start&) = default;
};

// This elastic gang goes on with these nodes instead of those it has. The caller writes that down,
// then feeds it back as Assume of the next attempt; `attempt` is the one that it replaces.
struct Resize {
  std::string task;
  std::int64_t attempt = 0;
  Placement placement;
  friend bool operator==(const Resize&, const Resize&) = default;
};

// What gives a preemption its right.
enum class PreemptionKind : std::uint8_t {
  kTier,        // a tier gives way to one above it
  kReclaim,     // borrowed room goes back to whom it is guaranteed
  kRotation,    // a task gives way to a peer of its queue after its quantum
  kResolution,  // an administrator resolved a conflict
};

// These running tasks have to stop so that `task` can start on these nodes: proved before it is
// said. The caller writes down who is preempted by whom, then feeds back an Evict for each victim
// and a Hold for the task, then asks the Pods to stop.
struct Preemption {
  std::string task;
  std::int64_t attempt = 0;
  Placement placement;
  std::vector<std::string> victims;  // none of them can be left out
  PreemptionKind kind = PreemptionKind::kTier;
  // Elastic gangs that give up some of what they have beyond their minimum, and run on: no Pod that
  // they give up could be left to them. Each is told with the nodes that it keeps.
  std::vector<Resize> shrinks{};
  friend bool operator==(const Preemption&, const Preemption&) = default;
};

// A task that runs in a backup zone of its group could be in a primary one: this room there is
// free, and in nobody's way. One of a group at a time; who owns the task decides. `surge`: its
// queue may have both at once: a task that `replaces` it is started first, and when that runs it is
// ended. Else it stops first (Reject), and starts there.
struct Move {
  std::string task;
  std::int64_t attempt = 0;
  std::string zone;
  Placement placement;
  bool surge = true;
  friend bool operator==(const Move&, const Move&) = default;
};

// Room promised to a task that cannot start now, from the expected ends of what runs.
struct Reservation {
  std::string task;
  Time at;  // when it has room at the latest, as far as is known
  Placement placement;
  friend bool operator==(const Reservation&, const Reservation&) = default;
};

// Stable codes; documented in docs/reasons.md and tested.
enum class ReasonCode : std::uint8_t {
  kNone,           // not waiting
  kCapacity,       // not enough free now
  kFragmentation,  // enough in sum, no set of nodes that takes the gang
  kConstraint,     // no node satisfies the filters
  kNever,          // the cluster, even empty, cannot hold it
  kTopology,       // zones asked for cannot be combined as asked
  kQuota,          // the queue's maximum
  kQueueLimit,     // the queue's maxRunning
  kQueueClosed,
  kNoQueue,
  kBlockedHead,  // somebody ahead in the queue waits: in strict order, or not promised anything yet
  kHeld,         // suspended, held, or waits for another task
  kBackoff,      // waits until not_before
  kReserved,     // it would fit, but would delay a task ahead that has a reservation
  kGuaranteed,   // the room there is is guaranteed to other queues
  kEvicting,     // those it preempts have been asked to stop
  kTenantLimit,  // what the queue allows each tenant
  kStopped,      // the audit stopped its start; told by whoever carries plans out
};
const char* name(ReasonCode code);  // "Capacity", ...

// Why a task waits, as numbers; `sentence` (reason.hpp) makes one sentence of them.
struct Reason {
  ReasonCode code = ReasonCode::kNone;
  std::string resource;  // the scarce one: "nvidia.com/gpu", "cpu", "nodes", ...
  std::int64_t needed = 0, free = 0, total = 0;  // in the resource's unit, of eligible nodes
  std::int64_t nodes_needed = 0, nodes_fitting = 0, nodes_eligible = 0;
  std::int64_t pods_empty = 0;        // kNever: how many of its Pods the empty nodes would hold
  std::string zone, pool, gpu_model;  // what narrows it down, "" when nothing does
  std::string detail;                 // the held_why, the queue's name, the task ahead, ...
  Time until;                         // kBackoff, kReserved: when the reservation begins
  // kReserved: what of the task ahead would be delayed: its room, its place in its queue's maximum
  // (of running tasks, too), or its share of what the guarantees of other queues leave.
  enum class Reserved : std::uint8_t { kRoom, kMaximum, kLeft } reserved = Reserved::kRoom;
  std::string queue{};      // then: whose maximum it is
  bool unpromised = false;  // kBlockedHead: the one ahead was promised nothing yet
  Time predicted;           // when its own reservation begins; 0: not known
  // Who has of `resource` what is missing, those whose end is expected first at the front.
  struct Holder {
    std::string task;  // "namespace/name"
    std::int64_t amount = 0;
    Time until;  // 0: nobody knows
    friend bool operator==(const Holder&, const Holder&) = default;
  };
  std::vector<Holder> holders{};
  friend bool operator==(const Reason&, const Reason&) = default;
};

struct Plan {
  std::vector<Start> starts;  // in the order they were decided
  std::vector<Preemption> preemptions;
  std::vector<Move> moves;
  // Running gangs that get room which nobody waits for: what they have, and more.
  std::vector<Resize> grows;
  std::vector<Reservation> reservations;  // of a forecast, in the order they were made
  // Counted work, for benchmarks: how much the pass looked at.
  struct Work {
    std::int64_t tasks = 0, shapes = 0, nodes = 0;
    std::int64_t ends = 0;     // expected ends and nodes looked at for reservations
    std::int64_t victims = 0;  // tasks, trials and nodes looked at for preemption
  } work;
};

// What is to be promised, bettered or taken back, in this order: the caller feeds it back, and may
// ask again.
struct Tending {
  std::vector<Promise> promises;
  bool plan_first = false;   // a plan would start somebody: nothing is promised before that is done
  bool unpromised = false;   // somebody who deserves a promise is still looked for
  bool unsettled = false;    // some promise may be broken, or be bettered
  std::int64_t looked = 0;   // ends and nodes looked at
  std::int64_t deserve = 0;  // who deserves a promise
};

}  // namespace sched
