// ConflictControl: the conflicts between tasks of one leader's term.
//
// It looks again a moment after each plan, at most once a second, and when time alone changes one;
// the book (scheduler/conflicts) says what is new. Queues whose conflicts changed are told, so that
// their statuses show them. People hear by Events of the serious ones (High and Critical) that last
// for ten seconds, when they are found and when they are over.
//
// One that is over goes into the history (ledger/conflict_history), and its queue shows it until it
// stands there: so a leader that dies in between loses none that a status showed, and the next one
// finds it over. When a conflict began is read back from the statuses, too; of those that no status
// shows it begins anew. Threads: the loop's.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>

#include "operator/ledger/conflict_history.hpp"
#include "operator/loop/time_slices.hpp"
#include "operator/loop/world.hpp"
#include "operator/reconcile/queue_machine.hpp"
#include "scheduler/conflicts/book.hpp"

namespace fermi {

class ConflictControl {
 public:
  // `changed` is called with the name of a queue whose conflicts are others now.
  ConflictControl(World& world, std::function<void(const std::string& queue)> changed);
  ~ConflictControl();

  // What the last leader said of a queue's conflicts.
  void restore(const TaskQueue& queue);
  // Keeps the room that was kept because of answers which the status has. After all tasks are
  // known.
  void resume(const TaskQueue& queue);
  // A queue is gone.
  void remove(const std::string& queue) { slices_.remove(queue); }
  void on_planned();
  void stop();
  // Writes what is left of the history; after `stop`.
  void drain(std::function<void()> drained) { history_.stop(std::move(drained)); }
  // Whether it has looked: before that nothing can be said of any conflict.
  bool ready() const { return ready_; }

  // The conflicts whose waiting task is in the queue; before the first look, what the status has.
  void show(const TaskQueue& queue, QueueFacts& facts) const;
  // Carries out what an administrator asks for, or says why not.
  QueueResolution resolve(const TaskQueue& queue, const std::string& wish);

 private:
  const sched::Conflict* find(const std::string& queue, const std::string& text) const;
  QueueResolution stop_turns(const std::string& queue, QueueResolution answer);
  void look_after(k8s::Duration delay);
  void look();
  void count();
  void tell_people(sched::Time now);
  void tell(const sched::Conflict& conflict, bool over, const std::string& how);
  std::string outcome(const std::string& id, const std::string& uid, const std::string& name) const;
  void close(const sched::Conflict& conflict);
  void close_inherited();
  void remember(const std::string& queue, QueueConflict conflict, const std::string& how);
  void forget_late();

  World& world_;
  std::function<void(const std::string&)> changed_;
  TimeSlices slices_;
  sched::Book book_;
  std::set<std::string> told_;                   // ids of which people have heard
  std::map<std::string, std::string> resolved_;  // by id: the strategy that was accepted
  // What the statuses showed when the term began, by id, until the first look.
  struct Shown {
    std::string queue;
    QueueConflict conflict;
  };
  std::map<std::string, Shown> inherited_;
  // Over, and not known to stand in the history; by id. Not waited for beyond `until`.
  struct Leaving {
    k8s::WallTime since;
    std::string queue;
    k8s::TimePoint until;
  };
  std::map<std::string, Leaving> leaving_;
  ConflictHistory history_;
  k8s::TimerId timer_ = k8s::TimerId::kNone;
  k8s::TimePoint due_, looked_;
  bool ready_ = false, stopped_ = false;
};

}  // namespace fermi
