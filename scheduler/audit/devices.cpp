#include "scheduler/audit/devices.hpp"

#include <algorithm>

#include "scheduler/limits.hpp"

namespace sched::audit {
namespace {

constexpr std::int64_t kWhole = 1000;  // thousandths

__int128 charged(const std::string& resource, std::int64_t amount) {
  return __int128{amount} * unit_of(resource);
}

}  // namespace

std::map<std::string, std::int64_t> amounts(const Resources& r) {
  std::map<std::string, std::int64_t> amount;
  const auto put = [&](const std::string& name, std::int64_t value) {
    if (value > 0) amount[name] = std::min(value, kAmountMax);
  };
  put("cpu", r.cpu_milli);
  put("memory", r.memory_bytes);
  put("ephemeral-storage", r.ephemeral_bytes);
  put("pods", r.pods);
  for (const auto& [name, value] : r.extended) put(name, value);
  return amount;
}

Asked asked(const Resources& requests, const std::string& shared, std::int64_t milli) {
  Asked out{amounts(requests), "", 0};
  if (shared.empty() || milli <= 0) return out;
  milli = std::min(milli, kAmountMax);
  if (milli < kWhole && !out.whole.contains(shared)) {
    out.shared = shared;
    out.milli = milli;
    return out;
  }
  std::int64_t& whole = out.whole[shared];
  whole = std::min(whole + (milli + kWhole - 1) / kWhole, kAmountMax);
  return out;
}

void NodeUse::add(const Asked& asked, std::int64_t device) {
  for (const auto& [name, value] : asked.whole) whole[name] += value;
  if (asked.milli == 0) return;
  const bool known = device >= 0 && device < kDeviceNumbers;
  if (known)
    shared[asked.shared][device] += asked.milli;
  else
    ++whole[asked.shared];
}

void NodeUse::add(const NodeUse& other) {
  for (const auto& [name, value] : other.whole) whole[name] += value;
  for (const auto& [name, devices] : other.shared) {
    for (const auto& [device, milli] : devices) shared[name][device] += milli;
  }
}

std::int64_t NodeUse::taken(const std::string& resource) const {
  const auto own = whole.find(resource);
  const auto parts = shared.find(resource);
  return (own == whole.end() ? 0 : own->second) +
         (parts == shared.end() ? 0 : static_cast<std::int64_t>(parts->second.size()));
}

std::set<std::string> NodeUse::resources() const {
  std::set<std::string> names;
  for (const auto& [name, value] : whole) names.insert(name);
  for (const auto& [name, devices] : shared) names.insert(name);
  return names;
}

std::int64_t device_at(const Placement& placement, std::size_t rank) {
  return rank < placement.devices.size() ? placement.devices[rank] : -1;
}

void charge(Charge& to, const PodGroup& group, std::int64_t count, int sign) {
  const Asked one = asked(group);
  for (const auto& [name, value] : one.whole) to[name] += charged(name, value) * count * sign;
  if (one.milli > 0) to[one.shared] += __int128{one.milli} * count * sign;
}

std::int64_t unit_of(const std::string& resource) {
  for (const char* plain : {"cpu", "memory", "ephemeral-storage", "pods"}) {
    if (resource == plain) return 1;
  }
  return kWhole;
}

Charge limits(const Resources& r) {
  Charge out;
  for (const auto& [name, value] : amounts(r)) out[name] = charged(name, value);
  return out;
}

std::int64_t fits_empty(const Node& node, const PodGroup& group) {
  const auto has = amounts(node.allocatable);
  const auto of = [&](const std::string& name) {
    const auto at = has.find(name);
    return at == has.end() ? 0 : at->second;
  };
  const Asked one = asked(group);
  std::int64_t fits = kSlotsMax;
  for (const auto& [name, amount] : one.whole) fits = std::min(fits, of(name) / amount);
  if (one.milli == 0) return fits;
  if (!node.gpu_sharing) return 0;
  const __int128 parts = __int128{of(one.shared)} * (kWhole / one.milli);
  return static_cast<std::int64_t>(std::min<__int128>(fits, parts));
}

}  // namespace sched::audit
