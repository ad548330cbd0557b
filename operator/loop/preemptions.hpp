// Preemptions: from the engine's decision that some have to make room until they are told to.
//
//   decided ── may all of them go? ──yes──> told and evicted (JobControl, PodControl)
//                 │ a budget objects: it is said; asked again after 1, 2, 4, ... s
//                 v for as long as kPatience
//              given up: nobody was told, the room is no longer kept, and whom a budget keeps is
//              left out of the engine's next search. Looked at again every kLookAgain, for as long
//              as the same task waits: then, or once the budgets let all of them go, it is left out
//              no more
//
// Only in memory: until they are told, nothing has happened. A new leader plans anew and asks anew.
// Victims whose queue says `pdbPolicy: Violate` are not asked about. Threads: the loop's.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "libk8s/workqueue/work_queue.hpp"
#include "operator/commit/budgets.hpp"
#include "operator/loop/world.hpp"
#include "scheduler/plan.hpp"

namespace fermi {

class Preemptions {
 public:
  struct Parts {
    // The Pods of a task, if budgets protect them.
    std::function<Pods(const std::string& task)> pods;
    // They may go: tell them, and evict them.
    std::function<void(const sched::Preemption& preemption, const std::string& by)> tell;
    // This task, which was to give some of its nodes up, is not told and keeps all of them.
    std::function<void(const std::string& task)> keep_size;
    // Somebody is to know that this task was to make room and does not.
    std::function<void(const std::string& task, const std::string& why)> object;
    // Whether this task is left out has changed: the engine is to be told.
    std::function<void(const std::string& task)> retell;
  };

  Preemptions(World& world, Parts parts);

  // `by`: the name of the task that needs the room.
  void begin(const sched::Preemption& preemption, const std::string& by);
  // After each pass of the engine: who waits no longer needs no room.
  void on_planned();
  bool is_left_out(const std::string& task) const { return left_out_.count(task) != 0; }
  // Why a waiting task does not get the room that it should have got; "" when nobody objects.
  std::string objection(const std::string& by) const;
  void stop(std::function<void()> drained);

 private:
  using Objections = std::map<std::string, std::string>;  // by victim
  // Victims that may not go all at once, and those among them that are left out.
  struct GivenUp {
    std::vector<std::string> victims, left_out;
  };
  struct Open {
    std::string by;  // its name
    sched::PreemptionKind kind = sched::PreemptionKind::kTier;
    std::vector<std::string> victims;              // being asked about, those of `shrinks` too
    std::map<std::string, sched::Resize> shrinks;  // who only gives some of its nodes up
    std::map<std::string, std::int64_t> attempts;  // of these, when they were chosen
    k8s::TimePoint since;
    std::string objection;
    std::vector<GivenUp> given_up;
  };
  using Finish = k8s::WorkQueue::Finish;

  void work(const std::string& by, Finish finish);
  void ask_all(const std::vector<std::string>& victims,
               std::function<void(k8s::Result<Objections>)> done);
  Objections count(const std::vector<std::string>& victims,
                   const std::map<std::string, std::vector<DisruptionBudget>>& budgets) const;
  void answered(const std::string& by, const std::vector<std::string>& asked,
                const k8s::Result<Objections>& answer, Finish finish);
  void object(Open& open, const Objections& objections);
  bool has_begun_anew(const Open& open) const;
  void release(const std::string& by, Open& open);
  void give_up(const std::string& by, Open& open, const Objections& objections);
  void look_again(const std::string& by, Finish finish);
  void lift(const GivenUp& given_up);
  void drop(const std::string& by);

  World& world_;
  Parts parts_;
  std::map<std::string, Open> open_;     // by the task that needs the room
  std::map<std::string, int> left_out_;  // how often
  k8s::WorkQueue queue_;                 // last: it must go first
};

}  // namespace fermi
