// Elastic jobs, against the embedded API server, in virtual time.
#include <gtest/gtest.h>

#include <set>

#include "operator/report/metrics.hpp"
#include "tests/unit/operator/cluster.hpp"

namespace fermi::testing {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr const char* kBudgets = "/apis/policy/v1/namespaces/work/poddisruptionbudgets";

Json job_in(const std::string& queue, const Json& size, const std::string& run_seconds,
            const std::string& expected = "1h") {
  Json spec = {{"gpusPerNode", 8},
               {"scheduling", {{"queue", queue}, {"expectedDuration", expected}}},
               {"podTemplate",
                {{"metadata", {{"annotations", {{"sim/run-seconds", run_seconds}}}}},
                 {"spec", {{"terminationGracePeriodSeconds", 5}}}}}};
  spec.merge_patch(size);
  return spec;
}

Json nodes(int count) { return {{"nodes", count}}; }
Json elastic(int min, int max) { return {{"elastic", {{"min", min}, {"max", max}}}}; }

// What every Pod of the job is told under this name; "?" when they are told different things.
std::string told(Cluster& cluster, const std::string& job, const std::string& variable) {
  std::set<std::string> values;
  for (const Json& pod : cluster.pods_of(job))
    for (const Json& entry : pod["spec"]["containers"][0]["env"])
      if (entry["name"] == variable) values.insert(entry["value"].get<std::string>());
  return values.size() == 1 ? *values.begin() : "?";
}

bool runs_on(Cluster& cluster, const std::string& job, int size, k8s::Duration span = minutes(3)) {
  return cluster.wait(span, [&] {
    const Json now = cluster.job(job);  // without a status at first
    return now.value("/status/phase"_json_pointer, "") == "Running" &&
           now.value("/status/nodes"_json_pointer, 0) == size;
  });
}

TEST(Elastic, A_job_takes_what_nobody_waits_for_and_its_Pods_know_how_many_they_are) {
  Cluster cluster({{"zone-a", 4, 8}});
  cluster.start_operator();
  cluster.submit("grows", job_in("low", elastic(1, 8), "forever"));
  ASSERT_TRUE(runs_on(cluster, "grows", 4)) << cluster.job("grows").dump(1);
  EXPECT_EQ(cluster.pods_of("grows").size(), 4U);
  EXPECT_EQ(told(cluster, "grows", "PET_NNODES"), "4");
  EXPECT_EQ(told(cluster, "grows", "WORLD_SIZE"), "4");
  EXPECT_EQ(told(cluster, "grows", "FERMI_NODES"), "4");
  EXPECT_EQ(told(cluster, "grows", "MASTER_ADDR"), "grows-0.grows");
  EXPECT_EQ(cluster.job("grows")["status"].value("resizes", 0), 0);
}

TEST(Elastic, One_gives_up_what_it_has_beyond_its_minimum_and_grows_again) {
  Cluster cluster({{"zone-a", 4, 8}});
  cluster.start_operator();
  cluster.submit("grows", job_in("low", elastic(1, 4), "forever"));
  ASSERT_TRUE(runs_on(cluster, "grows", 4));
  const Json before = cluster.job("grows")["status"];
  cluster.submit("high", job_in("high", nodes(2), "90"));
  ASSERT_TRUE(cluster.wait_phase("high", "Running")) << cluster.job("high").dump(1);
  ASSERT_TRUE(runs_on(cluster, "grows", 2)) << cluster.job("grows").dump(1);
  const Json after = cluster.job("grows")["status"];
  EXPECT_EQ(after["taskId"], before["taskId"]);
  EXPECT_EQ(after["attempt"], 1);
  EXPECT_EQ(after["resizes"], 1);
  EXPECT_EQ(after["resized"]["from"], 4);
  EXPECT_EQ(after["resized"]["to"], 2);
  EXPECT_EQ(after["resized"]["by"], "work/high");
  EXPECT_EQ(after.value("preemptions", 0), 0) << "it is no preemption";
  EXPECT_EQ(after.value("restarts", 0), 0) << "nor a failure";
  EXPECT_EQ(after.value("disruptions", 0), 0);
  EXPECT_EQ(told(cluster, "grows", "FERMI_NODES"), "2");
  EXPECT_EQ(told(cluster, "grows", "FERMI_ATTEMPT"), "1");
  EXPECT_EQ(told(cluster, "grows", "FERMI_RESUME"), "1");
  bool said = false;
  for (const Json& entry : after["timeline"])
    said = said || entry["why"] ==
                       "goes on with 2 nodes instead of 4, from its checkpoint: made "
                       "room for work/high";
  EXPECT_TRUE(said) << after["timeline"].dump(1);
  ASSERT_TRUE(cluster.wait_phase("high", "Completed", minutes(4)));
  ASSERT_TRUE(runs_on(cluster, "grows", 4)) << cluster.job("grows").dump(1);
  // In one step or in two: the Pods of the other end one after the other, and each leaves a node.
  const int resizes = cluster.job("grows")["status"].value("resizes", 0);
  EXPECT_GE(resizes, 2);
  EXPECT_LE(resizes, 3);
  EXPECT_FALSE(cluster.job("grows")["status"]["resized"].contains("by"));
  EXPECT_EQ(cluster.op().metrics().preemptions, 0U);
  // It stays so: no size changes without a reason.
  cluster.run_for(minutes(30));
  EXPECT_EQ(cluster.job("grows")["status"].value("resizes", 0), resizes);
}

TEST(Elastic, The_guarantee_of_a_Medium_job_goes_on_over_a_change_of_its_size) {
  Cluster cluster({{"zone-a", 2, 8}});
  cluster.start_operator();
  cluster.submit("first", job_in("medium", nodes(1), "300"));
  cluster.submit("grows", job_in("medium", elastic(1, 2), "forever"));
  ASSERT_TRUE(runs_on(cluster, "grows", 1));
  ASSERT_TRUE(runs_on(cluster, "grows", 2, minutes(10))) << cluster.job("grows").dump(1);
  const Json status = cluster.job("grows")["status"];
  EXPECT_EQ(status.value("preemptions", 0), 0);
  // What was left of it when it grew, and no more: it is safe for an hour from its first run on,
  // less than which is left after five minutes.
  cluster.submit("high", job_in("high", nodes(1), "30"));
  cluster.run_for(minutes(50));
  EXPECT_EQ(cluster.phase("high"), "Pending");
  ASSERT_TRUE(cluster.wait_phase("high", "Running", minutes(10))) << cluster.job("grows").dump(1);
  EXPECT_TRUE(runs_on(cluster, "grows", 1)) << "it gave up what was beyond its minimum";
  EXPECT_EQ(cluster.job("grows")["status"].value("preemptions", 0), 0);
}

TEST(Elastic, A_disruption_budget_keeps_its_size) {
  Cluster cluster({{"zone-a", 2, 8}});
  cluster.start_operator();
  cluster.submit("grows", job_in("low", elastic(1, 2), "forever"));
  ASSERT_TRUE(runs_on(cluster, "grows", 2));
  cluster.create(kBudgets,
                 {{"apiVersion", "policy/v1"},
                  {"kind", "PodDisruptionBudget"},
                  {"metadata", {{"name", "keep"}, {"namespace", "work"}}},
                  {"spec",
                   {{"minAvailable", 2},
                    {"selector", {{"matchLabels", {{"fermi-cluster.com/name", "grows"}}}}}}}});
  cluster.run_for(seconds(30));
  cluster.submit("high", job_in("high", nodes(1), "30"));
  cluster.run_for(minutes(3));
  EXPECT_EQ(cluster.phase("high"), "Pending");
  EXPECT_TRUE(runs_on(cluster, "grows", 2));
  EXPECT_EQ(cluster.job("grows")["status"].value("resizes", 0), 0);
  cluster.remove(std::string(kBudgets) + "/keep");
  EXPECT_TRUE(cluster.wait_phase("high", "Running")) << cluster.job("high").dump(1);
  EXPECT_TRUE(runs_on(cluster, "grows", 1)) << cluster.job("grows").dump(1);
}

TEST(Elastic, A_leader_that_dies_at_any_write_leaves_a_change_of_size_whole) {
  for (const auto point :
       {sim::WritePoint::kBeforeSend, sim::WritePoint::kAfterApply, sim::WritePoint::kAfterReply}) {
    for (int n = 1; n <= 12; ++n) {
      SCOPED_TRACE("write " + std::to_string(n) + ", point " +
                   std::to_string(static_cast<int>(point)));
      Cluster cluster({{"zone-a", 3, 8}});
      cluster.start_operator();
      cluster.submit("grows", job_in("low", elastic(1, 3), "forever"));
      ASSERT_TRUE(runs_on(cluster, "grows", 3));
      cluster.kill_at_write(n, point);
      cluster.submit("high", job_in("high", nodes(1), "600"));
      cluster.wait(minutes(2), [&] { return cluster.died(); });
      const bool died = cluster.died();
      if (died) {
        cluster.kill_operator();
        cluster.start_operator();
      }
      ASSERT_TRUE(cluster.wait_phase("high", "Running")) << cluster.job("high").dump(1);
      ASSERT_TRUE(runs_on(cluster, "grows", 2)) << cluster.job("grows").dump(1);
      EXPECT_EQ(cluster.pods_of("grows").size(), 2U);
      EXPECT_EQ(cluster.job("grows")["status"]["resizes"], 1);
      EXPECT_EQ(cluster.job("grows")["status"].value("preemptions", 0), 0);
      if (!died) break;
    }
  }
}

}  // namespace
}  // namespace fermi::testing
