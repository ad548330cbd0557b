#include "operator/reconcile/cost.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "libk8s/codec/rfc3339.hpp"
#include "operator/api/duration.hpp"

namespace fermi {
namespace {

__extension__ using Wide = __int128;

constexpr std::int64_t kDayNs = 86'400 * kNsPerSecond;

std::int64_t saturated(Wide value) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  return value > kMost ? kMost : static_cast<std::int64_t>(value);
}

// What prices hold at one place, the most specific first.
std::vector<const PriceLayer*> layers_of(const Prices& prices, const PricedAt& at) {
  std::vector<const PriceLayer*> out;
  const auto add = [&out](const std::map<std::string, PriceLayer>& places,
                          const std::string& place) {
    if (const auto found = places.find(place); found != places.end()) out.push_back(&found->second);
  };
  add(prices.nodes, at.node);
  add(prices.pools, at.pool);
  add(prices.zones, at.zone);
  out.push_back(&prices.base);
  return out;
}

using Layers = std::vector<const PriceLayer*>;

std::int64_t first_of(const Layers& layers, std::optional<std::int64_t> PriceLayer::*field) {
  for (const PriceLayer* layer : layers)
    if (layer->*field) return *(layer->*field);
  return 0;
}

std::int64_t gpu_price(const Layers& layers, const std::string& model) {
  for (const PriceLayer* layer : layers)
    if (const auto named = layer->gpu_models.find(model); named != layer->gpu_models.end())
      return named->second;
  return first_of(layers, &PriceLayer::gpu);
}

}  // namespace

std::int64_t hourly_micros(const sched::Resources& requests, const PricedAt& at,
                           const Configuration& config, std::int64_t gpu_milli) {
  const Layers layers = layers_of(config.prices, at);
  const Wide gpu = gpu_price(layers, at.gpu_model);
  constexpr Wide kGib = Wide{1} << 30;
  const Wide sum = gpu * requests.extended_amount(config.gpu_resource) + gpu * gpu_milli / 1000 +
                   Wide{first_of(layers, &PriceLayer::cpu_core)} * requests.cpu_milli / 1000 +
                   Wide{first_of(layers, &PriceLayer::memory_gib)} * requests.memory_bytes / kGib;
  return saturated(sum);
}

std::int64_t accrued_micros(std::int64_t per_hour, k8s::WallTime from, k8s::WallTime to) {
  constexpr Wide kHourNs = Wide{3600} * 1'000'000'000;
  const Wide span = std::max<std::int64_t>(to.ns - from.ns, 0);
  return saturated(Wide{per_hour} * span / kHourNs);
}

std::int64_t sum_of(const std::vector<PoolRate>& rates) {
  std::int64_t sum = 0;
  for (const PoolRate& rate : rates) sum += rate.micros;
  return sum;
}

std::string day_of(k8s::WallTime at) { return k8s::format_time(at).substr(0, 10); }

k8s::WallTime begin_of_day(k8s::WallTime at) {
  const std::int64_t into = at.ns % kDayNs;
  return {at.ns - (into < 0 ? into + kDayNs : into)};
}

namespace {

void add_part(CostPart part, std::vector<CostPart>& parts) {
  if (part.micros == 0) return;
  const auto place = [](const CostPart& p) { return std::tie(p.day, p.queue, p.tenant, p.pool); };
  const auto at =
      std::lower_bound(parts.begin(), parts.end(), part,
                       [&](const CostPart& a, const CostPart& b) { return place(a) < place(b); });
  if (at != parts.end() && place(*at) == place(part))
    at->micros += part.micros;
  else
    parts.insert(at, std::move(part));
}

// The oldest part joins the next one of the same place, with the day of that.
void merge_oldest(std::vector<CostPart>& parts) {
  for (auto first = parts.begin(); first != parts.end(); ++first) {
    const auto next = std::find_if(first + 1, parts.end(), [&](const CostPart& other) {
      return other.queue == first->queue && other.tenant == first->tenant &&
             other.pool == first->pool;
    });
    if (next == parts.end()) continue;
    next->micros += first->micros;
    parts.erase(first);
    return;
  }
  parts[1].micros += parts[0].micros;
  parts.erase(parts.begin());
}

}  // namespace

std::int64_t accrue(const std::vector<PoolRate>& rates, k8s::WallTime from, k8s::WallTime to,
                    const std::string& queue, const std::string& tenant,
                    std::vector<CostPart>& parts) {
  std::int64_t sum = 0;
  while (from < to) {
    const k8s::WallTime end = std::min(to, begin_of_day(from) + k8s::Duration(kDayNs));
    for (const PoolRate& rate : rates) {
      const std::int64_t micros = accrued_micros(rate.micros, from, end);
      add_part({day_of(from), queue, tenant, rate.pool, micros}, parts);
      sum += micros;
    }
    from = end;
    while (parts.size() > kCostParts) merge_oldest(parts);
  }
  return sum;
}

}  // namespace fermi
