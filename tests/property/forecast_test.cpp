// Forecast: with true durations and nothing new arriving, each predicted start is the very start
// that the engine then makes.
//
// The driver plays operator in virtual time, with Pods that are bound, tasks that run for what they
// stated, and victims that go at once. At some moment arrivals stop, a forecast is made, and the
// driver goes on to the end. Nothing of the forecast's own loop is used.
#include "scheduler/forecast/forecast.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "scheduler/preempt/guarantee.hpp"
#include "tests/property/seeds.hpp"
#include "tests/property/world.hpp"

namespace sched::property {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr const char* kGpu = "nvidia.com/gpu";

struct Life {
  Task task;
  Tier tier = Tier::kMedium;
  bool waits = true, over = false;
  Placement placement;
  std::vector<Time> starts;
};

class Driver {
 public:
  explicit Driver(std::uint64_t seed) : rng_(seed) {
    for (std::int64_t i = 1 + rng_.below(5); i > 0; --i) add_node(i);
    for (int i = 0; i < 5; ++i) add_queue("q" + std::to_string(i));
  }

  // Until about so many tasks were submitted.
  void run(int tasks) {
    while (serial_ < tasks) {
      now_.ns += rng_.below(40) * kSecond / 4;
      go_to(now_);
      for (std::int64_t i = rng_.below(3); i > 0; --i) submit();
      if (serial_ < tasks || rng_.one_in(2)) decide();
    }
  }
  void drain() {
    decide();
    while (const auto next = soonest()) go_to(*next);
  }

  Engine engine;
  std::map<std::string, Life> lives;
  Time now() const { return now_; }
  int preemptions = 0, turns = 0;

 private:
  void add_node(std::int64_t i);
  void add_queue(const std::string& name);
  void submit();
  void decide();
  void start(const Start& start);
  void preempt(const Preemption& preemption);
  void leave(const std::string& uid);

  std::optional<Time> soonest() const {
    std::optional<Time> next;
    if (!ends_.empty()) next = ends_.begin()->first;
    const auto wake = engine.next_time(now_);
    if (wake && (!next || *wake < *next)) next = wake;
    return next;
  }
  // Through every moment until then at which something happens.
  void go_to(Time to) {
    while (true) {
      const std::optional<Time> next = soonest();
      now_ = next && *next <= to ? *next : to;
      while (!ends_.empty() && ends_.begin()->first <= now_) {
        const std::string uid = ends_.begin()->second;
        ends_.erase(ends_.begin());
        lives.at(uid).over = true;
        engine.apply(TaskEnd{uid, now_});
        leave(uid);
      }
      if (now_ == to && !(next && *next == to)) return;
      decide();
      if (now_ == to) return;
    }
  }

  Rng rng_;
  Time now_{1000 * kSecond};
  std::map<std::string, Queue> queues_;
  std::set<std::pair<Time, std::string>> ends_;
  int serial_ = 0;
};

void Driver::add_node(std::int64_t i) {
  Node n;
  n.name = "n" + std::to_string(i);
  n.zone = rng_.one_in(2) ? "a" : "b";
  n.region = "r";
  n.allocatable.cpu_milli = 64'000;
  n.allocatable.pods = 100;
  n.allocatable.set_extended(kGpu, 8);
  engine.apply(NodeUpsert{n});
}

void Driver::add_queue(const std::string& name) {
  Queue q;
  q.name = name;
  q.tier = static_cast<Tier>(rng_.below(3));
  q.strategy = static_cast<Strategy>(rng_.below(9));
  if (rng_.one_in(3)) q.passing = static_cast<Passing>(rng_.below(3));
  if (rng_.one_in(4)) q.max_running = 1 + rng_.below(4);
  if (rng_.one_in(4)) {
    q.has_maximum = true;
    q.maximum.set_extended(kGpu, 4 + rng_.below(20));
  }
  if (rng_.one_in(4)) {
    q.has_guaranteed = true;
    q.guaranteed.set_extended(kGpu, rng_.below(8));
  }
  if (rng_.one_in(4)) q.pooling = rng_.one_in(2);
  if (rng_.one_in(3)) q.reserve_after_ns = rng_.below(100) * kSecond;
  if (rng_.one_in(3)) q.half_life_ns = (10 + rng_.below(100)) * kSecond;
  if (rng_.one_in(4)) q.quantum_ns = (30 + rng_.below(60)) * kSecond;
  q.floor_ns = q.cooldown_ns = 20 * kSecond;
  q.weight = 1 + rng_.below(3);
  queues_[name] = q;
  engine.apply(QueueUpsert{q});
}

void Driver::submit() {
  Life life;
  Task& t = life.task;
  t.uid = t.name = "t" + std::to_string(++serial_);
  t.ns = t.tenant = rng_.one_in(2) ? "x" : "y";
  t.queue = "q" + std::to_string(rng_.below(5));
  t.tier = static_cast<Tier>(rng_.below(2));
  t.priority_value = static_cast<std::int32_t>(rng_.below(3));
  t.submitted = now_;
  if (!rng_.one_in(25)) t.expected_duration_ns = (10 + rng_.below(200)) * kSecond / 2;
  t.preemptible = rng_.one_in(6);
  if (rng_.one_in(25)) t.held = true;
  if (rng_.one_in(10)) t.not_before.ns = now_.ns + rng_.below(100) * kSecond;
  Resources pod;
  pod.cpu_milli = 1000 * rng_.below(4);
  pod.pods = 1;
  pod.set_extended(kGpu, std::int64_t{1} << rng_.below(4));
  t.groups = {{"", 1 + rng_.below(3), pod}};
  if (rng_.one_in(6)) t.zone_policy = static_cast<ZonePolicy>(2 + rng_.below(2));
  life.tier = std::max(t.tier, queues_.at(t.queue).tier);
  lives[t.uid] = life;
  engine.apply(TaskUpsert{t});
}

void Driver::decide() {
  for (int round = 0; round < 1000; ++round) {
    const Plan plan = engine.plan(now_);
    for (const Start& s : plan.starts) start(s);
    for (const Preemption& p : plan.preemptions) preempt(p);
    if (plan.preemptions.empty()) return;
  }
  FAIL() << "round in circles";
}

// The Pods are bound, all run, and the status says until when it is safe.
void Driver::start(const Start& s) {
  Life& life = lives.at(s.task);
  life.waits = false;
  life.placement = s.placement;
  life.starts.push_back(now_);
  engine.apply(Assume{s.task, s.attempt, s.placement, now_});
  std::int64_t rank = 0;
  for (const std::string& node : s.placement.nodes) {
    engine.apply(PodUpsert{s.task + "-" + std::to_string(rank), node, life.task.groups[0].requests,
                           s.task, s.attempt, rank});
    ++rank;
  }
  if (life.tier == Tier::kMedium) {
    const std::int64_t floor = queues_.at(life.task.queue).floor_ns;
    life.task.guarantee_until.ns =
        now_.ns + guarantee_ns(life.task.expected_duration_ns, life.task.preemptions, floor);
    engine.apply(TaskUpsert{life.task});
  }
  engine.apply(Confirm{s.task, now_});
  if (life.task.expected_duration_ns > 0) {
    ends_.emplace(Time{now_.ns + life.task.expected_duration_ns}, s.task);
  }
}

void Driver::leave(const std::string& uid) {
  const Life& life = lives.at(uid);
  for (std::size_t r = 0; r < life.placement.nodes.size(); ++r) {
    engine.apply(PodRemove{uid + "-" + std::to_string(r)});
  }
}

void Driver::preempt(const Preemption& p) {
  for (const std::string& uid : p.victims) engine.apply(Evict{uid, p.task, now_});
  engine.apply(Hold{p.task, p.placement, {now_.ns + 600 * kSecond}});
  for (const std::string& uid : p.victims) {
    ++preemptions;
    Life& life = lives.at(uid);
    std::erase_if(ends_, [&](const auto& end) { return end.second == uid; });
    leave(uid);
    life.waits = true;
    ++life.task.preemptions;
    ++life.task.attempt;
    life.task.last_preempted = now_;
    const bool peer = life.task.queue == lives.at(p.task).task.queue;
    const bool turn = p.kind == PreemptionKind::kRotation && peer;
    if (turn) life.task.submitted.ns = now_.ns + 1;  // behind those who wait now
    turns += turn;
    life.task.guarantee_until = {};
    engine.apply(Reject{uid, "preempted", {}, now_});
    engine.apply(TaskUpsert{life.task});
  }
}

TEST(Forecast, With_true_durations_every_predicted_start_is_the_one_that_follows) {
  int predicted = 0, never = 0, preemptions = 0, turns = 0, alternating = 0;
  for (const std::uint64_t seed : seeds(300)) {
    SCOPED_TRACE("FERMI_SEED=" + std::to_string(seed));
    Driver driver(seed);
    driver.run(10 + static_cast<int>(seed % 50));
    const std::uint64_t before = driver.engine.digest();
    Forecast forecast(driver.engine, driver.now(), {20'000, std::int64_t{1} << 60, 1'000});
    while (forecast.step()) continue;
    ASSERT_EQ(driver.engine.digest(), before) << "it has touched what it was made from";
    if (forecast.end() == Forecast::End::kLimits) {
      ++alternating;  // endless tasks of a queue that takes turns go on for ever
      continue;
    }
    std::map<std::string, std::size_t> waits;  // with the starts before
    for (const auto& [uid, life] : driver.lives) {
      if (life.waits) waits[uid] = life.starts.size();
    }
    const int so_far = driver.preemptions, turns_so_far = driver.turns;
    driver.drain();
    preemptions += driver.preemptions - so_far;
    turns += driver.turns - turns_so_far;
    for (const auto& [uid, starts] : waits) {
      const auto told = forecast.starts().find(uid);
      const std::vector<Time>& made = driver.lives.at(uid).starts;
      if (told == forecast.starts().end()) {
        EXPECT_EQ(made.size(), starts) << uid << " was not foreseen";
        ++never;
      } else if (made.size() == starts) {
        ADD_FAILURE() << uid << " never starts";
      } else {
        EXPECT_EQ(made[starts].ns - driver.now().ns, told->second.start.ns - driver.now().ns)
            << uid;
        ++predicted;
      }
    }
    for (const auto& [uid, answer] : forecast.starts()) EXPECT_TRUE(waits.contains(uid)) << uid;
    if (HasFailure()) return;
  }
  EXPECT_LE(alternating, 6);
  EXPECT_GT(turns, 3);
  std::printf("%d starts predicted, %d foreseen not to come, %d preemptions on the way, %d turns\n",
              predicted, never, preemptions, turns);
}

// What a run that was cut short has said is what the whole run says.
TEST(Forecast, A_run_that_is_cut_short_is_the_beginning_of_the_whole) {
  for (const std::uint64_t seed : seeds(60)) {
    SCOPED_TRACE("FERMI_SEED=" + std::to_string(seed));
    Driver driver(seed);
    driver.run(40);
    Forecast whole(driver.engine, driver.now(), {100'000, std::int64_t{1} << 60, 1'000});
    while (whole.step()) continue;
    for (const std::int64_t plans : {1, 3, 10, 30}) {
      Forecast part(driver.engine, driver.now(), {plans, std::int64_t{1} << 60, 1'000});
      while (part.step()) continue;
      EXPECT_LE(part.plans(), plans + 1);
      for (const auto& [uid, answer] : whole.starts()) {
        const auto told = part.starts().find(uid);
        if (answer.start < part.reached()) {
          ASSERT_TRUE(told != part.starts().end()) << uid;
        }
        if (told == part.starts().end()) continue;
        EXPECT_EQ(told->second.start, answer.start) << uid;
      }
    }
  }
}

}  // namespace
}  // namespace sched::property
