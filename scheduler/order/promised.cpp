// Pass: beside promises that are kept.
#include <set>

#include "scheduler/order/pass.hpp"
#include "scheduler/state/devices.hpp"

namespace sched {
namespace {

// What is asked for, and of the same what others lack beside it.
Amounts beside(const Amounts& need, const Amounts& lacks) {
  Amounts sum = need;
  for (ResourceId r = 0; r < kFirstExtended; ++r) {
    if (need.base[r] > 0) sum.base[r] += lacks.base[r];
  }
  for (const auto& [r, amount] : need.extended) sum.add(r, lacks.at(r));
  return sum;
}

Gang gang_of(const State& state, const Shape& shape, const PromisedRoom& room) {
  std::set<ZoneId> zones;
  for (const auto& [node, need] : room.need) {
    zones.insert(state.cluster.cls(state.cluster.node(node).cls).zone);
  }
  Gang gang{room.ranks, static_cast<std::int64_t>(zones.size()), 0};
  if (shape.shares) gang.devices = room.where.devices;
  for (const ZoneId a : zones) {
    for (const ZoneId b : zones) {
      gang.latency_us = std::max(gang.latency_us, state.latency_us(a, b));
    }
  }
  return gang;
}

}  // namespace

const PromisedRoom* Pass::promised(TaskId task) const {
  const auto known = state_.promises.find(task);
  const bool has_room = known != state_.promises.end() && !known->second.need.empty();
  return has_room ? &known->second : nullptr;
}

// The rule of the header. What starts in this pass needs its promise no more; but whoever passes
// somebody who may have been refused for it waits for the next pass, in which that one comes first.
KeptPromises::Binding Pass::binding(TaskId id) const {
  const TaskRecord& task = state_.tasks[id];
  const QueueRecord& queue = state_.queues[task.queue];
  const Tier tier = tier_of(task.task, queue);
  const bool passes = blocked_[task.queue] > 0;
  const bool all = passes || promised(id) != nullptr;
  KeptPromises::Binding out;
  for (const auto& [other, room] : state_.promises) {
    if (other == id || room.need.empty()) continue;
    if (started_.contains(other) && !(passes && left_.contains(other))) continue;
    const TaskRecord& holder = state_.tasks[other];
    const Tier its = tier_of(holder.task, state_.queues[holder.queue]);
    if (its > tier) continue;
    const bool in_line = holder.queue == task.queue && !queue.by_tenant;
    const bool binds = its < tier || all || ahead_.contains(other) ||
                       (in_line && state_.less(holder.place, task.place));
    if (binds) out.push_back(other);
  }
  return out;
}

Ahead Pass::reserved_beside(TaskId task, Time end, TaskId of) {
  if (keeps_) return {kept_, end, binding(task)};
  return {calendar_, end, of};
}

// Whether one of its bucket that would run no longer was refused in this pass.
bool Pass::equal_was_refused(BucketId id, Time end) {
  by_counts_ = false;
  const auto equal = too_long_.find(id);
  if (equal == too_long_.end() || end < equal->second) return false;
  by_counts_ = refusals_[state_.buckets[id].queue].sure;  // as that one was
  return true;
}

// In the room that it was promised, or wherever there is room beside what others were promised.
Pass::Placed Pass::place_beside_promises(TaskId task, const Shape& shape, Time end) {
  by_counts_ = false;
  const KeptPromises::Binding ahead = binding(task);
  if (start_promised(task, end, ahead)) return {Answer::kStarts};
  if (kept_.first_before(end, ahead) == kNoId) {
    const GangAnswer answer = place_gang(state_, shape, overlay_, plan_.work.nodes);
    if (!answer.gang) return {Answer::kNoRoom, answer.exact};
    start(task, *answer.gang);
    return {Answer::kStarts};
  }
  const Fit alone = fits_alone(state_, shape, plan_.work.nodes);
  if (!alone.fits) return {Answer::kNoRoom, alone.exact};
  const Leave::Claims claims = this->claims(task);
  if (calendar_.leave().delayed(task, end, claims).claim != nullptr) return {Answer::kReserved};
  std::optional<Gang> gang;
  {
    const QueueId queue = state_.tasks[task].queue;
    const LeaveInPlace then(state_, queue, calendar_.leave().used_now(task, end, claims));
    gang = room_beside(task, shape, end, claims).gang;
  }
  if (!gang) return {Answer::kReserved};
  book(overlay_, shape, *gang);
  start(task, *gang);
  return {Answer::kStarts};
}

// Where quotas, what is guaranteed to others, other zones or the rest of its group say how much may
// lie where, the search for nodes looks at them: they may say otherwise than when it was promised.
bool Pass::start_promised(TaskId task, Time end, const KeptPromises::Binding& ahead) {
  const PromisedRoom* const room = promised(task);
  const Shape& shape = state_.shapes[state_.tasks[task].shape];
  if (room == nullptr || by_place(shape) || !shape.group.empty()) return false;
  if (shape.policy == ZonePolicy::kSpread) return false;
  for (const auto& [node, need] : room->need) {
    ++plan_.work.nodes;
    const NodeRecord& record = state_.cluster.node(node);
    if (!fits_beside(record.total, record.used, need)) return false;
  }
  const Leave::Claims claims = this->claims(task);
  if (calendar_.leave().delayed(task, end, claims).claim != nullptr) return false;
  if (calendar_.leave().delayed_by({task, now_, end, &room->ranks}, claims).claim != nullptr) {
    return false;
  }
  for (const auto& [node, need] : room->need) {
    const NodeRecord& record = state_.cluster.node(node);
    const Amounts both = beside(need, kept_.missing(node, ahead, now_, end));
    if (!fits_beside(record.total, record.used, both)) return false;
  }
  const Gang gang = gang_of(state_, shape, *room);
  book(overlay_, shape, gang);
  start(task, gang);
  return true;
}

// --- what people ask

const Calendar::Reserved* Pass::promise_of(TaskId task) {
  const PromisedRoom* const room = promised(task);
  if (room == nullptr) return nullptr;
  const Calendar::Reserved told{task, room->at, kept_.end(task), room->ranks, room->where.devices};
  return &(told_[task] = told);
}

// By time, as they were not made in one pass.
void Pass::tell_promises() {
  for (const auto& [task, room] : state_.promises) {
    if (room.need.empty() || started_.contains(task)) continue;
    plan_.reservations.push_back({state_.tasks[task].task.uid, room.at, room.where});
  }
  std::sort(plan_.reservations.begin(), plan_.reservations.end(),
            [](const Reservation& a, const Reservation& b) {
              return std::pair(a.at, a.task) < std::pair(b.at, b.task);
            });
}

}  // namespace sched
