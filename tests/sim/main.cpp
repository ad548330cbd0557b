// fermi_sim: runs seeds of the simulation; a seed that fails prints one line that replays it.
//
//   fermi_sim --seed 7                 one seed
//   fermi_sim --seeds 1000             a thousand seeds from the base seed on
//   fermi_sim --seconds 60             as many as fit into a minute
//   fermi_sim --crash-sweep --seed 7   the run without faults, once for each write and each of
//   three
//                                      moments at which the operator dies there
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <string>

#include "libk8s/base/log.hpp"
#include "tests/sim/simulation.hpp"

namespace {

using fermi::sim::RunOptions;
using fermi::sim::RunResult;
using fermi::sim::WritePoint;

struct Arguments {
  std::uint64_t seed = 1;
  std::uint64_t seeds = 1;
  double seconds = 0;  // 0: no limit in time
  bool crash_sweep = false, verbose = false, no_faults = false, twice = false;
  std::uint64_t die_at_write = 0;
  int die_point = 0;
  int restores = -1;
};

class Clock {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

std::string replay_line(const RunOptions& options) {
  std::string line = "fermi_sim --seed " + std::to_string(options.seed);
  if (!options.faults) line += " --no-faults";
  if (options.restores >= 0) line += " --restores " + std::to_string(options.restores);
  if (options.die_at_write != 0) {
    line += " --die-at-write " + std::to_string(options.die_at_write) + " --die-point " +
            std::to_string(static_cast<int>(options.die_point));
  }
  return line;
}

bool report(const RunOptions& options, const RunResult& result) {
  if (!result.violation) return true;
  std::printf("FAILED at %.3f s: %s; replay: %s\n", result.at_s, result.violation->c_str(),
              replay_line(options).c_str());
  std::fflush(stdout);
  return false;
}

// The reference run, then the same with a death at each write.
int crash_sweep(const Arguments& arguments) {
  const Clock clock;
  RunOptions options;
  options.seed = arguments.seed;
  options.faults = false;
  const RunResult reference = run_simulation(options);
  if (!report(options, reference)) return 1;
  int runs = 0, failures = 0;
  for (std::uint64_t write = 1; write <= reference.writes; ++write) {
    for (const auto point :
         {WritePoint::kBeforeSend, WritePoint::kAfterApply, WritePoint::kAfterReply}) {
      if (arguments.seconds > 0 && clock.seconds() > arguments.seconds) break;
      options.die_at_write = write;
      options.die_point = point;
      ++runs;
      if (!report(options, run_simulation(options))) ++failures;
    }
  }
  std::printf(
      "crash sweep of seed %llu: %llu writes, %d of %llu deaths tried, %d failures, %.1f s\n",
      static_cast<unsigned long long>(arguments.seed),
      static_cast<unsigned long long>(reference.writes), runs,
      static_cast<unsigned long long>(reference.writes * 3), failures, clock.seconds());
  return failures == 0 ? 0 : 1;
}

int seeds(const Arguments& arguments) {
  const Clock clock;
  std::uint64_t runs = 0, failures = 0, bindings = 0, crashes = 0, restores = 0, rejected = 0;
  std::int64_t spent = 0;
  for (std::uint64_t i = 0;; ++i) {
    if (arguments.seconds > 0 ? clock.seconds() > arguments.seconds : i >= arguments.seeds) break;
    RunOptions options;
    options.seed = arguments.seed + i;
    options.verbose = arguments.verbose;
    options.faults = !arguments.no_faults;
    options.restores = arguments.restores;
    options.die_at_write = arguments.die_at_write;
    options.die_point = static_cast<WritePoint>(arguments.die_point);
    RunResult result = run_simulation(options);
    if (arguments.twice && run_simulation(options).digest != result.digest && !result.violation)
      result.violation = "two runs of one seed differ";
    failures += report(options, result) ? 0 : 1;
    ++runs;
    bindings += result.bindings;
    spent += result.spent;
    crashes += static_cast<std::uint64_t>(result.crashes);
    restores += static_cast<std::uint64_t>(result.restores);
    rejected += static_cast<std::uint64_t>(result.rejected);
  }
  std::printf(
      "simulation: %llu seeds from %llu, %llu bindings, %llu crashes, %llu restores, %llu "
      "rejected, "
      "%lld spent, %llu failures, %.1f s\n",
      static_cast<unsigned long long>(runs), static_cast<unsigned long long>(arguments.seed),
      static_cast<unsigned long long>(bindings), static_cast<unsigned long long>(crashes),
      static_cast<unsigned long long>(restores), static_cast<unsigned long long>(rejected),
      static_cast<long long>(spent / 1'000'000), static_cast<unsigned long long>(failures),
      clock.seconds());
  return failures == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Runs the whole system in virtual time, with faults, from a seed.");
  app.add_option("--seed", arguments.seed, "the first seed");
  app.add_option("--seeds", arguments.seeds, "how many seeds");
  app.add_option("--seconds", arguments.seconds, "as many seeds as fit into this time");
  app.add_flag("--crash-sweep", arguments.crash_sweep,
               "die at every write of the run without faults");
  app.add_flag("--no-faults", arguments.no_faults, "only the time that things take");
  app.add_option("--restores", arguments.restores,
                 "chance of a restore of the store, in thousandths a second");
  app.add_flag("--twice", arguments.twice, "run each seed twice and compare");
  app.add_flag("--verbose", arguments.verbose, "print every write");
  app.add_option("--die-at-write", arguments.die_at_write, "die at this write");
  app.add_option("--die-point", arguments.die_point, "0 before sending, 1 applied, 2 answered")
      ->check(CLI::Range(0, 2));
  CLI11_PARSE(app, argc, argv);
  k8s::log::set_level(arguments.verbose ? k8s::log::Level::kDebug : k8s::log::Level::kOff);
  return arguments.crash_sweep ? crash_sweep(arguments) : seeds(arguments);
}
