// Cycle: what one decision costs in a large cluster.
//
//   bench_cycle [--nodes 10000] [--waiting 100000] [--running 30000] [--shapes 300] [--queues 60]
//         [--reservations 256] [--events 3000] [--growth] [--check]
//         [--anew [--reservations 8] [--ends 4000]] [--grants 0]
//
// Reservations are promises that are kept: one piece of tending follows each
// event, as when no other event waits. --anew: each pass makes its own, and nothing is tended.
// --grants: so many queues are guaranteed a quarter of the GPUs of a zone, each of another.
// Prints one row per measure: the thread's own time (on this machine) beside counted work (the same
// on every machine). --growth repeats everything for 1,000 to 10,000 nodes with tasks in
// proportion, and ends with a table of the counted work; --check fails when the counted work of an
// event exceeds its budget, which is what CI holds.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string>
#include <vector>

#include "scheduler/forecast/forecast.hpp"

namespace {

using namespace sched;

struct Options {
  std::int64_t nodes = 10'000, waiting = 100'000, running = 30'000;
  std::int64_t shapes = 300, queues = 60, events = 3000;
  std::int64_t reservations = 0, ends = ConfigUpdate{}.reservation_ends;
  std::int64_t grants = 0;
  bool anew = false;
  bool growth = false, check = false;
};

// Own generator: the same world on every machine.
class Rng {
 public:
  std::int64_t below(std::int64_t n) {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return static_cast<std::int64_t>((z ^ (z >> 31)) % static_cast<std::uint64_t>(n));
  }

 private:
  std::uint64_t state_ = 42;
};

// What this thread has computed so far: who else uses the machine is not counted.
double micros() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) / 1e3;
}

double micros_since(double start) { return micros() - start; }

std::int64_t resident_mib() {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with("VmRSS:")) return std::strtoll(line.c_str() + 6, nullptr, 10) / 1024;
  }
  return 0;
}

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr Time kNow{1'000'000 * kSecond};
constexpr Time kForever{std::int64_t{1} << 60};
constexpr std::int64_t kGiB = std::int64_t{1} << 30;

Resources amounts(std::int64_t gpus, std::int64_t cores, std::int64_t gib, std::int64_t pods) {
  Resources r{cores * 1000, gib * kGiB, 0, pods, {}};
  r.set_extended("nvidia.com/gpu", gpus);
  return r;
}

class World {
 public:
  explicit World(const Options& options) : options_(options) {}

  Node node(std::int64_t i) const {
    const char* const models[] = {"A100", "H100", "L40"};
    Node n;
    n.name = "node-" + std::to_string(i);
    n.zone = "zone-" + std::to_string(i % 10);
    n.region = i % 10 < 5 ? "east" : "west";
    n.pool = i % 4 == 0 ? "serve" : "train";
    n.gpu_model = models[i % 3];
    n.labels["kubernetes.io/hostname"] = n.name;
    n.allocatable = amounts(8, 96, 768, 110);
    return n;
  }

  std::vector<Delta> cluster() {
    ConfigUpdate config;
    config.reservations = options_.reservations;
    config.reservation_ends = options_.ends;
    config.keep_promises = !options_.anew;
    std::vector<Delta> deltas{config};
    for (std::int64_t i = 0; i < options_.nodes; ++i) deltas.push_back(NodeUpsert{node(i)});
    const Strategy strategies[] = {Strategy::kBackfill, Strategy::kFifo, Strategy::kDrf,
                                   Strategy::kPriorityBased, Strategy::kHybrid};
    for (std::int64_t i = 0; i < options_.queues; ++i) {
      Queue q;
      q.name = "queue-" + std::to_string(i);
      q.tier = static_cast<Tier>(i % 3);
      q.strategy = strategies[i % 5];
      q.weight = 1 + i % 4;
      if (i < options_.grants) q.quotas.push_back(granted(i));
      deltas.push_back(QueueUpsert{q});
    }
    return deltas;
  }

  Quota granted(std::int64_t i) const {
    Quota quota;
    quota.zone = "zone-" + std::to_string(i % 10);
    quota.has_guaranteed = true;
    quota.guaranteed.set_extended("nvidia.com/gpu", options_.nodes / 10 * 2);
    return quota;
  }

  // What runs is small (1, 2, 4 or 8 GPUs on one node); what waits is of every size.
  Task running(std::int64_t i) {
    Task t = base("run-" + std::to_string(i), i);
    const std::int64_t gpus = std::int64_t{1} << rng_.below(3);
    t.groups.push_back({"", 1, amounts(gpus, gpus * 4, gpus * 32, 1)});
    return t;
  }

  Task waiting(std::int64_t i) {
    return shaped("wait-" + std::to_string(i), i, i % options_.shapes);
  }

  // Shapes differ in size, zone form, model and pool.
  Task shaped(const std::string& uid, std::int64_t i, std::int64_t shape) {
    Task t = base(uid, i);
    const std::int64_t gpus = std::int64_t{1} << (shape % 4);
    const std::int64_t pods = 2 + shape % 97 * 4;
    t.groups.push_back({"", pods, amounts(gpus, gpus * 4 + shape % 7, gpus * 32, 1)});
    if (shape % 3 == 0) t.gpu_model = "A100";
    if (shape % 5 == 0) t.pool = "train";
    if (shape % 4 == 1) t.zone_policy = ZonePolicy::kSingle;
    if (shape % 4 == 2) t.zone_policy = ZonePolicy::kSameRegion;
    if (shape % 8 == 3) {
      t.zone_policy = ZonePolicy::kExact;
      t.groups[0].zone = "zone-" + std::to_string(shape % 10);
      t.groups.push_back(t.groups[0]);
      t.groups[1].zone = "zone-" + std::to_string((shape + 1) % 10);
    }
    return t;
  }

  Rng& rng() { return rng_; }

 private:
  Task base(const std::string& uid, std::int64_t i) const {
    Task t;
    t.uid = uid;
    t.ns = "team-" + std::to_string(i % 40);
    t.name = uid;
    t.tenant = t.ns;
    t.queue = "queue-" + std::to_string(i % options_.queues);
    t.tier = Tier::kHigh;
    t.submitted.ns = i * 1'000'000;
    t.expected_duration_ns = (1 + i * 7919 % 96) * 900 * kSecond;  // a quarter of an hour to a day
    return t;
  }

  Options options_;
  Rng rng_;
};

struct Sample {
  double micros = 0;
  Plan::Work work;
};

struct Row {
  std::string name;
  std::vector<Sample> samples;
};

void print(Row row) {
  const auto at = [](auto& list, double share) {
    std::sort(list.begin(), list.end());
    return list[static_cast<std::size_t>(share * static_cast<double>(list.size() - 1))];
  };
  std::vector<double> times;
  constexpr std::array<std::int64_t Plan::Work::*, 5> kCounts{
      &Plan::Work::tasks, &Plan::Work::shapes, &Plan::Work::nodes, &Plan::Work::ends,
      &Plan::Work::victims};
  std::array<std::int64_t, kCounts.size()> sum{}, most{};
  for (const Sample& s : row.samples) {
    times.push_back(s.micros);
    for (std::size_t i = 0; i < kCounts.size(); ++i) {
      sum[i] += s.work.*kCounts[i];
      most[i] = std::max(most[i], s.work.*kCounts[i]);
    }
  }
  if (times.empty()) return;
  const auto n = static_cast<double>(times.size());
  std::printf("%-28s %5zu %9.1f %9.1f %9.1f |", row.name.c_str(), times.size(), at(times, 0.5),
              at(times, 0.99), at(times, 1));
  for (const std::int64_t all : sum) std::printf(" %7.1f", static_cast<double>(all) / n);
  std::printf(" |");
  for (const std::int64_t one : most) std::printf(" %6ld", static_cast<long>(one));
  std::printf("\n");
}

// Counted work of an event, on average over many.
struct Work {
  double decided = 0;  // tasks, shapes and nodes looked at by the pass
  double ends = 0, victims = 0;
  double tended = 0;  // looked at by the piece of tending that follows
};

Work average(const std::vector<const Row*>& rows) {
  Work all;
  double events = 0;
  for (const Row* row : rows) {
    for (const Sample& s : row->samples) {
      all.decided += static_cast<double>(s.work.nodes + s.work.shapes + s.work.tasks);
      all.ends += static_cast<double>(s.work.ends);
      all.victims += static_cast<double>(s.work.victims);
    }
    events += static_cast<double>(row->samples.size());
  }
  events = std::max(events, 1.0);
  return {all.decided / events, all.ends / events, all.victims / events, 0};
}

// What one size came to, for the curve.
struct Curve {
  std::int64_t nodes = 0;
  std::size_t reservations = 0;  // held at the end
  std::vector<std::pair<std::string, Work>> kinds;
};

// A cluster with what runs in it; what a fresh leader reads.
struct Filled {
  std::vector<Delta> deltas;
  std::vector<std::string> running;
  std::map<std::string, Placement> placed;
  std::map<std::string, Task> tasks;
};

Filled fill(const Options& options, World& world, double& seconds, std::size_t& starts) {
  Filled filled;
  filled.deltas = world.cluster();
  Engine engine;
  for (const Delta& d : filled.deltas) engine.apply(d);
  for (std::int64_t i = 0; i < options.running; ++i) {
    Task t = world.running(i);
    engine.apply(TaskUpsert{t});
    filled.tasks[t.uid] = t;
  }
  const double begin = micros();
  const Plan plan = engine.plan(kNow, static_cast<std::size_t>(options.running));
  seconds = micros_since(begin) / 1e6;
  starts = plan.starts.size();
  for (const Start& s : plan.starts) {
    const Task& t = filled.tasks[s.task];
    filled.deltas.push_back(TaskUpsert{t});
    filled.deltas.push_back(Assume{s.task, s.attempt, s.placement});
    for (std::size_t r = 0; r < s.placement.nodes.size(); ++r) {
      filled.deltas.push_back(PodUpsert{s.task + "-" + std::to_string(r), s.placement.nodes[r],
                                        t.groups[0].requests, s.task, s.attempt,
                                        static_cast<std::int64_t>(r)});
    }
    // It has run for some part of that.
    const std::int64_t lasts = t.expected_duration_ns / kSecond;
    filled.deltas.push_back(Confirm{s.task, Time{kNow.ns - world.rng().below(lasts) * kSecond}});
    filled.running.push_back(s.task);
    filled.placed[s.task] = s.placement;
  }
  return filled;
}

// One event and the decision that follows; what it starts is applied outside the clock.
Sample event(Engine& engine, const std::vector<Delta>& deltas, Plan& plan, Row* starts) {
  const double begin = micros();
  for (const Delta& d : deltas) engine.apply(d);
  plan = engine.plan(kNow);
  const Sample sample{micros_since(begin), plan.work};
  const double booking = micros();
  for (const Start& s : plan.starts) engine.apply(Assume{s.task, s.attempt, s.placement});
  if (!plan.starts.empty()) starts->samples.push_back({micros_since(booking), {}});
  return sample;
}

// Everything measured in one cluster.
class Measurement {
 public:
  explicit Measurement(const Options& options) : options_(options), world_(options) {}

  Curve run() {
    take_in();
    cold_plan();
    first_promises();
    for (std::int64_t i = 0; i < options_.events; ++i) round(i);
    forecast();
    for (Row* row : {&quiet_, &submits_, &pods_, &ends_, &cordons_, &shapes_, &refusals_, &gangs_,
                     &reasons_, &more_reasons_, &booked_, &searches_, &leavings_, &made_, &tended_,
                     &copies_, &forward_}) {
      print(*row);
    }
    Curve curve{options_.nodes, engine_.forecast(kNow).reservations.size(), {}};
    for (const Row* row : {&submits_, &pods_, &ends_, &cordons_, &leavings_, &refusals_}) {
      curve.kinds.emplace_back(row->name, average({row}));
    }
    curve.kinds.emplace_back("any event", average({&submits_, &pods_, &ends_, &cordons_}));
    curve.kinds.back().second.tended = average({&tended_}).ends;
    const std::int64_t deserve = options_.anew ? 0 : engine_.tend(kNow, 0).deserve;
    std::printf("%-28s %5zu of %ld who deserve one\n", "reservations held at the end",
                curve.reservations, static_cast<long>(deserve));
    return curve;
  }

 private:
  void take_in();
  void cold_plan();
  void round(std::int64_t i);
  [[gnu::noinline]] void submit(std::int64_t i);
  [[gnu::noinline]] void foreign_pod(std::int64_t i);
  [[gnu::noinline]] void cordon();
  [[gnu::noinline]] void end_task();
  [[gnu::noinline]] void large_gang(std::int64_t i);
  void forecast();
  void first_promises();
  bool tend(Row& row);
  void happens(Row& row, const std::vector<Delta>& deltas);
  [[gnu::noinline]] void carry_out(const Plan& plan);
  std::vector<Delta> end_of(const std::string& task) const;

  const Options options_;
  World world_;
  Filled filled_;
  Engine engine_;
  Row booked_{"booking what started", {}}, quiet_{"plan, nothing changed", {}},
      submits_{"submit to decision", {}}, refusals_{"refusal of a new large gang", {}},
      ends_{"task end to decision", {}}, pods_{"foreign Pod to decision", {}},
      cordons_{"cordon to decision", {}}, reasons_{"explain", {}},
      searches_{"event with a preemption", {}}, leavings_{"victim's end to decision", {}},
      more_reasons_{"explain, for another one", {}}, copies_{"copy for a forecast", {}},
      forward_{"plan of a forecast", {}}, shapes_{"taking in a new shape", {}},
      gangs_{"start of a 512-node gang", {}}, made_{"a promise for the first time", {}},
      tended_{"tending after an event", {}};
};

// A fresh leader's first minute: the cluster, what runs, what waits.
void Measurement::take_in() {
  double seconds = 0;
  std::size_t started = 0;
  filled_ = fill(options_, world_, seconds, started);
  std::printf(
      "\n%ld nodes, %ld GPUs, %ld waiting, %zu running, %ld shapes, %ld queues, at most %ld "
      "reservations%s\n",
      static_cast<long>(options_.nodes), static_cast<long>(options_.nodes * 8),
      static_cast<long>(options_.waiting), started, static_cast<long>(options_.shapes),
      static_cast<long>(options_.queues), static_cast<long>(options_.reservations),
      options_.anew ? ", made anew in each pass" : ", kept");
  std::printf("%-28s %5s %9s %9s %9s | %-39s | %s\n", "", "n", "p50 us", "p99 us", "max us",
              "mean: tasks, shapes, nodes, ends, victims", "most");
  std::printf("%-30s %6zu %10.1f us each\n", "starts in an empty cluster", started,
              seconds * 1e6 / static_cast<double>(std::max<std::size_t>(started, 1)));
  const std::int64_t before = resident_mib();
  const double begin = micros();
  for (const Delta& d : filled_.deltas) engine_.apply(d);
  for (std::int64_t i = 0; i < options_.waiting; ++i) engine_.apply(TaskUpsert{world_.waiting(i)});
  std::printf("%-30s %6s %10.1f ms, %ld MiB of memory\n", "state from scratch", "1",
              micros_since(begin) / 1e3, static_cast<long>(resident_mib() - before));
}

// An event, and then all that its plan asks for. The events of that are measured, too.
void Measurement::happens(Row& row, const std::vector<Delta>& deltas) {
  Plan plan;
  row.samples.push_back(event(engine_, deltas, plan, &booked_));
  if (!plan.preemptions.empty()) searches_.samples.push_back(row.samples.back());
  if (!plan.preemptions.empty()) row.samples.pop_back();
  carry_out(plan);
  tend(tended_);
}

// One piece. Whether there is more to do.
bool Measurement::tend(Row& row) {
  if (options_.anew) return false;
  const double begin = micros();
  const Tending tending = engine_.tend(kNow, 1'000);
  Plan::Work work;
  work.tasks = static_cast<std::int64_t>(tending.promises.size());
  work.ends = tending.looked;
  row.samples.push_back({micros_since(begin), work});
  for (const Promise& promise : tending.promises) engine_.apply(promise);
  return tending.unpromised;
}

// Until everybody has one who deserves it.
void Measurement::first_promises() {
  while (tend(made_)) continue;
}

// Victims are asked to stop, the room is held for whom they stop, and they end.
void Measurement::carry_out(const Plan& plan) {
  for (const Start& s : plan.starts) filled_.placed[s.task] = s.placement;
  std::vector<std::string> victims;
  for (const Preemption& p : plan.preemptions) {
    for (const std::string& victim : p.victims) {
      engine_.apply(Evict{victim, p.task, kNow});
      victims.push_back(victim);
    }
    engine_.apply(Hold{p.task, p.placement, kForever});
  }
  for (const std::string& victim : victims) happens(leavings_, end_of(victim));
}

std::vector<Delta> Measurement::end_of(const std::string& task) const {
  std::vector<Delta> deltas{TaskEnd{task}};
  const auto placed = filled_.placed.find(task);
  if (placed == filled_.placed.end() || !filled_.tasks.contains(task)) return deltas;
  for (std::size_t r = 0; r < placed->second.nodes.size(); ++r) {
    deltas.push_back(PodRemove{task + "-" + std::to_string(r)});
  }
  return deltas;
}

// The first plan, then further ones until nothing more fits: what waits then has been refused.
void Measurement::cold_plan() {
  const double begin = micros();
  Plan plan = engine_.plan(kNow);
  print({"cold plan", {{micros_since(begin), plan.work}}});
  std::printf("%-30s %6zu\n", "  of which started", plan.starts.size());
  for (; !plan.starts.empty() || !plan.preemptions.empty(); plan = engine_.plan(kNow)) {
    for (const Start& s : plan.starts) engine_.apply(Assume{s.task, s.attempt, s.placement});
    carry_out(plan);
  }
}

void Measurement::round(std::int64_t i) {
  happens(quiet_, {});
  submit(i);
  foreign_pod(i);
  if (i % 4 == 0) cordon();
  end_task();
  if (i % 10 == 0) large_gang(i);
}

void Measurement::submit(std::int64_t i) {
  const std::int64_t id = 10'000'000 + i;
  const Task task = world_.shaped("new-" + std::to_string(i), id, id % options_.shapes);
  happens(submits_, {TaskUpsert{task}});
}

void Measurement::foreign_pod(std::int64_t i) {
  const std::string node = "node-" + std::to_string(world_.rng().below(options_.nodes));
  const std::string pod = "foreign-" + std::to_string(i);
  const PodUpsert comes{pod, node, amounts(0, 1, 1, 1), "", 0, 0};
  happens(pods_, {comes});
  happens(pods_, {PodRemove{pod}});
}

void Measurement::cordon() {
  Node n = world_.node(world_.rng().below(options_.nodes));
  for (const bool cordon : {true, false}) {
    n.unschedulable = cordon;
    happens(cordons_, {NodeUpsert{n}});
  }
}

void Measurement::end_task() {
  if (filled_.running.empty()) return;
  const auto at = static_cast<std::size_t>(
      world_.rng().below(static_cast<std::int64_t>(filled_.running.size())));
  const std::string task = filled_.running[at];
  filled_.running[at] = filled_.running.back();
  filled_.running.pop_back();
  happens(ends_, end_of(task));
}

// A gang of 512 whole nodes of a shape that nobody had: the slots of a new shape are counted once,
// when it is taken in; refusing it is the plan. The same gang in the empty cluster starts.
void Measurement::large_gang(std::int64_t i) {
  Task gang = world_.shaped("gang-" + std::to_string(i), 20'000'000 + i, 3);
  gang.zone_policy = ZonePolicy::kAny;
  gang.gpu_model.clear();
  gang.pool.clear();
  gang.groups = {
      {"", std::min<std::int64_t>(512, options_.nodes / 2), amounts(8, 32 + i % 60, 256, 1)}};
  (void)engine_.plan(kNow);  // what happened before is looked at
  const double arrives = micros();
  engine_.apply(TaskUpsert{gang});
  shapes_.samples.push_back({micros_since(arrives), {}});
  double start = micros();
  const Plan plan = engine_.plan(kNow);
  refusals_.samples.push_back({micros_since(start), plan.work});
  start = micros();
  (void)engine_.explain("wait-" + std::to_string(world_.rng().below(options_.waiting)), kNow);
  reasons_.samples.push_back({micros_since(start), {}});
  start = micros();
  (void)engine_.explain("wait-" + std::to_string(world_.rng().below(options_.waiting)), kNow);
  more_reasons_.samples.push_back({micros_since(start), {}});
  if (i % 100 != 0) return;
  Engine empty;
  for (const Delta& d : world_.cluster()) empty.apply(d);
  empty.apply(TaskUpsert{gang});
  Plan plan_of_empty;
  gangs_.samples.push_back(event(empty, {}, plan_of_empty, &booked_));
}

// As the operator makes one, without its pauses; as many plans as there were events.
void Measurement::forecast() {
  double start = micros();
  Forecast forecast(engine_, kNow, {options_.events, kForever.ns - kNow.ns, 20});
  copies_.samples.push_back({micros_since(start), {}});
  for (bool more = true; more;) {
    start = micros();
    more = forecast.step();
    forward_.samples.push_back({micros_since(start), {}});
  }
}

// What may be said on the command line.
void options_of(CLI::App& app, Options& o) {
  app.add_option("--nodes", o.nodes, "of the cluster")->check(CLI::PositiveNumber);
  app.add_option("--waiting", o.waiting, "tasks in line")->check(CLI::NonNegativeNumber);
  app.add_option("--running", o.running, "tasks placed")->check(CLI::NonNegativeNumber);
  app.add_option("--shapes", o.shapes, "of tasks")->check(CLI::PositiveNumber);
  app.add_option("--queues", o.queues, "they are in")->check(CLI::PositiveNumber);
  app.add_option("--events", o.events, "of each kind")->check(CLI::PositiveNumber);
  app.add_option("--reservations", o.reservations, "at most")->check(CLI::PositiveNumber);
  app.add_option("--ends", o.ends, "a pass looks at for them")->check(CLI::PositiveNumber);
  app.add_option("--grants", o.grants, "queues that are guaranteed some of a zone")
      ->check(CLI::NonNegativeNumber);
  app.add_flag("--anew", o.anew, "each pass makes its own reservations");
  app.add_flag("--growth", o.growth, "1,000 to 10,000 nodes, with tasks in proportion");
  app.add_flag("--check", o.check, "fail when the counted work exceeds its budget");
}

// The curve: the counted work of an event, by the size of the cluster.
void print(const std::vector<Curve>& curves) {
  std::printf("\n%-28s %6s %12s | %s\n", "counted work of an event", "nodes", "reservations",
              "mean: tasks, shapes and nodes; ends; victims");
  for (std::size_t kind = 0; kind < curves.front().kinds.size(); ++kind) {
    for (const Curve& curve : curves) {
      const auto& [name, work] = curve.kinds[kind];
      std::printf("%-28s %6ld %12zu | %9.1f %9.1f %9.1f\n", name.c_str(),
                  static_cast<long>(curve.nodes), curve.reservations, work.decided, work.ends,
                  work.victims);
    }
  }
}

// Whether the work of an event stays within its budget. Measured with the size that CI runs (500
// nodes, 3,000 waiting, 1,000 running, 60 queues, 100 rounds). Where promises are kept (59 of
// them): 66 tasks, shapes and nodes, no end at all, 15 victims. Where each pass makes at most 8
// reservations: 27, 1,449 ends, 13 victims (with a pass that stopped after four heads whom nobody
// can help: 5, 864 and 0.8; see ADR 25). Some more is allowed.
bool within_budget(const Curve& curve, bool anew) {
  const Work& work = curve.kinds.back().second;
  const Work kBudget = anew ? Work{35, 1'800, 18} : Work{110, 0, 20};
  std::printf(
      "\nany event looks at %.1f tasks, shapes and nodes (budget %.1f), %.1f ends (budget "
      "%.0f), %.1f victims (budget %.0f)\n",
      work.decided, kBudget.decided, work.ends, kBudget.ends, work.victims, kBudget.victims);
  return work.decided <= kBudget.decided && work.ends <= kBudget.ends &&
         work.victims <= kBudget.victims;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"What one decision costs in a large cluster"};
  Options options;
  options_of(app, options);
  CLI11_PARSE(app, argc, argv);
  if (options.reservations == 0)
    options.reservations = options.anew ? ConfigUpdate{}.reservations : 256;
  std::vector<std::int64_t> sizes{options.nodes};
  if (options.growth) sizes = {1000, 2000, 5000, 10'000};
  std::vector<Curve> curves;
  for (const std::int64_t nodes : sizes) {
    Options one = options;
    one.nodes = nodes;
    one.waiting = options.waiting * nodes / options.nodes;
    one.running = options.running * nodes / options.nodes;
    curves.push_back(Measurement(one).run());
  }
  print(curves);
  const bool within = std::all_of(curves.begin(), curves.end(), [&](const Curve& curve) {
    return within_budget(curve, options.anew);
  });
  return options.check && !within ? 1 : 0;
}
