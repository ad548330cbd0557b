// Turns over random histories: each lasts its quantum, tiers keep their promises, and everybody
// gets one.
//
// A small driver plays operator over the engine alone: it starts, asks to stop, lets go at
// different times and queues again, behind the peers. The oracle knows only when each task began to
// run.
#include <gtest/gtest.h>

#include <algorithm>

#include "scheduler/audit/audit.hpp"
#include "scheduler/engine.hpp"
#include "scheduler/preempt/guarantee.hpp"
#include "tests/property/seeds.hpp"
#include "tests/property/world.hpp"

namespace sched::property {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000, kQuantum = 60 * kSecond, kFloor = 20 * kSecond;

struct Life {
  Task task;
  Tier tier = Tier::kLow;
  bool running = false, over = false;
  Time since, waits_since;
  std::int64_t left_ns = 0;  // of its work; nothing is lost
  Time leaves;               // after it was asked to stop; 0: it was not
  bool behind = false;       // then it stands behind its peers
};

class Driver {
 public:
  explicit Driver(std::uint64_t seed) : rng_(seed) {
    Node node;
    node.name = "n";
    node.zone = "a";
    node.allocatable.cpu_milli = 64'000;
    node.allocatable.pods = 100;
    node.allocatable.set_extended("nvidia.com/gpu", 8);
    feed(NodeUpsert{node});
    Queue q;
    q.name = "q";
    q.tier = rng_.one_in(2) ? Tier::kLow : Tier::kMedium;
    q.strategy = rng_.one_in(2) ? Strategy::kTimeSlicing : Strategy::kBackfill;
    q.slices = true;
    q.quantum_ns = kQuantum;
    q.floor_ns = q.cooldown_ns = kFloor;
    if (rng_.one_in(3)) {
      q.has_maximum = true;
      q.maximum.set_extended("nvidia.com/gpu", 4);
    }
    queue_ = q;
    feed(QueueUpsert{q});
  }

  void run(int ticks);
  int rotations = 0;
  std::int64_t longest_wait_ns = 0;

 private:
  void feed(const Delta& d) {
    engine_.apply(d);
    auditor_.apply(d);
  }
  void submit();
  void end_what_ended();
  void start(const Start& start);
  void preempt(const Preemption& preemption);
  void check(const Preemption& preemption, const Life& victim) const;

  Rng rng_;
  Time now_{1000 * kSecond};
  Engine engine_;
  Auditor auditor_;
  Queue queue_;
  std::map<std::string, Life> lives_;
  int serial_ = 0;
};

void Driver::submit() {
  Life life;
  Task& t = life.task;
  t.uid = "t" + std::to_string(++serial_);
  t.queue = "q";
  t.tenant = "tenant" + std::to_string(rng_.below(3));
  t.tier = rng_.one_in(4) ? Tier::kLow : Tier::kHigh;
  t.submitted = now_;
  t.expected_duration_ns = (10 + rng_.below(200)) * kSecond;
  Resources pod;
  pod.cpu_milli = 1000;
  pod.pods = 1;
  pod.set_extended("nvidia.com/gpu", 1 + rng_.below(4));
  t.groups = {{"", 1, pod}};
  life.tier = std::max(t.tier, queue_.tier);
  life.left_ns = (10 + rng_.below(600)) * kSecond;
  life.waits_since = now_;
  feed(TaskUpsert{t});
  lives_[t.uid] = life;
}

void Driver::end_what_ended() {
  for (auto& [uid, life] : lives_) {
    if (life.over || !life.running) continue;
    const bool done = now_.ns - life.since.ns >= life.left_ns;
    if (!done && (life.leaves.ns == 0 || life.leaves > now_)) continue;
    life.running = false;
    if (done) {
      life.over = true;
      feed(TaskEnd{uid, now_});
      continue;
    }
    life.left_ns -= now_.ns - life.since.ns;
    life.leaves = {};
    life.waits_since = now_;
    life.task.guarantee_until = {};
    feed(Reject{uid, "preempted", {}, now_});
    feed(TaskUpsert{life.task});
  }
}

void Driver::start(const Start& start) {
  Life& life = lives_.at(start.task);
  feed(Assume{start.task, start.attempt, start.placement, now_});
  life.running = true;
  life.since = now_;
  longest_wait_ns = std::max(longest_wait_ns, now_.ns - life.waits_since.ns);
  if (life.tier == Tier::kMedium) {
    life.task.guarantee_until =
        later(now_, guarantee_ns(life.task.expected_duration_ns, life.task.preemptions, kFloor));
    feed(TaskUpsert{life.task});
  }
  feed(Confirm{start.task, now_});
}

void Driver::check(const Preemption& p, const Life& victim) const {
  const Life& by = lives_.at(p.task);
  const std::string pair = p.task + " evicts " + victim.task.uid;
  EXPECT_TRUE(victim.running && victim.leaves.ns == 0) << pair;
  EXPECT_LE(by.tier, victim.tier) << pair << " of a tier above";
  if (by.tier < victim.tier && p.kind == PreemptionKind::kTier) return;
  EXPECT_EQ(p.kind, PreemptionKind::kRotation) << pair;
  if (by.tier < victim.tier) return;  // by its tier, beside others
  EXPECT_GE(now_.ns - victim.since.ns, kQuantum) << pair << " within its turn";
  if (victim.tier != Tier::kMedium) return;
  EXPECT_LE(victim.task.guarantee_until, now_) << pair << " within its guarantee";
  EXPECT_GT(victim.task.guarantee_until.ns, 0) << pair;
}

void Driver::preempt(const Preemption& p) {
  for (const std::string& uid : p.victims) {
    Life& victim = lives_.at(uid);
    check(p, victim);
    rotations += p.kind == PreemptionKind::kRotation;
    victim.leaves.ns = now_.ns + rng_.below(3) * 5 * kSecond + 1;
    ++victim.task.preemptions;
    victim.task.last_preempted = now_;
    if (p.kind == PreemptionKind::kRotation) victim.task.submitted = later(now_, 1);
    feed(Evict{uid, p.task, now_});
  }
  feed(Hold{p.task, p.placement, later(now_, 600 * kSecond)});
}

void Driver::run(int ticks) {
  for (int tick = 0; !::testing::Test::HasFailure(); ++tick) {
    const bool all_over =
        std::all_of(lives_.begin(), lives_.end(), [](auto& l) { return l.second.over; });
    if (tick > ticks && all_over) break;
    ASSERT_LT(tick, ticks * 60) << "somebody never ends";
    now_.ns += (1 + rng_.below(10)) * kSecond;
    end_what_ended();
    if (tick < ticks && rng_.one_in(6)) submit();
    for (bool again = true; again;) {
      const Plan plan = engine_.plan(now_);
      const auto violations = auditor_.check(plan, now_);
      ASSERT_TRUE(violations.empty()) << violations.front();
      for (const Start& s : plan.starts) start(s);
      for (const Preemption& p : plan.preemptions) preempt(p);
      again = !plan.starts.empty() || !plan.preemptions.empty();
    }
  }
}

TEST(Rotation, Turns_last_their_quantum_tiers_keep_their_promises_and_everybody_gets_one) {
  int rotations = 0;
  std::int64_t longest = 0;
  for (const std::uint64_t seed : seeds(40)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Driver driver(seed);
    driver.run(200);
    rotations += driver.rotations;
    longest = std::max(longest, driver.longest_wait_ns / kSecond);
    if (HasFailure()) return;
  }
  std::printf("%d rotations, longest wait %lld s\n", rotations, static_cast<long long>(longest));
}

}  // namespace
}  // namespace sched::property
