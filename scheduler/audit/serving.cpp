#include "scheduler/audit/serving.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace sched::audit {

void Serving::add(std::vector<bool> serves, __int128 room) {
  std::vector<__int128> given(serves.size(), 0);
  sources_.push_back({std::move(serves), std::max<__int128>(room, 0), std::move(given)});
}

// Breadth first from a need: sources that serve it, then those that serve needs which have room of
// these and could leave it. The last step has room; no steps where none has.
std::vector<Serving::Step> Serving::search(std::size_t need) const {
  std::vector<Step> steps;
  std::set<std::size_t> sources, needs{need};
  const auto look = [&](std::size_t wants, std::optional<std::size_t> before) {
    for (std::size_t s = 0; s < sources_.size(); ++s) {
      const bool fresh = sources_[s].serves[wants] && sources.insert(s).second;
      if (fresh) steps.push_back({s, wants, before});
    }
  };
  look(need, std::nullopt);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const Source& source = sources_[steps[i].source];
    if (source.left > 0) {
      steps.resize(i + 1);
      return steps;
    }
    for (std::size_t n = 0; n < source.given.size(); ++n) {
      if (source.given[n] > 0 && needs.insert(n).second) look(n, i);
    }
  }
  return {};
}

__int128 Serving::give(const std::vector<Step>& steps, __int128 lacks) {
  __int128 more = std::min(lacks, sources_[steps.back().source].left);
  for (const Step* step = &steps.back(); step->before; step = &steps[*step->before]) {
    more = std::min(more, sources_[steps[*step->before].source].given[step->need]);
  }
  sources_[steps.back().source].left -= more;
  for (const Step* step = &steps.back(); step != nullptr;) {
    sources_[step->source].given[step->need] += more;
    const Step* const before = step->before ? &steps[*step->before] : nullptr;
    if (before != nullptr) sources_[before->source].given[step->need] -= more;
    step = before;
  }
  return more;
}

__int128 Serving::most(const std::vector<__int128>& needs) {
  __int128 sum = 0;
  for (std::size_t need = 0; need < needs.size(); ++need) {
    __int128 lacks = needs[need];
    while (lacks > 0) {
      const std::vector<Step> steps = search(need);
      if (steps.empty()) break;
      const __int128 more = give(steps, lacks);
      lacks -= more;
      sum += more;
    }
  }
  return sum;
}

}  // namespace sched::audit
