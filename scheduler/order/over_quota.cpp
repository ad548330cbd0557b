#include "scheduler/order/over_quota.hpp"

#include <algorithm>

#include "scheduler/state/devices.hpp"

namespace sched {
namespace {

// The first resource of this maximum that it would exceed beside what is used; devices before CPU
// and memory. False when there is none.
bool exceeds(const State& state, const Amounts& maximum, const Amounts& used, const Shape& shape,
             Reason& r) {
  const auto over = [&](ResourceId id, std::int64_t limit) {
    const __int128 asks = exactly(shape.total, id), has = exactly(used, id);
    const __int128 most = exactly(limit, id);
    if (asks == 0 || asks + has <= most) return false;
    // In thousandths where parts are asked for or used.
    const bool parts = id >= kFirstExtended && (asks % kWholeMilli != 0 || has % kWholeMilli != 0);
    const std::int64_t unit = id < kFirstExtended || parts ? 1 : kWholeMilli;
    r.resource = state.names.text(parts ? milli_of(id) : id);
    r.needed = static_cast<std::int64_t>(asks / unit);
    r.total = static_cast<std::int64_t>(most / unit);
    r.free = static_cast<std::int64_t>(std::max<__int128>(0, most - has) / unit);
    return true;
  };
  for (const auto& [id, most] : maximum.extended) {
    if (over(id, most)) return true;
  }
  for (ResourceId id = 0; id < kFirstExtended; ++id) {
    if (maximum.base[id] > 0 && over(id, maximum.base[id])) return true;
  }
  return false;
}

}  // namespace

Reason quota(const State& state, const QueueRecord& queue, const Shape& shape, const Amounts& used,
             Reason r) {
  r.code = ReasonCode::kQuota;
  r.detail = queue.queue.name;
  r.pool = r.gpu_model = "";  // it is one maximum for all nodes
  exceeds(state, queue.maximum, used, shape, r);
  return r;
}

Reason quota_of_nodes(const State& state, const Shape& shape, Quotas beside, Reason r) {
  const QueueRecord& queue = state.queues[shape.limits];
  r.code = ReasonCode::kQuota;
  r.detail = queue.queue.name;
  for (std::size_t i = 0; i < queue.limits.size(); ++i) {
    const Amounts used = beside == Quotas::kAlone ? Amounts{} : used_of(state, shape.limits, i);
    if (!exceeds(state, queue.limits[i].maximum, used, shape, r)) continue;
    const Quota& quota = queue.queue.quotas[i];
    r.zone = quota.zone;
    r.pool = quota.pool;
    r.gpu_model = quota.gpu_model;
    return r;
  }
  return r;
}

Reason tenant_limit(const QueueRecord& queue, const TenantExcess& excess, Reason r) {
  r.code = ReasonCode::kTenantLimit;
  r.detail = queue.queue.name;
  r.pool = r.gpu_model = "";
  r.resource = excess.resource;
  r.needed = excess.needed;
  r.free = excess.left;
  r.total = excess.most;
  return r;
}

}  // namespace sched
