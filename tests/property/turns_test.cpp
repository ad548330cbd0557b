// Everybody has a turn: in small worlds of endless tasks nobody waits much longer than a round.
//
// Zones with maxima, gangs that have to lie in one or in several, tenants, stops that take their
// time. The driver plays operator over the engine alone. Who could start in an empty cluster has to
// start again and again: within two rounds of its tenant (fair/tenants.hpp), and two turns for each
// task for those who had waited for longer.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "scheduler/audit/audit.hpp"
#include "scheduler/engine.hpp"
#include "scheduler/preempt/guarantee.hpp"
#include "tests/property/seeds.hpp"
#include "tests/property/world.hpp"

namespace sched::property {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000, kMinute = 60 * kSecond;
constexpr std::int64_t kQuantum = 10 * kMinute, kGrace = 2 * kMinute;
constexpr const char* kGpu = "nvidia.com/gpu";

struct Life {
  Task task;
  bool runs = false, ever = false;
  Time waits_since, leaves;  // when it stops; 0: it was not asked to
  std::int64_t grace_ns = 0;
};

class Endless {
 public:
  explicit Endless(std::uint64_t seed) : rng_(seed) {
    const std::int64_t zones = 1 + rng_.below(3);
    for (std::int64_t z = 0; z < zones; ++z) {
      zones_.push_back(std::string(1, static_cast<char>('a' + z)));
    }
    for (const std::string& zone : zones_) {
      const std::int64_t gpus = 2 << rng_.below(3);
      for (std::int64_t i = rng_.below(3); i >= 0; --i) nodes_.push_back(node(zone, gpus));
    }
    for (const Node& node : nodes_) feed(NodeUpsert{node});
    queue_ = queue();
    feed(QueueUpsert{queue_});
  }

  void run();
  int turns = 0;
  double longest_rounds = 0;  // that somebody waited

 private:
  void feed(const Delta& d) {
    engine_.apply(d);
    auditor_.apply(d);
  }
  Node node(const std::string& zone, std::int64_t gpus) const {
    Node n;
    n.name = zone + std::to_string(nodes_.size());
    n.zone = zone;
    n.region = "r";
    n.gpu_model = "A100";
    n.allocatable.cpu_milli = 64'000;
    n.allocatable.pods = 100;
    n.allocatable.set_extended(kGpu, gpus);
    return n;
  }
  Queue queue();
  Task task();
  void submit();
  bool could_ever_start(const Task& task) const;
  void settle();
  void carry_out(const Preemption& p);
  void leave();
  void check_waits();
  std::int64_t round_of(const std::string& tenant) const;

  Rng rng_;
  std::vector<std::string> zones_;
  std::vector<Node> nodes_;
  Queue queue_;
  Time now_{1000 * kSecond};
  Engine engine_;
  Auditor auditor_;
  std::map<std::string, Life> lives_;
};

Queue Endless::queue() {
  Queue q;
  q.name = "q";
  q.tier = Tier::kLow;
  q.strategy = Strategy::kTimeSlicing;
  q.quantum_ns = kQuantum;
  if (rng_.one_in(3)) q.order = rng_.one_in(2) ? Order::kTenantShare : Order::kSubmitTime;
  if (rng_.one_in(3)) q.passing = Passing::kConservative;
  if (rng_.one_in(3)) q.depth = 1 + rng_.below(5);
  if (rng_.one_in(4)) q.reserve_after_ns = 30 * kMinute;
  if (rng_.one_in(3)) q.max_running = 1 + rng_.below(3);
  if (rng_.one_in(3)) {
    q.has_maximum = true;
    q.maximum.set_extended(kGpu, 4 * (1 + rng_.below(3)));
  }
  for (const std::string& zone : zones_) {
    if (!rng_.one_in(3)) continue;
    Quota quota;
    quota.zone = zone;
    quota.has_maximum = true;
    quota.maximum.set_extended(kGpu, 2 << rng_.below(3));
    q.quotas.push_back(quota);
  }
  return q;
}

Task Endless::task() {
  Task t;
  t.uid = "t" + std::to_string(lives_.size());
  t.queue = "q";
  t.tenant = "tenant" + std::to_string(rng_.below(3));
  t.submitted = now_;
  const auto pod = [this](std::int64_t gpus) {
    Resources r;
    r.cpu_milli = 1000;
    r.pods = 1;
    r.set_extended(kGpu, gpus);
    return r;
  };
  if (zones_.size() > 1 && rng_.one_in(5)) {
    t.groups = {{zones_[0], 1, pod(1 + rng_.below(4))}, {zones_[1], 1, pod(1 + rng_.below(4))}};
    return t;
  }
  t.groups = {{"", 1 + rng_.below(4), pod(1 << rng_.below(4))}};
  if (rng_.one_in(4)) t.zone_policy = ZonePolicy::kSingle;
  if (rng_.one_in(4)) t.expected_duration_ns = rng_.one_in(2) ? kQuantum / 2 : 30 * kMinute;
  return t;
}

// Alone in the cluster.
bool Endless::could_ever_start(const Task& task) const {
  Engine alone;
  for (const Node& node : nodes_) alone.apply(NodeUpsert{node});
  alone.apply(QueueUpsert{queue_});
  alone.apply(TaskUpsert{task});
  return !alone.plan(now_).starts.empty();
}

void Endless::submit() {
  Life life;
  life.task = task();
  life.ever = could_ever_start(life.task);
  life.waits_since = now_;
  life.grace_ns = rng_.one_in(3) ? kGrace : 0;
  feed(TaskUpsert{life.task});
  lives_[life.task.uid] = life;
}

void Endless::carry_out(const Preemption& p) {
  for (const std::string& uid : p.victims) {
    Life& victim = lives_.at(uid);
    EXPECT_EQ(p.kind, PreemptionKind::kRotation);
    feed(Evict{uid, p.task, now_});
    victim.leaves = {now_.ns + victim.grace_ns};
    ++victim.task.preemptions;
    victim.task.last_preempted = now_;
    victim.task.submitted = later(now_, 1);  // behind those who wait now
  }
  feed(Hold{p.task, p.placement, later(now_, 10 * kMinute)});
}

void Endless::leave() {
  for (auto& [uid, life] : lives_) {
    if (!life.runs || life.leaves.ns == 0 || life.leaves > now_) continue;
    life.runs = false;
    life.leaves = {};
    life.waits_since = now_;
    ++life.task.attempt;
    feed(Reject{uid, "preempted", {}, now_});
    feed(TaskUpsert{life.task});
  }
}

void Endless::settle() {
  for (int again = 0; again < 50; ++again) {
    leave();
    const Plan plan = engine_.plan(now_);
    const auto wrong = auditor_.check(plan, now_);
    ASSERT_TRUE(wrong.empty()) << wrong.front();
    if (plan.starts.empty() && plan.preemptions.empty()) break;
    for (const Start& start : plan.starts) {
      feed(Assume{start.task, start.attempt, start.placement, now_});
      feed(Confirm{start.task, now_});
      lives_.at(start.task).runs = true;
      ++turns;
    }
    for (const Preemption& p : plan.preemptions) carry_out(p);
  }
  const auto wrong = auditor_.check(engine_.forecast(now_), now_);
  EXPECT_TRUE(wrong.empty()) << "forecast: " << wrong.front();
}

std::int64_t Endless::round_of(const std::string& tenant) const {
  std::set<std::string> tenants;
  std::int64_t own = 0;
  for (const auto& [uid, life] : lives_) {
    tenants.insert(life.task.tenant);
    own += life.task.tenant == tenant ? 1 : 0;
  }
  return 2 * own * std::ssize(tenants) * kQuantum;
}

void Endless::check_waits() {
  for (const auto& [uid, life] : lives_) {
    if (life.runs || !life.ever) continue;
    const std::int64_t waits = now_.ns - life.waits_since.ns, round = round_of(life.task.tenant);
    longest_rounds =
        std::max(longest_rounds, static_cast<double>(waits) / static_cast<double>(round));
    EXPECT_LE(waits, 2 * (round + std::ssize(lives_) * (kQuantum + kGrace)))
        << uid << " waits for " << waits / kMinute << " minutes";
  }
}

void Endless::run() {
  for (std::int64_t tasks = 3 + rng_.below(10); tasks > 0; --tasks) {
    submit();
    settle();
    now_.ns += rng_.below(3) * rng_.below(600) * kSecond;
  }
  const Time end = later(now_, 150 * kQuantum);
  while (now_ < end && !::testing::Test::HasFailure()) {
    settle();
    check_waits();
    Time next = end;
    if (const auto due = engine_.next_time(now_)) next = std::min(next, *due);
    for (const auto& [uid, life] : lives_) {
      if (life.runs && life.leaves > now_) next = std::min(next, life.leaves);
    }
    now_ = next;
  }
}

TEST(EverybodyHasATurn, Within_two_rounds_of_its_tenant) {
  int turns = 0;
  double longest = 0;
  for (const std::uint64_t seed : seeds(40)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Endless endless(seed);
    endless.run();
    turns += endless.turns;
    longest = std::max(longest, endless.longest_rounds);
    if (HasFailure()) return;
  }
  std::printf("%d turns, longest wait %.2f rounds\n", turns, longest);
}

}  // namespace
}  // namespace sched::property
