#include "libk8s/events/event_recorder.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "libk8s/events/event_json.hpp"
#include "libk8s/transport/client.hpp"
#include "tests/support/scripted_transport.hpp"
#include "tests/support/sim_loop.hpp"

namespace k8s {
namespace {

using nlohmann::json;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::fail;
using testing::refuse;
using testing::reply;

constexpr TimePoint kT0{1'000'000'000'000};
constexpr WallTime kWall{1'767'225'600'000'000'000};

EventNote note(const std::string& name, const std::string& reason = "Queued") {
  EventNote made;
  made.regarding = {"example.com/v1", "Widget", "ns", name, "uid-" + name};
  made.reason = reason;
  made.action = "Queue";
  made.note = "it waits";
  return made;
}

// ---- series ----------------------------------------------------------------------------------

TEST(EventSeries, The_first_is_created_the_second_makes_a_series_further_ones_are_counted) {
  EventSeries series;
  EXPECT_EQ(series.observe("k", "e1", kT0, kWall).write, EventSeries::Write::kCreate);
  const auto second = series.observe("k", "e2", kT0 + seconds(1), kWall);
  EXPECT_EQ(second.write, EventSeries::Write::kPatch);
  EXPECT_EQ(second.due.event_key, "e1");
  EXPECT_EQ(second.due.count, 2);
  EXPECT_EQ(series.observe("k", "e3", kT0 + seconds(2), kWall).write, EventSeries::Write::kNothing);
}

TEST(EventSeries, A_count_is_written_every_half_hour_while_it_grows) {
  EventSeries series;
  TimePoint now = kT0;
  std::vector<std::int64_t> written;
  for (int minute = 0; minute < 90; ++minute, now = now + minutes(1)) {
    series.observe("k", "e", now, kWall);
    for (const auto& due : series.sweep(now)) written.push_back(due.count);
  }
  // The patch of the second went out in minute 1; then minutes 31 and 61, with 32 and 62 seen.
  EXPECT_EQ(written, (std::vector<std::int64_t>{32, 62}));
}

TEST(EventSeries, A_silent_series_ends_after_six_minutes_with_its_last_count) {
  EventSeries series;
  for (int i = 0; i < 5; ++i) series.observe("k", "e", kT0, kWall);
  EXPECT_TRUE(series.sweep(kT0 + minutes(6)).empty());
  const auto due = series.sweep(kT0 + minutes(6) + seconds(1));
  ASSERT_EQ(due.size(), 1u);
  EXPECT_EQ(due[0].count, 5);
  EXPECT_EQ(series.size(), 0u);
  EXPECT_EQ(series.observe("k", "e", kT0 + minutes(7), kWall).write, EventSeries::Write::kCreate);
}

TEST(EventSeries, Memory_is_bounded_and_the_longest_silent_is_forgotten) {
  EventSeries series(2);
  series.observe("a", "ea", kT0, kWall);
  series.observe("b", "eb", kT0 + seconds(1), kWall);
  series.observe("a", "ea", kT0 + seconds(2), kWall);
  series.observe("c", "ec", kT0 + seconds(3), kWall);
  EXPECT_EQ(series.size(), 2u);
  EXPECT_EQ(series.observe("a", "x", kT0 + seconds(4), kWall).write, EventSeries::Write::kNothing);
}

TEST(EventSpamFilter, An_object_may_cause_25_events_and_then_one_in_five_minutes) {
  EventSpamFilter filter;
  int passed = 0;
  for (int i = 0; i < 100; ++i) passed += filter.allow("o", kT0) ? 1 : 0;
  EXPECT_EQ(passed, 25);
  EXPECT_FALSE(filter.allow("o", kT0 + minutes(4)));
  EXPECT_TRUE(filter.allow("o", kT0 + minutes(5)));
  EXPECT_FALSE(filter.allow("o", kT0 + minutes(5)));
  EXPECT_TRUE(filter.allow("other", kT0));
  filter.sweep(kT0 + minutes(5 * 27));
  EXPECT_EQ(filter.size(), 0u);
}

// ---- objects ---------------------------------------------------------------------------------

TEST(EventJson, Keeps_to_the_limits_of_the_API) {
  EventNote big = note(std::string(300, 'n'));
  big.note = std::string(1023, 'x') + "\xc3\xa4" + std::string(500, 'y');
  EventRecorder::Options options;
  options.controller = "example.com/c";
  const std::string name = event_name(big.regarding.name, 0xff);
  const json event = event_object(big, options, name, kWall);
  EXPECT_EQ(name.size(), 253u);
  EXPECT_EQ(event["note"].get<std::string>(), std::string(1023, 'x'));  // never half a character
  EXPECT_EQ(event["eventTime"], "2026-01-01T00:00:00.000000Z");
}

TEST(EventJson, Events_about_cluster_scoped_objects_live_in_default) {
  EventNote about_node = note("n1");
  about_node.regarding = {"v1", "Node", "", "n1", "u"};
  EXPECT_EQ(event_namespace(about_node.regarding), "default");
}

TEST(EventJson, Every_part_of_the_key_makes_another_series) {
  const EventRecorder::Options options{.controller = "example.com/c", .instance = "i"};
  const EventNote base = note("a");
  EventNote other_reason = base, other_action = base, other_object = base, related = base;
  other_reason.reason = "Placed";
  other_action.action = "Place";
  other_object.regarding.uid = "other";
  related.related = ObjectReference{"v1", "Node", "", "n1", ""};
  EventNote other_note = base;
  other_note.note = "other words";
  for (const EventNote& other : {other_reason, other_action, other_object, related})
    EXPECT_NE(series_key(base, options), series_key(other, options));
  EXPECT_EQ(series_key(base, options), series_key(other_note, options));
}

// ---- recorder --------------------------------------------------------------------------------

class EventRecorderTest : public ::testing::Test {
 protected:
  void make(EventRecorder::Options options = {}) {
    options.controller = "example.com/c";
    options.instance = "i-1";
    recorder = std::make_unique<EventRecorder>(loop, client, options);
  }
  static std::string body(const testing::ScriptedTransport::Exchange& exchange, const char* field) {
    return json::parse(exchange.request.body).value(field, "");
  }

  testing::SimLoop loop;
  testing::ScriptedTransport server{loop};
  Client client{loop, server};
  std::unique_ptr<EventRecorder> recorder;
};

TEST_F(EventRecorderTest, Creates_an_event_beside_its_object) {
  make();
  server.always("events", reply(201, "{}"));
  recorder->record(note("a"));
  loop.run_for(seconds(1));
  ASSERT_EQ(server.log().size(), 1u);
  EXPECT_TRUE(server.last().line().starts_with("POST /apis/events.k8s.io/v1/namespaces/ns/events"));
  const json event = json::parse(server.last().request.body);
  EXPECT_EQ(event["regarding"]["uid"], "uid-a");
  EXPECT_EQ(event["reason"], "Queued");
  EXPECT_EQ(event["type"], "Normal");
  EXPECT_EQ(recorder->sent(), 1u);
}

TEST_F(EventRecorderTest, Twenty_equal_events_cost_one_create_and_two_patches) {
  make();
  server.always("events", reply(200, "{}"));
  for (int i = 0; i < 20; ++i) recorder->record(note("a"));
  loop.run_for(minutes(20));
  EXPECT_EQ(server.count("POST"), 1u);
  EXPECT_EQ(server.count("PATCH"), 2u);  // "two" at once, and "twenty" at the end
  EXPECT_EQ(json::parse(server.last().request.body)["series"]["count"], 20);
}

TEST_F(EventRecorderTest, A_series_whose_event_has_expired_is_created_anew) {
  make();
  server.on("POST", reply(201, "{}"));
  server.on("PATCH", refuse(404, "NotFound", "gone"));
  server.on("POST", reply(201, "{}"));
  recorder->record(note("a"));
  recorder->record(note("a"));
  loop.run_for(seconds(5));
  EXPECT_EQ(server.unused(), 0u);
  EXPECT_EQ(json::parse(server.last().request.body)["series"]["count"], 2);
}

TEST_F(EventRecorderTest, An_unreachable_server_is_tried_twelve_times) {
  make();
  server.always("events", fail(Status(Code::kUnavailable, "refused")));
  recorder->record(note("a"));
  loop.run_for(minutes(5));
  EXPECT_EQ(server.log().size(), 12u);
  EXPECT_EQ(recorder->dropped(), 1u);
  EXPECT_EQ(recorder->queued(), 0u);
}

TEST_F(EventRecorderTest, A_refused_event_is_dropped_at_once) {
  make();
  server.on("events", refuse(403, "Forbidden", "namespace is terminating"));
  server.on("events", reply(201, "{}"));
  recorder->record(note("a"));
  recorder->record(note("b"));
  loop.run_for(seconds(5));
  EXPECT_EQ(recorder->dropped(), 1u);
  EXPECT_EQ(recorder->sent(), 1u);
}

TEST_F(EventRecorderTest, A_full_queue_drops_what_is_new) {
  make({.queue_limit = 10});
  for (int i = 0; i < 50; ++i) recorder->record(note("w" + std::to_string(i)));
  EXPECT_EQ(recorder->queued(), 10u);
  EXPECT_EQ(recorder->dropped(), 40u);
}

TEST_F(EventRecorderTest, A_replica_that_may_not_write_sends_nothing) {
  make({.may_write = [] { return false; }});
  recorder->record(note("a"));
  loop.run_for(minutes(1));
  EXPECT_TRUE(server.log().empty());
  EXPECT_EQ(recorder->queued(), 0u);
}

TEST_F(EventRecorderTest, A_quiet_recorder_holds_no_timer_in_the_end) {
  make();
  server.always("events", reply(200, "{}"));
  recorder->record(note("a"));
  loop.run_for(minutes(60));
  EXPECT_EQ(loop.pending(), 0u);
}

}  // namespace
}  // namespace k8s
