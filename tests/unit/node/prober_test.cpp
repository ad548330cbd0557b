// Probes: thresholds, time limits, and what counts as an answer.

#include "libk8s/node/prober.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

namespace k8s::node {
namespace {

TimePoint at(int s) { return {1'000'000'000LL * s}; }

ProbePlan exec_probe() {
  ProbePlan probe;
  probe.command = {"x"};
  probe.period_s = 10;
  return probe;
}

void answer(Prober& prober, char which, int exit_code, int s) {
  const int status = exit_code << 8;
  std::string message(1, which);
  message.append(reinterpret_cast<const char*>(&status), sizeof status);
  prober.heard(message, at(s));
}

TEST(Prober, Without_probes_a_container_is_started_and_ready) {
  const Prober prober(ContainerPlan{}, at(0));
  EXPECT_TRUE(prober.started());
  EXPECT_TRUE(prober.ready_now());
  EXPECT_EQ(prober.next_wake(), std::nullopt);
}

TEST(Prober, Readiness_follows_its_thresholds_both_ways) {
  ContainerPlan container;
  container.readiness = exec_probe();
  container.readiness->failure_threshold = 2;
  Prober prober(container, at(0));
  EXPECT_FALSE(prober.ready_now());
  EXPECT_EQ(prober.due(at(0)), std::vector<char>{'r'});
  EXPECT_EQ(prober.due(at(0)), std::vector<char>{});  // one at a time
  answer(prober, 'r', 0, 0);
  EXPECT_TRUE(prober.ready_now());
  prober.due(at(10));
  answer(prober, 'r', 1, 10);
  EXPECT_TRUE(prober.ready_now());  // one failure of two
  prober.due(at(20));
  answer(prober, 'r', 1, 20);
  EXPECT_FALSE(prober.ready_now());
  EXPECT_FALSE(prober.failure());
}

TEST(Prober, Liveness_ends_the_run_after_its_failures_and_an_initial_delay) {
  ContainerPlan container;
  container.liveness = exec_probe();
  container.liveness->initial_delay_s = 30;
  container.liveness->failure_threshold = 1;
  Prober prober(container, at(0));
  EXPECT_EQ(prober.due(at(29)), std::vector<char>{});
  EXPECT_EQ(prober.next_wake(), at(30));
  EXPECT_EQ(prober.due(at(30)), std::vector<char>{'l'});
  answer(prober, 'l', 1, 30);
  EXPECT_EQ(prober.failure(), "Container failed liveness probe, will be restarted");
}

TEST(Prober, A_probe_that_takes_too_long_has_failed_and_its_late_answer_does_not_count) {
  ContainerPlan container;
  container.readiness = exec_probe();
  container.readiness->timeout_s = 2;
  Prober prober(container, at(0));
  prober.due(at(0));
  EXPECT_EQ(prober.next_wake(), at(2));
  prober.due(at(2));
  answer(prober, 'r', 0, 3);
  EXPECT_FALSE(prober.ready_now());
}

TEST(Prober, The_other_probes_wait_for_the_startup_probe) {
  ContainerPlan container;
  container.startup = exec_probe();
  container.liveness = exec_probe();
  Prober prober(container, at(0));
  EXPECT_FALSE(prober.started());
  EXPECT_EQ(prober.due(at(0)), std::vector<char>{'s'});
  answer(prober, 's', 0, 1);
  EXPECT_TRUE(prober.started());
  EXPECT_EQ(prober.due(at(1)), std::vector<char>{'l'});
}

// A listening socket of this process on 127.0.0.1.
class Listener {
 public:
  Listener() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(fd_.get(), 4), 0);
    socklen_t size = sizeof address;
    ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  int port() const { return port_; }
  // Takes one connection, reads the request and says `text`.
  std::string serve(const std::string& text) {
    const Fd peer(::accept(fd_.get(), nullptr, nullptr));
    char buffer[1024];
    const ssize_t n = ::recv(peer.get(), buffer, sizeof buffer, 0);
    (void)::send(peer.get(), text.data(), text.size(), MSG_NOSIGNAL);
    return {buffer, static_cast<std::size_t>(std::max<ssize_t>(0, n))};
  }

 private:
  Fd fd_;
  int port_ = 0;
};

void turn(Prober& prober) {
  std::vector<pollfd> waits;
  prober.add_waits(waits);
  ASSERT_GT(::poll(waits.data(), waits.size(), 5000), 0);
  prober.ready(waits, at(0));
}

ContainerPlan probed_at(ProbePlan::Kind kind, int port) {
  ContainerPlan container;
  container.readiness.emplace();
  container.readiness->kind = kind;
  container.readiness->host = "127.0.0.1";
  container.readiness->port = port;
  container.readiness->path = "/healthz";
  container.readiness->headers = {{"X-Test", "y"}};
  return container;
}

bool ready_after_answer(const std::string& text) {
  Listener listener;
  Prober prober(probed_at(ProbePlan::Kind::kHttp, listener.port()), at(0));
  prober.due(at(0));
  turn(prober);  // connected: the request goes out
  const std::string request = listener.serve(text);
  EXPECT_TRUE(request.starts_with("GET /healthz HTTP/1.1\r\nX-Test: y\r\n")) << request;
  turn(prober);
  return prober.ready_now();
}

TEST(Prober, An_HTTP_answer_from_200_to_399_is_a_success) {
  EXPECT_TRUE(ready_after_answer("HTTP/1.1 200 OK\r\n\r\n"));
  EXPECT_TRUE(ready_after_answer("HTTP/1.0 302 Found\r\n\r\n"));
  EXPECT_FALSE(ready_after_answer("HTTP/1.1 503 Busy\r\n\r\n"));
  EXPECT_FALSE(ready_after_answer("SSH-2.0-something-else\r\n"));
}

TEST(Prober, A_TCP_connection_that_is_accepted_is_a_success_and_a_refused_one_is_not) {
  int port = 0;
  {
    Listener listener;
    port = listener.port();
    Prober prober(probed_at(ProbePlan::Kind::kTcp, port), at(0));
    prober.due(at(0));
    turn(prober);
    EXPECT_TRUE(prober.ready_now());
  }
  Prober prober(probed_at(ProbePlan::Kind::kTcp, port), at(0));
  prober.due(at(0));
  std::vector<pollfd> waits;
  prober.add_waits(waits);
  if (!waits.empty()) turn(prober);
  EXPECT_FALSE(prober.ready_now());
}

}  // namespace
}  // namespace k8s::node
