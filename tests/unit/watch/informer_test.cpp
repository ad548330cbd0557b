#include "libk8s/watch/informer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/scripted_transport.hpp"
#include "tests/support/sim_loop.hpp"
#include "tests/unit/watch/widget.hpp"

namespace k8s {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::bookmark;
using ::testing::ElementsAre;
using testing::error_event;
using testing::event;
using testing::fail;
using ::testing::HasSubstr;
using testing::hold;
using ::testing::IsEmpty;
using testing::refuse;
using testing::reply;
using testing::widget;
using testing::widget_list;

// An informer of widgets over a scripted server; writes down what a handler is told:
// "+a" added, "~a" updated, "-a" deleted, "-a?" deleted and only noticed by a relist.
class InformerTest : public ::testing::Test {
 protected:
  void make(InformerOptions options) {
    informer = std::make_unique<Informer<Widget>>(loop, server, options);
    informer->on_event([this](const Informer<Widget>::Event& e) { told.push_back(line(e)); });
    informer->on_synced([this] { ++synced; });
    informer->on_went_back([this] { ++went_back; });
  }

  static std::string line(const Informer<Widget>::Event& e) {
    if (!e.before) return "+" + e.after->meta.name + ":" + e.after->meta.uid;
    if (e.after) return "~" + e.after->meta.name + ":" + e.after->color;
    return "-" + e.before->meta.name + ":" + e.before->meta.uid + (e.stale ? "?" : "");
  }

  // Starts with LIST and a watch that stays open; `told` is empty then.
  void start_listed(int version, const std::vector<nlohmann::json>& items) {
    make({.watch_list = false});
    server.on("GET /apis/example.com/v1/widgets", reply(200, widget_list(version, items)));
    server.on("watch=", hold(200));
    informer->start();
    loop.run_due();
    ASSERT_TRUE(informer->synced());
    told.clear();
  }

  void say(const std::string& bytes) {
    server.data(server.last().id, bytes);
    loop.run_due();
  }

  testing::SimLoop loop;
  testing::ScriptedTransport server{loop};
  std::unique_ptr<Informer<Widget>> informer;
  std::vector<std::string> told;
  int synced = 0, went_back = 0;
};

// ---- list ------------------------------------------------------------------------------------

TEST_F(InformerTest, A_list_fills_the_store_and_tells_every_handler_before_it_is_synced) {
  make({.watch_list = false});
  server.on("/widgets", reply(200, widget_list(10, {widget("a", "1", 4), widget("b", "2", 7)})));
  std::size_t told_when_synced = 0;
  informer->on_synced([&] { told_when_synced = told.size(); });
  informer->start();
  loop.run_due();
  EXPECT_THAT(told, ElementsAre("+a:1", "+b:2"));
  EXPECT_EQ(told_when_synced, 2u);
  EXPECT_EQ(informer->size(), 2u);
  EXPECT_EQ(informer->get("ns/a")->meta.uid, "1");
  EXPECT_EQ(informer->get("ns/c"), nullptr);
  EXPECT_EQ(informer->resource_version(), "10");
  EXPECT_EQ(went_back, 0);
}

TEST_F(InformerTest, An_empty_list_is_synced_too) {
  start_listed(10, {});
  EXPECT_EQ(synced, 1);
  EXPECT_EQ(informer->size(), 0u);
}

TEST_F(InformerTest, Nothing_is_in_the_store_before_the_list_is_whole) {
  make({.watch_list = false});
  informer->start();
  loop.run_due();
  const std::string list = widget_list(10, {widget("a", "1", 4), widget("b", "2", 7)});
  server.head(server.last().id, 200);
  server.data(server.last().id, list.substr(0, list.size() - 20));
  loop.run_due();
  EXPECT_EQ(informer->size(), 0u);
  server.end(server.last().id, Status(Code::kUnknownOutcome, "cut"));
  loop.run_due();
  EXPECT_EQ(informer->size(), 0u);
  EXPECT_FALSE(informer->synced());
  EXPECT_EQ(informer->last_error().code(), Code::kUnknownOutcome);
}

TEST_F(InformerTest, A_failed_list_is_tried_again_after_back_off) {
  make({.watch_list = false});
  server.on("/widgets", refuse(500, "InternalError", "oops"));
  server.on("/widgets", reply(200, widget_list(10, {widget("a", "1", 4)})));
  informer->start();
  loop.run_for(milliseconds(799));
  EXPECT_EQ(server.count("widgets"), 1u);
  loop.run_for(milliseconds(801));
  EXPECT_TRUE(informer->synced());
  EXPECT_TRUE(informer->last_error().is_ok());
}

TEST_F(InformerTest, What_keeps_it_from_watching_is_said_once_until_it_is_something_else) {
  make({.watch_list = false});
  for (int i = 0; i < 3; ++i) server.on("/widgets", refuse(403, "Forbidden", "no right to list"));
  server.on("/widgets", refuse(500, "InternalError", "no disk"));
  server.on("/widgets", reply(200, widget_list(10, {})));
  server.on("watch=", hold(200));
  ::testing::internal::CaptureStderr();
  informer->start();
  loop.run_for(minutes(3));
  const std::string log = ::testing::internal::GetCapturedStderr();
  ASSERT_TRUE(informer->synced());
  const auto forbidden = log.find("no right to list");
  ASSERT_NE(forbidden, std::string::npos) << log;
  EXPECT_EQ(log.find("no right to list", forbidden + 1), std::string::npos) << log;
  EXPECT_NE(log.find("resource=widgets"), std::string::npos) << log;
  EXPECT_NE(log.find("no disk"), std::string::npos) << log;
}

TEST_F(InformerTest, Pages_are_gathered_and_become_visible_together) {
  make({.watch_list = false, .page_size = 1});
  server.on("limit=1", reply(200, widget_list(10, {widget("a", "1", 4)}, "next")));
  server.on("continue=next", reply(200, widget_list(10, {widget("b", "2", 7)})));
  informer->start();
  loop.run_due();
  EXPECT_THAT(told, ElementsAre("+a:1", "+b:2"));
  EXPECT_EQ(synced, 1);
}

TEST_F(InformerTest, An_object_that_cannot_be_read_is_left_out_and_told) {
  make({.watch_list = false});
  server.on("/widgets",
            reply(200, widget_list(10, {widget("a", "1", 4, "unreadable"), widget("b", "2", 7)})));
  informer->start();
  loop.run_due();
  EXPECT_THAT(told, ElementsAre("+b:2"));
  EXPECT_EQ(informer->skipped(), 1u);
}

TEST_F(InformerTest, A_list_item_without_a_readable_name_fails_the_list_and_the_cache_stays) {
  start_listed(10, {widget("a", "1", 4)});
  nlohmann::json nameless = widget("", "9", 22);
  server.on("/widgets", reply(200, widget_list(30, {widget("b", "2", 21), nameless})));
  server.on("/widgets", reply(200, widget_list(31, {widget("a", "1", 4)})));
  server.on("watch=", hold(200));
  say(error_event(410, "Gone", "too old"));
  loop.run_until([&] { return informer->skipped() > 0; });
  EXPECT_EQ(informer->size(), 1u);
  EXPECT_EQ(informer->last_error().code(), Code::kMalformed);
  loop.run_for(seconds(10));
  EXPECT_THAT(told, IsEmpty());
  EXPECT_EQ(informer->resource_version(), "31");
}

TEST_F(InformerTest, Selectors_go_with_every_list_and_watch) {
  make({.label_selector = "app=x", .field_selector = "spec.nodeName=n"});
  server.on("sendInitialEvents=true", refuse(422, "Invalid", "forbidden for watch"));
  server.on("/widgets", reply(200, widget_list(10, {widget("a", "1", 4)})));
  informer->start();
  loop.run_due();
  ASSERT_EQ(server.log().size(), 3u);
  for (const auto& exchange : server.log()) {
    EXPECT_THAT(exchange.request.target, HasSubstr("labelSelector=app%3Dx"));
    EXPECT_THAT(exchange.request.target, HasSubstr("fieldSelector=spec.nodeName%3Dn"));
  }
}

TEST_F(InformerTest, A_list_on_which_nothing_comes_is_given_up_by_our_own_deadline) {
  make({.watch_list = false});
  informer->start();
  loop.run_for(seconds(59));
  EXPECT_TRUE(server.last().open);
  loop.run_for(seconds(3));
  EXPECT_TRUE(server.log().front().cancelled);
  EXPECT_EQ(server.count("widgets"), 2u);
}

// ---- watch -----------------------------------------------------------------------------------

TEST_F(InformerTest, Watch_events_change_the_store_and_reach_handlers_in_order) {
  start_listed(10, {widget("a", "1", 4)});
  EXPECT_THAT(server.last().request.target, HasSubstr("resourceVersion=10"));
  EXPECT_THAT(server.last().request.target, HasSubstr("allowWatchBookmarks=true"));
  say(event("ADDED", widget("b", "2", 11)) + event("MODIFIED", widget("a", "1", 12, "blue")) +
      event("DELETED", widget("b", "2", 13)));
  EXPECT_THAT(told, ElementsAre("+b:2", "~a:blue", "-b:2"));
  EXPECT_EQ(informer->size(), 1u);
  EXPECT_EQ(informer->resource_version(), "13");
}

TEST_F(InformerTest, A_delete_tells_the_state_in_which_the_object_went) {
  start_listed(10, {widget("a", "1", 4)});
  std::string version;
  informer->on_event(
      [&](const Informer<Widget>::Event& e) { version = e.before->meta.resource_version; });
  say(event("DELETED", widget("a", "1", 13)));
  EXPECT_EQ(version, "13");
}

TEST_F(InformerTest, A_bookmark_moves_the_version_and_is_no_object) {
  start_listed(10, {});
  say(bookmark(99));
  EXPECT_THAT(told, IsEmpty());
  EXPECT_EQ(informer->resource_version(), "99");
  server.end(server.last().id);
  loop.run_for(seconds(2));
  EXPECT_THAT(server.last().request.target, HasSubstr("resourceVersion=99"));
}

TEST_F(InformerTest, A_clean_end_resumes_from_the_last_version_without_a_relist) {
  start_listed(10, {widget("a", "1", 4)});
  say(event("MODIFIED", widget("a", "1", 12, "blue")));
  server.end(server.last().id);
  loop.run_due();
  EXPECT_EQ(server.count("watch="), 2u);
  EXPECT_THAT(server.last().request.target, HasSubstr("resourceVersion=12"));
}

TEST_F(InformerTest, A_stream_that_is_cut_inside_a_line_resumes_and_the_event_comes_whole) {
  start_listed(10, {widget("a", "1", 4)});
  const std::string whole = event("MODIFIED", widget("a", "1", 12, "blue"));
  say(whole.substr(0, 30));
  loop.run_for(seconds(5));
  server.end(server.last().id, Status(Code::kUnknownOutcome, "connection reset"));
  loop.run_due();
  EXPECT_THAT(told, IsEmpty());
  EXPECT_THAT(server.last().request.target, HasSubstr("resourceVersion=10"));
  server.head(server.last().id, 200);
  say(whole);
  EXPECT_THAT(told, ElementsAre("~a:blue"));
}

TEST_F(InformerTest, A_silent_stream_is_cut_after_90_s_and_resumed) {
  start_listed(10, {});
  loop.run_for(seconds(60));
  say(bookmark(20));
  loop.run_for(seconds(89));
  EXPECT_EQ(server.count("watch="), 1u);
  loop.run_for(seconds(2));
  EXPECT_EQ(server.count("watch="), 2u);
  EXPECT_THAT(server.last().request.target, HasSubstr("resourceVersion=20"));
}

TEST_F(InformerTest, A_stream_that_outlives_the_servers_deadline_is_cut_though_it_speaks) {
  start_listed(10, {});
  for (int i = 0; i < 11; ++i) {  // eleven minutes; the server was asked for ten at most
    loop.run_for(minutes(1));
    say(bookmark(20 + i));
  }
  EXPECT_GE(server.count("watch="), 2u);
}

TEST_F(InformerTest, A_doubled_older_event_neither_goes_back_in_time_nor_resurrects) {
  start_listed(10, {widget("a", "1", 4)});
  const std::string blue = event("MODIFIED", widget("a", "1", 12, "blue"));
  say(blue + event("MODIFIED", widget("a", "1", 13, "green")) + blue);
  EXPECT_EQ(informer->get("ns/a")->color, "green");
  say(event("DELETED", widget("a", "1", 14)) + blue);
  EXPECT_EQ(informer->get("ns/a"), nullptr);
  EXPECT_THAT(told, ElementsAre("~a:blue", "~a:green", "-a:1"));
}

// A store restored from a copy: what was at 1000 is at 500 again.
TEST_F(InformerTest, An_event_from_before_the_watch_began_shows_that_the_server_went_back) {
  start_listed(1000, {widget("a", "1", 900), widget("b", "2", 950, "new")});
  server.on("GET /apis/example.com/v1/widgets",
            reply(200, widget_list(501, {widget("a", "1", 4)})));
  server.on("watch=", hold(200));
  say(event("ADDED", widget("c", "3", 501)));
  EXPECT_THAT(told, IsEmpty());  // kept until the new list is whole
  loop.run_for(seconds(2));
  EXPECT_THAT(told, ElementsAre("-b:2?", "~a:red"));
  EXPECT_THAT(server.last().request.target, HasSubstr("resourceVersion=501"));
  say(event("ADDED", widget("d", "4", 502)));
  EXPECT_EQ(told.back(), "+d:4");
  EXPECT_EQ(went_back, 1);
}

TEST_F(InformerTest, So_does_a_bookmark_from_before_the_watch_began) {
  start_listed(1000, {widget("a", "1", 900)});
  server.on("GET /apis/example.com/v1/widgets", reply(200, widget_list(501, {})));
  server.on("watch=", hold(200));
  say(bookmark(500));
  loop.run_for(seconds(2));
  EXPECT_THAT(told, ElementsAre("-a:1?"));
}

TEST_F(InformerTest, A_server_that_went_back_and_says_nothing_is_listed_again_all_the_same) {
  start_listed(1000, {widget("a", "1", 900)});
  server.always("/widgets", [](const http::Request& request) {
    if (request.target.find("watch=") != std::string::npos) return hold(200);
    if (request.target.find("resourceVersion=1000") == std::string::npos)
      return reply(200, widget_list(501, {}));
    return refuse(504, "Timeout", "Too large resource version: 1000");
  });
  loop.run_for(minutes(4));
  EXPECT_THAT(told, IsEmpty());
  loop.run_for(minutes(2));
  EXPECT_THAT(told, ElementsAre("-a:1?"));
  EXPECT_THAT(server.last().request.target, HasSubstr("resourceVersion=501"));
  EXPECT_EQ(went_back, 1);
}

TEST_F(InformerTest, Versions_beyond_64_bits_are_compared_all_the_same) {
  start_listed(10, {widget("a", "1", 4)});
  nlohmann::json big = widget("a", "1", 0, "big");
  big["metadata"]["resourceVersion"] = "340282366920938463463374607431768211455";
  nlohmann::json bigger_than_64 = widget("a", "1", 0, "smaller");
  bigger_than_64["metadata"]["resourceVersion"] = "18446744073709551616";
  say(event("MODIFIED", big) + event("MODIFIED", bigger_than_64));
  EXPECT_EQ(informer->get("ns/a")->color, "big");
}

TEST_F(InformerTest, A_change_that_cannot_be_read_leaves_the_state_before_and_a_delete_is_told) {
  start_listed(10, {widget("a", "1", 4), widget("b", "2", 5)});
  say(event("MODIFIED", widget("a", "1", 12, "unreadable")));
  EXPECT_THAT(told, IsEmpty());
  EXPECT_EQ(informer->get("ns/a")->color, "red");
  say(event("DELETED", widget("a", "1", 13, "unreadable")) +
      event("DELETED", widget("b", "2", 9, "unreadable")));  // older than where the stream stands
  EXPECT_THAT(told, ElementsAre("-a:1?"));
  EXPECT_EQ(informer->skipped(), 3u);
}

// ---- uid -------------------------------------------------------------------------------------

TEST_F(InformerTest, An_update_that_shows_another_uid_is_told_as_delete_and_add) {
  start_listed(10, {widget("a", "1", 4)});
  say(event("MODIFIED", widget("a", "2", 12)));
  EXPECT_THAT(told, ElementsAre("-a:1?", "+a:2"));
}

TEST_F(InformerTest, A_delete_and_an_add_under_one_name_are_told_as_they_are) {
  start_listed(10, {widget("a", "1", 4)});
  say(event("DELETED", widget("a", "1", 11)) + event("ADDED", widget("a", "2", 12)));
  EXPECT_THAT(told, ElementsAre("-a:1", "+a:2"));
}

// ---- 410 and relist --------------------------------------------------------------------------

TEST_F(InformerTest, A_410_inside_a_200_stream_leads_to_a_relist) {
  start_listed(10, {widget("a", "1", 4), widget("b", "2", 5), widget("c", "3", 6)});
  say(event("MODIFIED", widget("a", "1", 12, "blue")));
  told.clear();
  say(error_event(410, "Expired", "too old resource version: 12 (20)"));
  EXPECT_EQ(informer->size(), 3u) << "the cache must not be blanked while the relist is under way";
  server.on("/widgets", reply(200, widget_list(30, {widget("a", "1", 12, "blue"),
                                                    widget("b", "9", 22), widget("d", "4", 25)})));
  server.on("watch=", hold(200));
  loop.run_for(seconds(2));
  // a is unchanged, b was made anew, c has gone unseen, d is new.
  EXPECT_THAT(told, ElementsAre("-b:2?", "-c:3?", "+b:9", "+d:4"));
  EXPECT_NE(server.find("resourceVersion=12"), nullptr);
  EXPECT_EQ(synced, 1);
  EXPECT_THAT(server.last().request.target, HasSubstr("resourceVersion=30"));
}

TEST_F(InformerTest, A_410_as_HTTP_status_of_a_watch_leads_to_a_relist) {
  start_listed(10, {widget("a", "1", 4)});
  server.on("watch=", refuse(410, "Expired", "too old resource version"));
  server.end(server.last().id, Status(Code::kUnknownOutcome, "cut"));
  server.on("/widgets", reply(200, widget_list(30, {})));
  loop.run_for(seconds(5));
  EXPECT_THAT(told, ElementsAre("-a:1?"));
}

TEST_F(InformerTest, A_relist_that_is_gone_itself_is_asked_again_at_once_without_a_version) {
  start_listed(10, {widget("a", "1", 4)});
  say(error_event(410, "Gone", "too old"));
  server.on("/widgets", refuse(410, "Expired", "The provided continue parameter is too old"));
  server.on("/widgets", reply(200, widget_list(30, {widget("a", "1", 29, "blue")})));
  loop.run_for(seconds(2));
  EXPECT_THAT(told, ElementsAre("~a:blue"));
  const auto& lists = server.log();
  EXPECT_THAT(lists.at(2).request.target, HasSubstr("resourceVersion=10"));
  EXPECT_THAT(lists.at(3).request.target, ::testing::Not(HasSubstr("resourceVersion=")));
}

TEST_F(InformerTest, A_version_too_large_for_the_server_is_given_up_at_once) {
  start_listed(10, {widget("a", "1", 4)});
  say(error_event(410, "Gone", "too old"));
  server.on("/widgets",
            reply(504, R"({"kind":"Status","apiVersion":"v1","status":"Failure","code":504,
              "reason":"Timeout","message":"Timeout: Too large resource version: 10, current: 3",
              "details":{"causes":[{"reason":"ResourceVersionTooLarge",
              "message":"Too large resource version"}],"retryAfterSeconds":1}})"));
  server.on("/widgets", reply(200, widget_list(3, {widget("a", "1", 2, "old")})));
  loop.run_for(seconds(2));
  EXPECT_EQ(informer->get("ns/a")->color, "old");  // the server was restored; it is right
}

TEST_F(InformerTest, What_cannot_be_read_in_a_relist_keeps_its_cached_state_and_is_not_a_delete) {
  start_listed(10, {widget("a", "1", 4), widget("b", "2", 5)});
  server.on("/widgets", reply(200, widget_list(30, {widget("a", "1", 21, "unreadable"),
                                                    widget("c", "3", 22, "unreadable")})));
  server.on("watch=", hold(200));
  say(error_event(410, "Gone", "too old"));
  loop.run_for(seconds(2));
  EXPECT_THAT(told, ElementsAre("-b:2?"));  // which is truly gone
  ASSERT_NE(informer->get("ns/a"), nullptr);
  EXPECT_EQ(informer->get("ns/a")->meta.resource_version, "4");
  EXPECT_EQ(informer->get("ns/c"), nullptr);
  EXPECT_EQ(informer->skipped(), 2u);
  server.data(server.last().id, event("MODIFIED", widget("a", "1", 33, "blue")));
  loop.run_due();
  EXPECT_EQ(told.back(), "~a:blue");
}

// Both ways in which a server may say that it has not come to our version: in its answer to a list,
// and as an ERROR event of a stream.
std::string too_large_event() {
  return event("ERROR", nlohmann::json::parse(
                            R"({"kind":"Status","apiVersion":"v1","status":"Failure","code":504,
      "reason":"Timeout","message":"Timeout: Too large resource version: 10, current: 3",
      "details":{"causes":[{"reason":"ResourceVersionTooLarge",
      "message":"Too large resource version"}],"retryAfterSeconds":1}})"));
}

TEST_F(InformerTest, A_watch_told_that_its_version_is_too_large_relists_down_to_what_there_is) {
  start_listed(10, {widget("a", "1", 4)});
  server.on("/widgets", refuse(504, "Timeout", "Too large resource version: 10, current: 3"));
  server.on("/widgets", reply(200, widget_list(3, {widget("a", "1", 2, "old")})));
  server.on("watch=", hold(200));
  say(too_large_event());
  loop.run_for(seconds(2));
  EXPECT_EQ(informer->get("ns/a")->color, "old");
  EXPECT_THAT(server.last().request.target, HasSubstr("resourceVersion=3"));
}

TEST_F(InformerTest, A_WatchList_told_so_asks_at_once_without_a_version) {
  make({});
  server.on("sendInitialEvents=true",
            hold(200, {event("ADDED", widget("a", "1", 4)), bookmark(10, true)}));
  informer->start();
  loop.run_due();
  server.on("resourceVersion=10", hold(200, {too_large_event()}));
  server.on("sendInitialEvents=true",
            hold(200, {event("ADDED", widget("a", "1", 2, "old")), bookmark(3, true)}));
  say(error_event(410, "Gone", "too old"));
  loop.run_for(seconds(2));
  EXPECT_EQ(server.log().size(), 3u);
  EXPECT_EQ(informer->get("ns/a")->color, "old");
  EXPECT_EQ(informer->resource_version(), "3");
}

TEST_F(InformerTest, A_refused_watch_backs_off_without_a_relist) {
  start_listed(10, {});
  for (int i = 0; i < 3; ++i) server.on("watch=", fail(Status(Code::kUnavailable, "refused")));
  server.on("watch=", hold(200));
  server.end(server.last().id, Status(Code::kUnknownOutcome, "cut"));
  loop.run_for(seconds(60));
  EXPECT_EQ(server.unused(), 0u);
  EXPECT_EQ(server.count("watch="), 5u);
  EXPECT_EQ(server.log().size(), 6u);
}

TEST_F(InformerTest, An_outage_costs_less_than_a_quarter_request_a_second) {
  start_listed(10, {});
  server.always("watch=", fail(Status(Code::kUnavailable, "refused")));
  server.end(server.last().id, Status(Code::kUnknownOutcome, "cut"));
  const std::size_t before = server.log().size();
  loop.run_for(minutes(30));
  EXPECT_LT(server.log().size() - before, 30u * 60u * 22u / 100u);
}

// ---- WatchList -------------------------------------------------------------------------------

TEST_F(InformerTest, WatchList_fills_the_store_at_its_bookmark_and_goes_on_as_a_watch) {
  make({});
  server.on("sendInitialEvents=true",
            hold(200, {event("ADDED", widget("b", "2", 7)), event("ADDED", widget("a", "1", 4))}));
  informer->start();
  loop.run_due();
  EXPECT_THAT(server.last().request.target, HasSubstr("resourceVersionMatch=NotOlderThan"));
  EXPECT_EQ(informer->size(), 0u);
  say(bookmark(10, true));
  EXPECT_THAT(told, ElementsAre("+b:2", "+a:1"));
  EXPECT_EQ(synced, 1);
  say(event("MODIFIED", widget("a", "1", 12, "blue")));
  EXPECT_EQ(informer->get("ns/a")->color, "blue");
  EXPECT_EQ(server.log().size(), 1u);
}

TEST_F(InformerTest, A_bookmark_that_does_not_say_so_is_not_the_end_of_the_initial_events) {
  make({});
  server.on("sendInitialEvents=true",
            hold(200, {event("ADDED", widget("a", "1", 4)), bookmark(9)}));
  informer->start();
  loop.run_due();
  EXPECT_FALSE(informer->synced());
  EXPECT_EQ(informer->resource_version(), "");
  say(event("ADDED", widget("b", "2", 5)) + bookmark(10, true));
  EXPECT_THAT(told, ElementsAre("+a:1", "+b:2"));
}

TEST_F(InformerTest, An_initial_event_that_cannot_be_read_keeps_what_is_cached) {
  make({});
  server.on("sendInitialEvents=true",
            hold(200, {event("ADDED", widget("a", "1", 4)), event("ADDED", widget("b", "2", 5)),
                       bookmark(10, true)}));
  informer->start();
  loop.run_due();
  told.clear();
  server.on("sendInitialEvents=true",
            hold(200, {event("ADDED", widget("a", "1", 12, "unreadable")),
                       event("ADDED", widget("b", "2", 13, "unreadable")),
                       event("DELETED", widget("b", "2", 14, "unreadable")), bookmark(20, true)}));
  say(error_event(410, "Gone", "too old"));
  loop.run_for(seconds(2));
  EXPECT_THAT(told, ElementsAre("-b:2?"));
  ASSERT_NE(informer->get("ns/a"), nullptr);
  EXPECT_EQ(informer->get("ns/a")->color, "red");
}

TEST_F(InformerTest, Versions_of_initial_events_are_no_place_to_resume_from) {
  make({});
  server.on("sendInitialEvents=true", hold(200, {event("ADDED", widget("b", "2", 700))}));
  informer->start();
  loop.run_for(seconds(1));
  EXPECT_EQ(informer->resource_version(), "");
  server.end(server.last().id, Status(Code::kUnknownOutcome, "cut"));
  loop.run_for(seconds(5));
  EXPECT_EQ(server.count("sendInitialEvents=true"), 2u);
  EXPECT_EQ(server.count("resourceVersion="), 0u);
}

TEST_F(InformerTest, Changes_among_the_initial_events_are_taken_in) {
  make({});
  server.on("sendInitialEvents=true",
            hold(200, {event("ADDED", widget("a", "1", 4)), event("ADDED", widget("b", "2", 5)),
                       event("DELETED", widget("a", "1", 8)),
                       event("MODIFIED", widget("b", "2", 9, "blue")), bookmark(10, true)}));
  informer->start();
  loop.run_due();
  EXPECT_EQ(informer->get("ns/a"), nullptr);
  EXPECT_EQ(informer->get("ns/b")->color, "blue");
}

TEST_F(InformerTest, A_server_without_WatchList_is_listed) {
  make({});
  server.on("sendInitialEvents=true",
            refuse(422, "Invalid", "sendInitialEvents is forbidden for watch"));
  server.on("/widgets", reply(200, widget_list(10, {widget("a", "1", 4)})));
  informer->start();
  loop.run_due();
  EXPECT_TRUE(informer->synced());
}

// ---- stop ------------------------------------------------------------------------------------

TEST_F(InformerTest, A_handler_may_stop_the_informer_in_the_middle_of_a_chunk) {
  start_listed(10, {widget("a", "1", 4)});
  informer->on_event([&](const Informer<Widget>::Event&) { informer->stop(); });
  say(event("MODIFIED", widget("a", "1", 12, "blue")) +
      event("MODIFIED", widget("a", "1", 13, "green")));
  EXPECT_THAT(told, ElementsAre("~a:blue"));
  EXPECT_TRUE(server.last().cancelled);
}

TEST_F(InformerTest, A_stopped_informer_leaves_no_timer_and_goes_on_where_it_was) {
  start_listed(10, {widget("a", "1", 4)});
  say(event("MODIFIED", widget("a", "1", 12, "blue")));
  informer->stop();
  EXPECT_EQ(loop.pending(), 0u);
  informer->start();
  loop.run_due();
  EXPECT_THAT(server.last().request.target, HasSubstr("resourceVersion=12"));
}

TEST_F(InformerTest, A_destroyed_informer_hears_nothing_more) {
  start_listed(10, {widget("a", "1", 4)});
  server.data(server.last().id, event("MODIFIED", widget("a", "1", 12, "blue")));
  informer.reset();
  loop.run_for(minutes(20));
  EXPECT_THAT(told, IsEmpty());
}

}  // namespace
}  // namespace k8s
