#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "libk8s/transport/curl_transport.hpp"
#include "tests/unit/transport/tls_server.hpp"

namespace k8s {
namespace {

using namespace std::chrono_literals;
using testing::plain_answer;
using testing::SeenRequest;
using testing::ServerConnection;
using testing::TestAuthority;
using testing::TlsServer;

// What an exchange told its handler.
struct Told {
  int status = 0;
  std::string body;
  std::optional<Status> end;
};

class TransportTest : public ::testing::Test {
 protected:
  void serve(TlsServer::Behaviour behaviour) {
    server_ = std::make_unique<TlsServer>(authority_.issue("server", "IP:127.0.0.1"),
                                          std::move(behaviour));
    config_.server = server_->url();
    config_.ca.data = authority_.cert();
    reconnect();
  }
  void reconnect(const CredentialOptions& options = {}) {
    transport_.reset();
    auto made = connect(loop_, config_, options);
    ASSERT_TRUE(made.is_ok()) << made.status().to_string();
    transport_ = std::move(*made);
  }
  http::Handler record(const std::shared_ptr<Told>& told) {
    http::Handler handler;
    handler.on_head = [told](int status, const http::Headers&) { told->status = status; };
    handler.on_data = [told](std::string_view bytes) { told->body += bytes; };
    handler.on_end = [told](const Status& status) {
      EXPECT_FALSE(told->end.has_value()) << "ended twice";
      told->end = status;
    };
    return handler;
  }
  std::shared_ptr<Told> start(http::Request request) {
    auto told = std::make_shared<Told>();
    transport_->start(std::move(request), record(told));
    EXPECT_FALSE(told->end.has_value()) << "called from inside start";
    return told;
  }
  Told finish(const std::shared_ptr<Told>& told) {
    EXPECT_TRUE(loop_.run_until([&] { return told->end.has_value(); }, 20s)) << "no end";
    return *told;
  }
  Told exchange(http::Request request) { return finish(start(std::move(request))); }

  static http::Request get(const std::string& target = "/x") {
    http::Request request;
    request.method = "GET";
    request.target = target;
    return request;
  }
  static http::Request post(const std::string& body) {
    http::Request request = get();
    request.method = "POST";
    request.body = body;
    return request;
  }

  TestAuthority authority_;
  CurlLoop loop_;
  ClusterConfig config_;
  std::unique_ptr<TlsServer> server_;
  std::unique_ptr<http::Transport> transport_;
};

TEST_F(TransportTest, A_request_and_its_answer_go_over_as_they_are) {
  config_.token = "secret";
  serve([](const SeenRequest& request, ServerConnection& connection) {
    connection.send(plain_answer(201, "got " + request.body, "X-Name: v\r\n"));
    return true;
  });
  http::Request request = post("hello");
  request.method = "PATCH";
  request.target = "/a%2Fb/../c?x=1";
  const Told told = exchange(request);
  EXPECT_TRUE(told.end->is_ok()) << told.end->to_string();
  EXPECT_EQ(told.status, 201);
  EXPECT_EQ(told.body, "got hello");
  const auto seen = server_->seen().at(0);
  EXPECT_EQ(seen.method, "PATCH");
  EXPECT_EQ(seen.target, "/a%2Fb/../c?x=1");
  EXPECT_EQ(seen.authorization, "Bearer secret");
}

TEST_F(TransportTest, A_line_end_in_a_token_cannot_begin_another_header) {
  config_.token = "secret\r\nHost: elsewhere";
  serve([](const SeenRequest&, ServerConnection& connection) {
    connection.send(plain_answer(200, "{}"));
    return true;
  });
  EXPECT_TRUE(exchange(get()).end->is_ok());
  EXPECT_EQ(server_->seen().at(0).authorization, "Bearer secretHost: elsewhere");
  EXPECT_EQ(server_->seen().at(0).host, "127.0.0.1:" + std::to_string(server_->port()));
}

TEST_F(TransportTest, A_connection_is_kept_for_the_next_request) {
  serve([](const SeenRequest&, ServerConnection& connection) {
    connection.send(plain_answer(200, "{}"));
    return true;
  });
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(exchange(get()).end->is_ok());
  EXPECT_EQ(server_->seen().at(2).connection, 1);
}

TEST_F(TransportTest, An_answer_cut_in_its_body_has_an_unknown_outcome) {
  serve([](const SeenRequest&, ServerConnection& connection) {
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    return false;
  });
  const Told told = exchange(post("x"));
  EXPECT_EQ(told.end->code(), Code::kUnknownOutcome) << told.end->to_string();
  EXPECT_EQ(told.body, "half");
}

TEST_F(TransportTest, A_chunked_stream_cut_in_the_middle_is_no_clean_end) {
  serve([](const SeenRequest&, ServerConnection& connection) {
    connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
    return false;
  });
  EXPECT_EQ(exchange(get()).end->code(), Code::kUnknownOutcome);
}

TEST_F(TransportTest, A_chunked_stream_that_ends_is_whole) {
  serve([](const SeenRequest&, ServerConnection& connection) {
    connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nall.\r\n0\r\n\r\n");
    return true;
  });
  const Told told = exchange(get());
  EXPECT_TRUE(told.end->is_ok()) << told.end->to_string();
  EXPECT_EQ(told.body, "all.");
}

TEST_F(TransportTest, A_port_where_nobody_listens_is_unavailable) {
  serve([](const SeenRequest&, ServerConnection&) { return false; });
  server_.reset();
  const Told told = exchange(post("x"));
  EXPECT_EQ(told.end->code(), Code::kUnavailable) << told.end->to_string();
}

TEST_F(TransportTest, A_server_of_another_authority_is_not_talked_to) {
  serve([](const SeenRequest&, ServerConnection&) { return false; });
  config_.ca.data = TestAuthority("other").cert();
  reconnect();
  EXPECT_EQ(exchange(post("x")).end->code(), Code::kUnavailable);
  EXPECT_TRUE(server_->seen().empty());
}

TEST_F(TransportTest, The_name_to_verify_may_differ_from_the_address) {
  serve([](const SeenRequest&, ServerConnection& connection) {
    connection.send(plain_answer(200, "{}"));
    return true;
  });
  config_.tls_server_name = "kubernetes.default";
  reconnect();
  EXPECT_EQ(exchange(get()).end->code(), Code::kUnavailable);
  const std::string host = "127.0.0.1:" + std::to_string(server_->port());
  server_ = std::make_unique<TlsServer>(authority_.issue("s", "DNS:kubernetes.default"),
                                        [](const SeenRequest&, ServerConnection& connection) {
                                          connection.send(plain_answer(200, "{}"));
                                          return true;
                                        });
  config_.server = server_->url();
  reconnect();
  const Told told = exchange(get());
  EXPECT_TRUE(told.end->is_ok()) << told.end->to_string();
  EXPECT_EQ(server_->seen().at(0).host, "127.0.0.1:" + std::to_string(server_->port()));
}

TEST_F(TransportTest, Silence_ends_a_stream_but_life_keeps_it) {
  serve([](const SeenRequest&, ServerConnection& connection) {
    connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
    connection.wait_for_close();
    return false;
  });
  http::Request request = get();
  request.timeout = 0ms;
  request.silence = 100ms;
  const Told told = exchange(request);
  EXPECT_EQ(told.end->code(), Code::kUnknownOutcome);
  EXPECT_NE(told.end->message().find("nothing was heard"), std::string::npos);
  EXPECT_EQ(told.body, "a");
}

TEST_F(TransportTest, The_whole_exchange_has_a_limit) {
  serve([](const SeenRequest&, ServerConnection& connection) {
    connection.wait_for_close();
    return false;
  });
  http::Request request = post("x");
  request.timeout = 100ms;
  EXPECT_EQ(exchange(request).end->code(), Code::kUnknownOutcome);
}

TEST_F(TransportTest, An_answer_above_the_body_limit_is_malformed) {
  serve([](const SeenRequest&, ServerConnection& connection) {
    connection.send(plain_answer(200, std::string(1000, 'x')));
    return true;
  });
  http::Request request = get();
  request.body_limit = 999;
  const Told told = exchange(request);
  EXPECT_EQ(told.end->code(), Code::kMalformed);
  EXPECT_LE(told.body.size(), 999U);
  request.body_limit = 1000;
  EXPECT_TRUE(exchange(request).end->is_ok());
}

TEST_F(TransportTest, Headers_without_end_are_stopped) {
  serve([](const SeenRequest&, ServerConnection& connection) {
    std::string headers;
    for (int i = 0; i < 400; ++i)
      headers += "X-" + std::to_string(i) + ": " + std::string(1000, 'h') + "\r\n";
    connection.send(plain_answer(200, "{}", headers));
    return true;
  });
  EXPECT_NE(exchange(get()).end->code(), Code::kOk);
}

TEST_F(TransportTest, What_is_not_HTTP_is_an_error) {
  serve([](const SeenRequest&, ServerConnection& connection) {
    connection.send("SSH-2.0-nothing to see\r\n");
    return false;
  });
  EXPECT_NE(exchange(get()).end->code(), Code::kOk);
}

TEST_F(TransportTest, A_write_on_a_kept_connection_that_dies_is_not_sent_twice) {
  serve([](const SeenRequest& request, ServerConnection& connection) {
    if (request.method == "POST") return false;  // taken, and not answered
    connection.send(plain_answer(200, "{}"));
    return true;
  });
  ASSERT_TRUE(exchange(get()).end->is_ok());
  const Told told = exchange(post("create"));
  EXPECT_EQ(told.end->code(), Code::kUnknownOutcome) << told.end->to_string();
  ASSERT_EQ(server_->seen().size(), 2U);
  EXPECT_EQ(server_->seen().at(1).connection, 1);
}

TEST_F(TransportTest, A_cancelled_exchange_says_nothing_more) {
  serve([](const SeenRequest&, ServerConnection& connection) {
    connection.send(plain_answer(200, "{}"));
    return true;
  });
  auto told = std::make_shared<Told>();
  const auto id = transport_->start(get(), record(told));
  transport_->cancel(id);
  transport_->cancel(id);
  EXPECT_TRUE(exchange(get()).end->is_ok());
  EXPECT_EQ(told->status, 0);
  EXPECT_FALSE(told->end.has_value());
}

TEST_F(TransportTest, A_stream_may_be_cancelled_from_its_own_data) {
  serve([](const SeenRequest&, ServerConnection& connection) {
    connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
    connection.send("1\r\nb\r\n");
    connection.wait_for_close();
    return false;
  });
  auto told = std::make_shared<Told>();
  auto handler = record(told);
  auto id = std::make_shared<http::ExchangeId>();
  handler.on_data = [&, id, told](std::string_view bytes) {
    told->body += bytes;
    transport_->cancel(*id);
    // Starting another one from here is allowed, too.
    transport_->start(get("/second"), record(std::make_shared<Told>()));
  };
  *id = transport_->start(get(), handler);
  EXPECT_TRUE(loop_.run_until([&] { return server_->seen().size() == 2; }, 20s));
  EXPECT_FALSE(told->end.has_value());
  EXPECT_EQ(told->body, "a");
}

TEST_F(TransportTest, The_last_word_of_an_exchange_may_destroy_the_transport) {
  serve([](const SeenRequest&, ServerConnection& connection) {
    connection.send(plain_answer(200, "{}"));
    return true;
  });
  bool ended = false;
  http::Handler handler;
  handler.on_end = [&](const Status&) {
    transport_.reset();
    ended = true;
  };
  transport_->start(get(), handler);
  start(get("/other"));
  EXPECT_TRUE(loop_.run_until([&] { return ended; }, 20s));
}

TEST_F(TransportTest, Streams_end_when_the_authority_changes_and_new_ones_trust_the_new_one) {
  const auto directory =
      std::filesystem::temp_directory_path() / ("transport-test-" + std::to_string(getpid()));
  std::filesystem::create_directories(directory);
  const auto ca_file = directory / "ca.crt";
  std::ofstream(ca_file) << authority_.cert();
  serve([](const SeenRequest&, ServerConnection& connection) {
    connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
    connection.wait_for_close();
    return false;
  });
  config_.ca = {"", ca_file.string()};
  reconnect({.reload = 20ms});
  http::Request stream = get();
  stream.timeout = 0ms;
  const auto told = start(stream);
  ASSERT_TRUE(loop_.run_until([&] { return told->body == "a"; }, 20s));
  std::ofstream(ca_file) << TestAuthority("other").cert();
  EXPECT_EQ(finish(told).end->code(), Code::kUnknownOutcome);
  EXPECT_EQ(exchange(get()).end->code(), Code::kUnavailable);
  std::filesystem::remove_all(directory);
}

TEST_F(TransportTest, A_bad_address_and_unreadable_credentials_are_told_at_once) {
  ClusterConfig config;
  config.server = "https://";
  EXPECT_FALSE(connect(loop_, config).is_ok());
  config.server = "https://127.0.0.1:1";
  config.ca.file = "/nonexistent/ca.crt";
  EXPECT_EQ(connect(loop_, config).status().code(), Code::kNotFound);
}

TEST(CurlLoop, Timers_run_in_the_order_of_their_times_and_then_of_their_making) {
  CurlLoop loop;
  std::string order;
  loop.after(2ms, [&] { order += 'c'; });
  loop.after(Duration(0), [&] { order += 'a'; });
  loop.after(Duration(-5), [&] { order += 'b'; });
  const TimerId never = loop.after(1ms, [&] { order += 'x'; });
  loop.cancel(never);
  loop.cancel(TimerId::kNone);
  EXPECT_TRUE(loop.run_until([&] { return order.size() == 3; }, 10s));
  EXPECT_EQ(order, "abc");
}

TEST(CurlLoop, Another_thread_wakes_it_and_stop_ends_it) {
  CurlLoop loop;
  int posted = 0;
  std::thread other([&] {
    for (int i = 0; i < 100; ++i) loop.post([&] { ++posted; });
    loop.post([&] { loop.stop(); });
  });
  loop.run();
  other.join();
  EXPECT_EQ(posted, 100);
}

TEST(CurlLoop, A_callback_that_rearms_itself_does_not_starve_others) {
  CurlLoop loop;
  int rounds = 0;
  std::function<void()> again = [&] {
    ++rounds;
    loop.after(Duration(0), again);
  };
  again();
  bool other = false;
  loop.after(5ms, [&] { other = true; });
  EXPECT_TRUE(loop.run_until([&] { return other; }, 10s));
  EXPECT_GT(rounds, 1);
}

}  // namespace
}  // namespace k8s
