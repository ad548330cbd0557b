#include "scheduler/learn/predictor.hpp"

#include <algorithm>
#include <bit>

#include "scheduler/limits.hpp"

namespace sched {
namespace {

constexpr std::int64_t kWhole = 1024;  // a factor of one
constexpr std::size_t kFewest = 2;     // factors that make a quantile
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

void Predictor::Factors::add(std::int64_t factor) {
  last[next] = factor;
  next = (next + 1) % kKept;
  count = std::min(count + 1, kKept);
  std::array<std::int64_t, kKept> sorted = last;
  std::sort(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(count));
  quantile = sorted[std::min(count - 1, count * kPercent / 100)];
}

void Predictor::finished(std::int64_t size, std::int64_t stated_ns, std::int64_t ran_ns) {
  if (stated_ns <= 0) return;
  const std::int64_t ran = std::clamp<std::int64_t>(ran_ns, 0, stated_ns);
  const auto factor = static_cast<std::int64_t>(__int128{ran} * kWhole / stated_ns);
  for (int l = 0; l < kLevels; ++l) {
    Level& level = levels_[static_cast<std::size_t>(l)];
    const Kind kind = kind_of(l, size, stated_ns);
    if (!level.recent.contains(kind)) {
      if (level.recent.size() >= kPredictorKinds) {
        level.older = std::move(level.recent);
        level.recent.clear();
      }
      if (const auto known = level.older.find(kind); known != level.older.end()) {
        level.recent.emplace(kind, known->second);
        level.older.erase(known);
      }
    }
    level.recent[kind].add(factor);
  }
}

void Predictor::waited(std::int64_t ns) { longest_wait_ = std::max(longest_wait_, ns); }

std::int64_t Predictor::predict(std::int64_t size, std::int64_t stated_ns) const {
  if (stated_ns <= 0) return stated_ns;
  for (int l = 0; l < kLevels; ++l) {
    const Level& level = levels_[static_cast<std::size_t>(l)];
    const Kind kind = kind_of(l, size, stated_ns);
    auto known = level.recent.find(kind);
    if (known == level.recent.end()) {
      known = level.older.find(kind);
      if (known == level.older.end()) continue;
    }
    const Factors& factors = known->second;
    if (factors.count < kFewest) continue;
    const auto ns = static_cast<std::int64_t>(__int128{stated_ns} * factors.quantile / kWhole);
    return std::clamp<std::int64_t>(ns, 1, stated_ns);
  }
  return stated_ns;
}

std::vector<std::int64_t> Predictor::content() const {
  std::vector<std::int64_t> out{longest_wait_};
  for (const Level& level : levels_) {
    for (const Table* table : {&level.recent, &level.older}) {
      std::vector<Kind> kinds;
      for (const auto& [kind, factors] : *table) kinds.push_back(kind);
      std::sort(kinds.begin(), kinds.end());
      out.push_back(static_cast<std::int64_t>(kinds.size()));
      for (const Kind& kind : kinds) {
        const Factors& factors = table->at(kind);
        out.insert(out.end(), {kind.size, kind.stated});
        // Oldest first, wherever in the ring it lies.
        for (std::size_t i = 0; i < factors.count; ++i) {
          out.push_back(factors.last[(factors.next + kKept - factors.count + i) % kKept]);
        }
      }
    }
  }
  return out;
}

}  // namespace sched
