// Forward: the engine in virtual time.
//
// One engine, moved from one moment to the next at which something ends by itself or the engine
// asks to be asked again. What it decides takes effect at that moment: a gang runs as a whole from
// then on; who has to make room is off its nodes, waits again at its old submit time, and the room
// is held for whom it went, in the order of an operator: Evict, Hold, Reject, TaskUpsert. When an
// end is due, the task is over and its Pods are gone.
//
// How long a task runs and what it is when it waits again is the user's to say: a simulation knows
// it, a forecast takes it from what was stated. New tasks are told to `engine()` by the user.
//
//   while (auto next = forward.next()) {
//     forward.end(*next);
//     while (Forward::goes_on(forward.decide(*next))) continue;
//   }
//
// Deterministic. Ends of one moment come in the order of the uids.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "scheduler/engine.hpp"

namespace sched {

class Forward {
 public:
  struct World {
    // It has started: when it ends, if it does. What protects it may be told to the engine here.
    std::function<std::optional<Time>(const Start& start, Time now)> started;
    // It is over; the engine has been told.
    std::function<void(const std::string& task, Time now)> ended;
    // It makes room for another: the task as it waits again. `turn`: its turn was over, so that it
    // waits behind the peers who wait now.
    std::function<Task(const std::string& task, bool turn, Time now)> stopped;
  };

  Forward(Engine engine, World world) : engine_(std::move(engine)), world_(std::move(world)) {}

  Engine& engine() { return engine_; }
  const Engine& engine() const { return engine_; }

  // It runs, in the engine too, until `end`.
  void runs(const std::string& task, Time end);
  // It was asked to stop for `by`, and has; `waits` is the task as it waits again.
  void stop(const std::string& task, Task waits, const std::string& by, Time now);

  // When the next task ends; when, without that, the engine may decide something.
  std::optional<Time> next_end() const;
  std::optional<Time> wake() const { return wake_; }
  // Ends all that end until `now`.
  void end(Time now);
  // Carries out one plan, and tells it.
  Plan decide(Time now);
  // Whether the engine may have more to decide at that moment.
  static bool goes_on(const Plan& plan);

 private:
  void start(const Start& start, Time now);
  void preempt(const Preemption& preemption, Time now);
  void shrink(const Resize& decided, Time now);
  void forget(const std::string& task);
  void clear(const std::string& task);

  Engine engine_;
  World world_;
  std::set<std::pair<Time, std::string>> ends_;
  std::unordered_map<std::string, Time> end_of_;
  std::optional<Time> wake_;
};

}  // namespace sched
