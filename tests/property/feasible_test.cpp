// A gang starts exactly when some assignment exists: against brute force on small clusters.
//
// Exact for gangs of one group and gangs whose groups name different zones. Groups that share a
// zone are placed by a heuristic: what it starts is sound, and how often it misses is bounded here.
#include <gtest/gtest.h>

#include "tests/property/brute.hpp"
#include "tests/property/seeds.hpp"
#include "tests/property/world.hpp"

namespace sched::property {
namespace {

struct Tally {
  int fits = 0, waits = 0, missed = 0, shared = 0;
};

void try_world(std::uint64_t seed, bool plain, bool topology, Tally& tally) {
  World world(seed, {.nodes_max = topology ? 6 : 4, .plain = plain, .topology = topology});
  Engine engine;
  for (const Delta& d : world.begin()) engine.apply(d);
  world.queues["q1"] = {};
  world.queues["q1"].name = "q1";
  world.queues["q1"].spread = seed % 2 == 1;
  engine.apply(QueueUpsert{world.queues["q1"]});
  for (std::int64_t i = world.rng.below(5); i > 0; --i) {
    PodUpsert pod;
    pod.uid = "p" + std::to_string(i);
    pod.node = "n" + std::to_string(world.rng.below(4));
    pod.requests = world.random_request();
    world.pods[pod.uid] = pod;
    engine.apply(pod);
  }
  Task task = world.random_task("t");
  task.queue = "q1";
  task.held = false;
  task.not_before = {};
  if (!defined(task)) return;
  engine.apply(TaskUpsert{task});
  const Plan plan = engine.plan(world.now);
  const bool fits = Brute(world, task).feasible();
  (fits ? tally.fits : tally.waits) += 1;
  if (shares_zones(task)) {
    ++tally.shared;
    tally.missed += fits && plan.starts.empty();
    EXPECT_TRUE(fits || plan.starts.empty()) << "it started what cannot be";
    return;
  }
  EXPECT_EQ(plan.starts.size(), fits ? 1u : 0u)
      << "groups " << task.groups.size() << ", policy " << static_cast<int>(task.zone_policy)
      << ", reason " << name(engine.explain("t", world.now).code);
  // Never and Constraint are promises: nothing that runs could be in the way.
  const ReasonCode code = engine.explain("t", world.now).code;
  if (code != ReasonCode::kNever && code != ReasonCode::kConstraint) return;
  world.pods.clear();
  for (auto& [node_name, node] : world.nodes) {
    node.ready = true;
    node.unschedulable = false;
  }
  EXPECT_FALSE(Brute(world, task).feasible()) << "it said never";
}

void try_worlds(int count, bool topology) {
  Tally tally;
  for (const std::uint64_t seed : seeds(count)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    try_world(seed, seed % 2 == 0, topology, tally);
    if (::testing::Test::HasFailure()) return;
  }
  std::printf("fits %d, waits %d; of %d gangs with groups in one zone %d were missed\n", tally.fits,
              tally.waits, tally.shared, tally.missed);
  EXPECT_LE(tally.missed * 20, tally.shared) << "the heuristic misses more than one in twenty";
}

TEST(Feasible, A_gang_starts_exactly_when_some_assignment_exists) { try_worlds(3000, false); }

TEST(Feasible, So_does_one_that_has_to_stay_within_a_rack_or_block) { try_worlds(3000, true); }

}  // namespace
}  // namespace sched::property
