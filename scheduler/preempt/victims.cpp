#include "scheduler/preempt/victims.hpp"

#include <algorithm>
#include <array>
#include <iterator>

#include "scheduler/elastic/surplus.hpp"
#include "scheduler/fair/covered.hpp"
#include "scheduler/fair/kept.hpp"
#include "scheduler/fair/lenders.hpp"
#include "scheduler/place/trial.hpp"
#include "scheduler/preempt/holds.hpp"
#include "scheduler/preempt/hopeless.hpp"
#include "scheduler/preempt/promise.hpp"
#include "scheduler/preempt/victim_order.hpp"
#include "scheduler/state/devices.hpp"

namespace sched {
namespace {

// So many victims ahead memory is asked for.
constexpr std::size_t kFar = 8, kNear = 4;

// What peers who end leave of their queue's maxima, put into the state for a while.
class Freed {
 public:
  // `least`: what counts as used of its quotas at least.
  Freed(State& state, TaskId task, const std::vector<Amounts>& least)
      : state_(state),
        task_(task),
        queue_(state.tasks[task].queue),
        before_(state.queues[queue_].limits),
        least_(least) {
    for (const QueueRecord::Limit& limit : before_) used_.push_back(limit.used);
    tell();
  }
  ~Freed() { state_.queues[queue_].limits = std::move(before_); }
  Freed(const Freed&) = delete;
  Freed& operator=(const Freed&) = delete;

  // A whole task: nobody shrinks to let a peer have its turn. Whether it was one of the queue.
  bool end(TaskId id, int sign) {
    const TaskRecord& task = state_.tasks[id];
    if (task.queue != queue_) return false;
    amounts_.plus(task.booked, sign);
    tasks_ += sign;
    for (std::size_t i = 0; i < used_.size(); ++i) limits()[i].used = used_[i];
    state_.occupy(task, -sign);
    for (std::size_t i = 0; i < used_.size(); ++i) used_[i] = limits()[i].used;
    tell();
    return true;
  }
  // Whether the queue may run the task beside the others by then, quotas of some nodes aside.
  bool allow() const {
    const QueueRecord& queue = state_.queues[queue_];
    const Promised promised = promised_to_others(state_, task_);
    const std::int64_t running = queue.running - tasks_ + promised.tasks;
    if (queue.queue.max_running > 0 && running >= queue.queue.max_running) return false;
    const Amounts& asked = state_.shapes[state_.tasks[task_].shape].total;
    Amounts used = queue.used;
    used.minus(amounts_);
    used.plus(promised.amounts);
    used.plus(asked);
    return keeps_maximum(queue, used, asked);
  }

 private:
  std::vector<QueueRecord::Limit>& limits() { return state_.queues[queue_].limits; }
  void tell() {
    for (std::size_t i = 0; i < least_.size(); ++i) limits()[i].used.raise_to(least_[i]);
  }

  State& state_;
  const TaskId task_;
  const QueueId queue_;
  std::vector<QueueRecord::Limit> before_;
  const std::vector<Amounts> least_;
  std::vector<Amounts> used_;  // of each quota
  Amounts amounts_;
  std::int64_t tasks_ = 0;
};

// What those who end leave of the guarantees of their queues, put into the state for a while, where
// it depends on the nodes (fair/kept.hpp).
class Returned {
 public:
  explicit Returned(State& state) : state_(state) {}
  ~Returned() {
    for (auto& [queue, before] : before_) {
      state_.queues[queue].used = std::move(before.used);
      state_.queues[queue].limits = std::move(before.limits);
    }
  }
  Returned(const Returned&) = delete;
  Returned& operator=(const Returned&) = delete;

  void end(TaskId task, NodeId node, const Amounts& amounts, int sign) {
    const QueueId id = state_.tasks[task].queue;
    QueueRecord& queue = state_.queues[id];
    before_.try_emplace(id, Before{queue.used, queue.limits});
    const Amounts charge = charged(amounts);
    queue.used.plus(charge, -sign);
    count_in(queue, state_.cluster.node(node).node, charge, -sign);
  }

 private:
  struct Before {
    Amounts used;
    std::vector<QueueRecord::Limit> limits;
  };
  State& state_;
  std::map<QueueId, Before> before_;
};

// What a search for what may be claimed back is told, and what it finds: who is covered as closely
// as `below` by guarantees of its own queue is not asked (promise.hpp).
struct Claims {
  Covered covered;
  int below = kClosest;
  int closest = kUncovered;  // of those who were found, those aside who yield by tier
};

class Search {
 public:
  Search(State& state, TaskId task, const Shape& shape, Time now, Overlay& overlay,
         std::int64_t& looked, PreemptionKind kind, const Surroundings& around,
         Claims* claims = nullptr)
      : state_(state),
        task_(task),
        now_(now),
        overlay_(overlay),
        looked_(looked),
        kind_(kind),
        claims_(claims),
        shape_(shape),
        tier_(tier_of(state.tasks[task].task, state.queues[state.tasks[task].queue])),
        trial_(state, shape_),
        booked_(around.booked),
        as_found_(around.as_found),
        lasts_(around.lasts),
        early_(around.ahead, trial_) {
    freed_.emplace(state, task, around.used_later);
    if (kind != PreemptionKind::kRotation && !kept_out()) freed_.reset();
    guarded_ = kind != PreemptionKind::kReclaim && guards(nullptr);
    room_is_free_ = guarded_ && free_suffices(state, shape_.total);
    const bool by_place = kind == PreemptionKind::kTier && !freed_ && shape_.guards != kNoId;
    if (by_place && guarantees_forbid(state, shape_)) by_place_.emplace(state);
    if (kind != PreemptionKind::kReclaim) return;
    if (shape.claims != kNoId) {
      lenders_.emplace(state, task);
    } else {
      claim_ = claim_of(state, task);
    }
  }

  std::optional<Preemption> run();

 private:
  struct Victim {
    TaskId task = kNoId;
    Scope scope = Scope::kWhole;
    bool stays = false;  // put back
  };
  void list();
  void list(const Askable& victim);
  void list_as(const Askable& victim);
  bool allowed(const Askable& victim) const;
  bool allowed(TaskId id) const;
  bool still_borrows(TaskId id, Scope scope);
  bool may_lend(TaskId id, Scope scope) const;
  void keep_covered(TaskId id, Surplus& surplus) const;
  void note_closest();
  std::vector<std::size_t> ranks_of(TaskId id, Scope scope) const;
  void offer(Candidate whole, std::vector<Candidate>& heap);
  bool gather();
  bool gather(Tier tier);
  void shorten();
  void put_back();
  void put_back_single();
  bool rest_goes(TaskId task) const;
  void remember();
  std::optional<Preemption> name_nodes();
  void end(const Victim& victim, int sign) {
    if (victim.scope != Scope::kWhole) return end_part(victim, sign);
    state_.each_own_use(victim.task, [&](NodeId node, const Amounts& amounts) {
      change(victim.task, node, amounts, sign);
      early_.change(victim.task, node, amounts, sign);
    });
    if (freed_ && freed_->end(victim.task, sign)) trial_.recount();
  }
  void end_part(const Victim& victim, int sign) {
    const Surplus& surplus = surplus_.at(victim.task);
    if (victim.scope == Scope::kRest) return end_uses(victim.task, surplus.rest, sign);
    for (const Surplus::Given& given : surplus.given) end_uses(victim.task, given.uses, sign);
  }
  void end_uses(TaskId task, const std::vector<Use>& uses, int sign) {
    for (const Use& use : uses) {
      change(task, use.node, use.amounts, sign);
      early_.change(task, use.node, use.amounts, sign);
    }
  }
  void change(TaskId task, NodeId node, const Amounts& amounts, int sign) {
    trial_.change(node, amounts, sign);
    if (by_place_ && task != kNoId) {
      by_place_->end(task, node, amounts, sign);
      trial_.recount();
    }
    if (!guarded_) return;
    const ClassId cls = state_.cluster.node(node).cls;
    if (cls != kNoId && state_.cluster.cls(cls).open) gained_.plus(amounts, sign);
    if (room_is_free_ && task != kNoId)
      returned_[state_.tasks[task].queue].plus(charged(amounts), -sign);
  }
  // Whether others are guaranteed what it would take, when so much more is free.
  // By tier: whether it is its queue's maximum that keeps it out, so that only peers can make way.
  bool kept_out() const {
    return kind_ == PreemptionKind::kTier && (!freed_->allow() || quotas_forbid(state_, shape_));
  }
  bool guards(const Amounts* more) const {
    const QueueId queue = state_.tasks[task_].queue;
    const auto* const used = room_is_free_ ? &returned_ : nullptr;
    return takes_guaranteed(state_, queue, static_cast<int>(tier_), shape_.total, more, used)
        .has_value();
  }
  bool fits() {
    if (freed_ && !freed_->allow()) return false;
    return !(guarded_ && guards(&gained_)) && trial_.fits(overlay_, looked_);
  }
  // Has memory bring what `end` will read of victims to come: they lie anywhere.
  void fetch_uses(TaskId task) const { __builtin_prefetch(state_.uses(task).data()); }
  void fetch_node(TaskId task) const {
    const std::vector<Use>& uses = state_.uses(task);
    if (!uses.empty()) __builtin_prefetch(&state_.cluster.node(uses.front().node).total);
  }
  void end_before(std::size_t& ended, std::size_t count);

  State& state_;
  const TaskId task_;
  const Time now_;
  Overlay& overlay_;
  std::int64_t& looked_;
  const PreemptionKind kind_;
  Claims* const claims_;  // to reclaim
  const Shape& shape_;
  const Tier tier_;
  std::optional<Freed> freed_;       // to rotate, and for what its queue's maximum lacks
  Amounts claim_;                    // to reclaim: what the task asks for within its guarantee
  std::map<QueueId, Amounts> gone_;  // to reclaim: what has ended of other queues
  std::optional<Lenders> lenders_;   // the same where it depends on the nodes
  bool guarded_ = false;             // what is free is guaranteed to others
  Amounts gained_;                   // then: what those leave who end
  // There is as much room, and the guarantees alone keep it: whoever ends within what his own queue
  // is guaranteed leaves no more of it than before, and could start in it again at once.
  bool room_is_free_ = false;
  std::optional<Returned> by_place_;     // the same where it depends on the nodes
  std::map<QueueId, Amounts> returned_;  // then: less than nothing, what their queues use less
  std::map<TaskId, Surplus> surplus_;    // of elastic gangs that may be asked
  Trial trial_;
  const Overlay* const booked_;  // what the caller has
  const bool as_found_, lasts_;
  EarlyEnds early_;                                // beside what is reserved
  std::array<std::vector<Candidate>, 3> allowed_;  // by tier
  std::array<std::vector<Candidate>, 3> elastic_;  // the same, of those with a surplus
  std::vector<Victim> victims_;                    // in the victim order; all of them have ended
  std::size_t too_few_ = 0;                        // this many are known not to suffice
  std::size_t next_try_ = 1;
  bool alike_ = true;  // who may be asked is the same for all of this shape and tier
};

std::optional<Preemption> Search::run() {
  look_ahead(state_, task_, [this](NodeId node, const Amounts& amounts, int sign) {
    change(kNoId, node, amounts, sign);
  });
  for (const TaskId id : state_.leaving) {
    if (freed_) freed_->end(id, 1);
  }
  if (!fits()) {
    list();
    if (!gather()) {
      remember();
      return std::nullopt;
    }
    shorten();
    put_back();
    put_back_single();
    if (claims_ != nullptr) note_closest();
  }
  return name_nodes();
}

// Whoever may be asked is protected by no time, or by none any more.
void Search::list() {
  for (const Askable& victim : state_.askable) {
    const bool over = victim.protected_ns > 0 && victim.protected_ns <= now_.ns;
    if (victim.unprotected || over) list(victim);
  }
}

void Search::list(const Askable& victim) {
  ++looked_;
  if (!allowed(victim)) {
    // It may be asked later, or by a twin, and nothing will say so.
    const bool for_good = !victim.unprotected || tier_ != Tier::kHigh;
    alike_ = alike_ && (for_good || victim.leaving);
    return;
  }
  // What is guaranteed to others of the whole cluster may be kept anywhere: who stops elsewhere
  // leaves it there.
  if (guarded_) return list_as(victim);
  const auto near = [this](const TaskRecord::Rank& rank) { return trial_.eligible(rank.node); };
  const auto lies_near = [&](const TaskRecord& task) {
    const bool peer = freed_ && task.queue == state_.tasks[task_].queue;
    return peer || std::any_of(task.ranks.begin(), task.ranks.end(), near);
  };
  if (trial_.eligible(victim.node) || lies_near(state_.tasks[victim.task])) list_as(victim);
}

void Search::list_as(const Askable& victim) {
  // Nobody shrinks to let a peer have its turn, or its place in a maximum.
  auto& listed = victim.surplus && !freed_ ? elastic_ : allowed_;
  const bool turns = kind_ == PreemptionKind::kRotation;
  listed[static_cast<std::size_t>(victim.tier)].push_back(rate(victim, now_, turns));
}

// What is plain by tier needs no look at the task's record (promise.hpp has the rules).
bool Search::allowed(const Askable& victim) const {
  if (victim.leaving || victim.unevictable) return false;
  if (tier_ != Tier::kLow && victim.tier == Tier::kLow) return true;
  // Protected until the later of the end of its guarantee and of its rest.
  const bool over = victim.guarantee_ns > 0 && victim.protected_ns <= now_.ns;
  if (tier_ == Tier::kHigh && victim.tier == Tier::kMedium && victim.runs && over) return true;
  return allowed(victim.task);
}

bool Search::allowed(TaskId id) const {
  if (may_preempt(state_, task_, id, now_)) return true;
  if (kind_ == PreemptionKind::kReclaim) return may_reclaim(state_, task_, id, now_);
  return kind_ == PreemptionKind::kRotation && may_rotate(state_, task_, id, now_);
}

// Whether it may be asked although those who were taken before it have gone. They count as gone
// from then on.
bool Search::still_borrows(TaskId id, Scope scope) {
  if (kind_ != PreemptionKind::kReclaim) return true;
  const TaskRecord& task = state_.tasks[id];
  const bool by_tier = may_preempt(state_, task_, id, now_);
  if (!by_tier && !may_lend(id, scope)) return false;
  if (lenders_) {
    const std::vector<std::size_t> ranks = ranks_of(id, scope);
    if (!by_tier && !lenders_->lends(id, ranks)) return false;
    lenders_->take(id, ranks);
    return true;
  }
  Amounts& gone = gone_[task.queue];
  if (!by_tier && !borrows(state_.queues[task.queue], claim_, gone)) return false;
  if (scope == Scope::kWhole) {
    gone.plus(task.booked);
    return true;
  }
  // The Pods of an elastic gang are alike.
  const auto given = static_cast<std::int64_t>(surplus_.at(id).given.size());
  const auto all = static_cast<std::int64_t>(task.ranks.size());
  gone.plus(state_.request_of(task, 0), scope == Scope::kSurplus ? given : all - given);
  return true;
}

// Whether it is less closely covered than the one that claims would be. Of what an elastic gang has
// beyond its minimum only such Pods were listed.
bool Search::may_lend(TaskId id, Scope scope) const {
  return scope == Scope::kSurplus || claims_->covered.of(id) < claims_->below;
}

// What of its surplus is covered too closely goes only with the rest.
void Search::keep_covered(TaskId id, Surplus& surplus) const {
  if (claims_ == nullptr || may_preempt(state_, task_, id, now_)) return;
  std::erase_if(surplus.given, [&](Surplus::Given& each) {
    const bool kept = claims_->covered.of_rank(id, each.rank) >= claims_->below;
    if (kept) std::move(each.uses.begin(), each.uses.end(), std::back_inserter(surplus.rest));
    return kept;
  });
}

void Search::note_closest() {
  for (const Victim& victim : victims_) {
    if (may_preempt(state_, task_, victim.task, now_)) continue;
    int closest = claims_->covered.of(victim.task);
    if (victim.scope == Scope::kSurplus) {
      closest = kUncovered;
      for (const Surplus::Given& each : surplus_.at(victim.task).given) {
        if (each.stays) continue;
        closest = std::max(closest, claims_->covered.of_rank(victim.task, each.rank));
      }
    }
    claims_->closest = std::max(claims_->closest, closest);
  }
}

// Those that go: all, those beyond the minimum of an elastic gang, or the rest of it.
std::vector<std::size_t> Search::ranks_of(TaskId id, Scope scope) const {
  std::vector<bool> gives(state_.tasks[id].ranks.size(), scope != Scope::kSurplus);
  if (scope != Scope::kWhole) {
    for (const Surplus::Given& given : surplus_.at(id).given) {
      gives[given.rank] = scope == Scope::kSurplus;
    }
  }
  std::vector<std::size_t> ranks;
  for (std::size_t rank = 0; rank < gives.size(); ++rank) {
    if (gives[rank]) ranks.push_back(rank);
  }
  return ranks;
}

bool Search::gather() { return gather(Tier::kLow) || gather(Tier::kMedium) || gather(Tier::kHigh); }

// An elastic gang stands in the order twice.
void Search::offer(Candidate whole, std::vector<Candidate>& heap) {
  const auto useful = [this](NodeId node) {
    return trial_.eligible(node) && (!lenders_ || lenders_->claims(node));
  };
  Surplus& surplus = surplus_[whole.task] = surplus_of(state_, whole.task, useful);
  keep_covered(whole.task, surplus);
  Candidate part = whole;
  part.scope = Scope::kSurplus;
  part.pods = surplus.given.size();
  if (part.pods > 0) heap.push_back(part);
  whole.scope = Scope::kRest;
  heap.push_back(whole);
}

// A heap, since mostly a few of many are needed. While the slots do not suffice in sum there is
// nothing to try; from then on it is tried after so many, twice as many, ... and at the end.
bool Search::gather(Tier tier) {
  std::vector<Candidate>& heap = allowed_[static_cast<std::size_t>(tier)];
  for (const Candidate& gang : elastic_[static_cast<std::size_t>(tier)]) offer(gang, heap);
  const auto after = [this](const Candidate& a, const Candidate& b) {
    return before(state_, b, a);
  };
  std::make_heap(heap.begin(), heap.end(), after);
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), after);
    const TaskId id = heap.back().task;
    const Scope scope = heap.back().scope;
    heap.pop_back();
    if (!heap.empty()) fetch_uses(heap.front().task);
    ++looked_;
    if (!still_borrows(id, scope)) continue;
    victims_.push_back({id, scope, false});
    end(victims_.back(), 1);
    if (!trial_.plausible()) {
      too_few_ = victims_.size();
      continue;
    }
    if (victims_.size() < next_try_) continue;
    if (fits()) return true;
    too_few_ = victims_.size();
    next_try_ = victims_.size() * 2;
  }
  if (victims_.size() == too_few_) return false;  // just tried, or nobody came
  if (fits()) return true;
  too_few_ = victims_.size();
  return false;
}

// All have ended who may be asked. What the caller has booked or promised may be gone the next
// time: it does not count.
void Search::remember() {
  if (!lasts_ || !alike_ || kind_ != PreemptionKind::kTier || freed_ || by_place_) return;
  if (as_found_ && !trial_.counts_allow()) {
    remember_hopeless_beside(state_, task_, now_, trial_.missing());
  }
  const auto back = [this](NodeId node, const Amounts& amounts, int sign) {
    trial_.change(node, amounts, -sign);
  };
  early_.give_back();
  if (booked_ != nullptr) booked_->each(back);
  if (trial_.counts_allow()) return;
  remember_hopeless(state_, state_.tasks[task_].shape, tier_, now_, trial_.missing());
}

// Between a number that does not suffice and one that does. Without these steps the result would
// be the same: all behind the shortest beginning would be put back one by one.
void Search::shorten() {
  std::size_t enough = victims_.size(), ended = enough;
  while (enough - too_few_ > 1) {
    const std::size_t middle = too_few_ + (enough - too_few_) / 2;
    end_before(ended, middle);
    (fits() ? enough : too_few_) = middle;
  }
  end_before(ended, enough);
  victims_.resize(enough);
}

// The first so many have ended, instead of `ended` of them.
void Search::end_before(std::size_t& ended, std::size_t count) {
  for (; ended > count; --ended) {
    if (ended > kFar) fetch_uses(victims_[ended - 1 - kFar].task);
    if (ended > kNear) fetch_node(victims_[ended - 1 - kNear].task);
    end(victims_[ended - 1], -1);
  }
  for (; ended < count; ++ended) {
    if (ended + kFar < count) fetch_uses(victims_[ended + kFar].task);
    if (ended + kNear < count) fetch_node(victims_[ended + kNear].task);
    end(victims_[ended], 1);
  }
}

// Where the search for nodes decides, one who goes can make another superfluous: until none does.
void Search::put_back() {
  for (bool again = true; again;) {
    again = false;
    for (auto victim = victims_.rbegin(); victim != victims_.rend(); ++victim) {
      const auto left = static_cast<std::size_t>(victims_.rend() - victim);
      if (left > kFar) fetch_uses(victims_[left - 1 - kFar].task);
      if (left > kNear) fetch_node(victims_[left - 1 - kNear].task);
      if (victim->scope == Scope::kSurplus && rest_goes(victim->task)) continue;
      end(*victim, -1);
      victim->stays = fits();
      if (!victim->stays) end(*victim, 1);
      again = again || (victim->stays && !trial_.exact());
    }
    std::erase_if(victims_, [](const Victim& victim) { return victim.stays; });
  }
}

// Then there is nothing that its surplus could be left to.
bool Search::rest_goes(TaskId task) const {
  return std::any_of(victims_.begin(), victims_.end(), [task](const Victim& other) {
    return other.task == task && other.scope == Scope::kRest && !other.stays;
  });
}

// A gang that runs on gives up no Pod more than it has to.
void Search::put_back_single() {
  for (const Victim& victim : victims_) {
    if (victim.scope != Scope::kSurplus || rest_goes(victim.task)) continue;
    std::vector<Surplus::Given>& given = surplus_.at(victim.task).given;
    for (auto each = given.rbegin(); each != given.rend(); ++each) {
      end_uses(victim.task, each->uses, -1);
      each->stays = fits();
      if (!each->stays) end_uses(victim.task, each->uses, 1);
    }
  }
}

std::optional<Preemption> Search::name_nodes() {
  const std::optional<Gang> gang = trial_.place(overlay_, looked_);
  if (!gang) return std::nullopt;
  const Task& task = state_.tasks[task_].task;
  Preemption found{task.uid, task.attempt, {}, {}, kind_, {}};
  for (const NodeId node : gang->ranks) {
    found.placement.nodes.push_back(state_.cluster.node(node).node.name);
  }
  found.placement.devices = gang->devices;
  for (const Victim& victim : victims_) {
    const TaskRecord& record = state_.tasks[victim.task];
    if (victim.scope != Scope::kSurplus) {
      found.victims.push_back(record.task.uid);
    } else if (!rest_goes(victim.task)) {
      const Surplus& surplus = surplus_.at(victim.task);
      found.shrinks.push_back({record.task.uid, record.attempt, surplus.kept(state_, record)});
    }
  }
  return found;
}

// How closely it will be covered depends on where it goes: as long as somebody found is covered as
// closely, once more without all who are.
std::optional<Preemption> find_claim(State& state, TaskId task, const Shape& shape, Time now,
                                     Overlay& overlay, std::int64_t& looked,
                                     const Surroundings& around) {
  Claims claims{Covered(state)};
  for (;;) {
    claims.closest = kUncovered - 1;
    std::optional<Preemption> found =
        Search(state, task, shape, now, overlay, looked, PreemptionKind::kReclaim, around, &claims)
            .run();
    if (!found || claims.closest < kUncovered) return found;
    const int own = Covered::when_placed(state, task, found->placement.nodes);
    if (claims.closest < own) return found;
    if (own <= kUncovered) return std::nullopt;
    claims.below = own;
  }
}

}  // namespace

std::optional<Preemption> find_preemption(State& state, TaskId preemptor, Time now,
                                          Overlay& overlay, std::int64_t& looked,
                                          const Surroundings& around, PreemptionKind kind) {
  const TaskRecord& task = state.tasks[preemptor];
  if (task.state != TaskState::kWaiting || task.shape == kNoId) return std::nullopt;
  const Tier tier = tier_of(task.task, state.queues[task.queue]);
  const bool by_tier = kind == PreemptionKind::kTier;
  if (by_tier && (tier == Tier::kLow || is_hopeless(state, preemptor, now))) return std::nullopt;
  const Shape& shape = state.shapes[task.shape];
  if (shape.groups.empty() || shape.too_large || never(state, task.shape)) return std::nullopt;
  const Quiet quiet(state.cluster);
  if (kind != PreemptionKind::kReclaim) {
    return Search(state, preemptor, shape, now, overlay, looked, kind, around).run();
  }
  if (state.granting == 0) return find_claim(state, preemptor, shape, now, overlay, looked, around);
  Shape claimed = shape;
  claimed.claims = preemptor;
  return find_claim(state, preemptor, claimed, now, overlay, looked, around);
}

}  // namespace sched
