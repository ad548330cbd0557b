#include "scheduler/preempt/victims.hpp"

#include <algorithm>
#include <array>

#include "scheduler/fair/kept.hpp"
#include "scheduler/place/trial.hpp"
#include "scheduler/preempt/holds.hpp"
#include "scheduler/preempt/hopeless.hpp"
#include "scheduler/preempt/promise.hpp"
#include "scheduler/preempt/victim_order.hpp"

namespace sched {
namespace {

// So many victims ahead memory is asked for.
constexpr std::size_t kFar = 8, kNear = 4;

// What peers who end leave of their queue's maxima, put into the state for a while.
class Freed {
 public:
  Freed(State& state, TaskId task)
      : state_(state),
        task_(task),
        queue_(state.tasks[task].queue),
        before_(state.queues[queue_].limits) {}
  ~Freed() { state_.queues[queue_].limits = std::move(before_); }
  Freed(const Freed&) = delete;
  Freed& operator=(const Freed&) = delete;

  // Whether it was one of the queue.
  bool end(TaskId id, int sign) {
    const TaskRecord& task = state_.tasks[id];
    if (task.queue != queue_) return false;
    amounts_.plus(task.booked, sign);
    tasks_ += sign;
    state_.occupy(task, -sign);
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
  State& state_;
  const TaskId task_;
  const QueueId queue_;
  std::vector<QueueRecord::Limit> before_;
  Amounts amounts_;
  std::int64_t tasks_ = 0;
};

class Search {
 public:
  Search(State& state, TaskId task, const Shape& shape, Time now, Overlay& overlay,
         std::int64_t& looked, PreemptionKind kind)
      : state_(state),
        task_(task),
        now_(now),
        overlay_(overlay),
        looked_(looked),
        kind_(kind),
        shape_(shape),
        tier_(tier_of(state.tasks[task].task, state.queues[state.tasks[task].queue])),
        trial_(state, shape_) {
    if (kind == PreemptionKind::kRotation) freed_.emplace(state, task);
    if (kind != PreemptionKind::kReclaim) return;
    if (shape.claims != kNoId) {
      lenders_.emplace(state, task);
    } else {
      claim_ = claim_of(state, task);
    }
  }

  std::optional<Preemption> run(const Surroundings& around);

 private:
  struct Victim {
    TaskId task = kNoId;
    bool stays = false;  // put back
  };
  void list();
  void list(TaskId id, bool protected_before);
  bool allowed(TaskId id) const;
  bool still_borrows(TaskId id);
  bool gather();
  bool gather(Tier tier);
  void shorten();
  void put_back();
  void remember(const Surroundings& around);
  std::optional<Preemption> name_nodes();
  void end(const Victim& victim, int sign) {
    state_.each_use(victim.task, [&](NodeId node, const Amounts& amounts) {
      trial_.change(node, amounts, sign);
    });
    if (freed_ && freed_->end(victim.task, sign)) trial_.recount();
  }
  bool fits() { return (!freed_ || freed_->allow()) && trial_.fits(overlay_, looked_); }
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
  const Shape& shape_;
  const Tier tier_;
  std::optional<Freed> freed_;       // to rotate
  Amounts claim_;                    // to reclaim: what the task asks for within its guarantee
  std::map<QueueId, Amounts> gone_;  // to reclaim: what has ended of other queues
  std::optional<Lenders> lenders_;   // the same where it depends on the nodes
  Trial trial_;
  std::array<std::vector<TaskId>, 3> allowed_;  // by tier
  std::vector<Victim> victims_;                 // in the victim order; all of them have ended
  std::size_t too_few_ = 0;                     // this many are known not to suffice
  std::size_t next_try_ = 1;
  bool alike_ = true;  // who may be asked is the same for all of this shape and tier
};

std::optional<Preemption> Search::run(const Surroundings& around) {
  look_ahead(state_, task_, [this](NodeId node, const Amounts& amounts, int sign) {
    trial_.change(node, amounts, sign);
  });
  for (const auto& [node, amounts] : around.kept) trial_.change(node, amounts, -1);
  for (const TaskId id : state_.leaving) {
    if (freed_) freed_->end(id, 1);
  }
  if (!fits()) {
    list();
    if (!gather()) {
      remember(around);
      return std::nullopt;
    }
    shorten();
    put_back();
  }
  return name_nodes();
}

// Whoever may be asked is protected by no time, or by none any more.
void Search::list() {
  for (const TaskId id : state_.unprotected) list(id, false);
  for (const auto& [until, id] : state_.protected_until) {
    if (until > now_.ns) break;
    if (!state_.tasks[id].unprotected) list(id, true);
  }
}

void Search::list(TaskId id, bool protected_before) {
  ++looked_;
  const TaskRecord& victim = state_.tasks[id];
  if (!allowed(id)) {
    // It may be asked later, or by a twin, and nothing will say so.
    const bool for_good = protected_before || tier_ != Tier::kHigh;
    alike_ = alike_ && (for_good || !victim.evicted_by.empty());
    return;
  }
  const auto near = [this](const TaskRecord::Rank& rank) { return trial_.eligible(rank.node); };
  const bool peer = freed_ && victim.queue == state_.tasks[task_].queue;
  if (!peer && std::none_of(victim.ranks.begin(), victim.ranks.end(), near)) return;
  const Tier tier = tier_of(victim.task, state_.queues[victim.queue]);
  allowed_[static_cast<std::size_t>(tier)].push_back(id);
}

bool Search::allowed(TaskId id) const {
  if (may_preempt(state_, task_, id, now_)) return true;
  if (kind_ == PreemptionKind::kReclaim) return may_reclaim(state_, task_, id, now_);
  return kind_ == PreemptionKind::kRotation && may_rotate(state_, task_, id, now_);
}

// Whether it may be asked although those who were taken before it have gone. They count as gone
// from then on.
bool Search::still_borrows(TaskId id) {
  if (kind_ != PreemptionKind::kReclaim) return true;
  const TaskRecord& task = state_.tasks[id];
  const bool by_tier = may_preempt(state_, task_, id, now_);
  if (lenders_) {
    if (!by_tier && !lenders_->lends(id)) return false;
    lenders_->take(id);
    return true;
  }
  Amounts& gone = gone_[task.queue];
  if (!by_tier && !borrows(state_.queues[task.queue], claim_, gone)) return false;
  gone.plus(task.booked);
  return true;
}

bool Search::gather() { return gather(Tier::kLow) || gather(Tier::kMedium) || gather(Tier::kHigh); }

// A heap, since mostly a few of many are needed. Tried after 1, 2, 4, ... and at the end.
bool Search::gather(Tier tier) {
  std::vector<Candidate> heap;
  for (const TaskId id : allowed_[static_cast<std::size_t>(tier)]) {
    heap.push_back(rate(state_, id, now_, freed_.has_value()));
  }
  const auto after = [this](const Candidate& a, const Candidate& b) {
    return before(state_, b, a);
  };
  std::make_heap(heap.begin(), heap.end(), after);
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), after);
    const TaskId id = heap.back().task;
    heap.pop_back();
    if (!heap.empty()) fetch_uses(heap.front().task);
    ++looked_;
    if (!still_borrows(id)) continue;
    victims_.push_back({id, false});
    end(victims_.back(), 1);
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
void Search::remember(const Surroundings& around) {
  if (!alike_ || kind_ != PreemptionKind::kTier) return;
  const auto back = [this](NodeId node, const Amounts& amounts, int sign) {
    trial_.change(node, amounts, -sign);
  };
  for (const auto& [node, amounts] : around.kept) back(node, amounts, -1);
  if (around.booked != nullptr) around.booked->each(back);
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
      end(*victim, -1);
      victim->stays = fits();
      if (!victim->stays) end(*victim, 1);
      again = again || (victim->stays && !trial_.exact());
    }
    std::erase_if(victims_, [](const Victim& victim) { return victim.stays; });
  }
}

std::optional<Preemption> Search::name_nodes() {
  const std::optional<Gang> gang = trial_.place(overlay_, looked_);
  if (!gang) return std::nullopt;
  const Task& task = state_.tasks[task_].task;
  Preemption found{task.uid, task.attempt, {}, {}, kind_};
  for (const NodeId node : gang->ranks) {
    found.placement.nodes.push_back(state_.cluster.node(node).node.name);
  }
  found.placement.devices = gang->devices;
  for (const Victim& victim : victims_) {
    found.victims.push_back(state_.tasks[victim.task].task.uid);
  }
  return found;
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
  if (kind != PreemptionKind::kReclaim || state.granting == 0) {
    return Search(state, preemptor, shape, now, overlay, looked, kind).run(around);
  }
  Shape claimed = shape;
  claimed.claims = preemptor;
  return Search(state, preemptor, claimed, now, overlay, looked, kind).run(around);
}

}  // namespace sched
