#include "scheduler/place/allowance.hpp"

#include <algorithm>

#include "scheduler/fair/quota.hpp"
#include "scheduler/limits.hpp"
#include "scheduler/place/domains.hpp"
#include "scheduler/state/devices.hpp"

namespace sched {
namespace {

// A resource of which nothing is named is not limited.
template <class Look>
void each_named(const Amounts& amounts, const Look& look) {
  for (const auto& [id, amount] : amounts.extended) look(id, amount);
  for (ResourceId id = 0; id < kFirstExtended; ++id) {
    if (amounts.base[id] > 0) look(id, amounts.base[id]);
  }
}

bool kept_binds(const State& state, const Shape& shape, Quotas quotas) {
  return shape.guards != kNoId && quotas == Quotas::kNow && Kept(state, shape).binds();
}

}  // namespace

Allowance::Allowance(const State& state, const Shape& shape, Quotas quotas)
    : cluster_(&state.cluster) {
  if (shape.guards != kNoId && quotas == Quotas::kNow) {
    kept_.emplace(state, shape);
    if (!kept_->binds()) kept_.reset();
  }
  if (shape.guards != kNoId && quotas == Quotas::kNobody) {
    kept_.emplace(state, shape, Kept::Beside::kNobody);
    if (!kept_->binds()) kept_.reset();
  }
  const bool runs = quotas == Quotas::kNow || quotas == Quotas::kOwn;
  if (shape.claims != kNoId && runs) {
    claim_.emplace(state, state.tasks[shape.claims].queue, shape.claims);
  }
  if (shape.limits == kNoId || quotas == Quotas::kIgnored || quotas == Quotas::kNobody) return;
  const QueueRecord& queue = state.queues[shape.limits];
  for (std::size_t i = 0; i < queue.limits.size(); ++i) {
    Limit limit{&queue.queue.quotas[i], {}};
    bool binds = false;
    const Amounts in_use = quotas == Quotas::kAlone ? Amounts{} : used_of(state, shape.limits, i);
    each_named(queue.limits[i].maximum, [&](ResourceId id, std::int64_t maximum) {
      const __int128 left = std::max<__int128>(0, exactly(maximum, id) - exactly(in_use, id));
      binds = binds || exactly(shape.total, id) > left;
      limit.left.emplace_back(id, left);
    });
    if (binds) limits_.push_back(std::move(limit));
  }
}

std::int64_t Allowance::pods(ClassId cls, const Amounts& request) const {
  __int128 most = kSlotsMax;
  for (const Limit& limit : limits_) {
    if (!matches(*limit.quota, cluster_->cls(cls).example)) continue;
    for (const auto& [id, left] : limit.left) {
      if (const __int128 asks = exactly(request, id); asks > 0) most = std::min(most, left / asks);
    }
  }
  const Node& node = cluster_->cls(cls).example;
  if (kept_) most = std::min<__int128>(most, kept_->pods(node, request));
  if (claim_) most = std::min<__int128>(most, claim_->pods(node, request));
  return static_cast<std::int64_t>(most);
}

void Allowance::take(ClassId cls, const Amounts& request, std::int64_t pods) {
  for (Limit& limit : limits_) {
    if (!matches(*limit.quota, cluster_->cls(cls).example)) continue;
    for (auto& [id, left] : limit.left) left -= exactly(request, id) * pods;
  }
  if (kept_) kept_->take(cluster_->cls(cls).example, request, pods);
  if (claim_) claim_->take(cluster_->cls(cls).example, request, pods);
}

std::int64_t Allowance::most(const Crowd& crowd, const Amounts& request) const {
  __int128 most = 0;
  for (const auto& [node, fit] : crowd) most += fit;
  for (const Limit& limit : limits_) {
    __int128 outside = 0;
    for (const auto& [node, fit] : crowd) outside += matches(*limit.quota, *node) ? 0 : fit;
    for (const auto& [id, left] : limit.left) {
      if (const __int128 asks = exactly(request, id); asks > 0)
        most = std::min(most, outside + left / asks);
    }
  }
  if (kept_) most = std::min<__int128>(most, kept_->most(crowd, request));
  return static_cast<std::int64_t>(std::min<__int128>(most, kSlotsMax));
}

bool exact_beside_quotas(const State& state, const Shape& shape, Quotas quotas) {
  if (!shape.group.empty() || shape.claims != kNoId || kept_binds(state, shape, quotas))
    return false;
  if (shape.limits == kNoId) return true;
  return shape.groups.size() == 1 && !asks_for_domains(state, shape) &&
         shape.policy != ZonePolicy::kSpread && shape.min_per_zone <= 1 &&
         nested(state.queues[shape.limits].queue.quotas);
}

}  // namespace sched
