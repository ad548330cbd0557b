#include "scheduler/preempt/victims.hpp"

#include <algorithm>
#include <array>

#include "scheduler/place/trial.hpp"
#include "scheduler/preempt/holds.hpp"
#include "scheduler/preempt/hopeless.hpp"
#include "scheduler/preempt/promise.hpp"
#include "scheduler/preempt/victim_order.hpp"

namespace sched {
namespace {

class Search {
 public:
  Search(State& state, TaskId task, Time now, Overlay& overlay, std::int64_t& looked)
      : state_(state),
        task_(task),
        now_(now),
        overlay_(overlay),
        looked_(looked),
        shape_(state.shapes[state.tasks[task].shape]),
        tier_(tier_of(state.tasks[task].task, state.queues[state.tasks[task].queue])),
        trial_(state, shape_) {}

  std::optional<Preemption> run(const Surroundings& around);

 private:
  struct Victim {
    TaskId task = kNoId;
    bool stays = false;  // put back
  };
  void list();
  void list(TaskId id, bool protected_before);
  bool gather();
  bool gather(Tier tier);
  void shorten();
  void put_back();
  void remember(const Surroundings& around);
  std::optional<Preemption> name_nodes();
  void end(const Victim& victim, int sign) {
    state_.each_use(state_.tasks[victim.task], [&](NodeId node, const Amounts& amounts) {
      trial_.change(node, amounts, sign);
    });
  }
  bool fits() { return trial_.fits(overlay_, looked_); }

  State& state_;
  const TaskId task_;
  const Time now_;
  Overlay& overlay_;
  std::int64_t& looked_;
  const Shape& shape_;
  const Tier tier_;
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
  if (!may_preempt(state_, task_, id, now_)) {
    // It may be asked later, or by a twin, and nothing will say so.
    const bool for_good = protected_before || tier_ != Tier::kHigh;
    alike_ = alike_ && (for_good || !victim.evicted_by.empty());
    return;
  }
  const auto near = [this](const TaskRecord::Rank& rank) { return trial_.eligible(rank.node); };
  if (std::none_of(victim.ranks.begin(), victim.ranks.end(), near)) return;
  const Tier tier = tier_of(victim.task, state_.queues[victim.queue]);
  allowed_[static_cast<std::size_t>(tier)].push_back(id);
}

bool Search::gather() { return gather(Tier::kLow) || gather(Tier::kMedium) || gather(Tier::kHigh); }

// A heap, since mostly a few of many are needed. Tried after 1, 2, 4, ... and at the end.
bool Search::gather(Tier tier) {
  std::vector<Candidate> heap;
  for (const TaskId id : allowed_[static_cast<std::size_t>(tier)]) {
    heap.push_back(rate(state_, id, now_));
  }
  const auto after = [this](const Candidate& a, const Candidate& b) {
    return before(state_, b, a);
  };
  std::make_heap(heap.begin(), heap.end(), after);
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), after);
    const TaskId id = heap.back().task;
    heap.pop_back();
    ++looked_;
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
  if (!alike_) return;
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
    for (; ended > middle; --ended) end(victims_[ended - 1], -1);
    for (; ended < middle; ++ended) end(victims_[ended], 1);
    (fits() ? enough : too_few_) = middle;
  }
  for (; ended > enough; --ended) end(victims_[ended - 1], -1);
  for (; ended < enough; ++ended) end(victims_[ended], 1);
  victims_.resize(enough);
}

// Where the search for nodes decides, one who goes can make another superfluous: until none does.
void Search::put_back() {
  for (bool again = true; again;) {
    again = false;
    for (auto victim = victims_.rbegin(); victim != victims_.rend(); ++victim) {
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
  Preemption found{task.uid, task.attempt, {}, {}};
  for (const NodeId node : gang->ranks) {
    found.placement.nodes.push_back(state_.cluster.node(node).node.name);
  }
  for (const Victim& victim : victims_) {
    found.victims.push_back(state_.tasks[victim.task].task.uid);
  }
  return found;
}

}  // namespace

std::optional<Preemption> find_preemption(State& state, TaskId preemptor, Time now,
                                          Overlay& overlay, std::int64_t& looked,
                                          const Surroundings& around) {
  const TaskRecord& task = state.tasks[preemptor];
  if (task.state != TaskState::kWaiting || task.shape == kNoId) return std::nullopt;
  const Tier tier = tier_of(task.task, state.queues[task.queue]);
  if (tier == Tier::kLow || is_hopeless(state, preemptor, now)) return std::nullopt;
  const Shape& shape = state.shapes[task.shape];
  if (shape.groups.empty() || shape.too_large || never(state, task.shape)) return std::nullopt;
  const Quiet quiet(state.cluster);
  return Search(state, preemptor, now, overlay, looked).run(around);
}

}  // namespace sched
