#include "scheduler/state/amounts.hpp"

#include <algorithm>

#include "scheduler/limits.hpp"
#include "scheduler/state/devices.hpp"

namespace sched {
namespace {

std::int64_t cut(std::int64_t amount) { return std::clamp<std::int64_t>(amount, 0, kAmountMax); }

// Nearly all are of small numbers, for which the short division is several times cheaper.
std::int64_t quotient(std::int64_t amount, std::int64_t by) {
  if ((static_cast<std::uint64_t>(amount | by) >> 32) != 0) return amount / by;
  return static_cast<std::uint32_t>(amount) / static_cast<std::uint32_t>(by);
}

// Parts of this size that fit on the devices that are free and on what is left of shared ones.
std::int64_t part_slots(const Amounts& free, ResourceId whole, std::int64_t milli) {
  __int128 parts = __int128{free.at(whole)} * (kWholeMilli / milli);
  for (const auto& [id, left] : free.extended) {
    if (is_device(id) && whole_of(id) == whole) parts += quotient(left, milli);
  }
  return static_cast<std::int64_t>(std::min<__int128>(parts, kSlotsMax));
}

}  // namespace

std::int64_t Amounts::at(ResourceId id) const {
  if (id < kFirstExtended) return base[id];
  for (const auto& [other, amount] : extended) {
    if (other == id) return amount;
  }
  return 0;
}

void Amounts::add(ResourceId id, std::int64_t amount) {
  if (id < kFirstExtended) {
    base[id] += amount;
    return;
  }
  auto place = std::lower_bound(extended.begin(), extended.end(), id,
                                [](const auto& entry, ResourceId i) { return entry.first < i; });
  if (place == extended.end() || place->first != id) {
    if (amount != 0) extended.insert(place, {id, amount});
    return;
  }
  place->second += amount;
  if (place->second == 0) extended.erase(place);
}

void Amounts::plus(const Amounts& other, std::int64_t times) {
  for (ResourceId id = 0; id < kFirstExtended; ++id) base[id] += other.base[id] * times;
  for (const auto& [id, amount] : other.extended) add(id, amount * times);
}

void Amounts::raise_to(const Amounts& other) {
  for (std::size_t i = 0; i < base.size(); ++i) base[i] = std::max(base[i], other.base[i]);
  for (const auto& [id, amount] : other.extended) {
    if (amount > at(id)) add(id, amount - at(id));
  }
}

bool Amounts::zero() const {
  return extended.empty() && std::all_of(base.begin(), base.end(), [](auto a) { return a == 0; });
}

// Devices first: they are the ones that run out. What is not asked for does not limit, even where
// it is overdrawn.
std::int64_t slots(const Amounts& free, const Amounts& request) {
  std::int64_t least = kSlotsMax;
  for (const auto& [id, amount] : request.extended) {
    least = std::min(least, is_milli(id) ? part_slots(free, whole_of(id), amount)
                                         : quotient(free.at(id), amount));
    if (least == 0) return 0;
  }
  for (ResourceId id = 0; id < kFirstExtended; ++id) {
    // A product is cheaper than a quotient, and most often enough.
    const std::int64_t amount = request.base[id];
    if (amount > 0 && __int128{amount} * least > free.base[id]) {
      least = quotient(free.base[id], amount);
    }
  }
  return least;
}

ResourceNames::ResourceNames()
    : names_{"cpu", "memory", "ephemeral-storage", "pods", "(other)"}, is_gpu_(names_.size()) {}

// The bound is against inputs that make up names; a real cluster has a few dozen.
ResourceId ResourceNames::id(const std::string& name) {
  if (auto known = ids_.find(name); known != ids_.end()) return known->second;
  if (names_.size() >= kResourceNamesMax) return kFirstExtended;
  const auto id = static_cast<ResourceId>(names_.size());
  names_.push_back(name);
  is_gpu_.push_back(is_gpu(name));
  ids_.emplace(name, id);
  return id;
}

Amounts ResourceNames::amounts(const Resources& from) {
  Amounts to;
  to.base = {cut(from.cpu_milli), cut(from.memory_bytes), cut(from.ephemeral_bytes),
             cut(from.pods)};
  for (const auto& [name, amount] : from.extended) {
    if (const std::int64_t whole = cut(amount); whole > 0) to.add(id(name), whole);
  }
  return to;
}

Resources ResourceNames::resources(const Amounts& from) const {
  Resources to{from.base[kCpu], from.base[kMemory], from.base[kEphemeral], from.base[kPods], {}};
  for (const auto& [id, amount] : from.extended) to.set_extended(text(id), amount);
  return to;
}

std::string ResourceNames::text(ResourceId id) const {
  if (is_milli(id)) return name(id) + kMilliSuffix;
  if (is_device(id)) return name(id) + "#" + std::to_string(device_number(id));
  return name(id);
}

Amounts ResourceNames::request(const Resources& from, const std::string& shared,
                               std::int64_t milli) {
  Amounts to = amounts(from);
  if (shared.empty() || milli <= 0) return to;
  const ResourceId whole = id(shared);
  const std::int64_t least = cut(milli);
  if (least >= kWholeMilli || to.at(whole) > 0) {
    const std::int64_t most = cut(to.at(whole) + (least + kWholeMilli - 1) / kWholeMilli);
    to.add(whole, most - to.at(whole));
  } else {
    to.add(milli_of(whole), least);
  }
  return to;
}

Amounts ResourceNames::charged(const Resources& from) {
  Amounts to = amounts({from.cpu_milli, from.memory_bytes, from.ephemeral_bytes, from.pods, {}});
  for (const auto& [name, amount] : from.extended) {
    const std::int64_t some = cut(amount);
    if (some == 0) continue;
    const bool parts = name.ends_with(kMilliSuffix);
    const ResourceId of = id(parts ? name.substr(0, name.find(kMilliSuffix)) : name);
    to.add(parts ? milli_of(of) : of, some);
  }
  return to;
}

Amounts ResourceNames::of_model(const Amounts& from, const std::string& model) {
  Amounts to;
  if (model.empty()) return to;
  for (const auto& [resource, amount] : from.extended) {
    if (!is_gpu_[whole_of(resource)]) continue;
    const ResourceId of = id(name(resource) + "@" + model);
    to.add(is_milli(resource) ? milli_of(of) : of, amount);
  }
  return to;
}

std::int64_t ResourceNames::gpu_milli(const Amounts& from) const {
  constexpr __int128 kMost = __int128{1} << 62;
  __int128 sum = 0;
  for (const auto& [resource, amount] : from.extended) {
    if (!is_gpu_[whole_of(resource)]) continue;
    sum += is_milli(resource) ? __int128{amount} : __int128{amount} * kWholeMilli;
  }
  return static_cast<std::int64_t>(std::min(sum, kMost));
}

std::int64_t ResourceNames::gpus(const Amounts& from) const {
  constexpr __int128 kMost = __int128{1} << 62;
  __int128 whole = 0, milli = 0;
  for (const auto& [resource, amount] : from.extended) {
    if (is_gpu_[whole_of(resource)]) (is_milli(resource) ? milli : whole) += amount;
  }
  return static_cast<std::int64_t>(
      std::min(whole + (milli + kWholeMilli - 1) / kWholeMilli, kMost));
}

bool is_gpu(const std::string& name) {
  return name.ends_with("/gpu") || name.find("/gpu.") != std::string::npos ||
         name.find("/mig-") != std::string::npos;
}

}  // namespace sched
