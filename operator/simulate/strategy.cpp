#include "operator/simulate/strategy.hpp"

#include <algorithm>
#include <cctype>

namespace fermi::simulate {
namespace {

struct Known {
  const char* name;
  sched::Strategy strategy;
};

constexpr Known kKnown[] = {
    {"FIFO", sched::Strategy::kFifo},
    {"EASY", sched::Strategy::kFifo},
    {"Conservative", sched::Strategy::kFifo},
    {"DRF", sched::Strategy::kDrf},
    {"Backfill", sched::Strategy::kBackfill},
    {"PriorityBased", sched::Strategy::kPriorityBased},
    {"FairSharing", sched::Strategy::kFairSharing},
    {"TimeSlicing", sched::Strategy::kTimeSlicing},
    {"ResourcePooling", sched::Strategy::kResourcePooling},
    {"LoadBalancing", sched::Strategy::kLoadBalancing},
    {"Hybrid", sched::Strategy::kHybrid},
};

bool same(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

Strategy make(const Known& known, const StrategyOptions& options) {
  Strategy made;
  made.name = known.name;
  made.queue.name = known.name;
  made.queue.strategy = known.strategy;
  // A simulation has the time that a running scheduler has not.
  made.config.reservations = 256;
  made.config.reservation_ends = 5'120'000;
  made.config.victim_searches = 256;
  if (made.name == "EASY") {
    made.queue.passing = sched::Passing::kEasy;
    made.config.overrun = sched::Overrun::kEndsNow;
  }
  if (made.name == "Backfill") made.queue.learned = true;
  if (made.name == "Conservative") made.queue.passing = sched::Passing::kConservative;
  if (made.name == "TimeSlicing") made.queue.quantum_ns = options.quantum_ns;
  if (made.name == "FairSharing" || made.name == "Hybrid") {
    made.queue.half_life_ns = options.half_life_ns;
  }
  return made;
}

k8s::Result<Strategy> find(std::string_view name, const StrategyOptions& options) {
  std::string all;
  for (const Known& known : kKnown) {
    if (same(name, known.name)) return make(known, options);
    all += (all.empty() ? "" : ", ") + std::string(known.name);
  }
  return k8s::Status(k8s::Code::kInvalid,
                     "\"" + std::string(name) + "\" is no strategy; there are " + all);
}

}  // namespace

k8s::Result<std::vector<Strategy>> parse_strategies(std::string_view names,
                                                    const StrategyOptions& options) {
  std::vector<Strategy> strategies;
  while (true) {
    const auto end = names.find(',');
    auto strategy = find(names.substr(0, end), options);
    if (!strategy) return strategy.status();
    for (const Strategy& other : strategies) {
      if (other.name == strategy->name) {
        return k8s::Status(k8s::Code::kInvalid, strategy->name + " stands there twice");
      }
    }
    strategies.push_back(std::move(*strategy));
    if (end == std::string_view::npos) return strategies;
    names.remove_prefix(end + 1);
  }
}

}  // namespace fermi::simulate
