// Pass: one walk over what may start, in the total order.
//
//   0. Who has room kept for it starts there as soon as it is whole, whoever stands before it in
//      line: that room is for nobody else. So it does where it fits otherwise, when its turn comes;
//      what was kept for it is free for others once that start has been told.
//   1. The next in the order (turns.hpp) is tried, beside every reservation ahead of it: it has to
//      end before they begin, or to leave them what they need (backfill/calendar.hpp).
//   2. It fits: it is booked, and its queue's share grows.
//      It does not, with or without the reservations: its shape (or, over quota, its bucket) is
//      parked, twins with it. In a strict queue that ends the queue's turn, unless the task can
//      never start. The rules of its queue say whether it gets a reservation itself: the first that
//      is blocked, those that waited too long, or all up to a depth; whether it is room that is
//      missing, its queue's maximum, or what is guaranteed to others (backfill/leave.hpp).
//      Reservations are made when the first behind them would fit: until then they bind nobody.
//      It would fit but for a reservation: twins that last as long are passed over, shorter ones
//      are tried.
//   3. A task that is the first of its queue to lack room, and for which none is kept, may have
//      others stop for it (preempt/): a High or Medium one by its tier, any for what its queue may
//      claim back, and any in a queue that takes turns, also for room within that queue's maximum.
//      So may those of a queue yield to its higher tiers. Who, is proved at once on named nodes,
//      and that room is kept for it from then on, as the state keeps it for those of earlier
//      passes.
//   4. In a queue that learns, those behind the blocked head are tried in the order of
//   scheduler/learn
//      and judged by how long they are predicted to run, as long as a wrong prediction costs the
//      head no more than half the longest time that anybody of its queue has waited so far: who by
//      what he stated would run until after that, is judged by what he stated.
//   5. Until nothing is left, or `max_starts` were decided.
//   6. Where reservations are promises that are kept (ConfigUpdate::keep_promises) the pass makes
//      none. A start leaves alone every promise to a task of a tier above its own; of its own tier
//      those to tasks ahead of it: in its queue's line (tenants apart), or found blocked before it
//      in this pass. Who passes a blocked task of its queue, or holds a promise itself, leaves
//      alone all of its tier: that is a privilege, and whoever was promised room is not to lose it
//      by that. A promise is left when its task starts; but for who passes somebody of its queue
//      that may have been refused for it, only in the next pass, where that one comes first. Who
//      deserves a reservation and was promised nothing yet is not passed in its queue.
//      See promised.cpp, and tend.hpp for who makes the promises.
//   7. What administrators want for tasks that still wait comes last, beside all of it
//      (conflicts/settlement.hpp). Then, of each group with backup zones, one task that could be in
//      a primary zone again.
//   8. Elastic gangs start at their minimum in all of this. What is left then, and nobody who waits
//      could use or was promised, is theirs (elastic/growth.hpp): of those that start, then of
//      those that run, but for those on whose end somebody may count.
//
// While the pass lives, the state carries its bookings; the destructor gives them back, and the
// state is as before (what was parked because of the bookings is awake again).
#pragma once

#include <functional>
#include <map>
#include <set>
#include <vector>

#include "scheduler/backfill/ahead.hpp"
#include "scheduler/backfill/calendar.hpp"
#include "scheduler/backfill/kept_promises.hpp"
#include "scheduler/conflicts/settlement.hpp"
#include "scheduler/order/turns.hpp"
#include "scheduler/place/gang.hpp"
#include "scheduler/plan.hpp"
#include "scheduler/preempt/holds.hpp"

namespace sched {

struct Surroundings;

class Pass {
 public:
  // kForecast: makes the reservations even when nothing can start. kTend: asks nobody to stop, and
  // is made for `due`.
  enum class Look : std::uint8_t { kStarts, kForecast, kTend };
  Pass(State& state, Time now, std::size_t max_starts, Look look = Look::kStarts);
  ~Pass();
  Pass(const Pass&) = delete;
  Pass& operator=(const Pass&) = delete;

  const Plan& plan() const { return plan_; }
  // Whether the state carries anything of it.
  bool books() const {
    return overlay_.mark() > 0 || !started_.empty() || !plan_.preemptions.empty();
  }
  bool starts(TaskId task) const { return started_.contains(task); }
  // Whether it had its turn, and there was no room for it then, or none beside what is reserved.
  bool was_blocked(TaskId task) const { return ahead_.contains(task); }
  // The task that nobody behind it in this queue may pass: in a strict one, and where it was
  // promised nothing yet; kNoId when there is none.
  TaskId blocker(QueueId queue) const;
  // The reservation that a task which would fit has to leave alone, and what of it it would take;
  // null when none is in its way.
  struct InTheWay {
    const Calendar::Reserved* reserved = nullptr;
    Reason::Reserved what = Reason::Reserved::kRoom;
  };
  InTheWay in_the_way(TaskId task);
  // Those whose stopping this plan asks for on behalf of the task; null when there are none.
  const Preemption* preemption_of(TaskId task) const;
  // Whether its queue runs as many tasks as it may, those included that have been promised room.
  bool runs_all_it_may(TaskId task) const;
  // What it asks for, and of the same what has been promised to others of its queue.
  Amounts beside_promised(TaskId task) const;
  // Its own reservation, or null.
  const Calendar::Reserved* reservation_of(TaskId task);
  // Who deserves a reservation, in the order in which they had their turns: where promises are
  // kept.
  const std::vector<TaskId>& due() const { return due_; }
  // Whether the pass stopped in this queue at one that deserves a reservation and has none yet.
  bool unpromised(QueueId queue) const {
    return !strict(state_.queues[queue].queue) && blockers_.contains(queue);
  }
  const Late& late() { return calendar_.late(); }
  // Why tasks of a shape can never start is found out once.
  const Reason& once(ShapeId shape, const std::function<Reason()>& find) {
    const auto known = hopeless_.find(shape);
    return known != hopeless_.end() ? known->second : hopeless_[shape] = find();
  }
  // What would become of this wish, beside the whole plan.
  Settled settle(const Resolve& wish);

 private:
  enum class Answer : std::uint8_t {
    kStarts,
    kNoRoom,
    kNoQuota,      // its queue's maximum
    kNoClaim,      // what there is is guaranteed to others
    kTenantLimit,  // what its queue lets its tenant have
    kReserved,
    kEvicting,
  };

  void run(std::size_t max_starts);
  bool nothing_new();
  bool asked_in_vain();
  bool came_behind(TaskId task);
  void remember_asked();
  void park_hopeless();
  bool may_be_offered(BucketId bucket) const;
  bool somebody_may_find();
  bool may_find(QueueId queue, const Ordered<Place>& heads);
  bool may_find(TaskId task) const;
  void start_kept(std::size_t max_starts);
  Answer attempt(TaskId task, BucketId bucket);
  // `exact`: where there is no room, that was proved.
  struct Placed {
    Answer answer = Answer::kStarts;
    bool exact = true;
  };
  Answer place(TaskId task, BucketId bucket);
  Placed place_beside_reservations(TaskId task, const Shape& shape, Time end);
  Leave::Claims claims(TaskId task) const;
  std::optional<Gang> place_beside(TaskId task, Time end);
  struct Beside {
    std::optional<Gang> gang;
    Leave::Delayed delayed;  // whom it would have delayed where it was tried last
  };
  Beside room_beside(TaskId task, const Shape& shape, Time end, const Leave::Claims& claims);
  bool leave_out(Trial& trial, const grants::Nodes& nodes) const;
  void start(TaskId task, const Gang& gang);
  bool start_held(TaskId task);
  bool may_fit_held(TaskId task);
  bool preempt(TaskId task);
  bool may_ask(TaskId task, PreemptionKind kind) const;
  bool may_claim(TaskId task) const;
  bool ask(TaskId task, PreemptionKind kind);
  std::optional<Preemption> search(TaskId task, Time end, PreemptionKind kind, Surroundings around,
                                   Overlay& look);
  bool would_delay(TaskId task, Time end, const Preemption& found);
  bool may_ask_somebody() const;
  void on_full(Turns& turns, const Turns::Offer& offer);
  Answer no_room(const Shape& shape) const;
  bool nothing_to_do(const Turns::Offer& offer) const;
  bool may_fit_by_now(const Shape& shape) const;
  void on_blocked(Turns& turns, const Turns::Offer& offer, Answer answer);
  bool has_others_stop(const Turns::Offer& offer, Answer answer);
  bool has_peers_stop(TaskId task);
  bool peers_may_make_way(TaskId task) const;
  bool may_be_judged_anew(QueueId queue) const;
  void reserve_for(TaskId task);
  bool waits_for_turns_to_begin(TaskId task);
  void arrange(Turns& turns, QueueId queue);
  Time judged_end(TaskId task) const;
  // With so many of its queue blocked before it.
  bool deserves_reservation(const Turns::Offer& offer, std::int64_t ahead) const;
  void make_reservations();
  void tell_reservations();
  void tell_promises();
  // What it has to leave to others if it runs until then. `of`: whose reservation is not counted,
  // where the pass makes them.
  Ahead reserved_beside(TaskId task, Time end, TaskId of = kNoId);
  KeptPromises::Binding binding(TaskId task) const;
  const PromisedRoom* promised(TaskId task) const;
  bool equal_was_refused(BucketId bucket, Time end);
  Placed place_beside_promises(TaskId task, const Shape& shape, Time end);
  void note_refusal(const Turns::Offer& offer, Answer answer);
  bool may_park(QueueId queue, const std::set<BucketId>& refused) const;
  void park_refused();
  bool start_promised(TaskId task, Time end, const KeptPromises::Binding& binding);
  const Calendar::Reserved* promise_of(TaskId task);
  void settle_wishes();
  void propose_moves();
  TaskId to_move(const std::set<TaskId>& group) const;
  bool has_right_to_both(const TaskRecord& task, const Shape& shape) const;
  std::optional<Move> move_back(TaskId task);
  void widen();
  bool may_take_room(TaskId task, BucketId bucket) const;
  bool queue_is_waited_for(TaskId task);
  Cover cover_of_starts(QueueId queue);
  bool growth_asks_who_waits();
  std::vector<ShapeId> waited_for() const;

  State& state_;
  const Time now_;
  const Look look_;
  const bool forecast_, keeps_;
  Overlay overlay_;
  Calendar calendar_;
  KeptPromises kept_;  // where promises are kept; then `calendar_` has none
  Pledges pledges_;
  Plan plan_;
  // Who deserves a reservation and has none yet: made when somebody behind could start.
  std::vector<TaskId> pending_;
  std::int64_t searches_ = 0, tries_ = 0, renewals_ = 0;  // for victims; of reservations
  bool looked_at_all_ = false;
  bool nothing_to_try_ = false;  // it can only ask somebody to stop
  bool cut_ = false;             // some were left out: nothing could come of their turns
  bool peers_might_ = false;     // make way for one of their queue, once nothing protects them
  std::vector<std::pair<TaskId, PreemptionKind>> asks_;  // in their order
  std::set<TaskId> ahead_;                               // found blocked so far
  bool refuses_ = false;   // somebody who fits alone was refused beside what was promised
  std::set<TaskId> left_;  // who has started since then, and held a promise
  std::vector<TaskId> due_;
  std::map<TaskId, Calendar::Reserved> told_;  // promises, as somebody asked about them
  std::set<TaskId> started_;
  std::map<TaskId, std::vector<NodeId>> ranks_;  // where they go
  std::set<QueueId> full_;  // at their limit of tasks, and a peer was looked for who gives way
  std::map<QueueId, TaskId> blockers_;
  // Of queues that learn, once their head is blocked: until when predictions are believed.
  std::map<QueueId, Time> patience_;
  std::map<std::pair<QueueId, ShapeId>, Time> refused_;  // there: the soonest end that was too late
  // Of buckets: the soonest end that was refused beside what was promised. Who lasts as long stands
  // behind that one, whatever was promised to him.
  std::map<BucketId, Time> too_long_;
  // Of queues: buckets refused beside what was promised, and whether whatever else a pass does, as
  // long as nothing wakes them, they will be refused again (refused.cpp).
  struct Refusals {
    bool sure = true;
    std::set<BucketId> buckets;
  };
  std::map<QueueId, Refusals> refusals_;
  bool by_counts_ = false;  // the last refusal: the slots that are left did not suffice
  std::map<ShapeId, Reason> hopeless_;
  // How many of a queue were blocked so far; and of these, who were not kept out by its maximum or
  // by what is guaranteed to others.
  std::vector<std::int64_t> blocked_, lacked_;
  std::map<QueueId, Place> heads_;  // the first of them
};

}  // namespace sched
