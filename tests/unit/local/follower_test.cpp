#include "operator/local/follower.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "libk8s/transport/client.hpp"
#include "operator/local/applier.hpp"
#include "operator/local/stale_nodes.hpp"
#include "tests/support/scripted_transport.hpp"
#include "tests/support/sim_loop.hpp"

namespace fermi {
namespace {

using k8s::testing::hold;
using k8s::testing::refuse;
using k8s::testing::reply;
using k8s::testing::ScriptedTransport;
using k8s::testing::SimLoop;
using nlohmann::json;

std::string event(const std::string& type, json status, const std::string& version) {
  const json object = {
      {"apiVersion", "fermi-cluster.com/v1alpha1"},
      {"kind", "TrainingJob"},
      {"metadata",
       {{"name", "job"}, {"namespace", "ns"}, {"uid", "u1"}, {"resourceVersion", version}}},
      {"status", std::move(status)}};
  return json{{"type", type}, {"object", object}}.dump() + "\n";
}

std::string initial_events_end() {
  return R"({"type":"BOOKMARK","object":{"apiVersion":"fermi-cluster.com/v1alpha1","kind":"TrainingJob","metadata":{"resourceVersion":"5","annotations":{"k8s.io/initial-events-end":"true"}}}})"
         "\n";
}

class Following : public ::testing::Test {
 protected:
  Following()
      : follower_(
            loop_, server_, {"ns/job"}, [this](const std::string& line) { lines_ += line + "\n"; },
            [this](Follower::Outcome outcome) { outcome_ = outcome; }) {
    server_.always("watch=", hold(200, {event("ADDED",
                                              {{"phase", "Pending"},
                                               {"queue", "default"},
                                               {"queuePosition", 2},
                                               {"tasksAhead", 7},
                                               {"message", "needs 8 GPUs: 3 free"}},
                                              "4"),
                                        initial_events_end()}));
    follower_.start();
    loop_.run_for(std::chrono::seconds(1));
  }
  void change(json status, const std::string& version) {
    server_.data(server_.find("watch=")->id, event("MODIFIED", std::move(status), version));
    loop_.run_for(std::chrono::seconds(1));
  }
  bool says(const std::string& text) const { return lines_.find(text) != std::string::npos; }

  SimLoop loop_;
  ScriptedTransport server_{loop_};
  std::string lines_;
  std::optional<Follower::Outcome> outcome_;
  Follower follower_;
};

json running() {
  return {{"phase", "Running"},
          {"placement", {{"zones", {{{"zone", "a"}, {"nodes", 2}}}}, {"nodes", {"a-0", "a-1"}}}},
          {"costPerHour", "404.00"},
          {"currency", "CNY"}};
}

TEST_F(Following, A_waiting_job_shows_its_place_and_why_it_waits) {
  EXPECT_TRUE(says("waits in queue default: position 2, 7 ahead; needs 8 GPUs: 3 free")) << lines_;
}

TEST_F(Following, A_started_job_shows_where_it_went_and_the_logs_of_every_rank_with_progress) {
  server_.always("/log?follow=true", reply(200, "epoch 5/20 loss 0.1\nno line end"));
  change(running(), "6");
  EXPECT_TRUE(says("placed: a 2 nodes (a-0, a-1), 404.00 CNY per hour")) << lines_;
  EXPECT_TRUE(says("rank 1 on a-1 | [#####...............] 25 %  epoch 5/20 loss 0.1")) << lines_;
  EXPECT_TRUE(says("rank 0 on a-0 | no line end")) << lines_;
  EXPECT_FALSE(outcome_);
  change({{"phase", "Completed"}}, "7");
  ASSERT_TRUE(outcome_);
  EXPECT_TRUE(outcome_->all_completed);
}

TEST_F(Following, A_failed_job_ends_with_its_exit_code) {
  server_.always("/log?follow=true", reply(200, ""));
  change(running(), "6");
  change({{"phase", "Failed"}, {"exitCode", 3}, {"message", "rank 1 exited with 3"}}, "7");
  ASSERT_TRUE(outcome_);
  EXPECT_FALSE(outcome_->all_completed);
  EXPECT_EQ(outcome_->exit_code, 3);
  EXPECT_TRUE(says("Failed: rank 1 exited with 3")) << lines_;
}

TEST_F(Following, Logs_that_never_come_do_not_hold_up_the_end) {
  server_.always("/log?follow=true", refuse(400, "BadRequest", "is waiting to start"));
  change(running(), "6");
  change({{"phase", "Completed"}}, "7");
  EXPECT_FALSE(outcome_);
  loop_.run_for(std::chrono::minutes(1));
  EXPECT_TRUE(outcome_);
}

TEST(FollowingTwo, The_logs_of_a_running_job_go_on_long_after_another_job_has_ended) {
  SimLoop loop;
  ScriptedTransport server(loop);
  std::string lines;
  Follower follower(
      loop, server, {"ns/job", "ns/other"}, [&](const std::string& line) { lines += line + "\n"; },
      [](auto) {});
  server.always("watch=", hold(200, {event("ADDED", running(), "4"), initial_events_end()}));
  server.always("/log?follow=true", hold(200, {"first\n"}));
  follower.start();
  loop.run_for(std::chrono::seconds(1));
  std::string other = event("ADDED", {{"phase", "Completed"}}, "6");
  other.replace(other.find("\"job\""), 5, "\"other\"");
  server.data(server.find("watch=")->id, other);
  loop.run_for(std::chrono::minutes(5));
  server.data(server.find("-0/log")->id, "much later\n");
  loop.run_for(std::chrono::seconds(1));
  EXPECT_NE(lines.find("much later"), std::string::npos) << lines;
}

TEST_F(Following, Text_from_outside_cannot_steer_the_terminal) {
  server_.always("/log?follow=true", reply(200, "\x1b[2Jgone\r\n"));
  change(running(), "6");
  EXPECT_EQ(lines_.find('\x1b'), std::string::npos);
  EXPECT_TRUE(says("[2Jgone"));
}

TEST_F(Following, A_job_that_is_deleted_ends_the_following) {
  server_.data(server_.find("watch=")->id, event("DELETED", {{"phase", "Pending"}}, "8"));
  loop_.run_for(std::chrono::seconds(1));
  ASSERT_TRUE(outcome_);
  EXPECT_FALSE(outcome_->all_completed);
}

class Applying : public ::testing::Test {
 protected:
  void apply(bool anew) {
    applier_.apply(
        {json::parse(R"({"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"w"}})")},
        anew, [this](auto result) { result_ = std::move(result); });
    loop_.run_until([this] { return result_.has_value(); });
  }
  static k8s::testing::Answer widgets() {
    return reply(
        200,
        R"({"kind":"APIResourceList","resources":[{"name":"widgets/status","kind":"Widget"},{"name":"widgets","kind":"Widget","namespaced":true}]})");
  }

  SimLoop loop_;
  ScriptedTransport server_{loop_};
  Applier applier_{loop_, server_};
  std::optional<k8s::Result<std::vector<json>>> result_;
};

TEST_F(Applying, A_kind_whose_definition_was_applied_a_moment_ago_is_waited_for) {
  server_.on("GET /apis/example.com/v1", refuse(404, "NotFound", "not yet"));
  server_.on("GET /apis/example.com/v1", widgets());
  server_.on("PATCH /apis/example.com/v1/namespaces/default/widgets/w",
             reply(201, R"({"kind":"Widget"})"));
  apply(false);
  ASSERT_TRUE(*result_) << result_->status().message();
  EXPECT_EQ((*result_)->size(), 1U);
  EXPECT_EQ(server_.last().request.headers.get("Content-Type"), "application/apply-patch+yaml");
}

TEST_F(Applying, A_kind_that_nobody_defines_is_said_within_seconds) {
  server_.always("GET /apis/example.com/v1", refuse(404, "NotFound", "no such group"));
  const auto begin = loop_.now();
  apply(false);
  ASSERT_FALSE(*result_);
  EXPECT_EQ(result_->status().message(),
            "Widget w: the server knows no kind Widget in example.com/v1");
  EXPECT_LE(loop_.now() - begin, std::chrono::seconds(6));
}

TEST_F(Applying, Applying_anew_deletes_what_is_there_and_waits_until_it_is_gone) {
  server_.always("GET /apis/example.com/v1", widgets());
  server_.on("DELETE", reply(200, "{}"));
  server_.on("DELETE", refuse(404, "NotFound", "gone"));
  server_.on("PATCH", reply(201, "{}"));
  apply(true);
  ASSERT_TRUE(*result_) << result_->status().message();
  EXPECT_EQ(server_.count("DELETE"), 2U);
}

TEST_F(Applying, An_object_that_is_refused_is_named_with_the_servers_words) {
  server_.always("GET /apis/example.com/v1", widgets());
  server_.on("PATCH", refuse(422, "Invalid", "spec.size: must be at least 1"));
  apply(false);
  ASSERT_FALSE(*result_);
  EXPECT_EQ(result_->status().message(), "Widget w: spec.size: must be at least 1");
}

TEST(StaleNodes, Only_nodes_that_this_machine_does_not_play_any_more_are_deleted) {
  SimLoop loop;
  ScriptedTransport server(loop);
  k8s::Client client(loop, server);
  server.on("GET /api/v1/nodes",
            reply(200, R"({"items":[{"metadata":{"name":"a-0"}},{"metadata":{"name":"a-1"}}]})"));
  server.on("DELETE /api/v1/nodes/a-1", reply(200, "{}"));
  std::optional<k8s::Status> end;
  remove_stale_nodes(client, {"a-0", "b-0"}, [&](k8s::Status status) { end = status; });
  loop.run_until([&] { return end.has_value(); });
  ASSERT_TRUE(end);
  EXPECT_TRUE(end->is_ok()) << end->message();
  EXPECT_EQ(server.count("DELETE"), 1U);
}

}  // namespace
}  // namespace fermi
