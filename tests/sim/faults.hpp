// Faults: what may go wrong between a process and the API server, and how often.
//
// All are things that a real network or a real API server does. What they never do is not here: a
// write that is answered with success has happened, a watch shows each object's changes in order.
#pragma once

#include <chrono>
#include <string>

#include "libk8s/base/loop.hpp"
#include "tests/support/sim_loop.hpp"

namespace fermi::sim {

// Chances are of a thousand.
struct Faults {
  // Per request.
  int not_sent = 0;          // connection refused; the server never hears of it
  int busy = 0;              // 429 with Retry-After
  int unavailable = 0;       // 503
  int internal = 0;          // 500, nothing was done
  int internal_applied = 0;  // 500, and yet it was done (a timeout towards the database)
  int conflict = 0;          // 409 on PUT and PATCH, as when somebody else wrote in between
  int lost = 0;              // done, but the answer never comes
  int slow = 0;              // takes up to `slow_max`
  k8s::Duration fast_max = std::chrono::milliseconds(20);
  k8s::Duration slow_max = std::chrono::seconds(3);
  // Per piece of a watch.
  int cut = 0;        // the stream breaks, perhaps in the middle of an event
  int doubled = 0;    // an event that was sent before comes again
  int split = 0;      // an event comes in two pieces
  int late = 0;       // what comes next comes up to `late_max` later
  int blackhole = 0;  // nothing comes any more, and nobody says so
  k8s::Duration late_max = std::chrono::seconds(20);
  // Per second of the run.
  int crash = 0;        // kill -9
  int pause = 0;        // the process stands still for up to half a minute
  int reset = 0;        // all connections of a process break at once
  int compact = 0;      // the server forgets its history: 410 for every watch
  int crash_write = 0;  // per write: dies before sending, after it took effect, or after the answer

  int lag = 0;  // one kind's watches fall behind all others for a while

  // The store is lost and restored from its last backup: objects and versions go back, and all
  // connections break. Backups are taken about every twenty seconds.
  int restore = 0;

  // Watches of targets in which this text occurs bring nothing while it is set; "" for none.
  std::string lagging;

  // No faults, but still the time that things take.
  static Faults none() { return {}; }
  // A mix drawn from the seed: some seeds have a little of everything, others much of one thing.
  static Faults drawn(k8s::testing::Random& random);
};

}  // namespace fermi::sim
