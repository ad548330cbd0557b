// What somebody who waits is told: why, and when it is expected to start.
#include <gtest/gtest.h>

#include "libk8s/codec/rfc3339.hpp"
#include "operator/api/duration.hpp"
#include "operator/translate/waiting.hpp"
#include "tests/unit/operator/cluster.hpp"

namespace fermi::testing {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

Json job_of(int nodes, const std::string& run_seconds, const std::string& expected) {
  return {{"nodes", nodes},
          {"gpusPerNode", 8},
          {"scheduling", {{"queue", "medium"}, {"expectedDuration", expected}}},
          {"podTemplate", {{"metadata", {{"annotations", {{"sim/run-seconds", run_seconds}}}}}}}};
}

std::string expected_start(Cluster& cluster, const std::string& name) {
  return cluster.job(name).value("/status/estimatedStart/p50"_json_pointer, "");
}

std::int64_t seconds_at(const Json& job, const char* pointer) {
  const auto time = k8s::parse_time(job.value(Json::json_pointer(pointer), ""));
  return time ? time->ns / kNsPerSecond : 0;
}

TEST(Waiting, The_expected_start_is_when_what_runs_is_expected_to_end) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.submit("runs", job_of(1, "600", "10m"));
  ASSERT_TRUE(cluster.wait_phase("runs", "Running"));
  cluster.submit("waits", job_of(1, "30", "1m"));
  ASSERT_TRUE(cluster.wait(seconds(20), [&] { return !expected_start(cluster, "waits").empty(); }));
  const Json runs = cluster.job("runs"), waits = cluster.job("waits");
  EXPECT_EQ(seconds_at(waits, "/status/estimatedStart/p50"),
            seconds_at(runs, "/status/runningSince") + 600);
  EXPECT_NE(waits["status"]["message"].get<std::string>().find("expected to start at"),
            std::string::npos);
  ASSERT_TRUE(cluster.wait_phase("waits", "Running", minutes(15)));
  EXPECT_EQ(expected_start(cluster, "waits"), "") << "it waits no more";
}

// One that overruns its estimate moves what is expected all the time; it is written only when that
// has moved by a tenth of what is left.
TEST(Waiting, An_estimate_that_moves_all_the_time_is_not_written_all_the_time) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.submit("runs", job_of(1, "forever", "1m"));
  ASSERT_TRUE(cluster.wait_phase("runs", "Running"));
  cluster.submit("waits", job_of(1, "30", "1m"));
  cluster.run_for(minutes(10));
  const std::string then = expected_start(cluster, "waits");
  const int before = cluster.operator_writes();
  // Something goes on elsewhere, so that the operator looks again and again.
  for (int i = 0; i < 120; ++i) {
    cluster.patch("/apis/fermi-cluster.com/v1alpha1/taskqueues/low",
                  {{"spec", {{"weight", i + 2}}}});
    cluster.run_for(minutes(1));
  }
  EXPECT_LE(cluster.operator_writes() - before, 60);
  EXPECT_NE(expected_start(cluster, "waits"), then) << "but it is not forgotten either";
}

TEST(Waiting, Numbers_that_changed_are_told_within_ten_seconds_though_nothing_else_happens) {
  Cluster cluster({{"zone-a", 3, 8}});
  cluster.start_operator();
  cluster.submit("first", job_of(1, "forever", "1h"));
  ASSERT_TRUE(cluster.wait_phase("first", "Running"));
  cluster.submit("waits", job_of(3, "30", "1m"));
  ASSERT_TRUE(cluster.wait(seconds(10), [&] {
    return cluster.job("waits").value("/status/message"_json_pointer, "").find("16 free") !=
           std::string::npos;
  })) << cluster.job("waits")["status"].dump(1);
  cluster.submit("second", job_of(1, "forever", "30m"));
  ASSERT_TRUE(cluster.wait_phase("second", "Running", seconds(20)));
  EXPECT_TRUE(cluster.wait(seconds(11), [&] {
    return cluster.job("waits").value("/status/message"_json_pointer, "").find(" 8 free") !=
           std::string::npos;
  })) << cluster.job("waits")["status"].dump(1);
}

TEST(Waiting, What_can_never_start_is_told_at_once_and_what_would_have_to_change) {
  Cluster cluster({{"zone-a", 2, 8}});
  cluster.start_operator();
  cluster.submit("huge", job_of(5, "30", "1m"));
  ASSERT_TRUE(cluster.wait(seconds(5), [&] {
    return cluster.job("huge").value("/status/reason"_json_pointer, "") == "Never";
  }));
  const std::string message = cluster.job("huge")["status"]["message"];
  EXPECT_NE(message.find("it takes 24 x nvidia.com/gpu more, or a smaller task"), std::string::npos)
      << message;
}

TEST(Waiting, A_time_that_hardly_moved_is_told_as_before) {
  sched::Reason shown, now;
  shown.code = now.code = sched::ReasonCode::kReserved;
  shown.until = {1000 * kNsPerSecond};
  now.until = {1040 * kNsPerSecond};
  keep_times(shown, {500 * kNsPerSecond}, now);
  EXPECT_EQ(now.until.ns, 1000 * kNsPerSecond);
  now.until = {1060 * kNsPerSecond};
  keep_times(shown, {500 * kNsPerSecond}, now);
  EXPECT_EQ(now.until.ns, 1060 * kNsPerSecond) << "by more than a tenth of what is left";
  now.until = {};
  keep_times(shown, {500 * kNsPerSecond}, now);
  EXPECT_EQ(now.until.ns, 0) << "nothing is known any more";
}

}  // namespace
}  // namespace fermi::testing
