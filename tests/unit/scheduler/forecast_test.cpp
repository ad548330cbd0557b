#include "scheduler/forecast/forecast.hpp"

#include <gtest/gtest.h>

#include "tests/unit/scheduler/worlds.hpp"

namespace sched::test {
namespace {

constexpr Time kNow{1'000'000 * kSecond};

Time later_s(std::int64_t seconds) { return {kNow.ns + seconds * kSecond}; }

Task lasting(const std::string& uid, std::int64_t seconds, const std::string& queue = "q") {
  Task t = task(uid, queue, 1, 8);
  t.expected_duration_ns = seconds * kSecond;
  return t;
}

// One node, so that one task runs at a time.
Engine small() {
  Engine engine;
  engine.apply(NodeUpsert{node("n")});
  engine.apply(QueueUpsert{queue("q")});
  return engine;
}

void run(Engine& engine, const Task& t, Time since) {
  engine.apply(TaskUpsert{t});
  engine.apply(Assume{t.uid, 0, {{"n"}}, since});
  engine.apply(PodUpsert{t.uid + "-0", "n", t.groups[0].requests, t.uid, 0, 0});
  engine.apply(Confirm{t.uid, since});
}

// Seconds from now; -1 for one that has no answer.
std::int64_t start_of(const Forecast& forecast, const std::string& uid) {
  const auto found = forecast.starts().find(uid);
  return found == forecast.starts().end() ? -1 : (found->second.start.ns - kNow.ns) / kSecond;
}

void finish(Forecast& forecast) {
  while (forecast.step()) continue;
}

TEST(Forecast, Who_waits_behind_others_starts_when_they_have_ended_one_after_the_other) {
  Engine engine = small();
  run(engine, lasting("runs", 600), later_s(-100));
  engine.apply(TaskUpsert{lasting("a", 60)});
  engine.apply(TaskUpsert{lasting("b", 300)});
  engine.apply(TaskUpsert{lasting("c", 10)});
  Forecast forecast(engine, kNow, {});
  finish(forecast);
  EXPECT_EQ(forecast.end(), Forecast::End::kKnown);
  EXPECT_EQ(start_of(forecast, "a"), 500);
  EXPECT_EQ(start_of(forecast, "b"), 560);
  EXPECT_EQ(start_of(forecast, "c"), 860);
  EXPECT_EQ(start_of(forecast, "runs"), -1) << "it waits for nothing";
  EXPECT_EQ(forecast.starts().at("a").placement.nodes, std::vector<std::string>{"n"});
}

// After its 60 seconds it was taken to last 120.
// A run of one plan comes nowhere; but what was promised is known.
TEST(Forecast, Who_was_promised_room_starts_then_at_the_latest_however_short_the_run) {
  Engine engine = small();
  ConfigUpdate config;
  config.keep_promises = true;
  engine.apply(config);
  run(engine, lasting("runs", 600), kNow);
  engine.apply(TaskUpsert{lasting("head", 60)});
  engine.apply(TaskUpsert{lasting("next", 60)});
  for (const Promise& promise : engine.tend(kNow).promises) engine.apply(promise);
  Forecast forecast(engine, kNow, {.plans = 1});
  EXPECT_EQ(start_of(forecast, "head"), -1) << "not yet: it may start before that";
  finish(forecast);
  EXPECT_EQ(forecast.end(), Forecast::End::kLimits);
  EXPECT_EQ(start_of(forecast, "head"), 600);
  EXPECT_EQ(forecast.starts().at("head").placement.nodes, std::vector<std::string>{"n"});
  EXPECT_EQ(start_of(forecast, "next"), -1);
}

TEST(Forecast, One_past_its_end_lasts_as_long_again_as_it_had_lasted_then) {
  Engine engine = small();
  run(engine, lasting("runs", 60), later_s(-100));
  engine.apply(TaskUpsert{lasting("a", 60)});
  Forecast forecast(engine, kNow, {});
  finish(forecast);
  EXPECT_EQ(start_of(forecast, "a"), 20);
}

TEST(Forecast, One_that_is_placed_begins_now) {
  Engine engine = small();
  engine.apply(TaskUpsert{lasting("placed", 60)});
  engine.apply(Assume{"placed", 0, {{"n"}}, later_s(-30)});
  engine.apply(TaskUpsert{lasting("a", 60)});
  Forecast forecast(engine, kNow, {});
  finish(forecast);
  EXPECT_EQ(start_of(forecast, "a"), 60);
}

TEST(Forecast, Behind_one_that_states_no_end_nobody_is_foreseen_to_start) {
  Engine engine = small();
  run(engine, task("runs", "q", 1, 8), later_s(-100));
  engine.apply(TaskUpsert{lasting("a", 60)});
  Forecast forecast(engine, kNow, {});
  finish(forecast);
  EXPECT_EQ(forecast.end(), Forecast::End::kNothing);
  EXPECT_EQ(start_of(forecast, "a"), -1);
}

TEST(Forecast, What_is_on_its_way_out_has_gone) {
  Engine engine = small();
  engine.apply(QueueUpsert{queue("low", Tier::kLow)});
  engine.apply(QueueUpsert{queue("high", Tier::kHigh)});
  run(engine, lasting("victim", 600, "low"), later_s(-100));
  engine.apply(TaskUpsert{lasting("urgent", 60, "high")});
  engine.apply(Evict{"victim", "urgent", later_s(-5)});
  engine.apply(Hold{"urgent", {{"n"}}, later_s(600)});
  Forecast forecast(engine, kNow, {});
  finish(forecast);
  EXPECT_EQ(start_of(forecast, "urgent"), 0);
  // A Pod whose task is not there any more.
  Engine other = small();
  other.apply(PodUpsert{"ghost", "n", amounts(8, 1, 1, 1), "deleted", 0, 0});
  other.apply(TaskUpsert{lasting("a", 60)});
  Forecast next(other, kNow, {});
  finish(next);
  EXPECT_EQ(start_of(next, "a"), 0);
}

// A node where one runs at a time, for a minute.
Engine turns_of_a_minute() {
  Engine engine = small();
  Queue turns = queue("q");
  turns.tier = Tier::kLow;
  turns.strategy = Strategy::kTimeSlicing;
  turns.quantum_ns = 60 * kSecond;
  engine.apply(QueueUpsert{turns});
  return engine;
}

TEST(Forecast, Whose_turn_is_over_waits_behind_those_who_wait) {
  Engine engine = turns_of_a_minute();
  run(engine, lasting("a", 0), later_s(-30));
  engine.apply(TaskUpsert{lasting("b", 0)});
  engine.apply(TaskUpsert{lasting("c", 0)});
  Forecast forecast(engine, kNow, {.plans = 50});
  finish(forecast);
  EXPECT_EQ(start_of(forecast, "b"), 30);
  EXPECT_EQ(start_of(forecast, "c"), 90);
  EXPECT_EQ(start_of(forecast, "a"), -1) << "it had a place";
  EXPECT_EQ(forecast.placed(), std::set<std::string>{"a"});
}

TEST(Forecast, Who_was_asked_to_stop_is_foretold_its_next_start) {
  Engine engine = turns_of_a_minute();
  run(engine, lasting("leaves", 0), later_s(-100));
  engine.apply(TaskUpsert{lasting("comes", 0)});
  engine.apply(Evict{"leaves", "comes", kNow});
  Forecast forecast(engine, kNow, {.plans = 50});
  finish(forecast);
  EXPECT_EQ(start_of(forecast, "comes"), 0);
  EXPECT_EQ(start_of(forecast, "leaves"), 60);
  EXPECT_TRUE(forecast.placed().empty());
}

TEST(Forecast, Who_can_never_start_does_not_make_a_run_long) {
  Engine engine = small();
  run(engine, lasting("runs", 600), kNow);
  engine.apply(TaskUpsert{task("huge", "q", 5, 8)});
  engine.apply(TaskUpsert{lasting("a", 60)});
  Task held = lasting("held", 60);
  held.held = true;
  engine.apply(TaskUpsert{held});
  Forecast forecast(engine, kNow, {});
  finish(forecast);
  EXPECT_EQ(forecast.end(), Forecast::End::kKnown);
  EXPECT_EQ(start_of(forecast, "a"), 600);
}

TEST(Forecast, A_run_is_over_when_the_first_of_each_queue_have_started_or_at_its_limits) {
  Engine engine = small();
  run(engine, lasting("runs", 600), kNow);
  for (int i = 0; i < 9; ++i) engine.apply(TaskUpsert{lasting("t" + std::to_string(i), 100)});
  Forecast first(engine, kNow, {2000, std::int64_t{1} << 60, 3});
  finish(first);
  EXPECT_EQ(first.end(), Forecast::End::kKnown);
  EXPECT_EQ(start_of(first, "t2"), 800);
  EXPECT_EQ(start_of(first, "t3"), -1);
  Forecast near(engine, kNow, {2000, 750 * kSecond, 20});
  finish(near);
  EXPECT_EQ(near.end(), Forecast::End::kLimits);
  EXPECT_EQ(start_of(near, "t1"), 700);
  EXPECT_EQ(start_of(near, "t2"), -1) << "beyond the horizon";
  EXPECT_EQ(near.reached(), later_s(700));
}

// --- one look for all

TEST(Explain, Names_who_has_the_room_and_until_when) {
  Engine engine = small();
  run(engine, lasting("runs", 600), kNow);
  engine.apply(TaskUpsert{lasting("a", 60)});
  const Reason why = engine.explain("a", kNow);
  EXPECT_EQ(why.holders, (std::vector<Reason::Holder>{{"team/runs", 8, later_s(600)}}));
  EXPECT_EQ(why.needed, 8);
}

TEST(Explain, Of_those_without_an_end_the_first_few_by_node_are_named) {
  Engine engine;
  engine.apply(QueueUpsert{queue("q")});
  for (int i = 0; i < 5; ++i) {
    const std::string name = "n" + std::to_string(i);
    engine.apply(NodeUpsert{node(name)});
    engine.apply(TaskUpsert{task("r" + std::to_string(i), "q", 1, 8)});
    engine.apply(Assume{"r" + std::to_string(i), 0, {{name}}, kNow});
  }
  engine.apply(TaskUpsert{task("a", "q", 4, 8)});
  const Reason why = engine.explain("a", kNow);
  ASSERT_EQ(why.holders.size(), 3u) << "not all of them";
  EXPECT_EQ(why.holders[0], (Reason::Holder{"team/r0", 8, {}}));
}

TEST(Explain, Questions_in_between_see_the_state_as_it_is) {
  Engine engine = small();
  engine.apply(TaskUpsert{lasting("a", 60)});
  engine.apply(TaskUpsert{lasting("b", 60)});
  EXPECT_EQ(engine.explain("a", kNow).code, ReasonCode::kNone) << "the next plan starts it";
  EXPECT_EQ(engine.explain("b", kNow).code, ReasonCode::kCapacity);
  EXPECT_EQ(engine.used("n")->pods, 0) << "and yet nothing is booked";
  EXPECT_EQ(engine.figures("q").running, 0);
  EXPECT_EQ(engine.explain("b", kNow).code, ReasonCode::kCapacity);
  const Engine copy = engine;
  EXPECT_EQ(copy.digest(), engine.digest());
  EXPECT_EQ(copy.plan(kNow).starts.size(), 1u);
  engine.apply(TaskRemove{"a"});
  EXPECT_EQ(engine.explain("b", kNow).code, ReasonCode::kNone);
}

}  // namespace
}  // namespace sched::test
