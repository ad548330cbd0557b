#include "operator/ledger/live_costs.hpp"

#include <algorithm>
#include <utility>

#include "operator/api/duration.hpp"
#include "operator/reconcile/cost.hpp"

namespace fermi {

void LiveCosts::count(const Spending& spending, int sign) {
  const auto place = [&](const std::string& queue, const std::string& tenant,
                         const std::string& pool) -> Sum& {
    return sums_[{queue, tenant, pool}];
  };
  const std::int64_t since = std::max(spending.since, day_).ns / kNsPerSecond;
  for (const PoolRate& rate : spending.rates) {
    Sum& sum = place(spending.queue, spending.tenant, rate.pool);
    sum.rate += sign * Wide{rate.micros};
    sum.rate_since += sign * Wide{rate.micros} * since;
    sum.tasks += sign;
  }
  const std::string today = day_of(day_);
  for (const CostPart& part : spending.parts) {
    if (part.day != today) continue;
    Sum& sum = place(part.queue, part.tenant, part.pool);
    sum.parts += sign * part.micros;
    sum.tasks += sign;
  }
}

void LiveCosts::set(const std::string& task_id, Spending spending) {
  Spending& known = tasks_[task_id];
  if (known == spending) return;
  ++version_;
  count(known, -1);
  known = std::move(spending);
  count(known, 1);
}

void LiveCosts::erase(const std::string& task_id) {
  const auto found = tasks_.find(task_id);
  if (found == tasks_.end()) return;
  ++version_;
  count(found->second, -1);
  tasks_.erase(found);
}

void LiveCosts::begin_day(k8s::WallTime now) {
  const k8s::WallTime day = begin_of_day(now);
  if (day == day_) return;
  day_ = day;
  sums_.clear();
  for (const auto& [id, spending] : tasks_) count(spending, 1);
}

std::map<CostPlace, LiveCost> LiveCosts::costs(k8s::WallTime now) {
  begin_day(now);
  std::map<CostPlace, LiveCost> out;
  std::erase_if(sums_, [](const auto& entry) { return entry.second.tasks == 0; });
  const Wide seconds = now.ns / kNsPerSecond;
  for (const auto& [place, sum] : sums_) {
    const Wide accrued = std::max<Wide>(sum.rate * seconds - sum.rate_since, 0) / 3600;
    out[place] = {static_cast<std::int64_t>(sum.rate),
                  sum.parts + static_cast<std::int64_t>(accrued)};
  }
  return out;
}

}  // namespace fermi
