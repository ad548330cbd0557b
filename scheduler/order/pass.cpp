#include "scheduler/order/pass.hpp"

#include "scheduler/fair/kept.hpp"
#include "scheduler/fair/quota.hpp"
#include "scheduler/fair/tenant_limits.hpp"
#include "scheduler/learn/order.hpp"
#include "scheduler/limits.hpp"
#include "scheduler/order/holders.hpp"
#include "scheduler/order/rules.hpp"
#include "scheduler/order/why.hpp"
#include "scheduler/preempt/guarantee.hpp"
#include "scheduler/preempt/own_room.hpp"
#include "scheduler/preempt/promise.hpp"
#include "scheduler/reason.hpp"

namespace sched {
namespace {

// A duration that was not stated is longer than any.
std::int64_t duration_of(const TaskRecord& task) {
  const std::int64_t stated = task.task.expected_duration_ns;
  return stated > 0 ? stated : kEndless.ns;
}

// Where a queue's order among candidates may be chosen, and is.
bool chooses(const QueueRecord& queue) {
  return queue.queue.learned && !queue.by_tenant && rules_of(queue.queue).passing == Passing::kEasy;
}

std::int64_t size_of(const State& state, const Shape& shape) {
  const std::int64_t gpus = state.names.gpus(shape.total);
  return gpus > 0 ? gpus : shape.pods;
}

}  // namespace

Pass::Pass(State& state, Time now, std::size_t max_starts, Look look)
    : state_(state),
      now_(now),
      look_(look),
      forecast_(look != Look::kStarts),
      keeps_(state.config.keep_promises),
      overlay_(state),
      calendar_(state, now),
      kept_(state, now),
      pledges_(state),
      blocked_(state.queues.size()),
      lacked_(state.queues.size()) {
  state_.advance(now);
  run(max_starts);
  if (look_ != Look::kTend) {
    settle_wishes();
    propose_moves();
  }
  if (look_ == Look::kForecast) tell_reservations();
  if (look_ == Look::kStarts) widen();
  const bool walked = looked_at_all_ && !refusals_.empty();
  if (walked && !books() && plan_.starts.empty() && plan_.preemptions.empty()) park_refused();
  // What was decided here is decided again until a delta says that it is done.
  const bool decided = !plan_.starts.empty() || !plan_.preemptions.empty();
  if (!forecast_ && looked_at_all_ && !decided) state_.holds_moved = false;
}

// Bookings first, then charges: both wake what they freed, so that whatever was parked because of
// this pass alone is looked at again in the next.
Pass::~Pass() {
  const bool booked = books();
  overlay_.undo(0);
  pledges_.undo();
  for (const TaskId task : started_) state_.pretend(task, ranks_.at(task), -1);
  state_.wake_changed();
  if (booked) state_.wake_kept();
}

// The recipe of the header. A queue at its limit of tasks has no further turn in this pass.
void Pass::run(std::size_t max_starts) {
  looked_at_all_ = nothing_new();
  if (looked_at_all_) return;
  start_kept(max_starts);
  Turns turns(state_);
  while (plan_.starts.size() < max_starts) {
    const std::optional<Turns::Offer> offer = turns.next();
    if (!offer) {
      looked_at_all_ = true;
      return remember_asked();
    }
    if (started_.contains(offer->place.task)) {
      if (!turns.out_of_line(*offer)) turns.go_on(*offer);
      continue;
    }
    const QueueRecord& queue = state_.queues[offer->queue];
    if (runs_all_it_may(offer->place.task)) {
      on_full(turns, *offer);
      continue;
    }
    const bool arranged = patience_.contains(offer->queue);
    const bool parked = state_.shapes[state_.buckets[offer->bucket].shape].parked;
    const bool lacks = arranged && parked && !state_.held.contains(offer->place.task);
    if (lacks && !deserves_reservation(*offer, blocked_[offer->queue])) continue;
    if (nothing_to_do(*offer)) {
      cut_ = true;
      if (strict(queue.queue)) turns.close(offer->queue);
      continue;
    }
    ++plan_.work.tasks;
    const Answer answer = attempt(offer->place.task, offer->bucket);
    if (answer == Answer::kStarts) {
      if (!arranged && !turns.out_of_line(*offer)) turns.go_on(*offer);
    } else {
      on_blocked(turns, *offer, answer);
    }
  }
}

// Whether a search for somebody who has to stop could find anybody, by tier, to reclaim or to
// rotate.
bool Pass::may_ask_somebody() const {
  return state_.may_preempt_somebody(true, now_) || state_.turn_is_over(now_);
}

bool Pass::runs_all_it_may(TaskId task) const {
  const QueueRecord& queue = state_.queues[state_.tasks[task].queue];
  if (queue.queue.max_running <= 0) return false;
  if (queue.running >= queue.queue.max_running) return true;
  // It was promised its place as others were: those who leave for them still count as running.
  if (state_.held_rooms.contains(task)) return false;
  return queue.running + promised_to_others(state_, task).tasks >= queue.queue.max_running;
}

// The queue runs all the tasks that it may. A peer may give way to the first of them that could
// ever start; else only those for whom room is kept can still start in this pass. Whose hold has
// lapsed asks as one who had none.
void Pass::on_full(Turns& turns, const Turns::Offer& offer) {
  const TaskId task = offer.place.task;
  if (!can_ever_start(state_, offer.bucket)) return;
  const bool holds = hold_stands(state_, task);
  if (!full_.contains(offer.queue) && !holds) {
    if (tenant_excess(state_, task, false)) return turns.replace(offer);
    full_.insert(offer.queue);
    const bool asked = has_peers_stop(task);
    if (!asked && deserves_reservation(offer, blocked_[offer.queue])) reserve_for(task);
    ++blocked_[offer.queue];
  }
  const auto promised =
      std::any_of(state_.held_rooms.begin(), state_.held_rooms.end(),
                  [&](const auto& held) { return state_.tasks[held.first].queue == offer.queue; });
  if (!promised) return turns.close(offer.queue);
  if (holds && !turns.out_of_line(offer)) turns.go_on(offer);  // its twin may ask
}

// It is known not to fit, and this pass has made all the reservations and searches that it may.
bool Pass::nothing_to_do(const Turns::Offer& offer) const {
  const Shape& shape = state_.shapes[state_.buckets[offer.bucket].shape];
  if (!shape.parked || may_fit_by_now(shape)) return false;
  if (state_.held.contains(offer.place.task)) return false;
  if (keeps_) return false;  // it stands in somebody's way
  const bool may_search = searches_ < state_.config.victim_searches && may_ask_somebody();
  return tries_ >= state_.config.reservations && !may_search;
}

// A search that was not exhaustive may find what it missed once something is booked, whatever it
// is.
bool Pass::may_fit_by_now(const Shape& shape) const {
  return shape.fragile && (overlay_.mark() > 0 || !plan_.preemptions.empty());
}

void Pass::on_blocked(Turns& turns, const Turns::Offer& offer, Answer answer) {
  const TaskId task = offer.place.task;
  const QueueRecord& queue = state_.queues[offer.queue];
  const bool arranged = patience_.contains(offer.queue);  // then everybody is offered already
  if (!can_ever_start(state_, offer.bucket)) return;
  if (answer == Answer::kReserved && may_be_judged_anew(offer.queue)) {
    return arrange(turns, offer.queue);
  }
  note_refusal(offer, answer);
  const bool for_room = answer == Answer::kNoRoom || answer == Answer::kReserved;
  const bool kept_out = answer == Answer::kNoQuota || answer == Answer::kNoClaim;
  const bool asked = has_others_stop(offer, answer);
  const bool deserves =
      (for_room || kept_out) && deserves_reservation(offer, blocked_[offer.queue]);
  const bool reserves = deserves && !asked;
  if (reserves) reserve_for(task);
  if (for_room || reserves) ahead_.insert(task);
  refuses_ = refuses_ || answer == Answer::kReserved;
  if (for_room || deserves || asked) {
    ++blocked_[offer.queue];
    heads_.emplace(offer.queue, offer.place);
  }
  if (for_room || (asked && answer == Answer::kNoQuota)) ++lacked_[offer.queue];
  const bool again = (for_room || deserves) && deserves_reservation(offer, blocked_[offer.queue]);
  if (answer == Answer::kTenantLimit && !arranged) return turns.replace(offer);
  if (strict(queue.queue)) {
    blockers_[offer.queue] = task;
    return turns.close(offer.queue);
  }
  const bool unknown = keeps_ && !state_.promises.contains(task);
  if (reserves && (unknown || waits_for_turns_to_begin(task))) {
    blockers_[offer.queue] = task;  // until it is known what may pass
    return turns.close(offer.queue);
  }
  if (arranged) return;
  if (answer == Answer::kNoQuota || (answer == Answer::kNoClaim && !asked)) {
    turns.replace(offer);
    if (again) turns.go_on(offer);
    return;
  }
  if (answer == Answer::kEvicting || answer == Answer::kNoClaim) {
    // Room is kept for it: the first that lacks any is the next known not to fit, or its twin.
    turns.replace(offer);
    if (!turns.out_of_line(offer)) turns.go_on(offer);
    return;
  }
  if (for_room && chooses(queue)) {
    arrange(turns, offer.queue);
  } else if (again) {
    turns.go_on(offer);  // its twin may deserve one as well
  } else if (answer == Answer::kReserved && !state_.buckets[offer.bucket].refused) {
    const std::int64_t limit = duration_of(state_.tasks[task]);
    turns.go_on(offer, [&](TaskId other) { return duration_of(state_.tasks[other]) < limit; });
  }
}

// It has no time yet, and a peer that takes turns does not run yet: when that turn is over will be
// known once it does.
bool Pass::waits_for_turns_to_begin(TaskId task) {
  const QueueId id = state_.tasks[task].queue;
  const QueueRecord& queue = state_.queues[id];
  if (slice_ns(queue.queue) == 0) return false;
  const auto peer = [&](TaskId other) { return state_.tasks[other].queue == id; };
  const bool starting = !queue.placed.empty() && queue.placed.begin()->first == 0;
  if (!starting && std::none_of(started_.begin(), started_.end(), peer)) return false;
  make_reservations();
  return reservation_of(task) == nullptr;
}

// Behind a head that guarantees of others, or its queue's maximum, keep out: that one arranged
// nothing.
bool Pass::may_be_judged_anew(QueueId queue) const {
  return chooses(state_.queues[queue]) && heads_.contains(queue) && !patience_.contains(queue);
}

void Pass::reserve_for(TaskId task) {
  if (keeps_) {
    due_.push_back(task);
  } else if (++tries_ <= std::min(state_.config.reservations, kReservationsMax)) {
    pending_.push_back(task);
  }
}

// All that may fit, those for which room is kept, and those who have waited for so long that they
// hold a reservation, in the order in which they are to be tried: so it does not matter of whom it
// is known that he lacks room. What starts in this pass has waited, too.
void Pass::arrange(Turns& turns, QueueId id) {
  const QueueRecord& queue = state_.queues[id];
  const Place& head = heads_.at(id);
  std::int64_t longest = queue.past.longest_wait();
  for (const TaskId task : started_) {
    if (state_.tasks[task].queue != id) continue;
    longest = std::max(longest, span(state_.tasks[task].task.submitted, now_));
  }
  patience_[id] = later({head.submitted_ns}, longest / 2);
  const Rules rules = rules_of(queue.queue);
  std::vector<Turns::Candidate> candidates;
  const auto add = [&](const Place& place, BucketId bucket) {
    if (place.task == head.task || started_.contains(place.task)) return;
    if (preemption_of(place.task) != nullptr) return;  // it waits for those
    const std::int64_t size = size_of(state_, state_.shapes[state_.buckets[bucket].shape]);
    constexpr int kTier = 32;  // a step is less than its power of two
    const std::int64_t stated = state_.tasks[place.task].task.expected_duration_ns;
    const std::int64_t step = backfill_step(size, queue.past.predict(size, stated));
    candidates.push_back({(std::int64_t{tier_of(place)} << kTier) + step, place, bucket});
  };
  for (const auto& [key, bucket] : queue.buckets) {
    const auto& tasks = state_.buckets[bucket].tasks;
    const Shape& shape = state_.shapes[state_.buckets[bucket].shape];
    const bool may_fit = state_.active.contains(bucket) && state_.plausible(shape);
    const std::int64_t waits = queue.queue.reserve_after_ns;
    if (!may_fit && (waits <= 0 || !can_ever_start(state_, bucket))) continue;
    // Of those who may not, no more hold one; and by submit time those behind waited for less.
    std::int64_t most = std::max<std::int64_t>(queue.queue.depth, 1);
    for (auto at = tasks.begin(); !tasks.at_end(at); at = tasks.next(at)) {
      const Place& place = tasks.get(at);
      const bool waited = now_.ns - place.submitted_ns >= waits;
      if (!may_fit && !waited && by_priority(rules.order)) continue;
      if (!may_fit && (!waited || --most < 0)) break;
      const bool reserved = !may_fit && ahead_.contains(place.task);
      if (!reserved && !state_.held.contains(place.task)) add(place, bucket);
    }
  }
  for (const TaskId task : state_.held) {
    const TaskRecord& record = state_.tasks[task];
    if (record.queue == id && record.bucket != kNoId) add(record.place, record.bucket);
  }
  turns.arrange(id, std::move(candidates));
}

// Until when it is taken to run if it starts now.
Time Pass::judged_end(TaskId id) const {
  const TaskRecord& task = state_.tasks[id];
  const Time stated = end_after(now_, task.task.expected_duration_ns);
  const auto patience = patience_.find(task.queue);
  if (patience == patience_.end() || stated > patience->second) return stated;
  const std::int64_t size = size_of(state_, state_.shapes[task.shape]);
  return end_after(now_,
                   state_.queues[task.queue].past.predict(size, task.task.expected_duration_ns));
}

// As far as the queue's rules go.
bool Pass::deserves_reservation(const Turns::Offer& offer, std::int64_t ahead) const {
  const QueueRecord& queue = state_.queues[offer.queue];
  switch (rules_of(queue.queue).passing) {
    case Passing::kFree:
      return false;
    case Passing::kConservative:
      return ahead < std::max<std::int64_t>(queue.queue.depth, 1);
    case Passing::kStrict:
    case Passing::kEasy:
      break;
  }
  if (ahead == 0) return true;
  const std::int64_t patience = queue.queue.reserve_after_ns;
  return patience > 0 && ahead < std::max<std::int64_t>(queue.queue.depth, 1) &&
         now_.ns - offer.place.submitted_ns >= patience;
}

// Whatever changes the room within a pass asks for them first: they are what they would have been
// if they had been made at once.
void Pass::make_reservations() {
  for (const TaskId task : pending_) calendar_.reserve(task, plan_.work.ends);
  pending_.clear();
}

// --- holds

// By uid, also behind who blocks a strict queue. Those whose room is not whole yet have their turn
// with all others.
void Pass::start_kept(std::size_t max_starts) {
  std::map<std::string, TaskId> kept;
  for (const TaskId task : state_.held) {
    if (state_.tasks[task].bucket != kNoId) kept.emplace(state_.tasks[task].task.uid, task);
  }
  for (const auto& [uid, task] : kept) {
    const QueueRecord& queue = state_.queues[state_.tasks[task].queue];
    if (plan_.starts.size() >= max_starts) return;
    if (!queue.known || queue.queue.closed || runs_all_it_may(task)) continue;
    const auto room = state_.held_rooms.find(task);
    if (room == state_.held_rooms.end() || !is_whole(room->second, state_)) continue;
    if (tenant_excess(state_, task, false)) continue;
    if (!fits_maximum(queue, state_.shapes[state_.tasks[task].shape].total, false)) continue;
    if (!may_fit_held(task)) continue;
    if (auto gang = place_hold(state_, task, overlay_)) start(task, *gang);
  }
}

// In the room that is kept for it, or wherever else there is room by now: that others stop for it
// was proved for the room that is kept alone.
bool Pass::start_held(TaskId task) {
  const Shape& shape = state_.shapes[state_.tasks[task].shape];
  const QueueRecord& queue = state_.queues[state_.tasks[task].queue];
  std::optional<Gang> gang;
  const bool allowed =
      fits_maximum(queue, shape.total, false) && !tenant_excess(state_, task, false);
  if (allowed && may_fit_held(task)) {
    make_reservations();  // before anything starts
    // One that has lapsed gives no right to its room.
    if (state_.held_rooms.contains(task)) gang = place_hold(state_, task, overlay_);
    const std::size_t mark = overlay_.mark();
    if (!gang) {
      free_hold(state_, task, overlay_);
      const auto tier = static_cast<int>(tier_of(state_.tasks[task].task, queue));
      const bool guaranteed =
          takes_guaranteed(state_, state_.tasks[task].queue, tier, shape.total).has_value();
      if (!guaranteed) {
        gang = keeps_ ? room_beside(task, shape, judged_end(task), claims(task)).gang
                      : place_gang(state_, shape, overlay_, plan_.work.nodes).gang;
      }
      if (gang && keeps_) book(overlay_, shape, *gang);
      if (gang) keep_rest(state_, task, *gang, overlay_);
    }
    if (!gang) overlay_.undo(mark);
  }
  if (gang) start(task, *gang);
  return gang.has_value();
}

// With its own hold given back; from counts, where quotas do not count that very hold.
bool Pass::may_fit_held(TaskId task) {
  const Shape& shape = state_.shapes[state_.tasks[task].shape];
  if (by_place(shape)) return true;
  const auto room = state_.held_rooms.find(task);
  const bool kept = room != state_.held_rooms.end();
  if (kept && !sums_allow_without(state_, shape, room->second)) return false;
  Trial trial(state_, shape);
  if (kept) {
    for (const auto& [node, amounts] : room->second.booked) {
      if (!amounts.zero()) trial.change(node, amounts, 1);
    }
  }
  return trial.counts_allow();
}

// --- what administrators want

void Pass::settle_wishes() {
  const auto shrinks = [](const Preemption& p) { return !p.shrinks.empty(); };
  if (std::any_of(plan_.preemptions.begin(), plan_.preemptions.end(), shrinks)) return;
  for (const auto& [uid, wish] : state_.wishes) {
    Settled settled = settle(wish);
    if (!settled.preemption) continue;
    pledges_.add(*settled.preemption, now_, kEndless);
    plan_.preemptions.push_back(std::move(*settled.preemption));
  }
}

Settled Pass::settle(const Resolve& wish) {
  const TaskId id = state_.find(wish.task);
  Ruling ruling;
  ruling.waits = id == kNoId ? wish.task : label(state_.tasks[id].task);
  const auto refused = [&ruling](Verdict verdict) {
    ruling.verdict = verdict;
    return Settled{std::nullopt, ruling};
  };
  if (id == kNoId || state_.tasks[id].state != TaskState::kWaiting) {
    return refused(Verdict::kNotWaiting);
  }
  const Reason reason = why(state_, *this, id, now_);
  ruling.detail = sentence(reason, now_);
  switch (reason.code) {
    case ReasonCode::kNone:
      return refused(Verdict::kStarts);
    case ReasonCode::kEvicting:
      return refused(Verdict::kUnderWay);
    case ReasonCode::kReserved:
      return refused(Verdict::kReserved);
    case ReasonCode::kCapacity:
    case ReasonCode::kFragmentation:
    case ReasonCode::kTopology:
      break;
    default:
      return refused(Verdict::kOtherReason);
  }
  // Beside every reservation but its own: those are older promises.
  make_reservations();
  const Time end = end_after(now_, state_.tasks[id].task.expected_duration_ns);
  Overlay look(state_);
  Settled settled = sched::settle(state_, wish, now_, look, plan_.work.victims,
                                  {reserved_beside(id, end, id), &overlay_, false});
  // What is free may be guaranteed to others: they lose nothing of it.
  Amounts gained;
  for (const std::string& victim :
       settled.preemption ? settled.preemption->victims : std::vector<std::string>{}) {
    gained.plus(state_.tasks[state_.find(victim)].booked);
  }
  const TaskRecord& task = state_.tasks[id];
  const auto tier = static_cast<int>(tier_of(task.task, state_.queues[task.queue]));
  const Amounts& total = state_.shapes[task.shape].total;
  if (settled.preemption && takes_guaranteed(state_, task.queue, tier, total, &gained)) {
    return refused(Verdict::kOtherReason);
  }
  return settled;
}

// --- trying one

// Quota first: whoever has no claim to room must not ask others to stop for it, whether it is known
// already that there is none or not. Nodes are looked at last. A hold that has lapsed is none.
Pass::Answer Pass::attempt(TaskId task, BucketId id) {
  const Bucket& bucket = state_.buckets[id];
  const Shape& shape = state_.shapes[bucket.shape];
  if (state_.held_rooms.contains(task)) {
    if (start_held(task)) return Answer::kStarts;
    if (hold_stands(state_, task)) return Answer::kEvicting;
  }
  if (tenant_excess(state_, task, false)) {
    state_.park_for_quota(id);
    return Answer::kTenantLimit;
  }
  if (!fits_maximum(state_.queues[bucket.queue], beside_promised(task), false)) {
    state_.park_for_quota(id);
    return Answer::kNoQuota;
  }
  if (takes_guaranteed(state_, bucket.queue, bucket.tier, shape.total)) {
    state_.park_for_guarantee(id);
    return Answer::kNoClaim;
  }
  if (shape.parked && !may_fit_by_now(shape)) return no_room(shape);
  if (bucket.refused) return Answer::kReserved;
  return place(task, id);
}

Amounts Pass::beside_promised(TaskId task) const {
  return sched::beside_promised(state_, task, state_.shapes[state_.tasks[task].shape].total);
}

// It does not fit: whether room would help, or its queue's quotas keep it out wherever there is
// room.
Pass::Answer Pass::no_room(const Shape& shape) const {
  return quotas_forbid(state_, shape) ? Answer::kNoQuota : Answer::kNoRoom;
}

// Those of an arranged queue come in another order: who would end later than one of its shape that
// was refused is not looked at again.
Pass::Answer Pass::place(TaskId task, BucketId id) {
  ++plan_.work.shapes;
  const auto [queue, shape_id] = std::pair{state_.buckets[id].queue, state_.buckets[id].shape};
  const Shape& shape = state_.shapes[shape_id];
  const Time end = judged_end(task);
  const bool arranged = patience_.contains(queue);
  const std::pair key{queue, shape_id};
  if (arranged && refused_.contains(key) && end >= refused_.at(key)) return Answer::kReserved;
  if (keeps_ && !arranged && equal_was_refused(id, end)) return Answer::kReserved;
  const auto [answer, exact] = keeps_ ? place_beside_promises(task, shape, end)
                                      : place_beside_reservations(task, shape, end);
  if (answer == Answer::kNoRoom) {
    state_.park(shape_id, !exact);
    return no_room(shape);
  }
  if (answer == Answer::kReserved && arranged) refused_[key] = end;
  if (answer == Answer::kReserved && keeps_ && !arranged) too_long_[id] = end;
  return answer;
}

void Pass::start(TaskId id, const Gang& gang) {
  const TaskRecord& task = state_.tasks[id];
  Start start{task.task.uid, task.task.attempt, {}, gang.zones, gang.latency_us};
  start.placement.nodes.reserve(gang.ranks.size());
  for (const NodeId node : gang.ranks) {
    start.placement.nodes.push_back(state_.cluster.node(node).node.name);
  }
  start.placement.devices = gang.devices;
  plan_.starts.push_back(std::move(start));
  started_.insert(id);
  if (refuses_ && promised(id) != nullptr) left_.insert(id);
  if (keeps_) kept_.started(id, gang.ranks, gang.devices);
  ranks_[id] = gang.ranks;
  calendar_.started(id, gang, judged_end(id), ranks_.at(id));
  state_.pretend(id, gang.ranks, 1);
}

// --- what people ask

void Pass::tell_reservations() {
  if (keeps_) return tell_promises();
  make_reservations();
  for (const Calendar::Reserved& reserved : calendar_.reservations()) {
    Reservation told{state_.tasks[reserved.task].task.uid, reserved.begin, {}};
    for (const NodeId node : reserved.ranks) {
      told.placement.nodes.push_back(state_.cluster.node(node).node.name);
    }
    told.placement.devices = reserved.devices;
    plan_.reservations.push_back(std::move(told));
  }
}

const Calendar::Reserved* Pass::reservation_of(TaskId task) {
  if (keeps_) return started_.contains(task) ? nullptr : promise_of(task);
  for (const Calendar::Reserved& reserved : calendar_.reservations()) {
    if (reserved.task == task) return &reserved;
  }
  return nullptr;
}

// A strict queue without a turn is blocked by its first task that could ever start.
TaskId Pass::blocker(QueueId id) const {
  if (auto known = blockers_.find(id); known != blockers_.end()) return known->second;
  if (!strict(state_.queues[id].queue)) return kNoId;
  return first_ready(state_, id, started_);
}

}  // namespace sched
