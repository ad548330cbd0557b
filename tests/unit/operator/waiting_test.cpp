// What somebody who waits is told: why, and when it is expected to start.
#include <gtest/gtest.h>

#include "operator/api/duration.hpp"
#include "operator/report/metrics.hpp"
#include "operator/translate/waiting.hpp"
#include "scheduler/plan.hpp"
#include "tests/unit/operator/cluster.hpp"

namespace fermi::testing {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

Json job_of(int nodes, const std::string& run_seconds, const std::string& expected) {
  return job_for({.run_seconds = run_seconds, .expected = expected, .nodes = nodes});
}

std::string expected_start(Cluster& cluster, const std::string& name) {
  return cluster.job(name).value("/status/estimatedStart/p50"_json_pointer, "");
}

TEST(Waiting, The_expected_start_is_when_what_runs_is_expected_to_end) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.run("runs", job_of(1, "600", "10m"));
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

TEST(Waiting, Who_tries_again_after_a_refusal_is_told_what_was_refused) {
  Cluster cluster({{"zone-a", 2, 8}});
  cluster.start_operator();
  const std::string services = "/api/v1/namespaces/work/services";
  cluster.create(services, {{"apiVersion", "v1"},
                            {"kind", "Service"},
                            {"metadata", {{"name", "mine"}}},
                            {"spec", {{"ports", {{{"port", 80}}}}}}});
  cluster.submit("mine", job_of(2, "600", "10m"));
  const auto message = [&] {
    return cluster.job("mine").value("/status/message"_json_pointer, "");
  };
  EXPECT_TRUE(cluster.wait(seconds(8), [&] {
    return message().find("tries again at") != std::string::npos &&
           message().find("a Service named mine is in the way") != std::string::npos;
  })) << message();
  cluster.remove(services + "/mine");
  EXPECT_TRUE(cluster.wait_phase("mine", "Running"));
}

// Whatever the audit objects to does not start; the job says so, instead of only that it waits.
TEST(Waiting, Whose_start_the_audit_stops_is_told_so_and_starts_once_it_agrees) {
  bool objects = true;
  Options options;
  options.objects = [&objects](const sched::Plan& plan) {
    std::vector<std::string> wrong;
    for (const sched::Start& start : plan.starts)
      if (objects) wrong.push_back(start.task + ": takes room that is guaranteed to other queues");
    return wrong;
  };
  Cluster cluster({{"zone-a", 1, 8}}, options);
  cluster.start_operator();
  cluster.submit("stopped", job_of(1, "30", "1m"));
  const auto said = [&](const char* where) {
    return cluster.job("stopped").value(Json::json_pointer(where), "");
  };
  const std::string sentence =
      "there is room for it, and the check of each decision before it is carried out stopped this "
      "one (takes room that is guaranteed to other queues): a fault of Fermi; tried again every "
      "few "
      "seconds";
  ASSERT_TRUE(cluster.wait(seconds(30), [&] { return said("/status/message") == sentence; }))
      << said("/status/message");
  EXPECT_EQ(said("/status/reason"), "Stopped");
  EXPECT_EQ(said("/status/phase"), "Pending");
  EXPECT_GT(cluster.op().metrics().plan_rejections, 0U);
  cluster.run_for(seconds(60));
  EXPECT_EQ(said("/status/message"), sentence) << "as long as it objects";
  objects = false;
  EXPECT_TRUE(cluster.wait_phase("stopped", "Running"));
}

// Five behind one another: the reservation knows of the first alone, the forward run of all.
TEST(Waiting, Each_of_the_first_in_line_is_told_when_it_will_start) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.run("runs", job_of(1, "600", "10m"));
  for (int i = 1; i <= 5; ++i) {
    cluster.submit("w" + std::to_string(i), job_of(1, "600", "10m"));
    cluster.run_for(seconds(1));
  }
  ASSERT_TRUE(cluster.wait(seconds(30), [&] { return !expected_start(cluster, "w5").empty(); }));
  const std::int64_t since = seconds_at(cluster.job("runs"), "/status/runningSince");
  for (int i = 1; i <= 5; ++i) {
    const Json job = cluster.job("w" + std::to_string(i));
    EXPECT_EQ(seconds_at(job, "/status/estimatedStart/p50"), since + 600 * i) << i;
  }
  EXPECT_GT(cluster.op().metrics().forecasts, 0U);
  // What is foreseen moves with what happens.
  cluster.remove("/apis/fermi-cluster.com/v1alpha1/namespaces/work/trainingjobs/w1");
  EXPECT_TRUE(cluster.wait(seconds(30), [&] {
    return seconds_at(cluster.job("w5"), "/status/estimatedStart/p50") == since + 600 * 4;
  })) << cluster.job("w5")["status"].dump(1);
}

TEST(Waiting, Behind_one_that_states_no_end_no_start_is_foreseen_and_that_is_said) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.run("runs", {{"gpusPerNode", 8},
                       {"scheduling", {{"queue", "low"}}},
                       {"podTemplate",
                        {{"metadata", {{"annotations", {{"sim/run-seconds", "forever"}}}}}}}});
  cluster.submit("waits", {{"gpusPerNode", 8}, {"scheduling", {{"queue", "low"}}}});
  EXPECT_TRUE(cluster.wait(seconds(30), [&] {
    return cluster.job("waits")
               .value("/status/message"_json_pointer, "")
               .find("no start is foreseen as things are") != std::string::npos;
  })) << cluster.job("waits")["status"].dump(1);
  EXPECT_EQ(expected_start(cluster, "waits"), "");
  cluster.run_for(minutes(11));  // after ten the conflict of the two is more severe
  const int before = cluster.operator_writes();
  cluster.run_for(minutes(30));
  EXPECT_EQ(cluster.operator_writes(), before) << "and nothing more is written";
}

TEST(Waiting, Who_waits_for_an_eviction_is_told_of_whom) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  Json low = job_of(1, "forever", "1h");
  low["scheduling"]["queue"] = "low";
  low["podTemplate"]["spec"]["terminationGracePeriodSeconds"] = 600;
  cluster.run("victim", low);
  Json high = job_of(1, "30", "1m");
  high["scheduling"]["queue"] = "high";
  cluster.submit("urgent", high);
  EXPECT_TRUE(cluster.wait(seconds(20), [&] {
    return cluster.job("urgent").value("/status/reason"_json_pointer, "") == "Evicting";
  })) << cluster.job("urgent")["status"].dump(1);
  const std::string message = cluster.job("urgent")["status"]["message"];
  EXPECT_NE(message.find("waits until work/victim (8 x nvidia.com/gpu) has stopped"),
            std::string::npos)
      << message;
}

// Sixty of the first twenty of their queues move up at once.
TEST(Waiting, At_most_twenty_of_these_writes_go_out_in_a_second) {
  Cluster cluster({{"zone-a", 3, 8}});
  cluster.start_operator();
  for (const std::string queue : {"high", "medium", "low"})
    for (int i = 0; i < 21; ++i) {
      Json spec = job_of(1, "forever", "1h");
      spec["scheduling"]["queue"] = queue;
      cluster.submit(queue + "-" + std::to_string(i), spec);
    }
  cluster.run_for(minutes(2));
  int most = 0, all = 0;
  for (const std::string queue : {"medium", "low"})
    cluster.remove("/apis/fermi-cluster.com/v1alpha1/namespaces/work/trainingjobs/" + queue +
                   "-20");
  cluster.patch("/apis/fermi-cluster.com/v1alpha1/namespaces/work/trainingjobs/high-5",
                {{"spec", {{"scheduling", {{"queue", "low"}}}}}});
  for (int i = 0; i < 60; ++i) {
    const auto before = cluster.op().metrics().position_writes;
    cluster.run_for(seconds(1));
    const int now = static_cast<int>(cluster.op().metrics().position_writes - before);
    most = std::max(most, now);
    all += now;
  }
  EXPECT_LE(most, 21) << "20, and one at the edge of the second";
  EXPECT_GE(all, 21) << "something was to be said";
}

// Where it is expected to go; and where that is not known, by the cheapest nodes it may use.
TEST(Waiting, What_it_would_cost_an_hour_is_told_while_it_waits) {
  Cluster cluster({{"zone-a", 1, 8}, {"zone-b", 1, 8}});
  cluster.create(
      "/api/v1/namespaces/fermi-system/configmaps",
      {{"apiVersion", "v1"},
       {"kind", "ConfigMap"},
       {"metadata", {{"name", "fermi-config"}, {"namespace", "fermi-system"}}},
       {"data",
        {{"config.yaml", "prices: {gpu: \"10.00\", zones: {zone-b: {gpu: \"5.00\"}}}\n"}}}});
  cluster.start_operator();
  cluster.run("in-b", job_of(1, "forever", "5h"));
  cluster.run("in-a", job_of(1, "600", "10m"));
  ASSERT_EQ(cluster.job("in-b")["status"]["costPerHour"], "40.00") << "the cheaper one first";
  const auto costs = [&](const std::string& name, const std::string& cost) {
    return cluster.wait(seconds(30), [&] {
      return cluster.job(name).value("/status/costPerHour"_json_pointer, "") == cost;
    });
  };
  cluster.submit("waits", job_of(1, "30", "1m"));
  EXPECT_TRUE(costs("waits", "80.00")) << cluster.job("waits")["status"].dump(1);
  EXPECT_EQ(cluster.job("waits")["status"]["costAccumulated"], "0.00") << "it costs nothing yet";
  Json held = job_of(1, "30", "1m");
  held["scheduling"]["after"] = Json::array({{{"name", "in-b"}, {"condition", "Completed"}}});
  cluster.submit("held", held);
  EXPECT_TRUE(costs("held", "40.00")) << cluster.job("held")["status"].dump(1);
}

// One that overruns its estimate moves what is expected all the time; it is written only when that
// has moved by a tenth of what is left.
TEST(Waiting, An_estimate_that_moves_all_the_time_is_not_written_all_the_time) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.run("runs", job_of(1, "forever", "1m"));
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
  cluster.run("first", job_of(1, "forever", "1h"));
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
