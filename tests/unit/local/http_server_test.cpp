#include "operator/http/http_server.hpp"

#include <gtest/gtest.h>

#include <optional>

#include "libk8s/transport/cluster_config.hpp"
#include "libk8s/transport/curl_loop.hpp"
#include "libk8s/transport/curl_transport.hpp"
#include "operator/http/metrics_text.hpp"
#include "operator/report/metrics.hpp"

namespace fermi {
namespace {

class Endpoint : public ::testing::Test {
 protected:
  void SetUp() override {
    auto started = HttpServer::start(loop_, "127.0.0.1:0", [this](const auto& request) {
      ++asked_;
      return k8s::http::Response{200, {}, "asked for " + request.target};
    });
    ASSERT_TRUE(started) << started.status().message();
    server_ = std::move(*started);
    k8s::ClusterConfig config;
    config.server = "http://" + server_->address();
    config.token = "unused";
    auto connected = k8s::connect(loop_, config);
    ASSERT_TRUE(connected) << connected.status().message();
    transport_ = std::move(*connected);
  }
  void TearDown() override {
    transport_.reset();
    server_.reset();
  }

  k8s::http::Response ask(const std::string& method, const std::string& target) {
    std::optional<k8s::Result<k8s::http::Response>> answer;
    k8s::http::Request request;
    request.method = method;
    request.target = target;
    k8s::http::fetch(*transport_, request, [&](auto result) { answer = std::move(result); });
    loop_.run_until([&] { return answer.has_value(); }, std::chrono::seconds(20));
    if (!answer || !*answer) return {};
    return **answer;
  }

  k8s::CurlLoop loop_;
  std::unique_ptr<HttpServer> server_;
  std::unique_ptr<k8s::http::Transport> transport_;
  int asked_ = 0;
};

TEST_F(Endpoint, Answers_on_the_loop_that_it_was_given) {
  const auto answer = ask("GET", "/readyz?verbose");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "asked for /readyz?verbose");
  EXPECT_EQ(asked_, 1);
}

TEST_F(Endpoint, Several_requests_go_over_one_connection) {
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask("GET", "/").status, 200);
  EXPECT_EQ(asked_, 5);
}

TEST_F(Endpoint, Only_reading_is_allowed) {
  EXPECT_EQ(ask("POST", "/metrics").status, 405);
  EXPECT_EQ(asked_, 0);
}

TEST_F(Endpoint, A_header_without_end_is_cut_off) {
  EXPECT_EQ(ask("GET", "/" + std::string(20'000, 'a')).status, 0);
  EXPECT_EQ(asked_, 0);
}

TEST(EndpointAddress, What_is_no_address_is_refused_with_an_example) {
  k8s::CurlLoop loop;
  for (const char* text :
       {"", "8080", "localhost:80", "1.2.3.4:", "1.2.3.4:99999", "1.2.3.4:80x"}) {
    const auto started = HttpServer::start(loop, text, nullptr);
    ASSERT_FALSE(started) << text;
    EXPECT_NE(started.status().message().find("such as 127.0.0.1:8080"), std::string::npos) << text;
  }
}

TEST_F(Endpoint, An_address_that_is_taken_is_named) {
  const auto second = HttpServer::start(loop_, server_->address(), nullptr);
  ASSERT_FALSE(second);
  EXPECT_NE(second.status().message().find(server_->address()), std::string::npos)
      << second.status().message();
}

TEST(MetricsText, Counters_labels_and_histograms_come_in_the_prometheus_format) {
  Metrics metrics;
  metrics.binds = 7;
  metrics.queues["default"].pending = 3;
  metrics.queues["default"].running = 2;
  metrics.api_requests[{"POST", 201}] = 5;
  metrics.plan_duration.observe(2'000);
  const std::string text = metrics_text(metrics);
  for (const char* line :
       {"fermi_binds_total 7\n", "fermi_queue_tasks{queue=\"default\",state=\"pending\"} 3\n",
        "fermi_api_requests_total{verb=\"POST\",code=\"201\"} 5\n",
        "fermi_plan_duration_seconds_bucket{le=\"0.001\"} 0\n",
        "fermi_plan_duration_seconds_bucket{le=\"0.0025\"} 1\n",
        "fermi_plan_duration_seconds_bucket{le=\"+Inf\"} 1\n",
        "fermi_plan_duration_seconds_count 1\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
}

// Jobs wait for minutes and days: buckets that end at seconds would show nothing of it.
TEST(MetricsText, Waits_are_told_apart_from_seconds_to_days) {
  constexpr std::int64_t kSecond = 1'000'000;
  Metrics metrics;
  for (const std::int64_t seconds : {2, 300, 7'200, 200'000}) {
    metrics.wait_duration.observe(seconds * kSecond);
  }
  const std::string text = metrics_text(metrics);
  const auto below = [&text](const std::string& bound) {
    const std::string start = "fermi_wait_duration_seconds_bucket{le=\"" + bound + "\"} ";
    const auto at = text.find(start);
    return at == std::string::npos ? -1 : std::stoi(text.substr(at + start.size()));
  };
  EXPECT_EQ(below("5"), 1) << text;
  EXPECT_EQ(below("600"), 2) << text;
  EXPECT_EQ(below("14400"), 3) << text;
  EXPECT_EQ(below("604800"), 4) << text;
}

}  // namespace
}  // namespace fermi
