// Pass: beside what is reserved, and what is claimed with it.
#include <algorithm>

#include "scheduler/fair/quota.hpp"
#include "scheduler/order/pass.hpp"

namespace sched {
namespace {

// On so many sets of nodes less is tried than would fit there.
constexpr int kSetsMax = 4;

}  // namespace

Pass::Placed Pass::place_beside_reservations(TaskId task, const Shape& shape, Time end) {
  if (!pending_.empty() || calendar_.first_before(end) != nullptr) {
    const Fit alone = fits_alone(state_, shape, plan_.work.nodes);
    if (!alone.fits) return {Answer::kNoRoom, alone.exact};
    make_reservations();
  }
  if (calendar_.first_before(end) == nullptr) {
    const GangAnswer answer = place_gang(state_, shape, overlay_, plan_.work.nodes);
    if (!answer.gang) return {Answer::kNoRoom, answer.exact};
    start(task, *answer.gang);
    return {Answer::kStarts};
  }
  std::optional<Gang> gang = place_beside(task, end);
  // The reservations may lie better by now.
  const bool renews = !gang && ++renewals_ <= state_.config.reservations;
  if (renews && calendar_.renew(plan_.work.ends)) gang = place_beside(task, end);
  if (!gang) return {Answer::kReserved};
  start(task, *gang);
  return {Answer::kStarts};
}

// What is claimed of the leave of queues by those who have to be left alone.
Leave::Claims Pass::claims(TaskId task) const {
  if (!keeps_) return calendar_.claims(task);
  Leave::Claims claims;
  for (const TaskId holder : binding(task)) {
    claims.push_back(
        {holder, kept_.begin(holder), kept_.end(holder), &state_.promises.at(holder).ranks});
  }
  return claims;
}

// Where the reservations leave room until then, and its queue's leave; booked when there is.
std::optional<Gang> Pass::place_beside(TaskId task, Time end) {
  const Leave::Claims claims = this->claims(task);
  if (calendar_.leave().delayed(task, end, claims).claim != nullptr) return std::nullopt;
  const TaskRecord& record = state_.tasks[task];
  const LeaveInPlace then(state_, record.queue, calendar_.leave().used_now(task, end, claims));
  const Shape& shape = state_.shapes[record.shape];
  std::optional<Gang> gang = room_beside(task, shape, end, claims).gang;
  if (gang) book(overlay_, shape, *gang);
  return gang;
}

// Beside all reservations but its own, or all promises that bind it. Where its Pods would take what
// guarantees of some nodes have to leave to a claim, the rest of the cluster is tried.
Pass::Beside Pass::room_beside(TaskId task, const Shape& shape, Time end,
                               const Leave::Claims& claims) {
  const Quiet quiet(state_.cluster);
  Trial trial(state_, shape);
  if (keeps_) {
    kept_.keep(trial, end, binding(task));
  } else {
    calendar_.keep(trial, end, task);
  }
  by_counts_ = keeps_ && !trial.counts_allow() && trial.exact();
  Beside found;
  for (int sets = 0; sets < kSetsMax && trial.counts_allow(); ++sets) {
    Overlay look(state_);
    std::optional<Gang> gang = trial.place(look, plan_.work.nodes, Trial::First::kAsStarts);
    if (!gang) return found;
    found.delayed = calendar_.leave().delayed_by({task, now_, end, &gang->ranks}, claims);
    if (found.delayed.claim == nullptr) {
      found.gang = std::move(gang);
      return found;
    }
    if (!leave_out(trial, found.delayed.nodes)) return found;
  }
  return found;
}

// As if nothing were free on these nodes. False when the task could have none of them.
bool Pass::leave_out(Trial& trial, const grants::Nodes& nodes) const {
  bool any = false;
  for (NodeId id = 0; id < state_.cluster.node_count(); ++id) {
    if (!trial.eligible(id)) continue;
    const NodeRecord& node = state_.cluster.node(id);
    const auto holds = [&](const Quota* quota) { return matches(*quota, node.node); };
    if (std::none_of(nodes.begin(), nodes.end(), holds)) continue;
    trial.change(id, node.total, -1);
    any = true;
  }
  return any;
}

// --- what people ask

Pass::InTheWay Pass::in_the_way(TaskId id) {
  const TaskRecord& task = state_.tasks[id];
  const Time end = judged_end(id);
  Leave& leave = calendar_.leave();
  const Leave::Claims claims = this->claims(id);
  if (const Leave::Delayed delayed = leave.delayed(id, end, claims); delayed.claim) {
    const auto what = delayed.of_queue ? Reason::Reserved::kMaximum : Reason::Reserved::kLeft;
    return {reservation_of(delayed.claim->task), what};
  }
  const LeaveInPlace then(state_, task.queue, leave.used_now(id, end, claims));
  const TaskId promise = keeps_ ? kept_.first_before(end, binding(id)) : kNoId;
  const Calendar::Reserved* const first = keeps_ ? nullptr : calendar_.first_in_way(id, end);
  if (promise == kNoId && first == nullptr && !leave.guards_places(claims, end)) return {};
  const Beside beside = room_beside(id, state_.shapes[task.shape], end, claims);
  if (beside.gang) return {};
  if (beside.delayed.claim != nullptr) {
    return {reservation_of(beside.delayed.claim->task), Reason::Reserved::kLeft};
  }
  return {promise != kNoId ? promise_of(promise) : first};
}

}  // namespace sched
