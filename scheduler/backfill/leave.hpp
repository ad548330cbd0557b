// Leave: what queues may run, at moments to come.
//
// Room is not all that a task needs: its queue's maximum (over all nodes, of some of them, of
// running tasks) has to have it, and what is guaranteed to other queues has to be left to them.
// Whoever has a reservation has a claim to that, too: from its begin on, as if it ran.
//
//      queue q, at most 8 GPUs:   a has 4 until 1h        head, 8: from 1h to 2h
//      s, 4 for 50m:  may start   (it is over by then)
//      s, 4 for 2h:   may not     (at 1h the queue would have 4 + 8 of 8)
//
// Exact, given the expected ends: at each moment the queue uses what it uses now, less what has
// ended, and what those have who claimed it. Looks at the ends of the queue's own tasks; for what
// is guaranteed to others, at those of all, as they change what is free. Whom the holder of a claim
// may have stop (preempt/promise.hpp) counts as ended for it when nothing protects him any more;
// for what is guaranteed to others of some of the nodes those alone who run where it could.
//
// What is guaranteed of some of the nodes depends on where the tasks lie: it is asked with their
// nodes, when these are known (`moment`, `delayed_by`; leave_by_place.cpp).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "scheduler/backfill/future.hpp"
#include "scheduler/backfill/moment.hpp"
#include "scheduler/fair/grants.hpp"
#include "scheduler/state/state.hpp"

namespace sched {

class Leave {
 public:
  struct Claim {
    TaskId task = kNoId;
    Time begin, end;
    const std::vector<NodeId>* ranks = nullptr;
  };
  using Claims = std::vector<Claim>;

  // The state is told otherwise while a call lasts, and is as before then.
  Leave(State& state, Time now) : state_(state), now_(now) {}

  // Whether the task's queue has any maximum.
  bool limited(TaskId task) const;
  // Whether what is guaranteed to others may keep the task out.
  bool guarded(TaskId task) const;
  // One that starts in this pass and is expected to run until `end`. The ranks must lie still.
  void started(TaskId task, const std::vector<NodeId>& ranks, Time end);

  // Whether the task, which cannot run now, may run from `from` until `to` beside these claims, as
  // far as that does not depend on its nodes.
  bool allows(TaskId task, Time from, Time to, const Claims& claims);
  // The first claim that the task, which may run now, would delay if it ran until `to`, and of
  // what; nothing when there is none.
  struct Delayed {
    const Claim* claim = nullptr;
    bool of_queue = false;  // else of what the guarantees of others leave
    grants::Nodes nodes;    // where these are of some of the nodes
  };
  Delayed delayed(TaskId task, Time to, const Claims& claims);
  // What the task's queue uses of its quotas of some nodes, as it must count that if it runs until
  // `to`: from now on, or from a moment at which others have ended. Empty where there are none.
  std::vector<Amounts> used_now(TaskId task, Time to, const Claims& claims) {
    return used(task, std::nullopt, to, claims);
  }
  std::vector<Amounts> used(TaskId task, std::optional<Time> from, Time to, const Claims& claims);
  // The most that the queue uses of them at the begin of any claim before `to`, the task aside.
  // Who takes the turns of peers may count on the rest alone: by then these are over anyway.
  std::vector<Amounts> used_later(TaskId task, Time to, const Claims& claims);

  // Whether what is guaranteed to others of some of the nodes may keep the task from places; and
  // any that has one of these claims, which begins before then.
  bool guarded_by_place(TaskId task) const;
  bool guards_places(const Claims& claims, Time to) const;
  // Those who are asked to stop now.
  using Stopped = std::vector<TaskId>;
  // How things are at a moment for this task, beside these claims.
  Moment moment(TaskId holder, Time at, const Claims& claims, const Stopped& stopped = {});
  // The first claim that would lack what the guarantees of others of some nodes leave it now, if
  // `own`, whose nodes are known, ran as it says.
  Delayed delayed_by(const Claim& own, const Claims& claims, const Stopped& stopped = {});

 private:
  struct Sum {
    std::int64_t tasks = 0;
    Amounts amounts;
    std::vector<Amounts> limits;  // by quota of some nodes
  };
  struct Line {  // what ends of one queue, for one holder: soonest first
    std::vector<std::pair<Time, TaskId>> ends;
    std::vector<Sum> sums;  // of the first so many; made when they are asked for
  };
  struct Started {
    const std::vector<NodeId>* ranks = nullptr;
    Time end;
  };
  static const Amounts& request_of(const Shape& shape, std::size_t rank);
  // Of those whom the holder may have stop: all, for what its queue may run, and what others are
  // guaranteed of the whole cluster; for what they are of some of the nodes, those near it alone,
  // as nobody else is asked.
  enum class Yield : std::uint8_t { kAll, kNear };
  Line& line(QueueId queue, TaskId holder, Yield who);
  const Sum& ended(QueueId queue, TaskId holder, Time at, Yield who = Yield::kAll);
  bool near(TaskId holder, TaskId task) const;
  Late yielding_near(TaskId holder) const;
  void add(const QueueRecord& queue, Sum& sum, TaskId task) const;
  void count(const QueueRecord& queue, Sum& sum, const Claim& claim) const;
  Sum active(QueueId queue, Time at, const Claims& claims, TaskId but) const;
  bool keeps_maximum_at(TaskId task, TaskId holder, Time at, const Claims& claims);
  bool keeps_guaranteed_at(const Claim& guarded, Time at, const Claims& claims);
  const Amounts& freed(Time at, TaskId holder);
  bool may_ask(TaskId holder) const;
  bool guarantees() const;
  bool gives_back(TaskId holder);
  const std::map<ClassId, Amounts>& freed_by_class(Time at, TaskId holder);
  void take(Moment& then, const Claim& claim, int sign) const;
  void stop(Moment& then, TaskId holder, Time at, TaskId task) const;
  grants::Nodes taken(const Claim& claim, Time at, const Claims& there, const Stopped& stopped);

  State& state_;
  const Time now_;
  std::map<TaskId, Started> started_;
  std::map<std::tuple<QueueId, TaskId, Yield>, Line> lines_;
  // On nodes that take Pods: what has ended until then, for one holder.
  std::map<std::pair<Time, TaskId>, Amounts> freed_;
  std::map<TaskId, Late> yielding_;
  std::optional<Late> late_;
  mutable std::optional<bool> guarantees_;
  struct Ends {  // for one holder: what has ended until `at`, by class of nodes that take Pods
    Time at;
    std::unique_ptr<Late> early;
    std::unique_ptr<Future> future;
    std::map<ClassId, Amounts> freed;
  };
  std::map<TaskId, Ends> ends_;
  std::map<TaskId, bool> gives_back_;
};

// Puts what a queue uses of its quotas of some nodes into the state for a while, as `Leave::used`
// says.
class LeaveInPlace {
 public:
  LeaveInPlace(State& state, QueueId queue, std::vector<Amounts> used);
  ~LeaveInPlace();
  LeaveInPlace(const LeaveInPlace&) = delete;
  LeaveInPlace& operator=(const LeaveInPlace&) = delete;

 private:
  void swap();
  State& state_;
  const QueueId queue_;
  std::vector<Amounts> used_;
};

}  // namespace sched
