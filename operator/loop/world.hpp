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
#include "operator/api/task_queue.hpp"
#include "operator/api/training_job.hpp"
#include "operator/commit/writer.hpp"
#include "operator/ledger/task_ledger.hpp"
#include "operator/loop/engine_host.hpp"
#include "operator/loop/position_budget.hpp"
#include "operator/operator.hpp"
#include "operator/report/metrics.hpp"
#include "operator/translate/configuration.hpp"

namespace fermi {

// The caches of the whole operator; they outlive terms.
struct Caches {
  k8s::Informer<k8s::Node>& nodes;
  k8s::Informer<k8s::Pod>& pods;
  k8s::Informer<TaskQueue>& queues;
  k8s::Informer<TrainingJob>& jobs;
  k8s::Informer<LedgerShard>& ledger;
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

  std::shared_ptr<const k8s::Node> node(const std::string& name) const {
    return caches.nodes.get(name);
  }
};

}  // namespace fermi
