#include "tests/sim/simulation.hpp"

#include <cstdio>
#include <memory>
#include <vector>

#include "libk8s/base/log.hpp"
#include "scheduler/engine.hpp"
#include "tests/sim/accounts.hpp"
#include "tests/sim/invariants.hpp"
#include "tests/sim/kubelet.hpp"

namespace fermi::sim {
namespace {

using k8s::Duration;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr Duration kLivenessBudget = minutes(60);
constexpr Duration kQuiet = minutes(10);

class Run {
 public:
  explicit Run(const RunOptions& options);
  RunResult go();

 private:
  static WorldOptions world_options(k8s::testing::Random& random, bool faults);
  void record(const Served& served);
  void say(const char* what) const;
  void start_replicas();
  bool safe() const { return !invariants_.violation(); }
  void safety();
  void liveness();
  void mishaps();
  void back_up();
  void restore();
  bool run_until(const std::function<bool()>& done, Duration limit);
  bool at_rest() const;
  std::string unfinished() const;
  void check_accounts();
  void check_quiet();
  const Operator* leader() const;
  RunResult result();

  RunOptions options_;
  k8s::testing::Random random_;
  Faults faults_;
  k8s::testing::SimLoop loop_;
  SimServer server_;
  Truth truth_;
  Invariants invariants_;
  Accounts accounts_;
  Kubelet kubelet_;
  World world_;
  std::vector<std::unique_ptr<OperatorHost>> hosts_;
  std::uint64_t digest_ = 14695981039346656037u;
  long errors_before_ = 0;
  bool elect_ = true;
  int restores_ = 0;
};

Run::Run(const RunOptions& options)
    : options_(options),
      random_(options.seed),
      faults_(options.faults ? Faults::drawn(random_) : Faults::none()),
      loop_(random_.next()),
      server_(loop_, random_.next()),
      truth_(server_),
      invariants_(server_, truth_),
      accounts_(server_, truth_),
      kubelet_(server_, truth_, random_.next()),
      world_(server_, truth_, random_.next(), world_options(random_, options.faults)),
      errors_before_(k8s::log::error_count()) {
  if (options.faults && options.restores >= 0) faults_.restore = options.restores;
  server_.on_served([this](const Served& served) { record(served); });
}

WorldOptions Run::world_options(k8s::testing::Random& random, bool faults) {
  WorldOptions world;
  world.nodes_per_zone = static_cast<int>(random.between(1, 4));
  world.zones = static_cast<int>(random.between(2, 3));
  world.jobs = static_cast<int>(random.between(2, faults ? 14 : 5));
  world.pod_gangs = static_cast<int>(random.between(0, 2));
  world.foreign = faults;
  return world;
}

void Run::record(const Served& served) {
  const std::string line = std::to_string(served.at.ns) + served.actor + served.method +
                           served.target + std::to_string(served.status) + served.body;
  for (const char c : line) digest_ = (digest_ ^ static_cast<unsigned char>(c)) * 1099511628211u;
  if (!options_.verbose) return;
  std::fprintf(stderr, "%9.3f %-8s %-6s %s -> %d %s\n", static_cast<double>(served.at.ns) / 1e9,
               served.actor.c_str(), served.method.c_str(), served.target.c_str(), served.status,
               served.body.substr(0, 300).c_str());
}

// Among the writes that are printed, what else went on.
void Run::say(const char* what) const {
  if (!options_.verbose) return;
  std::fprintf(stderr, "%9.3f -------- %s\n", static_cast<double>(loop_.now().ns) / 1e9, what);
}

void Run::start_replicas() {
  const bool one = !options_.faults || random_.chance(500);
  elect_ = !one || random_.chance(500);
  for (int i = 0; i < (one ? 1 : 2); ++i) {
    OperatorHost::Options host;
    host.name = "operator-" + std::to_string(i);
    host.leader_elect = elect_;
    host.die_at_write = options_.die_at_write;
    host.die_point = options_.die_point;
    hosts_.push_back(std::make_unique<OperatorHost>(server_, faults_, host, random_.next()));
    hosts_.back()->boot();
  }
}

// Runs, and looks around every five seconds. False: not done in time, or a violation.
bool Run::run_until(const std::function<bool()>& done, Duration limit) {
  const k8s::TimePoint end = loop_.now() + limit;
  while (safe() && loop_.now() < end) {
    if (done()) return true;
    loop_.run_until([&] { return !safe(); }, std::min<Duration>(end - loop_.now(), seconds(5)));
    invariants_.check_gangs();
    if (k8s::log::error_count() > errors_before_) invariants_.violate("an error was logged");
  }
  return safe() && done();
}

// What goes wrong by the clock, not by request. Once a second.
void Run::mishaps() {
  const auto chance = [this](int per_mille) {
    return random_.chance(static_cast<std::uint64_t>(per_mille));
  };
  for (const auto& host : hosts_) {
    if (chance(faults_.crash)) host->crash();
    if (chance(faults_.pause)) host->pause(seconds(random_.between(1, 30)));
    if (chance(faults_.reset)) host->reset_connections();
  }
  if (chance(faults_.compact)) server_.compact();
  if (faults_.restore > 0 && chance(50)) back_up();
  if (chance(faults_.restore) && server_.backed_up()) restore();
  static const char* const kLaggards[] = {"/pods", "/trainingjobs", "/nodes"};
  if (!faults_.lagging.empty() && chance(60)) faults_.lagging.clear();
  if (chance(faults_.lag)) faults_.lagging = kLaggards[random_.below(3)];
  if (options_.faults && chance(100)) world_.interfere();
}

void Run::back_up() {
  say("a backup of the store");
  server_.back_up();
  accounts_.back_up();
}

// All that happened since the backup has not, but on the nodes, which find out when they connect.
void Run::restore() {
  ++restores_;
  say("the store is restored from the backup");
  invariants_.across([this] {
    server_.restore();
    accounts_.restore();
    truth_.reopen();
  });
  kubelet_.reconnect();
  // Without an election it is `fermi up`, whose server is in the same process.
  for (const auto& host : hosts_) {
    if (elect_)
      host->reset_connections();
    else
      host->crash();
  }
}

void Run::safety() {
  const Duration length = options_.faults ? seconds(random_.between(120, 480)) : minutes(1);
  const k8s::TimePoint end = loop_.now() + length;
  while (safe() && loop_.now() < end) {
    run_until([] { return false; }, seconds(1));
    mishaps();
  }
}

const Operator* Run::leader() const {
  for (const auto& host : hosts_)
    if (host->leading()) return host->get();
  return nullptr;
}

// The first job that should have ended and has not, or "".
std::string Run::unfinished() const {
  for (const auto& [key, job] : truth_.jobs()) {
    const std::string name = text_at(job, "/metadata/name");
    const std::string phase = text_at(job, "/status/phase");
    const bool ended = phase == "Completed" || phase == "Failed";
    if (is_deleting(job)) return key + " (being deleted)";
    if (world_.impossible().contains(name)) {
      if (phase != "Pending" && !ended) return key + " is " + phase + " and fits nowhere";
    } else if (!world_.endless().contains(name) && !ended) {
      return key + " is " + phase + ": " + text_at(job, "/status/message");
    }
  }
  for (const auto& [key, pod] : truth_.pods()) {
    const std::string seconds_asked = text_at(pod, "/metadata/annotations/sim~1run-seconds");
    if (is_deleting(pod)) return "Pod " + key + " (being deleted)";
    const std::string phase = text_at(pod, "/status/phase");
    const bool ended = phase == "Succeeded" || phase == "Failed";
    if (!ended && seconds_asked != "forever") return "Pod " + key + " is " + phase;
  }
  return "";
}

bool Run::at_rest() const { return world_.all_submitted() && unfinished().empty(); }

void Run::liveness() {
  faults_ = Faults::none();
  world_.heal();
  // Jobs that never end may keep others from starting: they go half way.
  run_until([this] { return at_rest() && leader() != nullptr; }, kLivenessBudget / 2);
  if (safe() && at_rest()) check_accounts();
  world_.end_endless();
  if (!run_until([this] { return at_rest() && leader() != nullptr; }, kLivenessBudget) && safe())
    invariants_.violate(leader() == nullptr ? "invariant 7: nobody leads"
                                            : "invariant 7: " + unfinished());
  if (safe()) check_accounts();
  if (safe()) check_quiet();
  if (!safe()) return;
  if (const std::string wrong = accounts_.check(); !wrong.empty())
    invariants_.violate("invariant 18: " + wrong);
}

void Run::check_accounts() {
  run_until([] { return false; }, seconds(30));  // the last events reach the engine
  if (const auto gang = invariants_.partial_gang())
    invariants_.violate("invariant 4: gang " + *gang + " is partly bound at rest");
  const Operator* const operator_now = leader();
  if (operator_now == nullptr || !safe()) return;
  for (const auto& [name, node] : truth_.nodes()) {
    const auto booked = operator_now->engine().used(name);
    Amounts held = truth_.used(name);
    const std::int64_t gpus = booked ? booked->extended_amount("nvidia.com/gpu") : 0;
    const bool right = booked && booked->cpu_milli == held["cpu"] &&
                       booked->memory_bytes * 1000 == held["memory"] &&
                       booked->pods * 1000 == held["pods"] && gpus * 1000 == held["nvidia.com/gpu"];
    if (!right) {
      invariants_.violate("invariant 6: node " + name + ": the engine has " +
                          std::to_string(booked ? booked->cpu_milli : -1) + " mCPU and " +
                          std::to_string(gpus) + " GPUs in use, the truth " +
                          std::to_string(held["cpu"]) + " and " +
                          std::to_string(held["nvidia.com/gpu"] / 1000));
    }
  }
}

void Run::check_quiet() {
  run_until([] { return false; }, minutes(2));
  const std::uint64_t before = invariants_.operator_writes();
  run_until([] { return false; }, kQuiet);
  const std::uint64_t after = invariants_.operator_writes();
  if (after != before) {
    invariants_.violate("invariant 11: " + std::to_string(after - before) +
                        " writes with no input, the last " + invariants_.last_operator_write());
  }
}

RunResult Run::result() {
  RunResult made;
  made.violation = invariants_.violation();
  made.at_s = static_cast<double>(loop_.now().ns) / 1e9;
  made.digest = digest_;
  made.bindings = invariants_.bindings();
  made.spent = accounts_.spent();
  made.restores = restores_;
  made.rejected = kubelet_.rejected();
  for (const auto& host : hosts_) {
    made.writes += host->writes();
    made.crashes += host->crashes();
  }
  return made;
}

RunResult Run::go() {
  if (!world_.set_up()) {
    invariants_.violate("the world cannot be set up: " + world_.error());
    return result();
  }
  start_replicas();
  safety();
  if (safe()) liveness();
  return result();
}

}  // namespace

RunResult run_simulation(const RunOptions& options) { return Run(options).go(); }

}  // namespace fermi::sim
