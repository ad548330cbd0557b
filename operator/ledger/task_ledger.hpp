// TaskLedger: what tasks that are over have spent and how long they ran, once for each task.
//
// A task is folded in before it goes; only when that stands in the API server (`folded`) is its
// finalizer taken off. Once for each task, whoever dies when:
//   - what a task adds to a shard, and the mark that it did, are one change of one object. A change
//     that finds the mark does nothing, so it may be made as often as anybody likes;
//   - what a task adds follows from its status, which does not change any more, so that whoever
//     does it again does the same;
//   - a mark goes only after its task is known to carry no finalizer any more, or to be gone: from
//     then on nobody asks. So there are as many marks as tasks between the two, not one for each
//     task that ever was.
// Threads: the loop's.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "operator/ledger/books.hpp"
#include "operator/ledger/live_costs.hpp"
#include "operator/ledger/store.hpp"

namespace fermi {

// A plain Pod that spends.
struct OpenTask {
  std::string key;  // "namespace/name"
  Spending spending;
};

class TaskLedger {
 public:
  // All outlive this object; `cache` is synced.
  TaskLedger(k8s::Loop& loop, Writer& writer, std::string ns,
             const k8s::Informer<LedgerShard>& cache);

  // Whether all of this task is known to stand in the API server.
  bool folded(const std::string& task_id) const { return durable_.count(task_id) != 0; }
  // `done` is called once it does, unless this object goes before.
  void fold(const FinishedTask& task, std::function<void()> done);
  // Whether it was given to this ledger, by this leader or one before.
  bool knows(const std::string& task_id) const {
    return marks_.count(task_id) != 0 || durable_.count(task_id) != 0;
  }
  // Remembers a task that nothing else would speak of if nobody led when it went; until it is
  // folded in.
  void open(const std::string& task_id, OpenTask task);
  const std::map<std::string, OpenTask>& open_tasks() const { return open_; }
  // Nobody will ask for this task any more: its finalizer is off, or it is gone.
  void forget(const std::string& task_id);
  // The same for every task that a leader before us had folded, but these.
  void keep_only(const std::set<std::string>& task_ids);

  // `on_run` is called with each run that is folded in from now on, once.
  void tell_runs(std::function<void(const FinishedRun&)> on_run) { on_run_ = std::move(on_run); }
  // How long tasks of a queue lasted, as far as it is kept. Each tells the longest wait of all.
  std::vector<sched::PastRuns> runs_of(const std::string& queue) const;

  // What tasks that are over have spent on a day.
  CostCells costs_of(const std::string& day) const;
  // How they went, by queue and strategy.
  AllSums sums() const;
  const LedgerStore& store() const { return store_; }

  // Writes what is left, then calls `drained`.
  void stop(std::function<void()> drained) { store_.stop(std::move(drained)); }

 private:
  struct Folding {
    std::size_t left = 0;  // shards
    std::vector<std::function<void()>> done;
  };
  void on_written(const std::string& task_id);
  void change(std::size_t shard, LedgerStore::Change change, LedgerStore::Written written);

  LedgerStore store_;
  std::function<void(const FinishedRun&)> on_run_;
  std::map<std::string, Folding> folding_;
  std::set<std::string> durable_;
  std::map<std::string, std::set<std::size_t>> marks_;  // by task: shards known to have its mark
  std::map<std::string, OpenTask> open_;
  std::map<std::size_t, std::set<std::string>> forgotten_;  // marks to be erased, by shard
};

}  // namespace fermi
