// Forecaster: when those who wait will start, kept current at a bounded cost.
//
//   changed()      a plan was made: the answers may be old. A run begins, not sooner than a second
//                  after the last one began
//   run            a copy of the engine goes forward (scheduler/forecast), in slices on the loop:
//                  after each it pauses nine times as long as it took, so that forecasts cost a
//                  tenth of one core at most, however large the cluster is. Answers are given as
//                  they come, near starts first
//   overdue        a start that was expected has not come: the answers are old, though nothing
//                  happened
//
// One slice is a few plans or a few milliseconds, whichever is over first; the copy that a run
// begins with is one slice, too, and costs what docs/adr/0014 says. Threads: the loop's.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "libk8s/base/loop.hpp"
#include "operator/report/metrics.hpp"
#include "scheduler/forecast/forecast.hpp"

namespace fermi {

// What is foreseen of a waiting task. With neither, nobody has looked yet.
struct Foreseen {
  std::optional<sched::Time> start;
  sched::Placement placement;  // where, for the first ones of each queue
  std::optional<sched::Time>
      not_before;      // no start was found until then, which is all that is known
  bool never = false;  // nothing that is known will let it start
  sched::Time as_of;
};

class Forecaster {
 public:
  // `told`: there are new answers. The engine must outlive it.
  Forecaster(k8s::Loop& loop, Metrics& metrics, const sched::Engine& engine,
             std::function<void()> told);
  ~Forecaster();
  Forecaster(const Forecaster&) = delete;
  Forecaster& operator=(const Forecaster&) = delete;

  void changed();
  // No more runs.
  void close();

  Foreseen of(const std::string& task) const;

 private:
  struct Known {
    sched::Forecast::Answer answer;
    sched::Time as_of;
  };
  void arrange(k8s::TimePoint due);
  void wake();
  void begin();
  void slice();
  void take(bool whole);
  void finish();
  void pause(k8s::TimePoint began, bool more);
  sched::Time now() const { return {loop_.wall_now().ns}; }

  k8s::Loop& loop_;
  Metrics& metrics_;
  const sched::Engine& engine_;
  std::function<void()> told_;
  std::unique_ptr<sched::Forecast> run_;
  std::map<std::string, Known> known_;
  // Of the last whole run: what is so of all that have no start.
  std::optional<sched::Time> not_before_;
  bool never_ = false;
  sched::Time as_of_;
  std::set<std::string> placed_;  // of whom the last run says nothing
  bool dirty_ = false, closed_ = false;
  k8s::TimePoint next_run_;
  k8s::TimerId timer_ = k8s::TimerId::kNone;
  k8s::TimePoint due_;
};

}  // namespace fermi
