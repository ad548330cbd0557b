// A gang starts exactly when some assignment within its queue's quotas exists: against brute force.
//
// Exact for gangs of one group where each two quotas are disjoint or one lies within the other, and
// the gang asks for no even spread and no least number in each zone. Else what starts is sound, and
// how often the engine misses is bounded here.
#include <gtest/gtest.h>

#include "scheduler/audit/audit.hpp"
#include "scheduler/fair/quota.hpp"
#include "tests/property/brute.hpp"
#include "tests/property/seeds.hpp"

namespace sched::property {
namespace {

struct Tally {
  int fits = 0, waits = 0, inexact = 0, missed = 0, by_quota = 0;
};

// Somebody of the same queue who runs, so that part of the quotas is used.
void run_another(World& world, Engine& engine, Auditor& auditor, Brute& brute, FreeRoom& free) {
  std::vector<std::string> names;
  for (const auto& [name, node] : world.nodes) names.push_back(name);
  Task other = world.random_task("other");
  other.queue = "q1";
  other.groups = {{"", 1, world.random_request()}};
  const std::string node = world.rng.pick(names);
  for (const Delta& d : std::vector<Delta>{TaskUpsert{other}, Assume{"other", 0, {{node}}}}) {
    engine.apply(d);
    auditor.apply(d);
  }
  move(free[node], other.groups[0].requests, -1);
  move(brute.used_on[node], other.groups[0].requests, 1);
}

void try_world(std::uint64_t seed, Tally& tally) {
  World world(seed, {.nodes_max = 4, .limits = true});
  Engine engine;
  Auditor auditor;
  const auto feed = [&](const Delta& d) {
    engine.apply(d);
    auditor.apply(d);
  };
  for (const Delta& d : world.begin()) feed(d);
  Queue queue;
  queue.name = "q1";
  queue.spread = seed % 5 == 0;
  for (std::int64_t i = 1 + world.rng.below(3); i > 0; --i) {
    queue.quotas.push_back(world.random_quota());
  }
  world.queues["q1"] = queue;
  feed(QueueUpsert{queue});
  Task task = world.random_task("t");
  task.queue = "q1";
  task.held = false;
  task.not_before = {};
  if (!defined(task)) return;
  FreeRoom free;
  for (const auto& [name, node] : world.nodes) free[name] = node.allocatable;
  Brute nobody(world, task);
  if (world.rng.one_in(2)) run_another(world, engine, auditor, nobody, free);
  Brute brute(world, task, free);
  brute.used_on = nobody.used_on;
  feed(TaskUpsert{task});
  const Plan plan = engine.plan(world.now);
  const auto violations = auditor.check(plan, world.now);
  ASSERT_TRUE(violations.empty()) << violations.front();
  const bool fits = brute.feasible();
  ++(fits ? tally.fits : tally.waits);
  const Reason why = engine.explain("t", world.now);
  tally.by_quota += why.code == ReasonCode::kQuota;
  EXPECT_EQ(why.code == ReasonCode::kNone, !plan.starts.empty());
  EXPECT_TRUE(fits || plan.starts.empty()) << "it started what cannot be";
  const bool exact = task.groups.size() == 1 && task.zone_policy != ZonePolicy::kSpread &&
                     task.min_per_zone <= 1 && nested(queue.quotas);
  if (exact) {
    EXPECT_EQ(plan.starts.size(), fits ? 1u : 0u) << name(why.code);
  } else {
    ++tally.inexact;
    tally.missed += fits && plan.starts.empty();
  }
}

TEST(Quota, A_gang_starts_exactly_when_some_assignment_within_the_quotas_exists) {
  Tally tally;
  for (const std::uint64_t seed : seeds(3000)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    try_world(seed, tally);
    if (HasFailure()) return;
  }
  std::printf("fits %d, waits %d (%d by quota); of %d that are not exact %d were missed\n",
              tally.fits, tally.waits, tally.by_quota, tally.inexact, tally.missed);
  EXPECT_LE(tally.missed * 20, tally.inexact) << "the heuristic misses more than one in twenty";
}

}  // namespace
}  // namespace sched::property
