#include "scheduler/fair/tenant_limits.hpp"

#include <algorithm>

#include "scheduler/state/devices.hpp"

namespace sched {
namespace {

// Of one resource in thousandths, whichever model its devices are of: what shares count by model is
// summed up.
__int128 of_all_models(const State& state, const Amounts& used, const std::string& resource) {
  __int128 sum = 0;
  for (const auto& [id, amount] : used.extended) {
    const std::string& name = state.names.name(id);
    if (name != resource && !name.starts_with(resource + "@")) continue;
    sum += is_milli(id) ? __int128{amount} : exactly(amount, id);
  }
  return sum;
}

// Told in thousandths where parts are asked for or used.
std::optional<TenantExcess> excess_of(const std::string& resource, std::int64_t most, __int128 asks,
                                      __int128 used) {
  const __int128 limit = __int128{most} * kWholeMilli;
  if (most <= 0 || asks <= 0 || used + asks <= limit) return std::nullopt;
  const bool parts = asks % kWholeMilli != 0 || used % kWholeMilli != 0;
  const std::int64_t unit = parts ? 1 : kWholeMilli;
  return TenantExcess{parts ? resource + kMilliSuffix : resource,
                      static_cast<std::int64_t>(asks / unit),
                      static_cast<std::int64_t>(std::max<__int128>(limit - used, 0) / unit),
                      static_cast<std::int64_t>(limit / unit)};
}

class Look {
 public:
  Look(const State& state, TaskId id, bool alone)
      : state_(state), task_(state.tasks[id]), queue_(state.queues[task_.queue]) {
    if (alone) return;
    const Tenant& tenant = queue_.tenants[task_.tenant];
    running_ = tenant.running;
    used_ = tenant.used;
    for (const auto& [holder, room] : state.held_rooms) {
      const TaskRecord& other = state.tasks[holder];
      if (holder == id || other.queue != task_.queue || other.tenant != task_.tenant) continue;
      ++running_;
      used_.plus(state.shapes[other.shape].served);
    }
  }

  std::optional<TenantExcess> running() const {
    const std::int64_t most = queue_.queue.tenant_limits.running;
    if (most <= 0 || running_ < most) return std::nullopt;
    return TenantExcess{"tasks", 1, 0, most};
  }

  std::optional<TenantExcess> resources() const {
    return resources(state_.shapes[task_.shape].served);
  }

  std::optional<TenantExcess> resources(const Amounts& asked) const {
    const TenantLimits& limits = queue_.queue.tenant_limits;
    if (!limits.has_resources) return std::nullopt;
    std::optional<TenantExcess> found;
    const auto look = [&](const std::string& name, std::int64_t most, std::int64_t asks,
                          std::int64_t used) {
      if (found || most <= 0 || asks <= 0 || used + asks <= most) return;
      found = TenantExcess{name, asks, std::max<std::int64_t>(most - used, 0), most};
    };
    for (const auto& [name, most] : limits.resources.extended) {
      if (found) break;
      found = excess_of(name, most, of_all_models(state_, asked, name),
                        of_all_models(state_, used_, name));
    }
    const Resources& most = limits.resources;
    look("cpu", most.cpu_milli, asked.base[kCpu], used_.base[kCpu]);
    look("memory", most.memory_bytes, asked.base[kMemory], used_.base[kMemory]);
    look("ephemeral-storage", most.ephemeral_bytes, asked.base[kEphemeral], used_.base[kEphemeral]);
    look("pods", most.pods, asked.base[kPods], used_.base[kPods]);
    return found;
  }

  std::optional<TenantExcess> pending() const {
    const std::int64_t most = queue_.queue.tenant_limits.pending;
    if (most <= 0) return std::nullopt;
    const Ordered<Place>& line = queue_.tenants[task_.tenant].line;
    const auto at =
        line.lower_bound([&](const Place& place) { return state_.less(place, task_.place); });
    const auto ahead = static_cast<std::int64_t>(line.rank(at));
    if (ahead < most) return std::nullopt;
    return TenantExcess{"waiting tasks", ahead + 1, 0, most};
  }

 private:
  const State& state_;
  const TaskRecord& task_;
  const QueueRecord& queue_;
  std::int64_t running_ = 0;
  Amounts used_;
};

}  // namespace

std::optional<TenantExcess> tenant_excess(const State& state, TaskId id, bool alone) {
  const TaskRecord& task = state.tasks[id];
  if (state.queues[task.queue].queue.tenant_limits == TenantLimits{}) return std::nullopt;
  const Look look(state, id, alone);
  if (auto excess = look.running()) return excess;
  if (auto excess = look.resources()) return excess;
  return alone ? std::nullopt : look.pending();
}

bool tenant_may_have(const State& state, TaskId id, const Amounts& served) {
  return !Look(state, id, false).resources(served);
}

}  // namespace sched
