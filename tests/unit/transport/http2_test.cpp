// What an HTTP/2 server may do to its clients: end connections on purpose, refuse streams, die
// without a word. All over real sockets.
#include <gtest/gtest.h>

#include "libk8s/transport/curl_transport.hpp"
#include "libk8s/watch/informer.hpp"
#include "tests/unit/transport/http2_server.hpp"
#include "tests/unit/watch/widget.hpp"

namespace k8s {
namespace {

using namespace std::chrono_literals;
using testing::Http2Connection;
using testing::Http2Server;
using testing::SeenStream;
using testing::TestAuthority;

// What an exchange told its handler.
struct Told {
  int status = 0;
  std::string body;
  std::optional<Status> end;
};
using ToldPtr = std::shared_ptr<Told>;

class Http2Test : public ::testing::Test {
 protected:
  void serve(Http2Server::Behaviour behaviour, const LivenessOptions& liveness = {}) {
    server_ = std::make_unique<Http2Server>(authority_.issue("server", "IP:127.0.0.1"),
                                            std::move(behaviour));
    ClusterConfig config;
    config.server = server_->url();
    config.ca.data = authority_.cert();
    auto made = connect(loop_, config, {}, liveness);
    ASSERT_TRUE(made.is_ok()) << made.status().to_string();
    transport_ = std::move(*made);
  }
  ToldPtr start(const std::string& method, const std::string& body = "",
                std::chrono::milliseconds timeout = 10s) {
    http::Request request;
    request.method = method;
    request.target = "/x";
    request.body = body;
    request.timeout = timeout;
    auto told = std::make_shared<Told>();
    http::Handler handler;
    handler.on_head = [told](int status, const http::Headers&) { told->status = status; };
    handler.on_data = [told](std::string_view bytes) { told->body += bytes; };
    handler.on_end = [told](const Status& status) { told->end = status; };
    last_ = transport_->start(std::move(request), std::move(handler));
    return told;
  }
  ToldPtr watch() { return start("GET", "", 0ms); }
  void finish(const ToldPtr& told) {
    ASSERT_TRUE(loop_.run_until([&] { return told->end.has_value(); }, 20s)) << "no end";
  }
  void wait(Duration time) {
    bool over = false;
    loop_.after(time, [&] { over = true; });
    ASSERT_TRUE(loop_.run_until([&] { return over; }, 20s));
  }
  void wait_for(const ToldPtr& told, const std::string& body) {
    ASSERT_TRUE(loop_.run_until([&] { return told->body == body || told->end; }, 20s));
    EXPECT_EQ(told->body, body);
  }

  TestAuthority authority_;
  CurlLoop loop_;
  std::unique_ptr<Http2Server> server_;
  std::unique_ptr<http::Transport> transport_;
  http::ExchangeId last_{};
};

TEST_F(Http2Test, Requests_and_watches_share_one_connection) {
  serve([](const SeenStream& seen, Http2Connection& connection) {
    if (seen.request == 1) {
      connection.open(seen.stream, "event");
    } else {
      connection.answer(seen.stream, 201, "got " + seen.body);
    }
    return true;
  });
  const ToldPtr stream = watch();
  wait_for(stream, "event");
  const ToldPtr post = start("POST", "hello");
  finish(post);
  EXPECT_TRUE(post->end->is_ok()) << post->end->to_string();
  EXPECT_EQ(post->status, 201);
  EXPECT_EQ(post->body, "got hello");
  EXPECT_FALSE(stream->end.has_value());
  EXPECT_EQ(server_->seen().back().connection, 1);
}

TEST_F(Http2Test,
       After_a_GOAWAY_what_runs_ends_in_peace_and_the_next_request_gets_a_new_connection) {
  serve([](const SeenStream& seen, Http2Connection& connection) {
    if (seen.request == 1) connection.open(seen.stream, "event");
    if (seen.request == 2) {
      connection.goaway(seen.stream, testing::kNoError);
      connection.answer(seen.stream, 200, "last words");
      connection.more(1, ", more", true);
    }
    if (seen.request == 3) connection.answer(seen.stream, 200, "elsewhere");
    return true;
  });
  const ToldPtr stream = watch();
  wait_for(stream, "event");
  const ToldPtr second = start("POST", "x");
  finish(second);
  EXPECT_TRUE(second->end->is_ok()) << second->end->to_string();
  EXPECT_EQ(second->body, "last words");
  finish(stream);
  EXPECT_TRUE(stream->end->is_ok()) << stream->end->to_string();
  EXPECT_EQ(stream->body, "event, more");
  const ToldPtr third = start("POST", "y");
  finish(third);
  EXPECT_TRUE(third->end->is_ok()) << third->end->to_string();
  EXPECT_EQ(third->body, "elsewhere");
  EXPECT_EQ(server_->seen().back().connection, 2);
}

TEST_F(Http2Test,
       A_request_made_while_a_watch_keeps_a_GOAWAY_connection_open_does_not_wait_for_it) {
  serve([](const SeenStream& seen, Http2Connection& connection) {
    if (seen.request == 1) {
      connection.open(seen.stream, "event");
      connection.goaway(seen.stream, testing::kNoError);
      connection.more(seen.stream, ", more", false);
    } else {
      connection.answer(seen.stream, 200, "elsewhere");
    }
    return true;
  });
  const ToldPtr stream = watch();
  wait_for(stream, "event, more");
  const ToldPtr request = start("POST", "x");
  finish(request);
  EXPECT_TRUE(request->end->is_ok()) << request->end->to_string();
  EXPECT_EQ(server_->seen().back().connection, 2);
  EXPECT_FALSE(stream->end.has_value());
}

TEST_F(Http2Test, A_GET_that_was_refused_unseen_is_sent_again_on_a_new_connection) {
  serve([](const SeenStream& seen, Http2Connection& connection) {
    if (seen.connection == 1) {
      connection.reset(seen.stream, testing::kRefusedStream);
    } else {
      connection.answer(seen.stream, 200, "elsewhere");
    }
    return true;
  });
  const ToldPtr told = start("GET");
  finish(told);
  EXPECT_TRUE(told->end->is_ok()) << told->end->to_string();
  EXPECT_EQ(told->body, "elsewhere");
}

TEST_F(Http2Test, A_GET_that_a_GOAWAY_left_out_ends_at_once_and_the_next_is_answered) {
  serve([](const SeenStream& seen, Http2Connection& connection) {
    if (seen.connection == 1) {
      connection.goaway(0, testing::kNoError);
    } else {
      connection.answer(seen.stream, 200, "elsewhere");
    }
    return true;
  });
  const ToldPtr told = start("GET");
  finish(told);
  EXPECT_TRUE(told->end->is_ok() || told->end->code() == Code::kUnknownOutcome);
  const ToldPtr next = start("GET");
  finish(next);
  EXPECT_EQ(next->body, "elsewhere");
}

TEST_F(Http2Test, A_write_that_was_sent_is_never_sent_again_by_itself) {
  serve([](const SeenStream& seen, Http2Connection& connection) {
    connection.goaway(0, testing::kNoError);
    connection.reset(seen.stream, testing::kRefusedStream);
    return false;
  });
  const ToldPtr told = start("POST", "x");
  finish(told);
  EXPECT_EQ(told->end->code(), Code::kUnknownOutcome) << told->end->to_string();
  EXPECT_EQ(server_->seen().size(), 1U);
}

TEST_F(Http2Test, Streams_of_a_connection_that_breaks_have_an_unknown_outcome) {
  serve([](const SeenStream& seen, Http2Connection& connection) {
    if (seen.request == 1) connection.open(seen.stream, "event");
    return seen.request == 1;
  });
  const ToldPtr stream = watch();
  wait_for(stream, "event");
  const ToldPtr post = start("POST", "x");
  finish(post);
  finish(stream);
  EXPECT_EQ(post->end->code(), Code::kUnknownOutcome) << post->end->to_string();
  EXPECT_EQ(stream->end->code(), Code::kUnknownOutcome) << stream->end->to_string();
}

// ---- silence ---------------------------------------------------------------------------------

TEST_F(Http2Test, A_peer_that_falls_silent_is_noticed_by_a_probe_and_left) {
  serve(
      [](const SeenStream& seen, Http2Connection& connection) {
        connection.open(seen.stream, "event");
        if (seen.connection == 1) connection.fall_silent();
        return true;
      },
      {.idle = 200ms, .answer = 100ms});
  const ToldPtr stream = watch();
  wait_for(stream, "event");
  const TimePoint began = loop_.now();
  finish(stream);
  const Duration took = loop_.now() - began;
  EXPECT_EQ(stream->end->code(), Code::kUnknownOutcome) << stream->end->to_string();
  EXPECT_GE(took, 250ms);
  EXPECT_LT(took, 3s);  // on a busy machine; alone it takes 0.3 s
  const ToldPtr again = watch();
  wait_for(again, "event");
  EXPECT_EQ(server_->seen().back().connection, 2);
}

TEST_F(Http2Test, A_quiet_watch_on_a_peer_that_answers_probes_goes_on) {
  serve(
      [](const SeenStream& seen, Http2Connection& connection) {
        if (seen.request == 1) {
          connection.open(seen.stream, "event");
        } else {
          connection.answer(seen.stream, 403, "not for you");
        }
        return true;
      },
      {.idle = 50ms, .answer = 1s});
  const ToldPtr stream = watch();
  wait_for(stream, "event");
  ASSERT_TRUE(loop_.run_until([&] { return server_->seen().size() == 3; }, 20s));
  EXPECT_FALSE(stream->end.has_value());
  EXPECT_EQ(server_->seen().back().connection, 1);
}

TEST_F(Http2Test, A_request_without_an_answer_takes_a_dead_connection_down_with_it) {
  serve([](const SeenStream& seen, Http2Connection& connection) {
    if (seen.connection == 2) {
      connection.answer(seen.stream, 200, "elsewhere");
    } else if (seen.request == 1) {
      connection.open(seen.stream, "event");
    } else {
      connection.fall_silent();
    }
    return true;
  });
  const ToldPtr stream = watch();
  wait_for(stream, "event");
  const ToldPtr renewal = start("PUT", "x", 300ms);
  finish(renewal);
  EXPECT_EQ(renewal->end->code(), Code::kUnknownOutcome) << renewal->end->to_string();
  finish(stream);
  EXPECT_EQ(stream->end->code(), Code::kUnknownOutcome) << stream->end->to_string();
  const ToldPtr next = start("PUT", "y", 10s);
  finish(next);
  EXPECT_TRUE(next->end->is_ok()) << next->end->to_string();
}

TEST_F(Http2Test, So_does_a_request_that_its_owner_gives_up_in_doubt) {
  serve(
      [](const SeenStream& seen, Http2Connection& connection) {
        if (seen.connection == 2) connection.answer(seen.stream, 200, "elsewhere");
        if (seen.connection == 1) connection.fall_silent();
        return true;
      },
      {.doubt = 100ms});
  start("PUT", "x");
  ASSERT_TRUE(loop_.run_until([&] { return server_->seen().size() == 1; }, 20s));
  wait(300ms);
  transport_->cancel(last_);
  const ToldPtr next = start("PUT", "y");
  finish(next);
  EXPECT_EQ(next->body, "elsewhere");
}

TEST_F(Http2Test, A_slow_answer_on_a_connection_that_lives_harms_nobody_else) {
  serve([](const SeenStream& seen, Http2Connection& connection) {
    if (seen.request == 1) connection.open(seen.stream, "event");
    if (seen.request == 3) connection.answer(seen.stream, 200, "quick");
    return true;
  });
  const ToldPtr stream = watch();
  wait_for(stream, "event");
  const ToldPtr slow = start("PUT", "x", 600ms);
  wait(400ms);
  finish(start("GET"));
  finish(slow);
  EXPECT_EQ(slow->end->code(), Code::kUnknownOutcome) << slow->end->to_string();
  wait(50ms);
  EXPECT_FALSE(stream->end.has_value());
}

// ---- informers -------------------------------------------------------------------------------

// The first connection serves a list and a watch and then does `worst`; the second a watch.
Http2Server::Behaviour informer_server(std::function<void(Http2Connection&)> worst) {
  return [worst = std::move(worst)](const SeenStream& seen, Http2Connection& connection) {
    using testing::event;
    using testing::widget;
    if (seen.request == 1) {
      connection.answer(seen.stream, 200, testing::widget_list(10, {widget("a", "1", 4)}));
    } else if (seen.connection == 1) {
      connection.open(seen.stream, event("ADDED", widget("b", "2", 11)));
      worst(connection);
    } else {
      connection.open(seen.stream, event("ADDED", widget("c", "3", 12)));
    }
    return true;
  };
}

class Http2InformerTest : public Http2Test {
 protected:
  void expect_recovery() {
    Informer<Widget> informer(loop_, *transport_, {.watch_list = false});
    informer.start();
    EXPECT_TRUE(loop_.run_until([&] { return informer.size() == 3; }, 20s));
    EXPECT_TRUE(informer.get("ns/b") && informer.get("ns/c"));
  }
};

TEST_F(Http2InformerTest,
       A_GOAWAY_in_the_middle_of_a_watch_leads_to_a_new_one_on_a_new_connection) {
  serve(informer_server([](Http2Connection& connection) {
    connection.goaway(3, testing::kNoError);
    connection.more(3, "", true);
  }));
  expect_recovery();
  EXPECT_EQ(server_->seen().size(), 3U);
}

TEST_F(Http2InformerTest, A_GOAWAY_that_breaks_the_watch_off_does_so_too) {
  serve(informer_server([](Http2Connection& connection) {
    connection.goaway(1, testing::kNoError);
    connection.reset(3, testing::kRefusedStream);
  }));
  expect_recovery();
}

TEST_F(Http2InformerTest, A_silent_peer_leads_to_a_new_watch_on_a_new_connection) {
  serve(informer_server([](Http2Connection& connection) { connection.fall_silent(); }),
        {.idle = 200ms, .answer = 100ms});
  expect_recovery();
  EXPECT_EQ(server_->seen().back().connection, 2);
}

}  // namespace
}  // namespace k8s
