#include "libk8s/transport/client.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "libk8s/request/request.hpp"
#include "tests/support/scripted_transport.hpp"
#include "tests/support/sim_loop.hpp"

namespace k8s {
namespace {

using namespace std::chrono_literals;
using testing::ScriptedTransport;
using testing::SimLoop;

testing::Answer slow_down(int status, const char* seconds) {
  auto answer = testing::refuse(status, "TooManyRequests", "slow down");
  if (seconds != nullptr) answer.headers.add("Retry-After", seconds);
  return answer;
}

class ClientTest : public ::testing::Test {
 protected:
  // The outcome of one GET, once the loop has nothing left to do.
  Result<nlohmann::json> get(Client& client) {
    std::optional<Result<nlohmann::json>> result;
    client.call(request::get(resources::pods(), "ns", "a"),
                [&](Result<nlohmann::json> answer) { result = std::move(answer); });
    EXPECT_FALSE(result.has_value()) << "called from inside call";
    loop_.run_until([&] { return result.has_value(); }, 3h);
    EXPECT_TRUE(result.has_value());
    return result ? std::move(*result) : Status(Code::kInternal, "no answer");
  }

  SimLoop loop_;
  ScriptedTransport transport_{loop_};
};

TEST_F(ClientTest, A_whole_answer_is_its_JSON) {
  Client client(loop_, transport_);
  transport_.on("GET /api/v1/namespaces/ns/pods/a", testing::reply(200, R"({"kind":"Pod"})"));
  const auto answer = get(client);
  ASSERT_TRUE(answer.is_ok());
  EXPECT_EQ((*answer)["kind"], "Pod");
  EXPECT_EQ(client.pending(), 0U);
}

TEST_F(ClientTest, A_429_with_Retry_After_is_sent_again_after_that_time) {
  Client client(loop_, transport_);
  transport_.on("GET", slow_down(429, "7"));
  transport_.on("GET", testing::reply(200, "{}"));
  const TimePoint before = loop_.now();
  EXPECT_TRUE(get(client).is_ok());
  EXPECT_GE(loop_.now() - before, 7s);
  EXPECT_EQ(client.exchanges(), 2U);
}

TEST_F(ClientTest, Without_Retry_After_nothing_is_sent_again) {
  Client client(loop_, transport_);
  transport_.always("GET", slow_down(429, nullptr));
  EXPECT_EQ(get(client).status().code(), Code::kTooManyRequests);
  transport_.always("GET", testing::refuse(500, "InternalError", "broken"));
  EXPECT_EQ(get(client).status().code(), Code::kInternal);
  EXPECT_EQ(client.exchanges(), 2U);
}

TEST_F(ClientTest, A_409_is_never_sent_again_even_with_Retry_After) {
  Client client(loop_, transport_);
  transport_.always("GET", slow_down(409, "1"));
  EXPECT_EQ(get(client).status().code(), Code::kConflict);
  EXPECT_EQ(client.exchanges(), 1U);
}

TEST_F(ClientTest, After_ten_retries_the_answer_stands) {
  Client client(loop_, transport_);
  transport_.always("GET", slow_down(503, "1"));
  EXPECT_EQ(get(client).status().code(), Code::kUnavailable);
  EXPECT_EQ(client.exchanges(), 11U);
}

TEST_F(ClientTest, An_unknown_outcome_is_not_sent_again) {
  Client client(loop_, transport_);
  transport_.always("GET", testing::fail(Status(Code::kUnknownOutcome, "cut")));
  EXPECT_EQ(get(client).status().code(), Code::kUnknownOutcome);
  transport_.always("GET", testing::fail(Status(Code::kUnavailable, "refused")));
  EXPECT_EQ(get(client).status().code(), Code::kUnavailable);
  EXPECT_EQ(client.exchanges(), 2U);
}

TEST_F(ClientTest, The_limiter_counts_every_try) {
  // Two at once, then one a second: the fifth starts after three seconds.
  Client client(loop_, transport_, {.per_second = 1, .burst = 2});
  transport_.always("GET", testing::reply(200, "{}"));
  int done = 0;
  const TimePoint before = loop_.now();
  for (int i = 0; i < 5; ++i)
    client.call(request::get(resources::pods(), "ns", "a"), [&](auto) { ++done; });
  EXPECT_EQ(client.exchanges(), 2U);
  loop_.run_until([&] { return done == 5; });
  EXPECT_EQ(loop_.now() - before, 3s);
}

TEST_F(ClientTest, A_cancelled_call_is_not_called_back) {
  Client client(loop_, transport_);
  transport_.always("GET", testing::reply(200, "{}"));
  bool called = false;
  const auto id =
      client.call(request::get(resources::pods(), "ns", "a"), [&](auto) { called = true; });
  client.cancel(id);
  client.cancel(id);
  loop_.run_for(1min);
  EXPECT_FALSE(called);
  EXPECT_EQ(client.pending(), 0U);
}

TEST_F(ClientTest, Nothing_is_called_after_the_client_is_gone) {
  auto client = std::make_unique<Client>(loop_, transport_);
  transport_.on("GET", slow_down(429, "5"));
  transport_.always("GET", testing::reply(200, "{}"));
  bool called = false;
  client->call(request::get(resources::pods(), "ns", "a"), [&](auto) { called = true; });
  loop_.run_for(1s);
  client.reset();
  loop_.run_for(1min);
  EXPECT_FALSE(called);
}

TEST_F(ClientTest, A_callback_may_destroy_the_client) {
  auto client = std::make_unique<Client>(loop_, transport_);
  transport_.always("GET", testing::reply(200, "{}"));
  client->call(request::get(resources::pods(), "ns", "a"), [&](auto) { client.reset(); });
  loop_.run_for(1s);
  EXPECT_EQ(client, nullptr);
}

}  // namespace
}  // namespace k8s
