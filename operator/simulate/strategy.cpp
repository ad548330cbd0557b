#include "operator/simulate/strategy.hpp"

#include <algorithm>
#include <cctype>

namespace fermi::simulate {
namespace {

constexpr std::int64_t kTurnMin = 1'000'000'000;

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
  if (made.name == "TimeSlicing") {
    made.queue.tier = sched::Tier::kLow;
    made.queue.quantum_ns = options.quantum_ns;
  }
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

k8s::Status invalid(const std::string& sentence) { return {k8s::Code::kInvalid, sentence}; }

// What was asked for and would have no effect is said.
k8s::Status check(const std::vector<Strategy>& strategies, const StrategyOptions& options) {
  const auto any = [&](const auto& has) {
    return std::any_of(strategies.begin(), strategies.end(),
                       [&](const Strategy& s) { return has(s.queue); });
  };
  if (options.quantum_ns < kTurnMin) return invalid("--quantum: a turn lasts at least 1s");
  if (options.half_life_ns <= 0) return invalid("--half-life: usage needs a time to count half");
  if (options.says_quantum && !any([](const sched::Queue& q) { return q.quantum_ns > 0; })) {
    return invalid("--quantum is for TimeSlicing, which is not among the strategies");
  }
  if (options.says_half_life && !any([](const sched::Queue& q) { return q.half_life_ns > 0; })) {
    return invalid("--half-life is for FairSharing and Hybrid, which are not among the strategies");
  }
  return {};
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
    if (end == std::string_view::npos) break;
    names.remove_prefix(end + 1);
  }
  if (auto status = check(strategies, options); !status.is_ok()) return status;
  return strategies;
}

}  // namespace fermi::simulate
