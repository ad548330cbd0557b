#include "scheduler/fair/usage.hpp"

#include <algorithm>

namespace sched {
namespace {

constexpr std::int64_t kNsPerMs = 1'000'000;
constexpr std::int64_t kLongestMs = std::int64_t{3653} * 86'400'000;  // ten years
// Sums stay below 2^110: after so many halvings nothing is left of them.
constexpr std::int64_t kPeriodsKept = 120;

}  // namespace

std::int64_t half_life_ms(const Queue& queue) {
  if (queue.half_life_ns <= 0) return 0;
  return std::clamp<std::int64_t>(queue.half_life_ns / kNsPerMs, 1, kLongestMs);
}

std::int64_t to_ms(Time at) { return std::max<std::int64_t>(at.ns, 0) / kNsPerMs; }

void Usage::step(std::int64_t half_life, Time from, const Amounts& used, int sign) {
  const std::int64_t at = to_ms(from), period = at / half_life;
  const std::int64_t rest = (period + 1) * half_life - at;
  const auto put = [&](ResourceId id, std::int64_t amount) {
    if (amount > 0) add(id, period, {static_cast<__int128>(amount) * rest, amount}, sign);
  };
  put(kCpu, used.base[kCpu]);
  put(kMemory, used.base[kMemory]);
  for (const auto& [id, amount] : used.extended) put(id, amount);
}

void Usage::span(std::int64_t half_life, Time from, Time to, const Amounts& used) {
  if (to_ms(to) <= to_ms(from)) return;
  step(half_life, from, used, 1);
  step(half_life, to, used, -1);
  prune();
}

void Usage::plus(const Usage& other, int sign) {
  for (const auto& [id, cells] : other.cells_) {
    for (const auto& [period, cell] : cells) add(id, period, cell, sign);
  }
}

void Usage::add(ResourceId id, std::int64_t period, const Cell& cell, int sign) {
  Cells& cells = cells_[id];
  Cell& sum = cells[period];
  sum.partial += sign * cell.partial;
  sum.rate += sign * cell.rate;
  if (sum == Cell{}) cells.erase(period);
  if (cells.empty()) cells_.erase(id);
}

// What is so old that it counts for nothing keeps only its rate, in the oldest period that counts.
void Usage::prune() {
  for (auto of = cells_.begin(); of != cells_.end();) {
    Cells& cells = of->second;
    const std::int64_t oldest = cells.rbegin()->first - kPeriodsKept;
    std::int64_t rate = 0;
    while (cells.begin()->first < oldest) {
      rate += cells.begin()->second.rate;
      cells.erase(cells.begin());
    }
    if (rate != 0) {
      Cell& cell = cells[oldest];
      cell.rate += rate;
      if (cell == Cell{}) cells.erase(oldest);
    }
    of = cells.empty() ? cells_.erase(of) : std::next(of);
  }
}

std::vector<std::pair<std::int64_t, __int128>> Usage::sums(ResourceId id,
                                                           std::int64_t half_life) const {
  std::vector<std::pair<std::int64_t, __int128>> sums;
  const auto known = cells_.find(id);
  if (known == cells_.end()) return sums;
  std::int64_t rate = 0, period = known->second.begin()->first;
  for (const auto& [at, cell] : known->second) {
    for (; rate != 0 && period < at; ++period) {
      sums.emplace_back(period, static_cast<__int128>(rate) * half_life);
    }
    sums.emplace_back(at, static_cast<__int128>(rate) * half_life + cell.partial);
    rate += cell.rate;
    period = at + 1;
  }
  return sums;
}

// Whole periods first, each halved as often as it is old; then the current one up to `now`: its
// steps were counted up to its end, so the rest of it is taken off.
unsigned __int128 Usage::at(ResourceId id, std::int64_t half_life, Time now) const {
  const auto known = cells_.find(id);
  if (known == cells_.end()) return 0;
  const Cells& cells = known->second;
  const std::int64_t today = to_ms(now), current = today / half_life;
  auto cell = cells.begin();
  std::int64_t rate = 0;
  __int128 sum = 0;
  for (; cell != cells.end() && cell->first < current - kPeriodsKept; ++cell) {
    rate += cell->second.rate;
  }
  std::int64_t period = std::max(current - kPeriodsKept, cells.begin()->first);
  for (; period < current; ++period) {
    if (rate == 0) {  // nothing until the next step
      if (cell == cells.end() || cell->first >= current) break;
      period = cell->first;
    }
    __int128 used = static_cast<__int128>(rate) * half_life;
    if (cell != cells.end() && cell->first == period) {
      used += cell->second.partial;
      rate += cell->second.rate;
      ++cell;
    }
    sum += std::max<__int128>(used, 0) >> (current - period);
  }
  __int128 last = static_cast<__int128>(rate) * (today - current * half_life);
  if (cell != cells.end() && cell->first == current) {
    const std::int64_t left = (current + 1) * half_life - today;
    last += cell->second.partial - static_cast<__int128>(cell->second.rate) * left;
  }
  return static_cast<unsigned __int128>(std::max<__int128>(sum + last, 0));
}

}  // namespace sched
