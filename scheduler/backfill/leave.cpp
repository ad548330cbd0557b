#include "scheduler/backfill/leave.hpp"

#include <algorithm>

#include "scheduler/fair/guarantee.hpp"
#include "scheduler/fair/quota.hpp"
#include "scheduler/order/rules.hpp"
#include "scheduler/preempt/promise.hpp"

namespace sched {

const Amounts& Leave::request_of(const Shape& shape, std::size_t rank) {
  auto group = shape.groups.begin();
  for (auto left = static_cast<std::int64_t>(rank); left >= group->count; ++group) {
    left -= group->count;
  }
  return group->request;
}

// --- what is limited

bool Leave::limited(TaskId task) const {
  const QueueRecord& queue = state_.queues[state_.tasks[task].queue];
  return queue.queue.max_running > 0 || queue.queue.has_maximum || !queue.limits.empty();
}

bool Leave::guarantees() const {
  if (!guarantees_) {
    guarantees_ = state_.granting == 0 &&
                  std::any_of(state_.queues.begin(), state_.queues.end(), [](const auto& queue) {
                    return queue.known && queue.queue.has_guaranteed;
                  });
  }
  return *guarantees_;
}

bool Leave::guarded(TaskId id) const {
  if (!guarantees()) return false;
  const TaskRecord& task = state_.tasks[id];
  const QueueRecord& queue = state_.queues[task.queue];
  return !rules_of(queue.queue).pooling || tier_of(task.task, queue) == Tier::kHigh;
}

// --- what ends

void Leave::started(TaskId task, const std::vector<NodeId>& ranks, Time end) {
  ends_.clear();  // they stand on the state as it was
  if (end >= kEndless) return;
  started_[task] = {&ranks, end};
  const QueueId queue = state_.tasks[task].queue;
  std::erase_if(lines_, [queue](const auto& line) { return std::get<0>(line.first) == queue; });
}

Leave::Line& Leave::line(QueueId id, TaskId holder, Yield who) {
  const auto [known, fresh] = lines_.try_emplace({id, holder, who});
  Line& line = known->second;
  if (!fresh) return line;
  line.sums.emplace_back();
  line.sums.front().limits.resize(state_.queues[id].limits.size());
  for (const auto& [by, task] : state_.queues[id].placed) {
    const bool known_end = by > now_.ns && by < QueueRecord::kNoEnd;
    Time end = known_end ? Time{by} : expected_end(state_, state_.tasks[task], now_);
    if (holder != kNoId && (who == Yield::kAll || near(holder, task))) {
      end = std::min(end, may_have_stop_from(state_, holder, task, now_));
    }
    if (end < kEndless) line.ends.emplace_back(end, task);
  }
  for (const auto& [task, started] : started_) {
    if (state_.tasks[task].queue == id) line.ends.emplace_back(started.end, task);
  }
  std::sort(line.ends.begin(), line.ends.end());
  return line;
}

bool Leave::may_ask(TaskId holder) const {
  if (holder == kNoId) return false;
  const TaskRecord& task = state_.tasks[holder];
  const QueueRecord& queue = state_.queues[task.queue];
  return tier_of(task.task, queue) != Tier::kLow || !queue.turns_over.empty();
}

// Whether it is asked to stop for room: it lies where the holder could run, or has its turn in the
// holder's queue.
bool Leave::near(TaskId holder, TaskId id) const {
  const TaskRecord& task = state_.tasks[id];
  const QueueId queue = state_.tasks[holder].queue;
  if (task.queue == queue && !state_.queues[queue].turns_over.empty()) return true;
  const Shape& shape = state_.shapes[state_.tasks[holder].shape];
  const auto could_run = [&](const TaskRecord::Rank& rank) {
    const std::string& zone = state_.cluster.node(rank.node).node.zone;
    return std::any_of(shape.groups.begin(), shape.groups.end(), [&](const Shape::Group& group) {
      return (group.zone.empty() || group.zone == zone) &&
             state_.cluster.takes(group.profile, rank.node);
    });
  };
  return std::any_of(task.ranks.begin(), task.ranks.end(), could_run);
}

Late Leave::yielding_near(TaskId holder) const {
  Late all = yielding(state_, holder, now_, false);
  std::erase_if(all, [&](const auto& yields) { return !near(holder, yields.second); });
  return all;
}

// What of its queue has ended by then, for who may have others stop.
const Leave::Sum& Leave::ended(QueueId id, TaskId holder, Time at, Yield who) {
  const QueueRecord& queue = state_.queues[id];
  Line& known = line(id, may_ask(holder) ? holder : kNoId, who);
  const auto end = std::upper_bound(known.ends.begin(), known.ends.end(), std::pair{at, kNoId});
  const auto count = static_cast<std::size_t>(end - known.ends.begin());
  while (known.sums.size() <= count) {
    Sum sum = known.sums.back();
    add(queue, sum, known.ends[known.sums.size() - 1].second);
    known.sums.push_back(std::move(sum));
  }
  return known.sums[count];
}

// One that is placed, or starts in this pass.
void Leave::add(const QueueRecord& queue, Sum& sum, TaskId id) const {
  const TaskRecord& task = state_.tasks[id];
  if (const auto started = started_.find(id); started != started_.end()) {
    return count(queue, sum, {id, {}, {}, started->second.ranks});
  }
  ++sum.tasks;
  sum.amounts.plus(task.booked);
  for (std::size_t rank = 0; !sum.limits.empty() && rank < task.ranks.size(); ++rank) {
    const Node& node = state_.cluster.node(task.ranks[rank].node).node;
    for (std::size_t i = 0; i < sum.limits.size(); ++i) {
      if (matches(queue.queue.quotas[i], node)) sum.limits[i].plus(state_.request_of(task, rank));
    }
  }
}

void Leave::count(const QueueRecord& queue, Sum& sum, const Claim& claim) const {
  const Shape& shape = state_.shapes[state_.tasks[claim.task].shape];
  ++sum.tasks;
  sum.amounts.plus(shape.total);
  const std::size_t ranks = claim.ranks == nullptr ? 0 : claim.ranks->size();
  for (std::size_t rank = 0; !sum.limits.empty() && rank < ranks; ++rank) {
    const Node& node = state_.cluster.node((*claim.ranks)[rank]).node;
    for (std::size_t i = 0; i < sum.limits.size(); ++i) {
      if (matches(queue.queue.quotas[i], node)) sum.limits[i].plus(request_of(shape, rank));
    }
  }
}

// What those have of a queue who have claimed it for then.
Leave::Sum Leave::active(QueueId id, Time at, const Claims& claims, TaskId but) const {
  Sum sum;
  sum.limits.resize(state_.queues[id].limits.size());
  for (const Claim& claim : claims) {
    const bool there = claim.begin <= at && claim.end > at && claim.task != but;
    if (there && state_.tasks[claim.task].queue == id) count(state_.queues[id], sum, claim);
  }
  return sum;
}

// --- the maximum

bool Leave::keeps_maximum_at(TaskId task, TaskId holder, Time at, const Claims& claims) {
  const QueueId id = state_.tasks[task].queue;
  const QueueRecord& queue = state_.queues[id];
  const Sum& gone = ended(id, holder, at);
  const Sum beside = active(id, at, claims, task);
  const Promised promised = promised_to_others(state_, task);
  const std::int64_t running = queue.running - gone.tasks + beside.tasks + promised.tasks;
  if (queue.queue.max_running > 0 && running >= queue.queue.max_running) return false;
  const Amounts& asked = state_.shapes[state_.tasks[task].shape].total;
  Amounts used = queue.used;
  used.minus(gone.amounts);
  used.plus(beside.amounts);
  used.plus(promised.amounts);
  used.plus(asked);
  return keeps_maximum(queue, used, asked);
}

// As things are at `from`, plus what claims need later beyond what has ended by then.
std::vector<Amounts> Leave::used(TaskId task, std::optional<Time> then, Time to,
                                 const Claims& claims) {
  const QueueId id = state_.tasks[task].queue;
  const QueueRecord& queue = state_.queues[id];
  std::vector<Amounts> used;
  if (queue.limits.empty()) return used;
  const bool now = !then;
  const Time from = then.value_or(now_);
  std::vector<Amounts> kept(queue.limits.size());
  const auto raise = [&](TaskId holder, Time at) {
    const Sum beside = active(id, at, claims, task);
    for (std::size_t i = 0; i < kept.size(); ++i) {
      Amounts need = beside.limits[i];
      need.minus(ended(id, holder, at).limits[i]);
      if (!now) need.plus(ended(id, holder, from).limits[i]);
      kept[i].raise_to(need);
    }
  };
  if (!now) raise(task, from);
  for (const Claim& claim : claims) {
    const Time at = std::max(claim.begin, from);
    const bool later = now ? claim.end > at : claim.begin > from;
    const bool own = claim.task == task || state_.tasks[claim.task].queue != id;
    if (!own && later && claim.begin < to) raise(claim.task, at);
  }
  for (std::size_t i = 0; i < kept.size(); ++i) {
    used.push_back(queue.limits[i].used);
    if (!now) used[i].minus(ended(id, task, from).limits[i]);
    used[i].plus(kept[i]);
  }
  return used;
}

std::vector<Amounts> Leave::used_later(TaskId task, Time to, const Claims& claims) {
  const QueueId id = state_.tasks[task].queue;
  const QueueRecord& queue = state_.queues[id];
  std::vector<Amounts> most(queue.limits.size());
  for (const Claim& claim : claims) {
    const Time at = std::max(claim.begin, now_);
    const bool own = claim.task == task || state_.tasks[claim.task].queue != id;
    if (most.empty() || own || claim.begin >= to || claim.end <= at) continue;
    const Sum& gone = ended(id, claim.task, at);
    const Sum beside = active(id, at, claims, task);
    for (std::size_t i = 0; i < most.size(); ++i) {
      Amounts then = queue.limits[i].used;
      then.minus(gone.limits[i]);
      then.plus(beside.limits[i]);
      most[i].raise_to(then);
    }
  }
  return most;
}

// --- what is guaranteed to others

// On nodes that take Pods, for who may have others stop.
const Amounts& Leave::freed(Time at, TaskId holder) {
  const TaskId asks = may_ask(holder) ? holder : kNoId;
  const auto [known, fresh] = freed_.try_emplace({at, asks});
  if (!fresh) return known->second;
  if (!late_) late_ = late(state_, now_);
  const auto [early, first] = yielding_.try_emplace(asks);
  if (first && asks != kNoId) early->second = yielding(state_, asks, now_, false);
  static const std::vector<Release> kNone;
  Future future(state_, now_, *late_, kNone, early->second);
  const auto end = [&](NodeId node, const Amounts& amounts) {
    const ClassId cls = state_.cluster.node(node).cls;
    if (cls != kNoId && state_.cluster.cls(cls).open) known->second.plus(amounts);
  };
  future.go(at, end, [](NodeId) { return true; });
  return known->second;
}

bool Leave::keeps_guaranteed_at(const Claim& guarded, Time at, const Claims& claims) {
  Amounts more = freed(at, guarded.task);
  std::map<QueueId, Amounts> used;
  for (QueueId id = 0; id < state_.queues.size(); ++id) {
    if (!state_.queues[id].queue.has_guaranteed) continue;
    used[id].minus(ended(id, guarded.task, at).amounts);
    used[id].plus(active(id, at, claims, guarded.task).amounts);
  }
  for (const auto& [task, started] : started_) {
    if (started.end <= at) more.plus(state_.shapes[state_.tasks[task].shape].total);
  }
  for (const Claim& claim : claims) {
    if (claim.begin > at || claim.end <= at || claim.task == guarded.task) continue;
    more.minus(state_.shapes[state_.tasks[claim.task].shape].total);
  }
  const TaskRecord& task = state_.tasks[guarded.task];
  const int tier = static_cast<int>(tier_of(task.task, state_.queues[task.queue]));
  return !takes_guaranteed(state_, task.queue, tier, state_.shapes[task.shape].total, &more, &used);
}

// --- both

Leave::Delayed Leave::delayed(TaskId task, Time to, const Claims& claims) {
  Claims all;
  for (const Claim& claim : claims) {
    if (claim.task == task || claim.begin >= to || claim.end <= now_) continue;
    const Time at = std::max(claim.begin, now_);
    const bool peer = state_.tasks[claim.task].queue == state_.tasks[task].queue;
    if (peer && limited(task) && !keeps_maximum_at(task, claim.task, at, claims)) {
      return {&claim, true, {}};
    }
    if (!guarded(claim.task)) continue;
    if (all.empty()) {
      all = claims;
      all.push_back({task, now_, to, nullptr});
    }
    if (!keeps_guaranteed_at(claim, at, all)) return {&claim, false, {}};
  }
  return {};
}

bool Leave::allows(TaskId task, Time from, Time to, const Claims& claims) {
  const bool maximum = limited(task);
  if (!maximum && !guarantees()) return true;
  if (maximum && !keeps_maximum_at(task, task, from, claims)) return false;
  const Claim own{task, from, to, nullptr};
  if (guarded(task) && !keeps_guaranteed_at(own, from, claims)) return false;
  Claims all = claims;
  all.push_back(own);
  return std::all_of(claims.begin(), claims.end(), [&](const Claim& claim) {
    if (claim.task == task || claim.begin <= from || claim.begin >= to) return true;
    const bool peer = state_.tasks[claim.task].queue == state_.tasks[task].queue;
    if (peer && maximum && !keeps_maximum_at(task, claim.task, claim.begin, claims)) return false;
    return !guarded(claim.task) || keeps_guaranteed_at(claim, claim.begin, all);
  });
}

// --- as things are then

LeaveInPlace::LeaveInPlace(State& state, QueueId queue, std::vector<Amounts> used)
    : state_(state), queue_(queue), used_(std::move(used)) {
  swap();
}

LeaveInPlace::~LeaveInPlace() { swap(); }

void LeaveInPlace::swap() {
  for (std::size_t i = 0; i < used_.size(); ++i) {
    std::swap(state_.queues[queue_].limits[i].used, used_[i]);
  }
}

}  // namespace sched
