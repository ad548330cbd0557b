// QueueControl: all TaskQueues of one leader's term: rules to the engine, figures to the status.
//
// Figures follow the engine at most once a second for each queue and ten times a second in all, and
// only where they changed. With
// them goes what its tenants had before, where the queue's order depends on it: so a new leader,
// who reads it, misses what ended in the last second at most.
// An administrator's wish to resolve a conflict is decided when it is first seen, and kept until
// the answer stands in the status. Threads: the loop's.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "libk8s/workqueue/work_queue.hpp"
#include "operator/loop/conflict_control.hpp"
#include "operator/loop/overlay.hpp"
#include "operator/loop/world.hpp"
#include "operator/reconcile/queue_machine.hpp"

namespace fermi {

class QueueControl {
 public:
  // `rules_changed` is called with the name of a queue whose rules changed, came or went.
  QueueControl(World& world, std::function<void(const std::string&)> rules_changed);
  ~QueueControl();

  void rebuild();
  // What is kept for tasks, once all tasks are known.
  void resume();
  void on_queue(const k8s::Informer<TaskQueue>::Event& event);
  void on_planned();
  void stop(std::function<void()> drained);

 private:
  void work(const std::string& key, k8s::WorkQueue::Finish finish);
  // What tasks cost, by queue, then by tenant and pool.
  struct Costs {
    bool known = false;
    k8s::WallTime day;
    k8s::TimePoint read_at;
    std::uint64_t version = 0, live = 0;  // of the ledger, and of what all others spend
    CostCells ended;                      // what the ledger has of that day
    std::map<std::string, std::map<std::pair<std::string, std::string>, LiveCost>> by_queue;
  };
  QueueFacts facts_of(const TaskQueue& queue);
  std::int64_t budget_violations(const TaskQueue& queue);
  std::int64_t reservations_moved(const TaskQueue& queue);
  void tell_past(const std::string& queue);
  std::vector<StrategyFigures> strategies_of(const TaskQueue& queue, const QueueFacts& facts);
  const Costs& costs_at(k8s::WallTime now);
  std::optional<QueueCost> cost_of(const std::string& queue, k8s::WallTime now);
  void show_gauges(const std::string& name, const QueueFacts& facts);
  void answer_wish(const TaskQueue& queue, QueueFacts& facts);
  void take_off_wish(const TaskQueue& queue, k8s::WorkQueue::Finish finish);
  void show_tenants(const TaskQueue& queue, QueueFacts& facts) const;
  std::int64_t gpus_at_most(const TaskQueue& queue) const;
  std::vector<NodePlace> places() const;
  QueueNodes nodes_of(const TaskQueue& queue);
  void set_finalizers(const TaskQueue& queue, const SetFinalizers& step,
                      k8s::WorkQueue::Finish finish);
  void write_status(const TaskQueue& queue, const WriteQueueStatus& step,
                    k8s::WorkQueue::Finish finish);
  void on_answer(const std::string& name, const k8s::Result<nlohmann::json>& answer,
                 const k8s::WorkQueue::Finish& finish);

  World& world_;
  std::function<void(const std::string&)> rules_changed_;
  Overlay<TaskQueue> queues_;
  ConflictControl conflicts_;
  std::map<std::string, QueueResolution> answers_;  // by queue, not yet in the status
  PositionBudget budget_;
  // What the status said of budgets violated when this term began, less what this process had
  // counted by then.
  std::map<std::string, std::int64_t> violations_before_;
  std::map<std::string, std::int64_t> moved_before_;  // the same of reservations that moved
  // What all queues together are guaranteed beyond what there is, by queue, for these nodes.
  struct Guarantees {
    bool known = false;  // since a queue's rules changed last
    std::vector<NodePlace> nodes;
    std::map<std::string, std::string> beyond;
  };
  Guarantees guarantees_;
  Costs costs_;
  AllSums sums_;  // of the ledger at this version
  bool sums_known_ = false;
  std::uint64_t sums_version_ = 0;
  std::map<std::string, k8s::TimePoint> written_at_;
  std::map<std::string, k8s::TimePoint> slots_;  // places in the budget
  k8s::TimerId refresh_timer_ = k8s::TimerId::kNone;
  k8s::WorkQueue queue_;
};

}  // namespace fermi
