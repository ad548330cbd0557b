// Who is asked to stop: against the definition, by brute force on small clusters.
//
// The oracle knows the promises as a table, the victim order as a sentence, and placement as "try
// every assignment". It ends one candidate after another until some assignment exists, then puts
// back, last first, whoever is not needed: the engine, which counts and bisects, has to name the
// same victims in the same order. Room is never hurt by more room, so a set from which no single
// victim can be left out has no smaller sufficient subset; the test tries all subsets all the same.
//
// Exact for gangs of one group and for groups in different zones. For the others: what is found is
// sound.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "scheduler/audit/audit.hpp"
#include "scheduler/preempt/holds.hpp"
#include "scheduler/preempt/victims.hpp"
#include "scheduler/state/digest.hpp"
#include "tests/property/brute.hpp"
#include "tests/property/seeds.hpp"

namespace sched::property {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr Time kNow{1000 * kSecond};

struct Runs {
  Task task;
  Tier tier = Tier::kLow;
  std::vector<std::string> nodes;
  bool confirmed = false;
  Time since;
  std::string evicted_by;
};

class Scene {
 public:
  Scene(std::uint64_t seed, bool plain, bool topology)
      : world(seed, {.nodes_max = 4, .plain = plain, .topology = topology}) {
    for (const Delta& d : world.begin()) feed(d);
    for (const auto& [name, tier] : {std::pair{"hi", Tier::kHigh}, std::pair{"med", Tier::kMedium},
                                     std::pair{"low", Tier::kLow}}) {
      Queue q;
      q.name = name;
      q.tier = tier;
      q.cooldown_ns = 60 * kSecond;
      if (!plain && world.rng.one_in(4)) q.zones = {"a", "b"};
      world.queues[name] = q;
      feed(QueueUpsert{q});
    }
    for (const auto& [name, node] : world.nodes) names.push_back(name);
    for (std::int64_t i = 3 + world.rng.below(6); i > 0; --i) run(i);
    for (std::int64_t i = world.rng.below(2 + plain); i > 0; --i) hold(i);
    wait();
  }

  FreeRoom room_without(const std::vector<const Runs*>& gone) const;
  bool feasible_without(const std::vector<const Runs*>& gone) const {
    return Brute(world, preemptor, room_without(gone)).feasible();
  }
  bool could_ever_start(const Task& task) const;
  std::vector<const Runs*> candidates() const;

  World world;
  State state;
  Auditor auditor;
  std::vector<std::string> names;  // of nodes
  std::vector<Runs> running;
  std::vector<std::pair<Task, Hold>> holders;
  Task preemptor;

 private:
  void feed(const Delta& d) {
    state.apply(d);
    auditor.apply(d);
  }
  void run(std::int64_t i);
  void hold(std::int64_t i);
  void wait();
  std::vector<std::string> random_nodes(std::int64_t count) {
    std::vector<std::string> nodes;
    while (count-- > 0) nodes.push_back(world.rng.pick(names));
    return nodes;
  }
  // Who has a guarantee in a Low queue began when that was none.
  Tier tier(const Task& task) const {
    const Tier tier = std::max(task.tier, world.queues.at(task.queue).tier);
    const bool promised = task.tier != Tier::kLow && task.guarantee_until.ns > 0;
    return promised && tier == Tier::kLow ? Tier::kMedium : tier;
  }
};

void Scene::run(std::int64_t i) {
  Rng& rng = world.rng;
  Runs r;
  r.task.uid = "r" + std::to_string(i);
  r.task.queue = rng.pick(std::vector<std::string>{"hi", "med", "med", "low", "low"});
  r.task.tier = rng.one_in(4) ? static_cast<Tier>(rng.below(3)) : Tier::kHigh;
  r.task.groups = {{"", 1 + rng.below(3), world.random_request()}};
  r.task.preemptible = rng.one_in(4);
  r.task.submitted.ns = rng.below(4) * kSecond;
  r.task.guarantee_until.ns =
      rng.pick(std::vector<std::int64_t>{0, 900, 999, 1000, 1001}) * kSecond;
  r.task.last_preempted.ns = rng.pick(std::vector<std::int64_t>{0, 0, 900, 940, 941}) * kSecond;
  r.task.checkpoint_every_ns = rng.pick(std::vector<std::int64_t>{0, 0, 30, 50, 70}) * kSecond;
  r.tier = tier(r.task);
  r.nodes = random_nodes(r.task.groups[0].count);
  feed(TaskUpsert{r.task});
  feed(Assume{r.task.uid, 0, {r.nodes}});
  for (std::size_t rank = 0; rank < r.nodes.size(); ++rank) {
    if (!rng.one_in(3)) continue;
    feed(PodUpsert{r.task.uid + "-" + std::to_string(rank), r.nodes[rank],
                   r.task.groups[0].requests, r.task.uid, 0, static_cast<std::int64_t>(rank)});
  }
  r.confirmed = !rng.one_in(4);
  if (r.confirmed) {
    r.since.ns = (800 + rng.below(4) * 50) * kSecond;
    feed(Confirm{r.task.uid, r.since});
  }
  if (rng.one_in(8)) {
    r.evicted_by = rng.pick(std::vector<std::string>{"h1", "h2", "t", "somebody"});
    feed(Evict{r.task.uid, r.evicted_by, kNow});
  }
  running.push_back(std::move(r));
}

void Scene::hold(std::int64_t i) {
  Rng& rng = world.rng;
  Task t;
  t.uid = "h" + std::to_string(i);
  t.queue = rng.one_in(2) ? "hi" : "med";
  t.tier = Tier::kHigh;
  t.groups = {{"", 1 + rng.below(2), world.random_request()}};
  const Time until{rng.one_in(5) ? kNow.ns : kNow.ns + kSecond};
  const Hold hold{t.uid, {random_nodes(t.groups[0].count)}, until};
  feed(TaskUpsert{t});
  feed(hold);
  holders.emplace_back(t, hold);
}

void Scene::wait() {
  preemptor = world.random_task("t");
  preemptor.queue = world.rng.one_in(3) ? "med" : "hi";
  preemptor.tier = Tier::kHigh;
  preemptor.held = false;
  preemptor.not_before = {};
  preemptor.preemptible = world.rng.one_in(3);
  feed(TaskUpsert{preemptor});
}

// Whether the nodes could hold it if nothing ran, all of them ready: for who never can, no hold
// keeps anything.
bool Scene::could_ever_start(const Task& task) const {
  World empty = world;
  FreeRoom all;
  for (auto& [name, node] : empty.nodes) {
    node.ready = true;
    node.unschedulable = false;
    all[name] = node.allocatable;
  }
  return Brute(empty, task, all).feasible();
}

// What those leave who stay and were not asked to stop, less all holds that last.
FreeRoom Scene::room_without(const std::vector<const Runs*>& gone) const {
  FreeRoom free;
  for (const auto& [name, node] : world.nodes) free[name] = node.allocatable;
  for (const Runs& r : running) {
    const bool leaves = std::find(gone.begin(), gone.end(), &r) != gone.end();
    if (leaves || !r.evicted_by.empty()) continue;
    for (const std::string& node : r.nodes) move(free[node], r.task.groups[0].requests, -1);
  }
  for (const auto& [task, hold] : holders) {
    if (hold.until <= kNow || !could_ever_start(task)) continue;
    for (const std::string& node : hold.placement.nodes) {
      move(free[node], task.groups[0].requests, -1);
    }
  }
  return free;
}

// The promises as the specification's table has them, and the victim order as its sentence.
std::vector<const Runs*> Scene::candidates() const {
  const Tier asks = tier(preemptor);
  const auto may = [&](const Runs& r) {
    if (!r.evicted_by.empty() || asks == Tier::kLow) return false;
    if (r.tier == Tier::kLow) return true;
    const bool rests =
        r.task.last_preempted.ns > 0 && kNow.ns - r.task.last_preempted.ns < 60 * kSecond;
    if (asks == Tier::kMedium || rests) return false;
    const Time until = r.task.guarantee_until;
    if (r.tier == Tier::kMedium) {
      return r.task.preemptible || (r.confirmed && until.ns > 0 && until <= kNow);
    }
    const auto rank = [](const Task& t) { return std::tuple(t.preemptible, t.submitted, t.uid); };
    return r.task.preemptible && rank(preemptor) < rank(r.task);
  };
  std::vector<const Runs*> list;
  for (const Runs& r : running) {
    if (may(r)) list.push_back(&r);
  }
  const auto key = [](const Runs& r) {
    std::int64_t age = r.confirmed ? kNow.ns - r.since.ns : 0;  // what it would lose
    if (r.task.checkpoint_every_ns > 0) age %= r.task.checkpoint_every_ns;
    const auto count = static_cast<std::int64_t>(r.nodes.size());
    const Resources& each = r.task.groups[0].requests;
    const std::int64_t gpus = each.extended_amount("nvidia.com/gpu") * count;
    const Time until = r.task.guarantee_until;
    const bool expired = r.tier == Tier::kMedium && r.confirmed && until.ns > 0 && until < kNow;
    return std::tuple(-static_cast<int>(r.tier), expired ? until.ns - kNow.ns : 0, gpus * age,
                      gpus * age == 0 ? each.cpu_milli * count * age : 0, count,
                      r.confirmed ? -r.since.ns : -kNow.ns * 2, r.task.uid);
  };
  std::sort(list.begin(), list.end(), [&](auto* a, auto* b) { return key(*a) < key(*b); });
  return list;
}

// The recipe of the specification, taken at its word. Nothing: no set suffices.
std::optional<std::vector<const Runs*>> by_definition(const Scene& scene) {
  std::vector<const Runs*> gone;
  const std::vector<const Runs*> all = scene.candidates();
  for (auto next = all.begin(); !scene.feasible_without(gone); ++next) {
    if (next == all.end()) return std::nullopt;
    gone.push_back(*next);
  }
  for (std::size_t i = gone.size(); i-- > 0;) {
    std::vector<const Runs*> without = gone;
    without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
    if (scene.feasible_without(without)) gone = without;
  }
  return gone;
}

std::vector<std::string> uids(const std::vector<const Runs*>& list) {
  std::vector<std::string> out;
  for (const Runs* r : list) out.push_back(r->task.uid);
  return out;
}

void expect_no_smaller_subset(const Scene& scene, const std::vector<const Runs*>& victims) {
  const std::size_t sets = std::size_t{1} << victims.size();
  for (std::size_t set = 0; set + 1 < sets; ++set) {
    std::vector<const Runs*> some;
    for (std::size_t i = 0; i < victims.size(); ++i) {
      if (set >> i & 1) some.push_back(victims[i]);
    }
    EXPECT_FALSE(scene.feasible_without(some)) << "fewer would do";
  }
}

struct Tally {
  int found = 0, none = 0, waits_only = 0, victims = 0, shared = 0, missed = 0;
};

void try_scene(std::uint64_t seed, bool topology, Tally& tally) {
  Scene scene(seed, seed % 2 == 0, topology);
  if (!defined(scene.preemptor)) return;
  const TaskId task = scene.state.find("t");
  scene.state.advance(kNow);
  const std::uint64_t before = digest(scene.state);
  scene.state.cluster.take_changes();
  std::int64_t looked = 0;
  Overlay overlay(scene.state);
  const auto found = find_preemption(scene.state, task, kNow, overlay, looked);
  ASSERT_EQ(digest(scene.state), before) << "it changed the state";
  ASSERT_TRUE(scene.state.cluster.take_changes().empty()) << "it woke somebody";
  ASSERT_EQ(find_preemption(scene.state, task, kNow, overlay, looked), found)
      << "another answer when it is asked again";
  const auto expected = by_definition(scene);
  if (found) {
    Plan plan;
    plan.preemptions.push_back(*found);
    const auto violations = scene.auditor.check(plan, kNow);
    ASSERT_TRUE(violations.empty()) << violations.front();
  }
  if (shares_zones(scene.preemptor)) {
    ++tally.shared;
    tally.missed += expected && !found;
    EXPECT_TRUE(expected || !found) << "it preempts for what cannot be";
    return;
  }
  ASSERT_EQ(found.has_value(), expected.has_value());
  ++(!found ? tally.none : found->victims.empty() ? tally.waits_only : tally.found);
  if (!found) return;
  EXPECT_EQ(found->victims, uids(*expected));
  expect_no_smaller_subset(scene, *expected);
  tally.victims += static_cast<int>(found->victims.size());
}

void try_scenes(std::uint64_t count, bool topology) {
  Tally tally;
  for (const std::uint64_t seed : seeds(count)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    try_scene(seed, topology, tally);
    if (::testing::Test::HasFailure()) return;
  }
  std::printf(
      "%d preempt (%d victims), %d have only to wait, %d cannot; "
      "of %d gangs with groups in one zone %d were missed\n",
      tally.found, tally.victims, tally.waits_only, tally.none, tally.shared, tally.missed);
  EXPECT_LE(tally.missed * 20, tally.shared) << "the heuristic misses more than one in twenty";
}

TEST(Preempt, The_victims_are_those_of_the_definition_and_none_of_them_can_be_left_out) {
  try_scenes(4000, false);
}

TEST(Preempt, So_they_are_for_gangs_that_have_to_stay_within_a_rack_or_block) {
  try_scenes(3000, true);
}

}  // namespace
}  // namespace sched::property
