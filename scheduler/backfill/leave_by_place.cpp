// Leave: beside what is guaranteed to others of some of the nodes.
#include <algorithm>

#include "scheduler/backfill/leave.hpp"
#include "scheduler/fair/kept.hpp"
#include "scheduler/preempt/promise.hpp"
#include "scheduler/state/devices.hpp"

namespace sched {
namespace {

bool has_grants(const QueueRecord& queue) {
  return queue.known && (queue.queue.has_guaranteed || grants_places(queue.queue));
}

Amounts whole_devices(const Amounts& request) {
  const std::optional<Part> part = part_of(request);
  if (!part) return request;
  Amounts whole = request;
  whole.add(milli_of(part->whole), -request.at(milli_of(part->whole)));
  whole.add(part->whole, 1);
  return whole;
}

}  // namespace

bool Leave::guarded_by_place(TaskId task) const {
  return state_.shapes[state_.tasks[task].shape].guards != kNoId;
}

bool Leave::guards_places(const Claims& claims, Time to) const {
  return std::any_of(claims.begin(), claims.end(), [&](const Claim& claim) {
    return claim.begin < to && guarded_by_place(claim.task);
  });
}

// Whether it takes whom it may have stop to leave what his own queue is guaranteed to that queue:
// so does the search for victims (preempt/victims.cpp) where others' guarantees are all that keep
// it out. Where room lacks, it has what they leave.
bool Leave::gives_back(TaskId holder) {
  const auto [known, fresh] = gives_back_.try_emplace(holder, false);
  if (fresh) {
    known->second = guarantees_forbid(state_, state_.shapes[state_.tasks[holder].shape]);
  }
  return known->second;
}

// Moments are mostly asked for as they come: then no end is looked at twice.
const std::map<ClassId, Amounts>& Leave::freed_by_class(Time at, TaskId holder) {
  const TaskId asks = may_ask(holder) ? holder : kNoId;
  Ends& ends = ends_[asks];
  if (!ends.future || at < ends.at) {
    if (!late_) late_ = late(state_, now_);
    ends = {};
    ends.early = std::make_unique<Late>();
    if (asks != kNoId) *ends.early = yielding_near(asks);
    static const std::vector<Release> kNone;
    ends.future = std::make_unique<Future>(state_, now_, *late_, kNone, *ends.early);
  }
  const auto end = [&](NodeId node, const Amounts& amounts) {
    const ClassId cls = state_.cluster.node(node).cls;
    if (cls != kNoId && state_.cluster.cls(cls).open) ends.freed[cls].plus(amounts);
  };
  ends.future->go(at, end, [](NodeId) { return true; });
  ends.at = at;
  return ends.freed;
}

// What the Pods of a claim take, of what is free. (A part of a device counts as all of it: on which
// it will lie is not known to matter.)
void Leave::take(Moment& then, const Claim& claim, int sign) const {
  const Shape& shape = state_.shapes[state_.tasks[claim.task].shape];
  for (std::size_t rank = 0; claim.ranks != nullptr && rank < claim.ranks->size(); ++rank) {
    const ClassId cls = state_.cluster.node((*claim.ranks)[rank]).cls;
    if (cls == kNoId || !state_.cluster.cls(cls).open) continue;
    then.free[cls].plus(whole_devices(request_of(shape, rank)), sign);
  }
}

Moment Leave::moment(TaskId holder, Time at, const Claims& claims, const Stopped& stopped) {
  Moment then;
  then.free = freed_by_class(at, holder);
  for (const auto& [task, started] : started_) {
    if (started.end <= at) take(then, {task, {}, {}, started.ranks}, 1);
  }
  for (const Claim& claim : claims) {
    if (claim.begin <= at && claim.end > at && claim.task != holder) take(then, claim, -1);
  }
  const TaskId yield_to = gives_back(holder) ? holder : kNoId;
  for (QueueId id = 0; id < state_.queues.size(); ++id) {
    if (!has_grants(state_.queues[id])) continue;
    const Sum& gone = ended(id, yield_to, at, Yield::kNear);
    const Sum there = active(id, at, claims, holder);
    Moment::Use& use = then.used[id];
    use.all = there.amounts;
    use.all.minus(gone.amounts);
    use.limits = there.limits;
    for (std::size_t i = 0; i < use.limits.size(); ++i) use.limits[i].minus(gone.limits[i]);
  }
  for (const TaskId task : stopped) stop(then, holder, at, task);
  return then;
}

// One that is asked to stop now, and would not have ended by then.
void Leave::stop(Moment& then, TaskId holder, Time at, TaskId task) const {
  const TaskRecord& record = state_.tasks[task];
  if (expected_end(state_, record, now_) <= at) return;
  const bool yields =
      may_ask(holder) && near(holder, task) && may_have_stop_from(state_, holder, task, now_) <= at;
  if (!yields) {
    state_.each_use(task, [&](NodeId node, const Amounts& amounts) {
      const ClassId cls = state_.cluster.node(node).cls;
      if (cls != kNoId && state_.cluster.cls(cls).open) then.free[cls].plus(amounts);
    });
  }
  const auto known = then.used.find(record.queue);
  const auto gives = gives_back_.find(holder);
  if (known == then.used.end() || (yields && gives->second)) return;
  Sum sum;
  sum.limits.resize(known->second.limits.size());
  add(state_.queues[record.queue], sum, task);
  known->second.all.minus(sum.amounts);
  for (std::size_t i = 0; i < sum.limits.size(); ++i) {
    known->second.limits[i].minus(sum.limits[i]);
  }
}

grants::Nodes Leave::taken(const Claim& claim, Time at, const Claims& there,
                           const Stopped& stopped) {
  const Shape& shape = state_.shapes[state_.tasks[claim.task].shape];
  const Moment then = moment(claim.task, at, there, stopped);
  const MomentInPlace in_place(state_, then);
  return Kept(state_, shape).taken(state_, shape, *claim.ranks);
}

// Of claims that begin at one moment those that were made first come first. Who could not have what
// he claimed anyway is not delayed.
Leave::Delayed Leave::delayed_by(const Claim& own, const Claims& claims, const Stopped& stopped) {
  for (std::size_t i = 0; i < claims.size(); ++i) {
    const Claim& claim = claims[i];
    const bool over = own.begin > now_ ? claim.begin <= own.begin : claim.end <= now_;
    if (claim.task == own.task || claim.begin >= own.end || over) continue;
    if (!guarded_by_place(claim.task) || claim.ranks == nullptr) continue;
    const Time at = std::max(claim.begin, now_);
    Claims there;
    for (std::size_t j = 0; j < claims.size(); ++j) {
      const bool first = claims[j].begin < claim.begin || (claims[j].begin == claim.begin && j < i);
      if (first && claims[j].task != own.task) there.push_back(claims[j]);
    }
    Claims with = there;
    with.push_back(own);
    grants::Nodes nodes = taken(claim, at, with, stopped);
    if (nodes.empty() || !taken(claim, at, there, {}).empty()) continue;
    return {&claim, false, std::move(nodes)};
  }
  return {};
}

}  // namespace sched
