// Pass: who has others stop for it.
#include <algorithm>

#include "scheduler/fair/lenders.hpp"
#include "scheduler/fair/quota.hpp"
#include "scheduler/order/holders.hpp"
#include "scheduler/order/pass.hpp"
#include "scheduler/preempt/guarantee.hpp"
#include "scheduler/preempt/hopeless.hpp"
#include "scheduler/preempt/promise.hpp"
#include "scheduler/preempt/too_little.hpp"
#include "scheduler/preempt/victims.hpp"

namespace sched {

// The first of its queue that lacks room. Those may make room who yield to it; where its queue's
// maximum keeps it out, peers whose turn is over, within that. All that is free may be guaranteed
// to others: what those have who yield by tier, or whose turn is over, is not.
bool Pass::has_others_stop(const Turns::Offer& offer, Answer answer) {
  const TaskId task = offer.place.task;
  if (!deserves_reservation(offer, lacked_[offer.queue])) return false;
  switch (answer) {
    case Answer::kNoRoom:
    case Answer::kReserved:
      return preempt(task);
    case Answer::kNoQuota:
      if (deserves_reservation(offer, blocked_[offer.queue])) return has_peers_stop(task);
      return ask(task, PreemptionKind::kRotation);
    case Answer::kNoClaim:
      return ask(task, PreemptionKind::kTier) || ask(task, PreemptionKind::kRotation);
    default:
      return false;
  }
}

// Whose turn is over, or who yields by its tier, leaves its place in the queue's maximum.
bool Pass::has_peers_stop(TaskId task) {
  if (ask(task, PreemptionKind::kRotation)) return true;
  peers_might_ = peers_might_ || tier_of(state_.tasks[task].place) != static_cast<int>(Tier::kLow);
  return peers_may_make_way(task) && ask(task, PreemptionKind::kTier);
}

// Whether the queue would have enough for it without all peers who yield to its tier now.
bool Pass::peers_may_make_way(TaskId id) const {
  const TaskRecord& task = state_.tasks[id];
  const QueueRecord& queue = state_.queues[task.queue];
  if (tier_of(task.task, queue) == Tier::kLow) return false;
  const Promised promised = promised_to_others(state_, id);
  std::int64_t yields = 0;
  Amounts used = queue.used;
  std::int64_t leave = 0;  // those for whom they do count as if they ran
  for (const auto& [by, peer] : queue.placed) {
    const bool leaves = state_.leaving.contains(peer);
    if (!leaves && !may_preempt(state_, id, peer, now_)) continue;
    ++(leaves ? leave : yields);
    used.minus(state_.tasks[peer].booked);
  }
  const std::int64_t running = queue.running - yields - leave + promised.tasks;
  if (yields == 0 || (queue.queue.max_running > 0 && running >= queue.queue.max_running)) {
    return false;
  }
  const Amounts& asked = state_.shapes[task.shape].total;
  used.plus(promised.amounts);
  used.plus(asked);
  return keeps_maximum(queue, used, asked);
}

// By tier first, then what its queue may claim back, then what peers owe who had their turn.
bool Pass::preempt(TaskId task) {
  return ask(task, PreemptionKind::kTier) || ask(task, PreemptionKind::kReclaim) ||
         ask(task, PreemptionKind::kRotation);
}

// Whether a search could find anybody: cheap questions.
bool Pass::may_ask(TaskId id, PreemptionKind kind) const {
  const TaskRecord& task = state_.tasks[id];
  const Tier tier = tier_of(task.task, state_.queues[task.queue]);
  if (look_ == Look::kTend) return false;
  switch (kind) {
    case PreemptionKind::kTier:
      return state_.held.contains(id) || state_.may_preempt_somebody(tier == Tier::kHigh, now_);
    case PreemptionKind::kReclaim:
      return state_.may_preempt_somebody(true, now_) && may_claim(id);
    case PreemptionKind::kRotation:
      return state_.turn_is_over(task.queue, now_);
    case PreemptionKind::kResolution:
      break;  // by a wish alone
  }
  return false;
}

// Where something of some of the nodes is guaranteed, it depends on where it goes.
bool Pass::may_claim(TaskId task) const {
  if (state_.granting > 0) return Lenders(state_, task).claims();
  return !claim_of(state_, task).zero();
}

// Beside every reservation ahead, too: those are older promises.
bool Pass::ask(TaskId task, PreemptionKind kind) {
  if (nothing_to_try_) asks_.emplace_back(task, kind);
  // Who gives something up and runs on is known to the next pass, once it has been told.
  const bool resizes = !plan_.preemptions.empty() && !plan_.preemptions.back().shrinks.empty();
  if (resizes || !may_ask(task, kind)) return false;
  if (searches_ >= state_.config.victim_searches) return false;
  if (kind == PreemptionKind::kTier && has_too_little(state_, task, now_, overlay_)) return false;
  ++searches_;
  if (kind == PreemptionKind::kTier && is_hopeless(state_, task, now_)) return false;
  const bool as_found = overlay_.mark() == 0 && started_.empty() && plan_.preemptions.empty();
  if (kind == PreemptionKind::kTier && as_found && is_hopeless_beside(state_, task, now_)) {
    return false;
  }
  // A hold of its own that stands no longer is replaced, and kept when nothing better is found: as
  // long as it lasts, nobody else may count on its room.
  make_reservations();
  const Time end = end_after(now_, state_.tasks[task].task.expected_duration_ns);
  // A turn gives back what it takes of what is left by guarantees. Of its queue's maximum it takes
  // what a head of the queue counts on: the turns that are over by then.
  const Leave::Delayed delayed = calendar_.leave().delayed(task, end, claims(task));
  const bool delays =
      delayed.claim != nullptr && (kind != PreemptionKind::kRotation || delayed.of_queue);
  if (delays) return false;
  Overlay look(state_);
  Surroundings around{reserved_beside(task, end), &overlay_, as_found && keeps_};
  const std::optional<Preemption> found = search(task, end, kind, around, look);
  if (!found || (kind != PreemptionKind::kRotation && would_delay(task, end, *found))) return false;
  const auto before = state_.held_rooms.find(task);
  const NodeAmounts kept =
      before == state_.held_rooms.end() ? NodeAmounts{} : before->second.booked;
  pledges_.add(*found, now_, kEndless);
  keep_rest(kept, state_.held_rooms.at(task).booked, overlay_);
  plan_.preemptions.push_back(*found);
  return true;
}

// Whether it would take, where it was found room, what has to be left to somebody ahead. What
// others give up who run on is not counted for it.
bool Pass::would_delay(TaskId task, Time end, const Preemption& found) {
  const Leave::Claims claims = this->claims(task);
  if (!calendar_.leave().guards_places(claims, end)) return false;
  std::vector<NodeId> ranks;
  for (const std::string& node : found.placement.nodes) ranks.push_back(state_.cluster.find(node));
  Leave::Stopped stopped;
  for (const std::string& victim : found.victims) stopped.push_back(state_.find(victim));
  return calendar_.leave().delayed_by({task, now_, end, &ranks}, claims, stopped).claim != nullptr;
}

// With what claims leave of its queue's quotas of some nodes. Those are made with the ends of
// peers: a peer who stopped for it would count twice. For a turn each counts for itself, what is
// used now without who stops, and what is used when a claim begins.
std::optional<Preemption> Pass::search(TaskId task, Time end, PreemptionKind kind,
                                       Surroundings around, Overlay& look) {
  const auto find = [&] {
    return find_preemption(state_, task, now_, look, plan_.work.victims, around, kind);
  };
  const QueueId queue = state_.tasks[task].queue;
  const Leave::Claims claims = this->claims(task);
  if (claims.empty() || state_.queues[queue].limits.empty()) return find();
  if (kind == PreemptionKind::kRotation) {
    around.used_later = calendar_.leave().used_later(task, end, claims);
    return find();
  }
  std::vector<Amounts> used = calendar_.leave().used_now(task, end, claims);
  bool claimed = false;
  for (std::size_t i = 0; i < used.size(); ++i) {
    claimed = claimed || used[i] != state_.queues[queue].limits[i].used;
  }
  if (!claimed) return find();
  around.as_found = false;
  around.lasts = false;
  const LeaveInPlace then(state_, queue, std::move(used));
  std::optional<Preemption> found = find();
  const auto peer = [&](const std::string& uid) {
    return state_.tasks[state_.find(uid)].queue == queue;
  };
  const bool peers = found && (std::any_of(found->victims.begin(), found->victims.end(), peer) ||
                               std::any_of(found->shrinks.begin(), found->shrinks.end(),
                                           [&](const Resize& r) { return peer(r.task); }));
  return peers ? std::nullopt : found;
}

const Preemption* Pass::preemption_of(TaskId task) const {
  for (const Preemption& preemption : plan_.preemptions) {
    if (preemption.task == state_.tasks[task].task.uid) return &preemption;
  }
  return nullptr;
}

}  // namespace sched
