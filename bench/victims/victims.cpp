// Victims: what it costs to find out who has to stop for a large gang.
//
//   victims [--nodes 10000] [--gang 512] [--rounds 20] [--check]
//
// A full cluster of 8-GPU nodes in ten zones, 24 shapes of running tasks (1 to 8 GPUs each, a gang
// of two nodes now and then), a third of them Low and the rest Medium past its guarantee. A High
// gang of whole nodes asks. Prints the time of this machine beside counted work, which is the same
// on every machine; --check fails when that exceeds a few looks at each running task.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include "scheduler/preempt/victims.hpp"

namespace {

using namespace sched;

constexpr std::int64_t kSecond = 1'000'000'000;

// What this thread has computed so far: who else uses the machine is not counted.
double millis() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) / 1e6;
}

Resources amounts(std::int64_t gpus, std::int64_t cores, std::int64_t gib) {
  Resources r{cores * 1000, gib << 30, 0, 1, {}};
  r.set_extended("nvidia.com/gpu", gpus);
  return r;
}

Node node(std::int64_t i) {
  Node n;
  n.name = "node-" + std::to_string(i);
  n.zone = "zone-" + std::to_string(i % 10);
  n.region = i % 10 < 5 ? "east" : "west";
  n.gpu_model = i % 2 == 0 ? "A100" : "H100";
  n.labels["kubernetes.io/hostname"] = n.name;
  n.allocatable = amounts(8, 96, 768);
  n.allocatable.pods = 110;
  return n;
}

// Fills each node with tasks of 8, 4, 2 or 1 GPUs.
class Filler {
 public:
  explicit Filler(State& state) : state_(state) {}
  void fill(std::int64_t nodes) {
    for (std::int64_t i = 0; i < nodes; ++i) {
      const std::int64_t size = i % 3 == 0 ? 8 : std::int64_t{1} << (i % 4);
      if (size == 8 && i % 30 == 0 && i + 3 < nodes) continue;  // taken with the next
      for (std::int64_t left = 8; left > 0; left -= size) {
        const bool two = size == 8 && i % 30 == 3;
        run(two ? std::vector<std::int64_t>{i - 3, i} : std::vector<std::int64_t>{i}, size);
      }
    }
  }
  std::int64_t count() const { return count_; }

 private:
  void run(const std::vector<std::int64_t>& on, std::int64_t gpus) {
    Task t;
    const std::int64_t i = count_++;
    t.uid = "run-" + std::to_string(i);
    t.queue = i % 3 == 0 ? "low" : "med";
    t.guarantee_until.ns = (1 + i * 7919 % 5000) * kSecond;
    t.groups = {{"", static_cast<std::int64_t>(on.size()), amounts(gpus, gpus * 8 + i % 6, 32)}};
    Assume decision{t.uid, 0, {}};
    for (const std::int64_t n : on) decision.placement.nodes.push_back("node-" + std::to_string(n));
    state_.apply(TaskUpsert{t});
    state_.apply(decision);
    for (std::size_t r = 0; r < on.size(); ++r) {
      state_.apply(PodUpsert{t.uid + "-" + std::to_string(r), decision.placement.nodes[r],
                             t.groups[0].requests, t.uid, 0, static_cast<std::int64_t>(r)});
    }
    state_.apply(Confirm{t.uid, Time{i * 104'729 % 9000 * kSecond}});
  }

  State& state_;
  std::int64_t count_ = 0;
};

struct Options {
  std::int64_t nodes = 10'000, gang = 512, rounds = 20;
  bool check = false;
};

// Shapes that wait are counted node by node as everything changes, so that the cost of a change is
// that of a busy cluster.
void let_wait(State& state, std::int64_t shapes) {
  for (std::int64_t i = 0; i < shapes; ++i) {
    Task t;
    t.uid = "wait-" + std::to_string(i);
    t.queue = "low";
    t.groups = {{"", 1 + i % 9, amounts(8, 40 + i % 50, 64 + i % 100)}};
    state.apply(TaskUpsert{t});
  }
}

std::int64_t measure(State& state, const char* what, const Task& gang, std::int64_t rounds) {
  state.apply(TaskUpsert{gang});
  std::vector<double> times;
  std::int64_t looked = 0;
  std::size_t victims = 0;
  for (std::int64_t i = 0; i < rounds; ++i) {
    Overlay overlay(state);
    looked = 0;
    const double start = millis();
    const auto found =
        find_preemption(state, state.find(gang.uid), Time{10'000 * kSecond}, overlay, looked);
    times.push_back(millis() - start);
    victims = found ? found->victims.size() : 0;
  }
  std::sort(times.begin(), times.end());
  std::printf("%-26s %7.2f ms best, %7.2f median, %7.2f worst, %7ld looked at, %4zu victims\n",
              what, times.front(), times[times.size() / 2], times.back(), static_cast<long>(looked),
              victims);
  return looked;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"What it costs to find out who has to stop for a large gang"};
  Options options;
  app.add_option("--nodes", options.nodes, "of the cluster")->check(CLI::PositiveNumber);
  app.add_option("--gang", options.gang, "nodes that it asks for")->check(CLI::PositiveNumber);
  app.add_option("--rounds", options.rounds, "for each question")->check(CLI::PositiveNumber);
  app.add_flag("--check", options.check, "fail when the counted work exceeds its budget");
  CLI11_PARSE(app, argc, argv);
  State state;
  for (std::int64_t i = 0; i < options.nodes; ++i) state.apply(NodeUpsert{node(i)});
  for (const auto& [name, tier] : {std::pair{"hi", Tier::kHigh}, std::pair{"med", Tier::kMedium},
                                   std::pair{"low", Tier::kLow}}) {
    Queue q;
    q.name = name;
    q.tier = tier;
    state.apply(QueueUpsert{q});
  }
  Filler filler(state);
  filler.fill(options.nodes);
  let_wait(state, 300);
  std::printf("%ld nodes, %ld running, 300 shapes waiting\n", static_cast<long>(options.nodes),
              static_cast<long>(filler.count()));
  Task gang;
  gang.queue = "hi";
  gang.tier = Tier::kHigh;
  gang.groups = {{"", options.gang, amounts(8, 64, 256)}};
  std::int64_t worst = 0;
  const auto run = [&](const char* what, const char* uid) {
    gang.uid = uid;
    worst = std::max(worst, measure(state, what, gang, options.rounds));
  };
  run("whole nodes, any zone", "any");
  gang.zone_policy = ZonePolicy::kSameRegion;
  run("whole nodes, one region", "region");
  gang.zone_policy = ZonePolicy::kSingle;
  run("whole nodes, one zone", "single");
  gang.zone_policy = ZonePolicy::kAny;
  gang.gpu_model = "L40";
  run("no such node", "never");
  gang.gpu_model.clear();
  gang.queue = "med";
  run("Medium, Low alone yields", "medium");
  const std::int64_t budget = filler.count() * 4 + options.gang * 50;
  std::printf("looked at: at most %ld (budget %ld)\n", static_cast<long>(worst),
              static_cast<long>(budget));
  return options.check && worst > budget ? 1 : 0;
}
