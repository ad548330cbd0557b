// World: what one leader's term works with. Plain references, put together once in Term.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "libk8s/base/loop.hpp"
#include "libk8s/events/event_recorder.hpp"
#include "libk8s/types/codec.hpp"
#include "libk8s/watch/informer.hpp"
#include "operator/api/namespace.hpp"
#include "operator/api/task_queue.hpp"
#include "operator/api/training_job.hpp"
#include "operator/commit/writer.hpp"
#include "operator/ledger/task_ledger.hpp"
#include "operator/loop/engine_host.hpp"
#include "operator/loop/pod_groups.hpp"
#include "operator/loop/position_budget.hpp"
#include "operator/operator.hpp"
#include "operator/report/metrics.hpp"
#include "operator/translate/configuration.hpp"
#include "operator/translate/submitters.hpp"
#include "operator/translate/volume_pins.hpp"

namespace fermi {

// The caches of the whole operator; they outlive terms.
struct Caches {
  k8s::Informer<k8s::Node>& nodes;
  k8s::Informer<k8s::Pod>& pods;
  k8s::Informer<TaskQueue>& queues;
  k8s::Informer<TrainingJob>& jobs;
  k8s::Informer<Namespace>& namespaces;
  k8s::Informer<VolumeClaim>& claims;
  k8s::Informer<Volume>& volumes;
  k8s::Informer<LedgerShard>& ledger;
  const PodGroups& pod_groups;
};

struct World {
  k8s::Loop& loop;
  const Options& options;
  Metrics& metrics;
  Caches caches;
  const Configuration& config;
  EngineHost& engine;
  Writer& writer;
  k8s::EventRecorder& events;
  std::int64_t epoch = 0;
  // Counts a Pod that was, or may have been, bound before the cache shows it. What it held as a
  // reservation it then holds by itself, so that the task may be forgotten.
  std::function<void(const k8s::Pod& bound)> book;
  // A job's attempt has begun or ended: its failed Pods may hold their room no longer.
  std::function<void(const std::string& uid)> recount;
  // The task as the engine was told of it, or null.
  std::function<const sched::Task*(const std::string& uid)> task;
  // What ended tasks have spent and how long they ran.
  TaskLedger& ledger;
  // What all others spend.
  LiveCosts& costs;
  // Of all writes that say only where a task stands in line, jobs and plain Pods together.
  PositionBudget& positions;
  // Whether a running task may not be chosen to make room, because disruption budgets keep it.
  std::function<bool(const std::string& uid)> is_left_out{};
  // Why a waiting task does not get room that others were to make; "" when nobody objects.
  std::function<std::string(const std::string& uid)> objection{};

  std::shared_ptr<const k8s::Node> node(const std::string& name) const {
    return caches.nodes.get(name);
  }
  VolumeLookup volumes() const {
    return {[this](const std::string& key) { return caches.claims.get(key); },
            [this](const std::string& name) { return caches.volumes.get(name); }};
  }
  // Why tasks of this namespace are not taken in by the queue; "" when they are.
  std::string submitter_problem(const std::string& ns, const TaskQueue* queue) const {
    return fermi::submitter_problem(ns, caches.namespaces.get(ns).get(), queue);
  }
};

}  // namespace fermi
