// Engine: the scheduler's pure heart. Deltas in, plan out.
//
// No I/O, no clock, no threads, no randomness: the same deltas and the same `now` give the same
// plan on every machine. Not thread-safe; the caller's loop owns it. Copying an engine (for
// predictions and what-if) copies its whole state.
//
//   engine.apply(NodeUpsert{...}); engine.apply(TaskUpsert{...});
//   Plan plan = engine.plan(now);
//   for (const Start& s : plan.starts) engine.apply(Assume{s.task, s.attempt, s.placement});
//
// `apply` never fails: a delta that names something unknown, or says nothing new, changes nothing
// (returns false). Complexity: work follows what changed, never the size of cluster or queue.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "scheduler/conflicts/conflict.hpp"
#include "scheduler/conflicts/ruling.hpp"
#include "scheduler/delta.hpp"
#include "scheduler/plan.hpp"

namespace sched {

enum class TaskState : std::uint8_t { kWaiting, kReserved, kRunning, kEnded };

class Engine {
 public:
  Engine();
  ~Engine();
  Engine(const Engine&);
  Engine& operator=(const Engine&);
  Engine(Engine&&) noexcept;
  Engine& operator=(Engine&&) noexcept;

  bool apply(const Delta& delta);

  // Decides which waiting tasks start now and where, in the total order of the specification, each
  // beside all that was decided before it. Pure: changes nothing; applying its starts as Assume
  // is the caller's step. Bounded: at most `max_starts` starts (the rest come with the next pass).
  Plan plan(Time now, std::size_t max_starts = 1000) const;

  // The same plan, and beside it every reservation that is held now. A plan alone makes only those
  // that are in somebody's way, and tells none.
  Plan forecast(Time now, std::size_t max_starts = 1000) const;

  // Where promises are kept (ConfigUpdate::keep_promises): what is to be promised to those whom the
  // last plan left blocked, in the total order; those without a promise and those whose promise is
  // broken first (each call makes at least one of these), then the longest not looked at are
  // bettered. It ends after so many expected ends and nodes: a call costs one search beyond that at
  // most. To be called when no event waits, the last plan carried out and its promises fed back as
  // deltas, until it asks for no more. Pure, as `plan`; a plan depends on the promises that were
  // fed back alone.
  Tending tend(Time now, std::int64_t budget = 4'000) const;
  // What is promised now, by task: to be told beside other deltas.
  std::vector<Promise> promises() const;

  // When `plan` could next differ without a new delta (a back-off that ends), if ever.
  std::optional<Time> next_time(Time now) const;

  // --- what people ask. All answers are as of the last delta.
  std::optional<TaskState> state(std::string_view task) const;
  // From 1 within its queue's waiting line; 0 when it does not wait. Where tenants take turns the
  // line is the order in which plans would take the tasks if there were room for each that can ever
  // start and nothing else changed (fair/merge.hpp), as of the last plan's time. It is exact, and
  // costs as much as the task stands deep, once for all that ask before the next change.
  std::int64_t position(std::string_view task) const;
  // Waiting tasks ahead of it over all queues.
  std::int64_t tasks_ahead(std::string_view task) const;
  // Every reservation that is held now, as the next plan leaves them: the same look as `explain`.
  std::vector<Reservation> reservations(Time now) const;
  // Who runs longer than it stated, by uid: when its last estimate was over, and where it is.
  struct Outlived {
    std::string task;
    Time at;
    std::vector<std::string> nodes;
  };
  std::vector<Outlived> outlived(Time now) const;
  // Why it waits now; kNone when it does not wait, or would start with the next plan. Looks at the
  // state as the next plan leaves it: that look is made once for all that ask at the same `now`
  // before the next change, as long as that plan decides nothing (what it books else has to be
  // given back in between).
  Reason explain(std::string_view task, Time now) const;
  // The conflicts among the first waiting tasks of all queues and those that are placed, as the
  // next plan leaves them (conflicts/survey.hpp has the rules and the bounds).
  Survey conflicts(Time now) const;
  // What would become of this wish if it were applied now: whether the next plan would ask somebody
  // to stop, and if not, why.
  Ruling rule(const Resolve& wish, Time now) const;
  // The first `limit` waiting tasks of a queue, in order.
  std::vector<std::string> head(std::string_view queue, std::size_t limit) const;

  // Of the nodes that a quota of the queue names, or a guarantee of another of which it has
  // borrowed.
  struct PlaceFigures {
    std::string zone, pool, gpu_model;
    Resources used;      // where a quota of its own names them
    Resources borrowed;  // beyond its guarantee there, of what others are guaranteed there
  };
  struct QueueFigures {
    std::int64_t pending = 0, running = 0;
    Resources used;
    Resources borrowed;  // beyond its guarantee, of what others are guaranteed
    std::vector<PlaceFigures> places;
  };
  QueueFigures figures(std::string_view queue) const;
  // The tenants of a queue that have something there, or had, by name.
  struct TenantFigures {
    std::string tenant;
    std::int64_t running = 0;           // reserved and running tasks
    Resources used;                     // GPUs of tasks that name a model as "nvidia.com/gpu@A100"
    std::int64_t share_millionths = 0;  // dominant share by weight; decayed where the queue decays
  };
  std::vector<TenantFigures> tenants(std::string_view queue) const;
  // What these tenants had, in the form that a new leader is given: as of the last delta, without
  // what still runs. Told as sums of each period of the half-life, which is all that counts.
  std::vector<Served> served(std::string_view queue) const;
  // How long tasks of this queue lasted, in the form that a new leader is given.
  std::vector<PastRuns> past_runs(std::string_view queue) const;
  // What is used (Pods and reservations) on a node; nothing for an unknown node.
  std::optional<Resources> used(std::string_view node) const;

  // --- what a run forward over the expected ends needs to know (forecast/)
  // As last told; null for one that is not known. Good until the next delta.
  const Task* task(std::string_view uid) const;
  const Queue* queue(std::string_view name) const;
  const ConfigUpdate& config() const;
  std::vector<std::string> queues() const;  // by name
  // Whether it may ever start as things are: it is not held, its queue takes it, and the cluster
  // could hold it if it were empty.
  bool can_start(std::string_view task) const;
  // Everybody who holds a place, by uid.
  struct Placed {
    std::string task;
    bool running = false;  // its whole gang, since `since`
    Time since;
    std::optional<Time> end;  // when it is expected to end; nothing: nobody knows
    std::string evicted_by;   // for whom it was asked to stop; "": it was not
    Time evicted_at;
    friend bool operator==(const Placed&, const Placed&) = default;
  };
  std::vector<Placed> placed(Time now) const;
  // The Pods that are known to be of this task, by uid.
  std::vector<std::string> pods(std::string_view task) const;
  // Pods of tasks that hold no place, and of attempts that are over: all on their way out, by uid.
  std::vector<std::string> pods_left() const;

  // For each group of a waiting task: one node of each kind that its Pods may run on, whatever runs
  // there. Nodes of a kind agree in zone, pool, GPU model and all that filters ask about.
  std::vector<std::vector<std::string>> kinds_of_nodes(std::string_view task) const;

  // A digest of the whole state, equal for equal states however they came about; incremental
  // state is checked with it against state built from scratch.
  std::uint64_t digest() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sched
