#include "scheduler/state/devices.hpp"

#include <algorithm>

#include "scheduler/limits.hpp"

namespace sched {
namespace {

// Calls with (id of the device, thousandths in use) for each shared device that somebody uses.
template <class Visit>
void each_device(const Amounts& used, const Visit& visit) {
  for (const auto& [id, milli] : used.extended) {
    if (is_device(id) && milli > 0) visit(id, milli);
  }
}

}  // namespace

std::optional<Part> part_of(const Amounts& request) {
  if (!has_parts(request) || !is_milli(request.extended.back().first)) return std::nullopt;
  const auto& [id, milli] = request.extended.back();
  return Part{whole_of(id), milli};
}

Amounts use_of(const Amounts& request, std::int64_t device) {
  Amounts use = request;
  const std::optional<Part> part = part_of(request);
  if (!part) return use;
  use.extended.pop_back();
  if (device >= 0 && device < kDeviceNumbers) {
    use.add(device_of(part->whole, device), part->milli);
  } else {
    use.add(part->whole, 1);
  }
  return use;
}

Amounts free_of(const Amounts& total, const Amounts& used) {
  Amounts free = total;
  for (ResourceId i = 0; i < kFirstExtended; ++i) {
    free.base[i] = std::max<std::int64_t>(0, total.base[i] - used.base[i]);
  }
  for (auto& [id, amount] : free.extended) amount -= used.at(id);
  if (has_parts(used)) {
    Amounts opened;
    each_device(used, [&](ResourceId id, std::int64_t) { opened.add(whole_of(id), 1); });
    for (auto& [id, amount] : free.extended) amount -= opened.at(id);
    each_device(used, [&](ResourceId id, std::int64_t milli) {
      const ResourceId whole = whole_of(id);
      const bool there = total.at(whole) >= used.at(whole) + opened.at(whole);
      if (there && milli < kWholeMilli) free.add(id, kWholeMilli - milli);
    });
  }
  for (auto& [id, amount] : free.extended) amount = std::max<std::int64_t>(0, amount);
  return free;
}

// Devices first, as they are what mostly lacks.
std::int64_t slots_without(const Amounts& total, const Amounts& used, const Amounts& ended,
                           const Amounts& request) {
  if (has_parts(used) || has_parts(ended) || has_parts(request)) {
    Amounts left = used;
    left.minus(ended);
    return slots(free_of(total, left), request);
  }
  std::int64_t least = kSlotsMax;
  const auto limit = [&](std::int64_t free, std::int64_t amount) {
    least = std::min(least, std::max<std::int64_t>(0, free) / amount);
  };
  for (const auto& [id, amount] : request.extended) {
    limit(total.at(id) - used.at(id) + ended.at(id), amount);
    if (least == 0) return 0;
  }
  for (ResourceId id = 0; id < kFirstExtended; ++id) {
    const std::int64_t free = total.base[id] - used.base[id] + ended.base[id];
    if (request.base[id] > 0) limit(free, request.base[id]);
  }
  return least;
}

bool fits_beside(const Amounts& total, const Amounts& used, const Amounts& need) {
  for (ResourceId i = 0; i < kFirstExtended; ++i) {
    if (need.base[i] > 0 && need.base[i] > total.base[i] - used.base[i]) return false;
  }
  Amounts after = used;
  after.plus(need);
  Amounts opened;
  each_device(after, [&](ResourceId id, std::int64_t) { opened.add(whole_of(id), 1); });
  return std::all_of(need.extended.begin(), need.extended.end(), [&](const auto& asked) {
    const ResourceId whole = whole_of(asked.first);
    if (is_device(asked.first) && after.at(asked.first) > kWholeMilli) return false;
    return after.at(whole) + opened.at(whole) <= total.at(whole);
  });
}

std::int64_t device_for(const Amounts& free, const Amounts& used, const Part& part) {
  std::int64_t best = -1, least = kWholeMilli;
  for (const auto& [id, milli] : free.extended) {
    if (!is_device(id) || whole_of(id) != part.whole || milli < part.milli) continue;
    if (milli >= least) continue;
    least = milli;
    best = device_number(id);
  }
  if (best >= 0 || free.at(part.whole) <= 0) return best;
  std::int64_t number = 0;
  each_device(used, [&](ResourceId id, std::int64_t) {
    if (id == device_of(part.whole, number)) ++number;
  });
  return number < kDeviceNumbers ? number : -1;
}

Amounts charged(const Amounts& use) {
  if (!has_parts(use)) return use;
  Amounts out;
  out.base = use.base;
  for (const auto& [id, amount] : use.extended) {
    out.add(is_device(id) ? milli_of(whole_of(id)) : id, amount);
  }
  return out;
}

__int128 exactly(const Amounts& amounts, ResourceId id) {
  if (id < kFirstExtended) return amounts.base[id];
  const ResourceId whole = whole_of(id);
  return __int128{amounts.at(whole)} * kWholeMilli + amounts.at(milli_of(whole));
}

}  // namespace sched
