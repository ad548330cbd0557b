// Rules: what a queue's strategy means, as the switches it is a preset of.
//
//   strategy          order            passing  pooling  spread  slices
//   FIFO              submit time      strict
//   DRF               tenant share     EASY
//   Backfill          submit time      EASY
//   PriorityBased     priority         EASY
//   FairSharing       decayed share    EASY
//   TimeSlicing       round robin      EASY                      yes
//   ResourcePooling   submit time      EASY     yes
//   LoadBalancing     submit time      EASY              yes
//   Hybrid            tenant, priority EASY     yes      services
//
// A switch that the queue sets by itself wins.
#pragma once

#include "scheduler/delta.hpp"

namespace sched {

struct Rules {
  Order order = Order::kSubmitTime;
  Passing passing = Passing::kEasy;
  bool pooling = false, spread = false, slices = false;
  bool spreads_services = false;  // those tasks that serve, while it packs the others
  friend bool operator==(const Rules&, const Rules&) = default;
};

Rules rules_of(const Queue& queue);

// For how long a task runs before a peer may have its room; 0: nobody takes turns.
inline std::int64_t slice_ns(const Queue& queue) {
  return rules_of(queue).slices && queue.quantum_ns > 0 ? queue.quantum_ns : 0;
}

// Whether the order depends on what tenants have, so that it moves as tasks start and end.
inline bool by_tenant(Order order) {
  return order == Order::kTenantShare || order == Order::kDecayedShare ||
         order == Order::kRoundRobin || order == Order::kTenantPriority;
}
inline bool by_priority(Order order) {
  return order == Order::kPriority || order == Order::kTenantPriority;
}

}  // namespace sched
