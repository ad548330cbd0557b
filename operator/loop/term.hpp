// Term: everything that a leader has and does, from taking over to losing the lease.
//
// Made when the lease is held and every cache is synced; it rebuilds the engine from the caches, in
// an order in which nothing is booked twice: configuration, nodes, queues, tasks with the decisions
// that stand in their statuses, then Pods. Only then does it plan. Destroying it is a crash:
// nothing more is sent and nothing calls back. Threads: the loop's.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "operator/commit/guarded_transport.hpp"
#include "operator/loop/job_control.hpp"
#include "operator/loop/plain_costs.hpp"
#include "operator/loop/pod_control.hpp"
#include "operator/loop/preemptions.hpp"
#include "operator/loop/queue_control.hpp"
#include "operator/loop/world.hpp"

namespace fermi {

class Term {
 public:
  struct Context {
    k8s::Loop& loop;
    k8s::http::Transport& transport;
    const Options& options;
    Metrics& metrics;
    Caches caches;
    const Configuration& config;
    std::int64_t epoch = 0;
    std::function<bool()> may_write;
    Writer::Past past;
  };

  explicit Term(Context context);
  ~Term();
  Term(const Term&) = delete;
  Term& operator=(const Term&) = delete;

  void on_node(const k8s::Informer<k8s::Node>::Event& event);
  void on_pod(const k8s::Informer<k8s::Pod>::Event& event);
  // Tells the engine that a Pod is gone, and its job that the rank's room went with it.
  void lose_pod(const std::string& uid, const std::optional<PodRank>& rank);
  // A native PodGroup came, went or is another.
  void on_pod_group(const std::string& key) { plain_.on_pod_group(key); }
  void on_queue(const k8s::Informer<TaskQueue>::Event& event);
  // A claim, or a volume that is bound to it, changed.
  void on_claim(const std::string& key);
  void on_job(const k8s::Informer<TrainingJob>::Event& event);
  // Its labels may have changed, and with them where its tasks may be submitted.
  void on_namespace(const k8s::Informer<Namespace>::Event& event);
  // The configuration object was replaced in place.
  void on_config();

  // Begins nothing new; `drained` is called when no write is under way any more.
  void stop(std::function<void()> drained);

  const sched::Engine& engine() const { return engine_.engine(); }
  std::size_t pending() const { return jobs_.pending() + plain_.pending(); }

 private:
  void rebuild();
  void tell_nodes();
  void keep_marks();
  void take_pod(const k8s::Pod& pod);
  // Tells the engine anew of a job's finished Pods: what they hold depends on its attempt.
  void recount(const std::string& job_uid);
  bool counts(const k8s::Pod& pod) const;
  void book(const k8s::Pod& bound);
  Preemptions::Parts preemption_parts();
  void arm_settle();
  void settle();

  Context context_;
  GuardedTransport guarded_;
  k8s::Client client_;
  Writer writer_;
  k8s::EventRecorder events_;
  EngineHost engine_;
  TaskLedger ledger_;
  LiveCosts costs_;
  PositionBudget positions_;
  World world_;
  PodBook pods_;
  // Pods that are counted as bound before the cache shows them so, by uid.
  struct Booked {
    std::string key;
    std::optional<PodRank> rank;
  };
  std::map<std::string, Booked> booked_;
  GpuModels told_models_;  // by which the engine was told of the nodes
  k8s::TimerId settle_timer_ = k8s::TimerId::kNone;
  JobControl jobs_;
  PodControl plain_;
  PlainCosts plain_costs_;
  QueueControl queues_;
  Preemptions preemptions_;
};

}  // namespace fermi
