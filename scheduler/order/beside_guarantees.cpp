#include "scheduler/order/beside_guarantees.hpp"

#include <algorithm>

#include "scheduler/fair/kept.hpp"
#include "scheduler/order/holders.hpp"
#include "scheduler/reason.hpp"

namespace sched {

namespace {

// " in zone-a, pool p, with A100"
std::string where(const Quota& nodes) {
  std::string text;
  const auto add = [&text](const char* before, const std::string& name) {
    if (!name.empty()) text += (text.empty() ? " " : ", ") + std::string(before) + name;
  };
  add("in ", nodes.zone);
  add("in pool ", nodes.pool);
  add("with ", nodes.gpu_model);
  return text;
}

}  // namespace

std::optional<Reason> never_beside_guarantees(State& state, const TaskRecord& task, Reason r) {
  const QueueRecord& queue = state.queues[task.queue];
  const Tier tier = tier_of(task.task, queue);
  const Amounts total = state.shapes[task.shape].total;
  auto left = never_left(state, task.queue, static_cast<int>(tier), total);
  Quota nodes;
  bool wishes = false;
  if (!left) {
    const auto told = never_kept(state, task.shape, static_cast<int>(tier));
    if (!told) return std::nullopt;
    left = told->guarded;
    nodes = told->nodes;
    wishes = told->wishes;
  }
  const std::string resource = state.names.text(left->resource);
  const auto said = [&](std::int64_t value) { return amount(resource, "", value); };
  r.code = ReasonCode::kGuaranteed;
  r.detail =
      "needs " + said(amount_of(total, left->resource)) + ", and beside the " + said(left->kept) +
      " that are guaranteed to other queues" + where(nodes) +
      (wishes
           ? " they do not fit as its zones, spread or topology ask"
           : " it can have at most " + said(left->left) + (where(nodes).empty() ? "" : " there")) +
      ", unless its queue is guaranteed as much" + (tier == Tier::kHigh ? "" : " or may pool");
  return r;
}

std::optional<Reason> kept_of_all(const State& state, const TaskRecord& task, Reason r) {
  const Shape& shape = state.shapes[task.shape];
  const auto tier = static_cast<int>(tier_of(task.task, state.queues[task.queue]));
  const auto kept = takes_guaranteed(state, task.queue, tier, shape.total);
  // Where there is no room for any of it, that is why.
  const auto lacks = [&state](const Shape::Group& group) {
    const Profile& profile = state.cluster.profile(group.profile);
    const ZoneId zone = group.zone.empty() ? kNoId : state.cluster.find_zone(group.zone);
    if (group.zone.empty()) return profile.all.slots == 0;
    return zone == kNoId || profile.zones[zone].slots == 0;
  };
  if (!kept || std::any_of(shape.groups.begin(), shape.groups.end(), lacks)) return std::nullopt;
  r.code = ReasonCode::kGuaranteed;
  r.resource = state.names.text(kept->resource);
  r.needed = amount_of(shape.total, kept->resource);
  r.free = kept->left;
  r.total = kept->kept;
  r.pool = "";  // it is kept of all nodes
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
  r.needed = amount_of(told->asked, told->guarded.resource);
  r.free = told->guarded.left;
  r.total = told->guarded.kept;
  return r;
}

}  // namespace sched
