#include "scheduler/learn/predictor.hpp"

#include <algorithm>
#include <bit>

namespace sched {
namespace {

constexpr std::int64_t kWhole = 1024;  // a factor of one
constexpr std::size_t kFewest = 2;     // factors that make a quantile
constexpr std::size_t kCounted = 16;   // the last ones, of each kind
constexpr std::size_t kPercent = 60;

std::int64_t power_of_two(std::int64_t value) {
  return std::bit_width(static_cast<std::uint64_t>(std::max<std::int64_t>(value, 0)));
}

}  // namespace

std::int64_t span(Time from, Time to) {
  constexpr __int128 kLongest = __int128{1} << 61;
  return static_cast<std::int64_t>(std::clamp<__int128>(__int128{to.ns} - from.ns, 0, kLongest));
}

std::size_t Predictor::Hash::operator()(const Kind& kind) const {
  auto bits = static_cast<std::uint64_t>(kind.stated) * 0x9e3779b97f4a7c15ull;
  bits = (bits ^ static_cast<std::uint64_t>(kind.size)) * 0xbf58476d1ce4e5b9ull;
  return static_cast<std::size_t>(bits ^ bits >> 31);
}

Predictor::Kind Predictor::kind_of(int level, std::int64_t size, std::int64_t stated_ns) {
  switch (level) {
    case 0:
      return {size, stated_ns};
    case 1:
      return {power_of_two(size), stated_ns};
    case 2:
      return {0, stated_ns};
    case 3:
      return {power_of_two(size), power_of_two(stated_ns)};
    case 4:
      return {0, power_of_two(stated_ns)};
    default:
      return {};
  }
}

void Predictor::Factors::judge() {
  std::array<std::int64_t, kCounted> last{};
  const std::size_t count = std::min(all.size(), kCounted);
  for (std::size_t i = 0; i < count; ++i) last[i] = all[all.size() - count + i].second;
  std::sort(last.begin(), last.begin() + static_cast<std::ptrdiff_t>(count));
  quantile = count == 0 ? 0 : last[std::min(count - 1, count * kPercent / 100)];
}

void Predictor::change(const PastRuns::Run& run, bool comes) {
  if (run.stated_ns <= 0) return;
  const std::int64_t ran = std::clamp<std::int64_t>(run.ran_ns, 0, run.stated_ns);
  const std::pair entry{run.ended.ns,
                        static_cast<std::int64_t>(__int128{ran} * kWhole / run.stated_ns)};
  for (int l = 0; l < kLevels; ++l) {
    auto& level = levels_[static_cast<std::size_t>(l)];
    const Kind kind = kind_of(l, run.size, run.stated_ns);
    Factors& factors = level[kind];
    const auto at = comes ? std::upper_bound(factors.all.begin(), factors.all.end(), entry)
                          : std::lower_bound(factors.all.begin(), factors.all.end(), entry);
    if (comes) {
      factors.all.insert(at, entry);
    } else if (at != factors.all.end() && *at == entry) {
      factors.all.erase(at);
    }
    factors.judge();
    if (factors.all.empty()) level.erase(kind);
  }
}

std::int64_t Predictor::predict(std::int64_t size, std::int64_t stated_ns) const {
  if (stated_ns <= 0) return stated_ns;
  for (int l = 0; l < kLevels; ++l) {
    const auto& level = levels_[static_cast<std::size_t>(l)];
    const auto known = level.find(kind_of(l, size, stated_ns));
    if (known == level.end() || known->second.all.size() < kFewest) continue;
    const auto ns =
        static_cast<std::int64_t>(__int128{stated_ns} * known->second.quantile / kWhole);
    return std::clamp<std::int64_t>(ns, 1, stated_ns);
  }
  return stated_ns;
}

}  // namespace sched
