#include "scheduler/conflicts/settlement.hpp"

#include <algorithm>
#include <tuple>

#include "scheduler/conflicts/clearing.hpp"
#include "scheduler/conflicts/words.hpp"
#include "scheduler/order/holders.hpp"
#include "scheduler/preempt/guarantee.hpp"
#include "scheduler/preempt/holds.hpp"
#include "scheduler/preempt/victim_order.hpp"

namespace sched {
namespace {

class Settling {
 public:
  Settling(State& state, const Resolve& wish, TaskId task, Time now)
      : state_(state), wish_(wish), task_(task), now_(now) {}

  Settled run(Overlay& overlay, std::int64_t& looked, const Surroundings& around);

 private:
  const TaskRecord& waits() const { return state_.tasks[task_]; }
  const QueueRecord& queue_of(const TaskRecord& task) const { return state_.queues[task.queue]; }
  Tier tier(const TaskRecord& task) const { return tier_of(task.task, queue_of(task)); }
  Ruling say(Verdict verdict, Time until = {}) const {
    Ruling out;
    out.verdict = verdict;
    out.until = until;
    return out;
  }
  Ruling judge(const TaskRecord& other) const;
  Ruling promise(const TaskRecord& other) const;
  Ruling by_priority(const TaskRecord& other) const;
  Ruling by_share(const TaskRecord& other) const;
  Ruling by_slice(const TaskRecord& other) const;
  std::vector<TaskId> in_victim_order(std::vector<TaskId> ids) const;

  State& state_;
  const Resolve& wish_;
  const TaskId task_;
  const Time now_;
};

std::int64_t thousandths(const Fraction& share) {
  constexpr unsigned __int128 kMost = std::int64_t{1} << 62;
  if (share.num > (~(unsigned __int128)0) / 1000) return static_cast<std::int64_t>(kMost);
  return static_cast<std::int64_t>(std::min(share.num * 1000 / share.den, kMost));
}

// What binds every resolution, whatever its rule.
Ruling Settling::promise(const TaskRecord& other) const {
  const Tier holds = tier(other);
  if (other.task.unevictable) return say(Verdict::kUnevictable);
  if (holds == Tier::kHigh) return say(Verdict::kHigh);
  if (holds < tier(waits())) return say(Verdict::kTierBelow);
  if (holds == Tier::kLow) return say(Verdict::kGranted);
  const bool runs = other.state == TaskState::kRunning;
  const bool by_wish = other.task.preemptible && tier(waits()) == Tier::kHigh;
  const Time safe = other.task.guarantee_until;
  if (!by_wish && (!runs || safe.ns <= 0)) return say(Verdict::kGuarantee);
  if (!by_wish && safe > now_) return say(Verdict::kGuarantee, safe);
  const Time rest = later(other.task.last_preempted, queue_of(other).queue.cooldown_ns);
  if (other.task.last_preempted.ns > 0 && rest > now_) return say(Verdict::kCooldown, rest);
  return say(Verdict::kGranted);
}

Ruling Settling::by_priority(const TaskRecord& other) const {
  const auto place = [this](const TaskRecord& t) {
    return std::tuple(tier(t), -std::int64_t{t.task.priority_value}, t.task.submitted, t.task.uid);
  };
  return say(place(waits()) < place(other) ? Verdict::kGranted : Verdict::kComesFirst);
}

Ruling Settling::by_share(const TaskRecord& other) const {
  const bool one_queue = other.queue == waits().queue;
  const auto share = [&](const TaskRecord& t) {
    const QueueRecord& queue = queue_of(t);
    return one_queue ? state_.dominant_share(queue, queue.tenants[t.tenant])
                     : state_.queue_share(t.queue);
  };
  const Fraction mine = share(waits()), theirs = share(other);
  if (compare(theirs, mine) > 0) return say(Verdict::kGranted);
  Ruling out = say(Verdict::kShare);
  out.waits_share = thousandths(mine);
  out.other_share = thousandths(theirs);
  return out;
}

Ruling Settling::by_slice(const TaskRecord& other) const {
  const Queue& queue = queue_of(other).queue;
  if (other.state != TaskState::kRunning) return say(Verdict::kSlice);
  const Time over = later(other.since, queue.quantum_ns > 0 ? queue.quantum_ns : queue.floor_ns);
  return over > now_ ? say(Verdict::kSlice, over) : say(Verdict::kGranted);
}

Ruling Settling::judge(const TaskRecord& other) const {
  Ruling out = promise(other);
  if (out.verdict != Verdict::kGranted) return out;
  if (wish_.by == Settlement::kFairShare) return by_share(other);
  if (wish_.by == Settlement::kTimeSlice) return by_slice(other);
  return by_priority(other);
}

std::vector<TaskId> Settling::in_victim_order(std::vector<TaskId> ids) const {
  std::vector<std::pair<Tier, Candidate>> rated;
  for (const TaskId id : ids)
    rated.emplace_back(tier(state_.tasks[id]), rate(state_, id, now_, false));
  std::sort(rated.begin(), rated.end(), [this](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : before(state_, a.second, b.second);
  });
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = rated[i].second.task;
  return ids;
}

Settled Settling::run(Overlay& overlay, std::int64_t& looked, const Surroundings& around) {
  const auto refused = [this](Ruling ruling, const std::string& other) {
    ruling.waits = label(waits().task);
    ruling.other = other;
    return Settled{std::nullopt, std::move(ruling)};
  };
  std::set<TaskId> allowed;
  bool leaving = false;
  std::optional<Settled> first_refusal;
  std::string names;
  for (const std::string& uid : wish_.others) {
    const TaskId id = state_.find(uid);
    if (id == kNoId) continue;
    const TaskRecord& other = state_.tasks[id];
    const bool placed = other.state == TaskState::kReserved || other.state == TaskState::kRunning;
    leaving = leaving || (placed && other.evicted_by == waits().task.uid);
    if (!placed || !other.evicted_by.empty()) continue;
    const Ruling ruling = judge(other);
    if (ruling.verdict == Verdict::kGranted) {
      if (allowed.insert(id).second) names += (names.empty() ? "" : ", ") + label(other.task);
    } else if (!first_refusal) {
      first_refusal = refused(ruling, label(other.task));
    }
  }
  if (allowed.empty() && first_refusal && !leaving) return *first_refusal;
  if (allowed.empty() && !leaving) return refused(say(Verdict::kNobody), "");
  Trial trial(state_, state_.shapes[waits().shape]);
  look_ahead(state_, task_, [&](NodeId node, const Amounts& amounts, int sign) {
    trial.change(node, amounts, sign);
  });
  EarlyEnds early(around.calendar, around.end, trial, around.of);
  // It has only to wait. If it was for this task that they were asked, its room wants to be kept.
  const bool fits = trial.fits(overlay, looked);
  if (fits && !leaving) return refused(say(Verdict::kUnderWay), "");
  std::optional<std::vector<TaskId>> victims;
  if (fits)
    victims.emplace();
  else if (!allowed.empty())
    victims = clear_room(state_, trial, in_victim_order({allowed.begin(), allowed.end()}), overlay,
                         looked, &early);
  const std::optional<Gang> gang = victims ? trial.place(overlay, looked) : std::optional<Gang>();
  if (!gang) return first_refusal ? *first_refusal : refused(say(Verdict::kNoRoom), names);
  Preemption found{waits().task.uid, waits().task.attempt, {}, {}, PreemptionKind::kResolution};
  for (const NodeId node : gang->ranks) {
    found.placement.nodes.push_back(state_.cluster.node(node).node.name);
  }
  found.placement.devices = gang->devices;
  Settled out = refused(say(Verdict::kGranted), "");
  for (const TaskId victim : *victims) {
    found.victims.push_back(state_.tasks[victim].task.uid);
    out.ruling.other += (out.ruling.other.empty() ? "" : ", ") + label(state_.tasks[victim].task);
  }
  out.preemption = std::move(found);
  return out;
}

}  // namespace

Settled settle(State& state, const Resolve& wish, Time now, Overlay& overlay, std::int64_t& looked,
               const Surroundings& around) {
  const Quiet quiet(state.cluster);
  return Settling(state, wish, state.find(wish.task), now).run(overlay, looked, around);
}

std::string sentence(const Ruling& r) {
  const auto decimal = [](std::int64_t value) {
    std::string rest = std::to_string(value % 1000);
    return std::to_string(value / 1000) + "." + std::string(3 - rest.size(), '0') + rest;
  };
  switch (r.verdict) {
    case Verdict::kGranted:
      if (r.other.empty()) return "those who were asked to stop for " + r.waits + " are leaving";
      return r.other + " was asked to stop for " + r.waits;
    case Verdict::kNotWaiting:
      return r.waits + " does not wait any more";
    case Verdict::kStarts:
      return r.waits + " starts by itself with the next decision";
    case Verdict::kOtherReason:
      return r.waits + " waits for something else than room: " + r.detail;
    case Verdict::kReserved:
      return "the room is promised to another that waits, and no resolution takes that: " +
             r.detail;
    case Verdict::kUnderWay:
      return "those who have the room of " + r.waits + " have been asked to stop already";
    case Verdict::kNobody:
      return "no task holds the room that " + r.waits + " waits for any more";
    case Verdict::kTierBelow:
      return r.other + " is of a higher tier than " + r.waits +
             ", and yields to none below its own";
    case Verdict::kHigh:
      return r.other + " is High: nothing takes its room before it ends";
    case Verdict::kGuarantee:
      if (r.until.ns <= 0) return r.other + " is starting, and its guarantee protects it";
      return r.other + " is within its guarantee until " + utc(r.until);
    case Verdict::kCooldown:
      return r.other + " was preempted a moment ago and is left alone until " + utc(r.until);
    case Verdict::kUnevictable:
      return r.other + " cannot be asked to stop: nothing would bring it back";
    case Verdict::kComesFirst:
      return r.other + " comes before " + r.waits + " by tier, priorityValue and submit time";
    case Verdict::kShare:
      return "the side of " + r.other + " has a share of " + decimal(r.other_share) +
             ", not more than the " + decimal(r.waits_share) + " of the side of " + r.waits;
    case Verdict::kSlice:
      if (r.until.ns <= 0) return r.other + " does not run yet, so its slice has not begun";
      return "the slice of " + r.other + " lasts until " + utc(r.until);
    case Verdict::kNoRoom:
      return "even without " + r.other + " there is no room for " + r.waits;
  }
  return "";
}

}  // namespace sched
