// Usage: what somebody used over time, with the past worth less the older it is.
//
// Time is cut into periods of one half-life, counted from 1970. What was used in a period counts
// half in the next one, a quarter in the one after: at each multiple of the half-life the whole
// past is halved at once, for everybody. Units: amounts times milliseconds; 128 bits.
//
// It is a sum of steps ("from this moment on, so much more"), kept per period. So it does not
// depend on the order in which steps are told, on when anybody asked, or on how often: adding a
// step and taking it back leaves no trace, and a replay gives the same to the last bit. Decaying
// costs nothing until somebody asks: the clock moves, the numbers stay. Spans, which are never
// taken back one by one, are forgotten when they are so old that they count for nothing.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "scheduler/delta.hpp"
#include "scheduler/state/amounts.hpp"

namespace sched {

// The half-life in milliseconds, 0 for none; at most ten years.
std::int64_t half_life_ms(const Queue& queue);
// Since 1970; what lies before counts as 1970.
std::int64_t to_ms(Time at);

class Usage {
 public:
  struct Cell {
    __int128 partial = 0;   // of this period's steps, until the period's end
    std::int64_t rate = 0;  // what those steps add from the next period on
    friend bool operator==(const Cell&, const Cell&) = default;
  };
  using Cells = std::map<std::int64_t, Cell>;  // by period

  // From `from` on, `sign` times this much more. CPU, memory and extended resources are kept.
  void step(std::int64_t half_life_ms, Time from, const Amounts& used, int sign);
  void span(std::int64_t half_life_ms, Time from, Time to, const Amounts& used);
  void plus(const Usage& other, int sign);
  void clear() { cells_.clear(); }
  bool empty() const { return cells_.empty(); }

  // The decayed sum up to `now`. Amount times milliseconds.
  unsigned __int128 at(ResourceId id, std::int64_t half_life_ms, Time now) const;

  // What was used in each period, undecayed, up to the last one that has a step.
  std::vector<std::pair<std::int64_t, __int128>> sums(ResourceId id,
                                                      std::int64_t half_life_ms) const;

  const std::map<ResourceId, Cells>& cells() const { return cells_; }
  friend bool operator==(const Usage&, const Usage&) = default;

 private:
  void add(ResourceId id, std::int64_t period, const Cell& cell, int sign);
  void prune();

  std::map<ResourceId, Cells> cells_;  // none empty, no cell all zero
};

}  // namespace sched
