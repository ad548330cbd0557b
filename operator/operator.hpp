// Operator: one whole Fermi controller and scheduler, on one loop and one transport.
//
// What it does, from start to stop:
//   1. with `leader_elect`, asks for the lease; without, it leads from the moment it starts;
//   2. once elected, fills its caches (nodes, Pods, task queues, training jobs, the configuration).
//      A standby has none: one that was filled before the election may lag behind what the leader
//      before wrote, and lists that begin afterwards cannot;
//   3. once *every* cache is synced, rebuilds the engine from them (decisions that stand in
//      statuses are kept), then plans, commits, reconciles and reports until the lease is lost;
//   4. on loss of the lease it stops writing at once, forgets its caches and is a standby again.
//   5. when the API server turns out to have lost its past (its store was restored from a copy: the
//      lease, an answer to a write, or a watch has an older version than before), it stops writing
//      at once, forgets its caches and begins anew from 2.
//
// It sends a mutating request only while it leads, asked anew before each one. It keeps nothing of
// its own: whatever a successor needs stands in the API server.
//
// Threads: the loop's, for everything. Errors never come out of here: they are retried, reported on
// the objects they concern, counted in `metrics()` and logged.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "libk8s/base/loop.hpp"
#include "libk8s/http/message.hpp"

namespace sched {
class Engine;
struct Plan;
}  // namespace sched

namespace fermi {

struct Metrics;  // report/metrics.hpp

struct Options {
  // Who this process is among its replicas: the lease's holder and the events' reporting instance.
  std::string identity = "fermi";
  // Fermi's own namespace: the lease and the configuration live there.
  std::string ns = "fermi-system";

  bool leader_elect = true;
  std::string lease_name = "fermi-operator";
  k8s::Duration lease_duration = std::chrono::seconds(15);
  k8s::Duration renew_deadline = std::chrono::seconds(10);
  k8s::Duration retry_period = std::chrono::seconds(2);

  // One machine, processes instead of containers: each task gets a rendezvous port of its own,
  // because many programs bind all addresses.
  bool local_mode = false;

  // Prices, latencies, currency (translate/configuration.hpp says how it is written). The ConfigMap
  // `config_map` in `ns`, key `config.yaml`, is watched and wins while it exists; else this text.
  std::string config_map = "fermi-config";
  std::string config_text;

  // Gets every line of the decision journal (scheduler/journal), without the line end. May be null.
  // Each term begins with a header line of its own, as its engine begins empty. The journal replays
  // every decision; it is never read back by the operator.
  std::function<void(std::string_view line)> journal;

  // What is to be said against a plan beside the audit (loop/engine_host.hpp). May be null.
  std::function<std::vector<std::string>(const sched::Plan&)> objects;

  // A gang that is not wholly created and bound after this long is taken back.
  k8s::Duration bind_deadline = std::chrono::seconds(60);
  // Deltas are gathered this long before a plan is made of them.
  k8s::Duration batch_delay = std::chrono::milliseconds(2);
  // At most this many status writes a second that say only where a task stands in line.
  int position_writes_per_second = 20;
};

class Operator {
 public:
  // `loop` and `transport` outlive the operator. Sends nothing before `start`.
  Operator(k8s::Loop& loop, k8s::http::Transport& transport, Options options);
  // At any moment, as a crash would: nothing more is sent, no callback is called afterwards.
  ~Operator();
  Operator(const Operator&) = delete;
  Operator& operator=(const Operator&) = delete;

  void start();
  // Orderly: starts nothing new, waits for the writes in flight, gives the lease back, ends the
  // watches, then calls `done` (once, from the loop).
  void stop(std::function<void()> done);

  // A leader whose caches are all synced, or a standby that sees the lease it waits for.
  bool ready() const;
  // Holds the lease (or needs none) and has taken over.
  bool leading() const;

  // Counters since the start and gauges as of now. The reference stays good; the values move.
  const Metrics& metrics() const;
  // The engine as it stands, for questions only (position, reasons, figures).
  const sched::Engine& engine() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fermi
