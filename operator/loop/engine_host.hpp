// EngineHost: owns the engine. Deltas go in, plans come out, every step is journalled.
//
//   apply(delta)   at once, so that questions are answered as of now; a plan follows a moment later
//   plan           never before `open`. The auditor, which keeps tables of its own, checks it; what
//                  it objects to is not carried out. Each start is assumed, then handed to `accept`
//   tend           where promises are kept (ConfigUpdate::keep_promises), when no delta waits: who
//   is blocked is promised room, and promises are bettered, a
//                  bounded piece at a time. Each promise is a delta. A pass decides beside what is
//                  promised by then, at once; a new leader begins without any, and has them made
//                  anew (until then nobody passes a blocked task, so that nothing is lost by it)
//   wake           when the engine says that time alone may change the plan (a back-off that ends)
//
// The engine calls nobody and reads no clock: time comes from the loop, here, with each plan.
// Threads: the loop's.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libk8s/base/loop.hpp"
#include "operator/loop/forecaster.hpp"
#include "operator/report/metrics.hpp"
#include "scheduler/audit/audit.hpp"
#include "scheduler/backfill/moves.hpp"
#include "scheduler/engine.hpp"

namespace fermi {

class EngineHost {
 public:
  struct Options {
    k8s::Duration batch_delay{};
    std::function<void(std::string_view line)> journal;  // may be null
    // Takes over a start that has been assumed; false: nobody knows the task, and it is removed.
    std::function<bool(const sched::Start&)> accept;
    // Asks the victims to stop. They have been told to the engine as evicted, the task as held for.
    std::function<void(const sched::Preemption&)> preempt;
    // An elastic gang gets more nodes: told to the engine by whoever knows the task.
    std::function<void(const sched::Resize&)> grow;
    // May be null. What else is to be said against a plan, as the auditor says it: each sentence
    // begins with the task, ": ". Nothing of such a plan is carried out.
    std::function<std::vector<std::string>(const sched::Plan&)> objects;
    // After each pass, with or without starts.
    std::function<void()> planned;
    // There are new answers about when who waits will start.
    std::function<void()> foreseen;
  };

  EngineHost(k8s::Loop& loop, Metrics& metrics, Options options);
  ~EngineHost();
  EngineHost(const EngineHost&) = delete;
  EngineHost& operator=(const EngineHost&) = delete;

  // True when it changed something.
  bool apply(const sched::Delta& delta);
  // Carries out an administrator's wish at once, or says why not. `kept`: the room that is held for
  // the task because of it.
  sched::Ruling resolve(const sched::Resolve& wish, sched::Hold& kept);
  // From now on plans are made.
  void open();
  // No more plans.
  void close();

  const sched::Engine& engine() const { return engine_; }
  // Why a task waits, and when it is expected to start. Between two changes all answers are as of
  // one moment, at most a second ago: so they cost one look together. Of one whose start, or whose
  // asking others to stop, the auditor objected to in the last pass: that, since no one else says
  // why it does not start.
  sched::Reason explain(const std::string& task);
  // Counts the reservations that moved since it was last asked because a task outlived its
  // estimate, in the metrics.
  void count_moves();
  Foreseen foreseen(const std::string& task) const { return forecaster_.of(task); }
  sched::Time now() const { return {loop_.wall_now().ns}; }

 private:
  // The moment of the answers.
  sched::Time asked();
  void arrange(k8s::Duration delay);
  void pass();
  void tend();
  void arrange_tending(k8s::Duration delay);
  // The starts that the auditor has nothing against, in order.
  std::vector<sched::Start> sound(const sched::Plan& plan, sched::Time at);
  void carry_out(const sched::Start& start, sched::Time at);
  // Whether the auditor has nothing against it as one. Else that is counted and logged (`what`),
  // and a plan made anew later.
  bool sound_part(const sched::Plan& part, const char* what, sched::Time at);
  std::vector<std::string> objections(const sched::Plan& plan, sched::Time at) const;
  void preempt(const sched::Plan& plan, const std::vector<sched::Start>& starts, sched::Time at);
  void grow(const sched::Plan& plan, const std::vector<sched::Start>& starts, sched::Time at);

  k8s::Loop& loop_;
  Metrics& metrics_;
  Options options_;
  sched::Engine engine_;
  sched::Auditor auditor_;
  Forecaster forecaster_;
  std::optional<sched::Time> asked_;  // the moment of the answers, until something changes
  sched::Moves moves_;
  sched::Hold last_hold_;
  std::map<std::string, std::string> stopped_;  // by the last pass, by task: the objection
  bool open_ = false;
  k8s::TimerId timer_ = k8s::TimerId::kNone;
  k8s::TimePoint due_;
  k8s::TimerId tending_ = k8s::TimerId::kNone;
  int put_off_ = 0;  // how often tending made way for a pass since it last ran
};

}  // namespace fermi
