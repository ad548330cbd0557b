// Random histories: whatever happened, the incremental state equals the state built from scratch,
// every plan passes the audit, and nothing depends on the order within an instant.
#include <gtest/gtest.h>

#include <cstdlib>

#include "scheduler/audit/audit.hpp"
#include "scheduler/journal/journal.hpp"
#include "tests/property/seeds.hpp"
#include "tests/property/world.hpp"

namespace sched::property {
namespace {

Engine built(const std::vector<Delta>& deltas) {
  Engine engine;
  for (const Delta& delta : deltas) engine.apply(delta);
  return engine;
}

std::string text(const std::vector<Start>& starts) { return encode(PlanRecord{{}, 0, starts}); }

// Every waiting task has a reason unless the plan starts it.
void expect_reasons(const Engine& engine, const World& world, const Plan& plan) {
  std::set<std::string> starting;
  for (const Start& s : plan.starts) starting.insert(s.task);
  for (const auto& [uid, known] : world.tasks) {
    const Reason why = engine.explain(uid, world.now);
    const ReasonCode code = why.code;
    EXPECT_EQ(Engine(engine).explain(uid, world.now), why) << uid << " asked by itself";
    if (code == ReasonCode::kCapacity) (void)engine.position(uid);  // somebody asks in between
    const bool waits = engine.state(uid) == TaskState::kWaiting && !starting.contains(uid);
    EXPECT_EQ(code != ReasonCode::kNone, waits) << uid << " " << name(code);
  }
}

// Every change of size that a plan asks for, of those who grow and of those who make room.
std::vector<Delta> resized(World& world, const Plan& plan) {
  std::vector<Resize> all = plan.grows;
  for (const Preemption& p : plan.preemptions) {
    all.insert(all.end(), p.shrinks.begin(), p.shrinks.end());
  }
  std::vector<Delta> deltas;
  for (const Resize& resize : all) {
    for (Delta& delta : world.resize(resize)) deltas.push_back(std::move(delta));
  }
  return deltas;
}

// What a history with ends came across: a property of nothing is no property.
struct Seen {
  int reservations = 0, outlived = 0;
};

void run_history(std::uint64_t seed, int events, WorldOptions options = {.guarantees = true},
                 Seen* seen = nullptr) {
  int told = 0, outlived = 0;
  SCOPED_TRACE("seed " + std::to_string(seed));
  options.parts = seed % 2 == 0;
  World world(seed, options);
  Engine engine;
  Auditor auditor;
  const auto feed = [&](const std::vector<Delta>& deltas) {
    for (const Delta& delta : deltas) {
      engine.apply(delta);
      auditor.apply(delta);
    }
  };
  feed(world.begin());
  for (int i = 0; i < events; ++i) {
    const Plan plan = engine.plan(world.now);
    const std::vector<Delta> deltas =
        options.elastic && i % 3 == 0 ? resized(world, plan) : world.event(plan.starts);
    feed(deltas);
    const std::uint64_t before = engine.digest();
    const Plan next = engine.plan(world.now);
    ASSERT_EQ(engine.digest(), before) << "planning changed the state, event " << i;
    const Engine fresh = built(world.snapshot(false));
    ASSERT_EQ(fresh.digest(), before)
        << "event " << i << ": " << (deltas.empty() ? "" : encode(deltas.back()));
    const Plan anew = fresh.plan(world.now);
    ASSERT_EQ(text(anew.starts), text(next.starts))
        << "event " << i << ": " << (deltas.empty() ? "" : encode(deltas.back()));
    ASSERT_EQ(anew.moves, next.moves) << "event " << i;
    ASSERT_EQ(anew.grows, next.grows) << "event " << i;
    ASSERT_EQ(anew.preemptions, next.preemptions)
        << "event " << i << ": " << (deltas.empty() ? "" : encode(deltas.back()));
    const auto violations = auditor.check(next, world.now);
    ASSERT_TRUE(violations.empty()) << violations.front() << ", event " << i;
    if (options.ends) {
      const auto wrong = auditor.check(engine.forecast(world.now), world.now);
      ASSERT_TRUE(wrong.empty()) << wrong.front() << ", forecast, event " << i;
      told += static_cast<int>(engine.reservations(world.now).size());
      outlived += static_cast<int>(engine.outlived(world.now).size());
    }
    if (i % 7 == 0) expect_reasons(engine, world, next);
    if (::testing::Test::HasFailure()) return;
  }
  if (seen != nullptr) {
    seen->reservations += told;
    seen->outlived += outlived;
  }
}

TEST(History, Incremental_state_equals_state_from_scratch_and_every_plan_passes_the_audit) {
  for (const std::uint64_t seed : seeds(25)) {
    run_history(seed, 120);
    if (HasFailure()) return;
  }
}

TEST(History, The_same_holds_where_the_topology_below_the_zone_changes_too) {
  for (const std::uint64_t seed : seeds(25)) {
    run_history(seed, 120, {.topology = true, .guarantees = true});
    if (HasFailure()) return;
  }
}

TEST(History, So_it_is_with_quotas_of_some_nodes_limits_for_tenants_and_turns) {
  for (const std::uint64_t seed : seeds(25)) {
    run_history(seed, 120,
                {.topology = seed % 3 == 0, .guarantees = seed % 2 == 0, .limits = true});
    if (HasFailure()) return;
  }
}

// A second to a minute, by the task's name, unless they are known: only what is expected to end
// lets anybody be promised room.
std::vector<Delta> with_durations(std::vector<Delta> deltas, bool known) {
  if (known) return deltas;
  for (Delta& delta : deltas) {
    auto* const task = std::get_if<TaskUpsert>(&delta);
    if (task == nullptr) continue;
    std::int64_t seconds = 0;
    for (const char c : task->task.uid) seconds = (seconds * 7 + c) % 60;
    task->task.expected_duration_ns = (1 + seconds) * 1'000'000'000;
  }
  return deltas;
}

// Whoever is told the content alone, promises among it, decides the same.
void expect_same(const Engine& engine, const Auditor& auditor, World& world, bool ends) {
  std::vector<Delta> content = with_durations(world.snapshot(false), ends);
  content.push_back(engine.config());
  for (const Promise& promise : engine.promises()) content.push_back(promise);
  const Engine fresh = built(content);
  ASSERT_EQ(fresh.digest(), engine.digest());
  const Plan next = engine.plan(world.now), anew = fresh.plan(world.now);
  ASSERT_EQ(text(anew.starts), text(next.starts));
  ASSERT_EQ(anew.preemptions, next.preemptions);
  ASSERT_EQ(anew.grows, next.grows);
  const auto violations = auditor.check(next, world.now);
  ASSERT_TRUE(violations.empty()) << violations.front();
}

// Promises are content, as all else: whoever is told the same ones decides the same. They are made
// beside plans, broken by what happens, and made again.
void run_promises(std::uint64_t seed, int events, const WorldOptions& options, std::size_t& made) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  World world(seed, options);
  Engine engine;
  Auditor auditor;
  const auto tell = [&](const Delta& delta) {
    engine.apply(delta);
    auditor.apply(delta);
  };
  for (const Delta& delta : with_durations(world.begin(), options.ends)) tell(delta);
  ConfigUpdate config = world.config;
  for (int i = 0; i < events; ++i) {
    // Promises are made once nobody can start, which several events may take.
    for (int more = 0; more < 12; ++more) {
      const Plan plan = engine.plan(world.now);
      if (more > 0 && plan.starts.empty()) break;
      const bool resizes = options.elastic && (i + more) % 3 == 0;
      const auto deltas = resizes ? resized(world, plan) : world.event(plan.starts);
      for (const Delta& delta : with_durations(deltas, options.ends)) tell(delta);
    }
    config = world.config;
    config.keep_promises = true;
    config.reservations = 1 + static_cast<std::int64_t>(seed % 7);
    tell(config);
    for (int calls = 0; calls < 3; ++calls) {
      const std::uint64_t before = engine.digest();
      const Tending tending = engine.tend(world.now, 20);
      ASSERT_EQ(engine.digest(), before) << "tending changed the state, event " << i;
      for (const Promise& promise : tending.promises) {
        ASSERT_TRUE(engine.apply(promise)) << encode(promise);
        auditor.apply(promise);
        made += promise.placement.nodes.empty() ? 0 : 1;
      }
    }
    SCOPED_TRACE("event " + std::to_string(i));
    expect_same(engine, auditor, world, options.ends);
    if (i % 7 == 0) expect_reasons(engine, world, engine.plan(world.now));
    // What a plan found out beside promises that stay is remembered over what happens next.
    for (int more = 0; more < 4 && !::testing::Test::HasFailure(); ++more) {
      const auto deltas = world.event(engine.plan(world.now).starts);
      for (const Delta& delta : with_durations(deltas, options.ends)) tell(delta);
      expect_same(engine, auditor, world, options.ends);
    }
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(History, So_it_is_where_promises_are_kept) {
  std::size_t made = 0, runs = 0;
  for (const std::uint64_t seed : seeds(40)) {
    run_promises(seed, 120,
                 {.topology = seed % 3 == 0,
                  .guarantees = seed % 2 == 0,
                  .parts = seed % 4 == 0,
                  .limits = seed % 5 == 0},
                 made);
    ++runs;
    if (HasFailure()) return;
  }
  EXPECT_GT(2 * made, runs) << "too few promises to say anything";
}

TEST(History, So_it_is_with_promises_beside_gangs_that_grow_and_shrink_and_past_runs) {
  std::size_t made = 0, runs = 0;
  for (const std::uint64_t seed : seeds(30)) {
    run_promises(seed, 120,
                 {.topology = seed % 3 == 0,
                  .guarantees = seed % 2 == 0,
                  .elastic = seed % 3 != 1,
                  .ends = seed % 3 != 2},
                 made);
    ++runs;
    if (HasFailure()) return;
  }
  EXPECT_GT(2 * made, runs) << "too few promises to say anything";
}

// 681: a gang of one zone grew, though its nodes were told to be in two by then. 72 and 123: one
// that is to be even over zones started where it was promised room, though that was not even by
// then. 231: one grew by what a task of its queue waited for that was known to be refused. 108,
// 327: in a queue that learns, who had waited long was passed by others once he was known not to
// fit.
TEST(History, Seeds_that_found_something_beside_promises_find_it_no_more) {
  std::size_t made = 0;
  run_promises(108, 120, {.topology = true, .guarantees = true, .elastic = true, .ends = true},
               made);
  run_promises(327, 120, {.topology = true, .elastic = true, .ends = true}, made);
  run_promises(72, 120, {.topology = true, .guarantees = true, .elastic = true, .ends = true},
               made);
  run_promises(123, 120, {.topology = true}, made);
  run_promises(231, 120, {.topology = true, .elastic = true, .ends = true}, made);
  run_promises(681, 120, {.topology = true, .elastic = true, .ends = true}, made);
}

TEST(History, So_it_is_where_something_of_some_nodes_is_guaranteed) {
  for (const std::uint64_t seed : seeds(40)) {
    run_history(seed, 120, {.guarantees = seed % 2 == 0, .limits = true, .grants = true});
    if (HasFailure()) return;
  }
}

TEST(History, So_it_is_where_groups_say_in_which_zones_their_tasks_may_be) {
  for (const std::uint64_t seed : seeds(40)) {
    run_history(seed, 120, {.guarantees = seed % 4 == 0, .limits = seed % 2 == 0, .groups = true});
    if (HasFailure()) return;
  }
}

TEST(History, So_it_is_with_gangs_that_grow_and_shrink) {
  for (const std::uint64_t seed : seeds(40)) {
    run_history(seed, 120,
                {.topology = seed % 3 == 0,
                 .guarantees = seed % 2 == 0,
                 .elastic = true,
                 .limits = seed % 4 == 1});
    if (HasFailure()) return;
  }
}

TEST(History, So_it_is_where_gangs_grow_beside_guarantees_of_some_nodes_and_groups) {
  for (const std::uint64_t seed : seeds(60)) {
    run_history(seed, 120,
                {.guarantees = seed % 2 == 0,
                 .elastic = true,
                 .limits = true,
                 .groups = seed % 3 != 0,
                 .grants = true});
    if (HasFailure()) return;
  }
}

// With what is told of past runs, and of nothing else that was learned.
TEST(History, So_it_is_with_past_runs_estimates_that_are_outlived_and_queues_that_learn) {
  Seen seen;
  for (const std::uint64_t seed : seeds(50)) {
    run_history(seed, 120, {.guarantees = seed % 3 == 0, .ends = true}, &seen);
    if (HasFailure()) return;
  }
  if (std::getenv("FERMI_SEED") != nullptr) return;
  EXPECT_GT(seen.reservations, 100);
  EXPECT_GT(seen.outlived, 100);
}

// 817: a heuristic search was not asked again after something was booked in the same pass. 1669: a
// task over its quota asked others to stop, if it was known already that there was no room. 4439:
// one over its quota took the turn of another that was known not to fit. 2941: a spread over zones
// that need some Pods each can be helped by a zone that gets full. 618: the audit took a part on a
// device that is shared already from those who ask for whole ones. 744: a start brought the tenant
// of a strict head to his limit. 397: the audit looked on a node at what the reservation asks for
// on others. 413: one that can never start closed the turn of a queue at its limit of tasks, so
// that nobody was counted as blocked there. 560: who had no zone of its group when its turn came,
// and has one by what started behind it, had no reason. 318: nor had one whose own reservation
// begins before the one that is in its way. 576: one of another group, whose place was to be taken,
// ended, which woke nobody.
TEST(History, Seeds_that_found_something_find_it_no_more) {
  for (const std::uint64_t seed : {817, 1669, 2941, 4439, 618}) run_history(seed, 120);
  run_history(744, 120, {.guarantees = true, .limits = true, .grants = true});
  run_history(397, 120, {.guarantees = false, .ends = true});
  run_history(413, 120, {.guarantees = false, .elastic = true, .limits = true});
  run_history(560, 120, {.guarantees = true, .limits = true, .groups = true});
  run_history(576, 120, {.guarantees = true, .limits = true, .groups = true});
  run_history(318, 120, {.guarantees = true, .ends = true});
}

TEST(History, The_order_of_events_of_one_instant_does_not_matter) {
  for (const std::uint64_t seed : seeds(60)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world(seed, {.topology = seed % 2 == 0,
                       .guarantees = true,
                       .parts = seed % 4 < 2,
                       .limits = seed % 3 == 0,
                       .groups = seed % 5 == 1,
                       .grants = seed % 6 == 0,
                       .ends = seed % 5 == 0});
    Engine engine = built(world.begin());
    for (int i = 0; i < 60; ++i) {
      for (const Delta& d : world.event(engine.plan(world.now).starts)) engine.apply(d);
    }
    for (int order = 0; order < 5; ++order) {
      const Engine other = built(world.snapshot(true));
      ASSERT_EQ(other.digest(), engine.digest());
      ASSERT_EQ(text(other.plan(world.now).starts), text(engine.plan(world.now).starts));
    }
  }
}

TEST(History, A_copy_and_a_replay_decide_the_same) {
  for (const std::uint64_t seed : seeds(40)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world(seed, {.topology = seed % 2 == 0,
                       .guarantees = true,
                       .parts = seed % 4 < 2,
                       .limits = seed % 3 == 0,
                       .groups = seed % 5 == 1,
                       .grants = seed % 6 == 0,
                       .ends = seed % 5 == 0});
    Engine engine;
    Replayer replayer;
    ASSERT_TRUE(replayer.line(journal_header()));
    const auto feed = [&](const std::vector<Delta>& deltas) {
      for (const Delta& delta : deltas) {
        const std::string line = encode(delta);
        const DecodedLine decoded = decode(line);
        ASSERT_TRUE(decoded.record) << decoded.error << " in " << line;
        ASSERT_EQ(std::get<Delta>(*decoded.record), delta) << line;
        engine.apply(delta);
        ASSERT_TRUE(replayer.line(line)) << replayer.error();
      }
    };
    feed(world.begin());
    for (int i = 0; i < 60; ++i) {
      const Plan plan = engine.plan(world.now);
      const Engine copy = engine;
      ASSERT_EQ(text(copy.plan(world.now).starts), text(plan.starts));
      ASSERT_TRUE(replayer.line(encode(PlanRecord{world.now, 1000, plan.starts})));
      feed(world.event(plan.starts));
    }
    EXPECT_TRUE(replayer.differences().empty()) << replayer.differences().front();
    EXPECT_EQ(replayer.engine().digest(), engine.digest());
  }
}

// A plan cut short is the beginning of the plan.
TEST(History, A_bounded_plan_is_a_prefix_of_the_whole) {
  for (const std::uint64_t seed : seeds(60)) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world(seed, {.topology = seed % 2 == 0,
                       .guarantees = true,
                       .parts = seed % 4 < 2,
                       .limits = seed % 3 == 0,
                       .groups = seed % 5 == 0,
                       .grants = seed % 6 == 0});
    Engine engine = built(world.begin());
    for (int i = 0; i < 40; ++i) {
      for (const Delta& d : world.event({})) engine.apply(d);
    }
    const auto whole = engine.plan(world.now).starts;
    for (std::size_t n = 0; n <= whole.size(); ++n) {
      const auto part = engine.plan(world.now, n).starts;
      ASSERT_EQ(text(part), text({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n)}));
    }
  }
}

}  // namespace
}  // namespace sched::property
