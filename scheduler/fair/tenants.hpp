// Tenants: what each tenant of a queue has and had, and who of them is next.
//
// The share of a tenant is the largest of used / total over CPU, memory and each extended resource,
// divided by its weight. GPUs count per model where the task names one, against all GPUs of that
// model; otherwise under the resource's name. Totals are those of the whole cluster, whatever runs
// on it. Reserved tasks count like running ones.
//
//   kTenantShare, kTenantPriority   what it uses now
//   kDecayedShare                   the mean of what it uses now and what it used on average, where
//                                   the past counts half for each half-life that it is old
//                                   (usage.hpp); without a half-life as kTenantShare
//   kRoundRobin                     when it last started something; of starts at one instant, how
//                                   many
//
// All are Fractions: smaller is earlier. Between equal shares the tenant whose first task was
// submitted earlier comes first, then the one whose name does.
//
// Where tasks take turns, a tenant's first task may be passed for ever: by smaller tasks of its own
// tenant, each of which is its tenant's turn. So before all of this stand those who have waited for
// longer than their round takes, and of these who has waited for the most rounds. A round of a
// tenant is two turns for each of its tasks, waiting or placed, by its part of all weights: twice
// as long as all of them wait if one runs at a time. A turn is a quantum, or as long as one lasts
// that runs now.
//
//   quantum 10m, equal weights     a has 1 task, b has 5    a's round: 2 x 1 x 2 x 10m = 40m
//                                                           b's: 200m
//
// What a tenant had outlives its tasks: at most kIdleTenantsMax tenants per queue that have nothing
// there, those who started something last. It ends with the queue; a change of the half-life begins
// the decayed past anew.
#pragma once

#include <cstdint>
#include <string>

#include "scheduler/fair/fraction.hpp"
#include "scheduler/fair/usage.hpp"
#include "scheduler/state/ordered.hpp"
#include "scheduler/state/place.hpp"

namespace sched {

using TenantId = std::uint32_t;

struct Tenant {
  std::string name;
  bool live = false;
  std::int64_t members = 0;    // its tasks in this queue, in any state
  Amounts used;                // by its reserved and running tasks, GPUs by model
  std::int64_t running = 0;    // how many these are
  std::int64_t pretended = 0;  // of them, those that a pass booked
  Time last_start;             // and how many tasks it started at that instant
  std::int64_t starts = 0;
  Usage past;                 // what its tasks that are over used
  Usage runs;                 // what those that run have used so far
  std::uint64_t version = 0;  // grows with each change of its share within a pass
  // Of queues that order by tenant: its waiting tasks, and the first of each of its buckets.
  Ordered<Place> line, heads;

  bool has_past() const { return starts > 0 || !past.empty(); }
};

// A gang's total as shares count it: its GPUs under the names of their model, if it names one.
Amounts served_of(const Amounts& total, const Amounts& by_model, const ResourceNames& names);

// A tenant's turn: where it stands among the tenants of its queue.
struct TenantTurn {
  int tier = 0;
  Fraction rounds;  // that its first task has waited for; less than one: none
  Fraction share;
  std::int64_t submitted_ns = 0;  // of its first task
  const std::string* name = nullptr;
};
bool before(const TenantTurn& a, const TenantTurn& b);

// How long the rounds of a queue's tenants are: one reading for all of them.
struct Rounds {
  std::int64_t turns_ns = 0;  // two of them; 0: it takes no turns by tenant
  std::int64_t weights = 0;   // of all tenants that have a task there
};
class State;
struct QueueRecord;
// Looks at its tenants, and at those whose turns have ends unless it is Low.
Rounds rounds_of(const State& state, const QueueRecord& queue);
// For how many rounds one of the tenant has waited; nothing where it is less than one.
Fraction rounds_waited(const QueueRecord& queue, const Rounds& rounds, const Tenant& tenant,
                       std::int64_t waited_ns);

}  // namespace sched
