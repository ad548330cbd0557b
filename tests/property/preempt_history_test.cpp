// Preemption over random histories: no loops, no broken promise, and every proof comes true.
//
// A small driver plays operator: it starts what fits beside the holds, asks victims to stop, lets
// them leave at different times, queues them again with their guarantee halved, and starts the
// preemptor in its hold. Nothing else ends a hold here, so each must end in a start.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "scheduler/audit/audit.hpp"
#include "scheduler/preempt/guarantee.hpp"
#include "scheduler/preempt/holds.hpp"
#include "scheduler/preempt/victims.hpp"
#include "scheduler/state/digest.hpp"
#include "tests/property/seeds.hpp"
#include "tests/property/world.hpp"

namespace sched::property {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kFloor = 20 * kSecond, kCooldown = 30 * kSecond;

struct Life {
  Task task;
  std::int64_t left_ns = 0;  // of its work; nothing is lost
  bool running = false, over = false;
  Time since, safe_until;
  Time leaves;  // after it was asked to stop; 0: it was not
  bool waits_for_hold = false;
  Time left_out_until;  // a disruption budget keeps it; 0: none does
};

class Driver {
 public:
  explicit Driver(std::uint64_t seed, bool racks = false) : rng_(seed), racks_(racks) {
    ConfigUpdate config;
    config.topology = {{"rack", "rack"}};
    if (racks) feed(config);
    for (std::int64_t i = (racks ? 4 : 2) + rng_.below(4); i > 0; --i) add_node(i);
    for (const auto& [name, tier] : {std::pair{"hi", Tier::kHigh}, std::pair{"med", Tier::kMedium},
                                     std::pair{"low", Tier::kLow}}) {
      Queue q;
      q.name = name;
      q.tier = tier;
      q.floor_ns = kFloor;
      q.cooldown_ns = kCooldown;
      feed(QueueUpsert{q});
    }
  }

  void run(int ticks);
  bool drained() const {
    return std::all_of(lives_.begin(), lives_.end(), [](auto& l) { return l.second.over; });
  }
  int preemptions = 0, victims = 0, starts_above_low = 0, given_up = 0;

 private:
  void feed(const Delta& d) {
    state_.apply(d);
    auditor_.apply(d);
  }
  void add_node(std::int64_t i);
  void submit();
  void end_what_ended();
  void schedule();
  void attempt(Life& life);
  void start(Life& life, const Gang& gang);
  void preempt(Life& life);
  void give_up(const Life& by, const Preemption& found);
  void let_go();
  void check_victim(const Life& by, const Life& victim);
  bool leads_to(const std::string& from, const std::string& to) const;
  void expect_no_overcommit() const;

  Rng rng_;
  const bool racks_;  // some tasks require one
  Time now_{1000 * kSecond};
  State state_;
  int searches_ = 0;
  Auditor auditor_;
  std::map<std::string, Life> lives_;
  std::map<std::string, std::set<std::string>> evicted_;  // who was evicted by whom, ever
  int serial_ = 0;
};

void Driver::add_node(std::int64_t i) {
  Node n;
  n.name = "n" + std::to_string(i);
  n.zone = rng_.one_in(2) ? "a" : "b";
  n.allocatable.cpu_milli = 64'000;
  n.allocatable.pods = 100;
  n.allocatable.set_extended("nvidia.com/gpu", 8);
  if (racks_) n.zone = "a";
  if (racks_) n.labels["rack"] = i % 2 == 0 ? "r1" : "r2";
  feed(NodeUpsert{n});
}

void Driver::submit() {
  Life life;
  Task& t = life.task;
  t.uid = "t" + std::to_string(++serial_);
  t.queue = rng_.pick(std::vector<std::string>{"hi", "med", "med", "low", "low"});
  t.tier = Tier::kHigh;
  t.submitted = now_;
  t.expected_duration_ns = (10 + rng_.below(200)) * kSecond;
  t.preemptible = t.queue != "low" && rng_.one_in(5);
  Resources pod;
  pod.cpu_milli = 1000;
  pod.pods = 1;
  pod.set_extended("nvidia.com/gpu", std::int64_t{1} << rng_.below(4));
  t.groups = {{"", 1 + rng_.below(2), pod}};
  t.topology_required = racks_ && rng_.one_in(2);
  if (t.topology_required) t.topology_level = "rack";
  life.left_ns = (10 + rng_.below(400)) * kSecond;  // some outlive what they said
  feed(TaskUpsert{t});
  lives_[t.uid] = life;
}

void Driver::end_what_ended() {
  for (auto& [uid, life] : lives_) {
    if (life.over || !life.running) continue;
    const bool done = now_.ns - life.since.ns >= life.left_ns;
    const bool left = life.leaves.ns > 0 && life.leaves <= now_;
    if (!done && !left) continue;
    life.running = false;
    if (done) {
      life.over = true;
      feed(TaskEnd{uid});
      continue;
    }
    life.left_ns -= now_.ns - life.since.ns;
    life.leaves = {};
    feed(Reject{uid, "preempted", {}});
    feed(TaskUpsert{life.task});
  }
}

// In the total order; each beside what is kept for all others.
void Driver::schedule() {
  std::vector<Life*> line;
  for (auto& [uid, life] : lives_) {
    if (!life.over && !life.running) line.push_back(&life);
  }
  const auto tier = [](const Life& l) {
    return l.task.queue == "hi" ? 0 : l.task.queue == "med" ? 1 : 2;
  };
  std::sort(line.begin(), line.end(), [&](const Life* a, const Life* b) {
    return std::tuple(tier(*a), a->task.submitted, a->task.uid) <
           std::tuple(tier(*b), b->task.submitted, b->task.uid);
  });
  for (Life* life : line) attempt(*life);
}

void Driver::attempt(Life& life) {
  const TaskId id = state_.find(life.task.uid);
  std::int64_t looked = 0;
  state_.advance(now_);
  std::optional<Gang> gang;
  {
    const Quiet quiet(state_.cluster);
    Overlay overlay(state_);
    if (life.waits_for_hold) {
      gang = place_hold(state_, id, overlay);
      ASSERT_TRUE(gang || hold_stands(state_, id)) << "its proof was broken";
    } else {
      gang = place_gang(state_, state_.shapes[state_.tasks[id].shape], overlay, looked).gang;
    }
  }
  if (gang) return start(life, *gang);
  if (!life.waits_for_hold) preempt(life);
}

void Driver::start(Life& life, const Gang& gang) {
  Assume assume{life.task.uid, 0, {}};
  for (const NodeId node : gang.ranks) {
    assume.placement.nodes.push_back(state_.cluster.node(node).node.name);
  }
  feed(assume);
  life.running = true;
  life.waits_for_hold = false;
  life.since = now_;
  life.safe_until =
      later(now_, guarantee_ns(life.task.expected_duration_ns, life.task.preemptions, kFloor));
  if (life.task.queue == "med") life.task.guarantee_until = life.safe_until;
  feed(TaskUpsert{life.task});
  feed(Confirm{life.task.uid, now_});
  starts_above_low += life.task.queue != "low";
}

void Driver::preempt(Life& life) {
  std::int64_t looked = 0;
  Overlay overlay(state_);
  const auto found = find_preemption(state_, state_.find(life.task.uid), now_, overlay, looked);
  // What is remembered of earlier searches never changes an answer. A copy costs more than a
  // search.
  if (++searches_ % 16 == 0) {
    State forgetful = state_;
    for (Shape& shape : forgetful.shapes) {
      for (Shape::Hopeless& known : shape.hopeless) known = {};
    }
    Overlay beside(forgetful);
    ASSERT_EQ(find_preemption(forgetful, state_.find(life.task.uid), now_, beside, looked), found);
  }
  if (!found) return;
  Plan plan;
  plan.preemptions.push_back(*found);
  const auto violations = auditor_.check(plan, now_);
  ASSERT_TRUE(violations.empty()) << violations.front();
  if (!found->victims.empty() && rng_.one_in(4)) return give_up(life, *found);
  preemptions += !found->victims.empty();
  for (const std::string& uid : found->victims) {
    Life& victim = lives_.at(uid);
    check_victim(life, victim);
    ++victims;
    evicted_[life.task.uid].insert(uid);
    victim.leaves.ns = now_.ns + rng_.below(4) * 5 * kSecond + 1;
    ++victim.task.preemptions;
    victim.task.last_preempted = now_;
    feed(Evict{uid, life.task.uid, now_});
  }
  life.waits_for_hold = true;
  feed(Hold{life.task.uid, found->placement, later(now_, 100'000 * kSecond)});
}

// A disruption budget keeps one of them. Everything is as before, but that the next search leaves
// it out.
void Driver::give_up(const Life& by, const Preemption& found) {
  const std::uint64_t before = digest(state_);
  for (const std::string& uid : found.victims) feed(Evict{uid, by.task.uid, now_});
  feed(Hold{by.task.uid, found.placement, later(now_, 600 * kSecond)});
  for (const std::string& uid : found.victims) feed(Evict{uid, "", {}});
  feed(Hold{by.task.uid, {}, {}});
  EXPECT_EQ(digest(state_), before);
  Life& kept = lives_.at(rng_.pick(found.victims));
  kept.task.unevictable = true;
  kept.left_out_until = later(now_, rng_.below(60) * kSecond + 1);
  feed(TaskUpsert{kept.task});
  ++given_up;
}

void Driver::let_go() {
  for (auto& [uid, life] : lives_) {
    if (life.left_out_until.ns == 0 || life.left_out_until > now_) continue;
    life.left_out_until = {};
    life.task.unevictable = false;
    if (!life.over) feed(TaskUpsert{life.task});
  }
}

void Driver::check_victim(const Life& by, const Life& victim) {
  const std::string pair = by.task.uid + " evicts " + victim.task.uid;
  EXPECT_TRUE(victim.running && victim.leaves.ns == 0) << pair;
  EXPECT_EQ(victim.left_out_until.ns, 0) << pair << ", which a budget keeps";
  EXPECT_NE(by.task.queue, "low") << pair;
  EXPECT_FALSE(leads_to(victim.task.uid, by.task.uid)) << pair << ", which is a loop";
  if (victim.task.queue == "low") return;
  EXPECT_EQ(by.task.queue, "hi") << pair;
  const Time rested = later(victim.task.last_preempted, kCooldown);
  EXPECT_TRUE(victim.task.last_preempted.ns == 0 || rested <= now_) << pair << " too soon";
  if (victim.task.preemptible) return;
  EXPECT_EQ(victim.task.queue, "med") << pair;
  EXPECT_LE(victim.safe_until, now_) << pair << " within its guarantee";
}

// Whether one evicted the other, directly or by others in between.
bool Driver::leads_to(const std::string& from, const std::string& to) const {
  std::set<std::string> seen;
  const std::function<bool(const std::string&)> walk = [&](const std::string& at) {
    if (at == to) return true;
    auto next = evicted_.find(at);
    if (next == evicted_.end() || !seen.insert(at).second) return false;
    return std::any_of(next->second.begin(), next->second.end(), walk);
  };
  return walk(from);
}

void Driver::expect_no_overcommit() const {
  for (NodeId id = 0; id < state_.cluster.node_count(); ++id) {
    const NodeRecord& node = state_.cluster.node(id);
    for (const auto& [resource, total] : node.total.extended) {
      // What is kept for a holder may be room that somebody leaves who was asked to stop for
      // another.
      std::int64_t kept = 0;
      for (const auto& [holder, room] : state_.held_rooms) {
        for (const auto& [at, amounts] : room.booked) kept += at == id ? amounts.at(resource) : 0;
      }
      EXPECT_LE(node.used.at(resource) - kept, total) << node.node.name;
    }
  }
}

void Driver::run(int ticks) {
  for (int tick = 0; !::testing::Test::HasFailure(); ++tick) {
    if (tick > ticks && drained()) break;
    ASSERT_LT(tick, ticks * 60) << "somebody never ends";
    now_.ns += (1 + rng_.below(10)) * kSecond;
    end_what_ended();
    let_go();
    if (tick < ticks && rng_.one_in(2)) submit();
    state_.advance(now_);
    schedule();
    expect_no_overcommit();
  }
}

TEST(Preempt, No_history_has_a_loop_or_a_broken_promise_and_every_proof_comes_true) {
  int preemptions = 0, victims = 0, given_up = 0;
  for (const std::uint64_t seed : seeds(50)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Driver driver(seed, seed % 3 == 0);
    driver.run(150);
    // Each preemption ends in one start of its preemptor.
    EXPECT_LE(driver.preemptions, driver.starts_above_low);
    preemptions += driver.preemptions;
    victims += driver.victims;
    given_up += driver.given_up;
    if (HasFailure()) return;
  }
  EXPECT_GT(given_up, 0);
  std::printf("%d preemptions, %d victims; %d given up\n", preemptions, victims, given_up);
}

}  // namespace
}  // namespace sched::property
