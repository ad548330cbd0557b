#include "scheduler/order/beside_guarantees.hpp"

#include "scheduler/fair/kept.hpp"
#include "scheduler/order/holders.hpp"
#include "scheduler/reason.hpp"

namespace sched {

std::optional<Reason> never_beside_guarantees(const State& state, const TaskRecord& task,
                                              Reason r) {
  const QueueRecord& queue = state.queues[task.queue];
  const Tier tier = tier_of(task.task, queue);
  const Amounts& total = state.shapes[task.shape].total;
  const auto left = never_left(state, task.queue, static_cast<int>(tier), total);
  if (!left) return std::nullopt;
  const std::string resource = state.names.text(left->resource);
  const auto said = [&](std::int64_t value) { return amount(resource, "", value); };
  r.code = ReasonCode::kGuaranteed;
  r.detail = "needs " + said(amount_of(total, left->resource)) + ", and beside the " +
             said(left->kept) + " that are guaranteed to other queues it can have at most " +
             said(left->left) + ", unless its queue is guaranteed as much" +
             (tier == Tier::kHigh ? "" : " or may pool");
  return r;
}

std::optional<Reason> kept_by_place(const State& state, const Shape& shape, Reason r) {
  if (!guarantees_forbid(state, shape)) return std::nullopt;
  const auto told = Kept(state, shape).tell(state, shape);
  if (!told) return std::nullopt;
  r.code = ReasonCode::kGuaranteed;
  r.zone = told->nodes.zone;
  r.pool = told->nodes.pool;
  r.gpu_model = told->nodes.gpu_model;
  r.resource = state.names.text(told->guarded.resource);
  r.needed = amount_of(shape.total, told->guarded.resource);
  r.free = told->guarded.left;
  r.total = told->guarded.kept;
  return r;
}

}  // namespace sched
