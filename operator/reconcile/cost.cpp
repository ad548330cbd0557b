#include "operator/reconcile/cost.hpp"

#include <algorithm>
#include <limits>

namespace fermi {
namespace {

__extension__ using Wide = __int128;

std::int64_t saturated(Wide value) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  return value > kMost ? kMost : static_cast<std::int64_t>(value);
}

const sched::Price& price_in(const Configuration& config, const std::string& zone) {
  const auto found = config.engine.zone_price.find(zone);
  return found == config.engine.zone_price.end() ? config.engine.price : found->second;
}

}  // namespace

std::int64_t hourly_micros(const sched::Resources& requests, const std::string& zone,
                           const std::string& gpu_model, const Configuration& config,
                           std::int64_t gpu_milli) {
  const sched::Price& price = price_in(config, zone);
  const auto model = price.gpu_by_model.find(gpu_model);
  const std::int64_t gpu = model == price.gpu_by_model.end() ? price.gpu_default : model->second;
  constexpr Wide kGib = Wide{1} << 30;
  const Wide sum = Wide{gpu} * requests.extended_amount(config.gpu_resource) +
                   Wide{gpu} * gpu_milli / 1000 + Wide{price.cpu_core} * requests.cpu_milli / 1000 +
                   Wide{price.memory_gib} * requests.memory_bytes / kGib;
  return saturated(sum);
}

std::int64_t accrued_micros(std::int64_t per_hour, k8s::WallTime from, k8s::WallTime to) {
  constexpr Wide kHourNs = Wide{3600} * 1'000'000'000;
  const Wide span = std::max<std::int64_t>(to.ns - from.ns, 0);
  return saturated(Wide{per_hour} * span / kHourNs);
}

}  // namespace fermi
