// A job's whole life against the embedded API server, in virtual time.
#include <gtest/gtest.h>

#include "tests/unit/operator/cluster.hpp"

namespace fermi::testing {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

Json runs_for(const std::string& run_seconds, const std::string& exit = "0") {
  return {{"metadata", {{"annotations", {{"sim/run-seconds", run_seconds}, {"sim/exit", exit}}}}}};
}

TEST(JobLife, A_job_goes_from_apply_to_Completed) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.run("hello", {{"gpusPerNode", 2}, {"podTemplate", runs_for("5")}});
  const auto pods = cluster.pods_of("hello");
  ASSERT_EQ(pods.size(), 1U);
  EXPECT_EQ(pods[0]["metadata"]["name"], "hello-0-0");
  EXPECT_EQ(pods[0]["spec"]["nodeName"], "zone-a-0");
  EXPECT_EQ(pods[0]["spec"]["hostname"], "hello-0");
  ASSERT_TRUE(cluster.wait_phase("hello", "Completed")) << cluster.job("hello").dump(1);
  const Json status = cluster.job("hello")["status"];
  EXPECT_EQ(status["taskId"], cluster.job("hello")["metadata"]["uid"]);
  EXPECT_EQ(status["exitCode"], 0);
  EXPECT_EQ(status["queue"], "default");
  EXPECT_EQ(status["timeline"].size(), 4U);  // Pending, Starting, Running, Completed
}

TEST(JobLife, A_task_costs_three_status_writes_and_nothing_follows_its_end) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.run_for(seconds(30));
  cluster.submit("hello", {{"podTemplate", runs_for("5")}});
  ASSERT_TRUE(cluster.wait_phase("hello", "Completed"));
  EXPECT_EQ(cluster.op().metrics().binds, 1U);
  EXPECT_EQ(cluster.op().metrics().pods_created, 1U);
  EXPECT_EQ(cluster.op().metrics().conflicts, 0U);
  cluster.run_for(minutes(1));
  const int quiet = cluster.operator_writes();
  cluster.run_for(minutes(30));
  EXPECT_EQ(cluster.operator_writes(), quiet);
}

TEST(JobLife, Two_nodes_in_one_zone_and_three_in_another_are_exactly_that) {
  Cluster cluster({{"zone-a", 2, 8}, {"zone-b", 3, 8}});
  cluster.start_operator();
  const Json zones = Json::array({{{"zone", "zone-a"}, {"nodes", 2}, {"gpusPerNode", 8}},
                                  {{"zone", "zone-b"}, {"nodes", 3}, {"gpusPerNode", 8}}});
  cluster.run("pair", {{"framework", "PyTorch"},
                       {"scheduling", {{"zones", zones}}},
                       {"podTemplate", runs_for("forever")}});
  const Json status = cluster.job("pair")["status"];
  EXPECT_EQ(status["placement"]["zones"],
            Json::array({{{"zone", "zone-a"}, {"nodes", 2}}, {{"zone", "zone-b"}, {"nodes", 3}}}));
  EXPECT_EQ(cluster.pods_of("pair").size(), 5U);
  EXPECT_FALSE(cluster.get("/api/v1/namespaces/work/services/pair").is_null());
  // A second one waits for the first, with a reason, and starts when it is gone.
  cluster.submit("next", {{"scheduling", {{"zones", zones}}}, {"podTemplate", runs_for("5")}});
  ASSERT_TRUE(cluster.wait(seconds(30), [&] {
    return cluster.job("next").value("/status/queuePosition"_json_pointer, 0) == 1;
  })) << cluster.job("next").dump(1);
  EXPECT_EQ(cluster.job("next")["status"]["reason"], "Capacity");
  EXPECT_TRUE(cluster.pods_of("next").empty());
  cluster.remove("/apis/fermi-cluster.com/v1alpha1/namespaces/work/trainingjobs/pair");
  EXPECT_TRUE(cluster.wait_phase("next", "Completed", minutes(5))) << cluster.job("next").dump(1);
}

TEST(JobLife, A_retryable_exit_code_restarts_the_gang_and_a_permanent_one_fails_the_job) {
  Cluster cluster({{"zone-a", 2, 8}});
  cluster.start_operator();
  cluster.submit("flaky", {{"nodes", 2},
                           {"gpusPerNode", 4},
                           {"retry", {{"limit", 5}, {"backoff", "1s"}}},
                           {"podTemplate", runs_for("5", "once:137")}});
  ASSERT_TRUE(cluster.wait_phase("flaky", "Completed", minutes(10)))
      << cluster.job("flaky").dump(1);
  EXPECT_GE(cluster.job("flaky")["status"]["restarts"], 1);
  cluster.submit("wrong", {{"podTemplate", runs_for("5", "3")}});
  ASSERT_TRUE(cluster.wait_phase("wrong", "Failed", minutes(2))) << cluster.job("wrong").dump(1);
  EXPECT_EQ(cluster.job("wrong")["status"]["exitCode"], 3);
}

TEST(JobLife, A_Pod_deleted_by_hand_restarts_the_whole_gang_under_the_next_attempt) {
  Cluster cluster({{"zone-a", 2, 8}});
  cluster.start_operator();
  cluster.run("gang", {{"nodes", 2}, {"gpusPerNode", 8}, {"podTemplate", runs_for("forever")}});
  cluster.remove("/api/v1/namespaces/work/pods/gang-0-1");
  ASSERT_TRUE(cluster.wait(minutes(3), [&] {
    return cluster.phase("gang") == "Running" && cluster.job("gang")["status"]["attempt"] == 1;
  })) << cluster.job("gang").dump(1);
  const auto pods = cluster.pods_of("gang");
  ASSERT_EQ(pods.size(), 2U);
  EXPECT_EQ(pods[0]["metadata"]["name"], "gang-1-0");
}

// Its Service may be deleted by somebody between two attempts: it is looked for in each of them.
TEST(JobLife, A_Service_that_is_gone_is_made_again_for_the_next_attempt) {
  Cluster cluster({{"zone-a", 2, 8}});
  cluster.start_operator();
  cluster.run("gang", {{"nodes", 2}, {"gpusPerNode", 8}, {"podTemplate", runs_for("forever")}});
  const std::string service = "/api/v1/namespaces/work/services/gang";
  ASSERT_FALSE(cluster.get(service).is_null());
  cluster.remove(service);
  cluster.remove("/api/v1/namespaces/work/pods/gang-0-1");
  ASSERT_TRUE(cluster.wait(minutes(3), [&] {
    return cluster.phase("gang") == "Running" && cluster.job("gang")["status"]["attempt"] == 1;
  })) << cluster.job("gang").dump(1);
  EXPECT_FALSE(cluster.get(service).is_null());
}

TEST(JobLife, A_rank_that_has_ended_well_is_not_asked_for_again_when_its_Pod_is_deleted) {
  Cluster cluster({{"zone-a", 2, 8}});
  cluster.start_operator();
  cluster.run("gang", {{"nodes", 2}, {"gpusPerNode", 8}, {"podTemplate", runs_for("forever")}});
  const std::string first = "/api/v1/namespaces/work/pods/gang-0-0";
  const auto succeed = [&](const std::string& pod) {
    cluster.server.call("kubelet", "PATCH", pod + "/status", {{"status", {{"phase", "Succeeded"}}}},
                        "application/merge-patch+json");
  };
  succeed(first);
  cluster.run_for(seconds(10));
  cluster.remove(first);
  cluster.run_for(minutes(2));
  EXPECT_TRUE(cluster.get(first).is_null());
  EXPECT_EQ(cluster.phase("gang"), "Running") << cluster.job("gang")["status"].dump(1);
  EXPECT_EQ(cluster.job("gang")["status"]["attempt"], 0);
  // A successor knows it from the status alone.
  cluster.kill_operator();
  cluster.run_for(seconds(20));
  cluster.start_operator();
  cluster.run_for(minutes(1));
  EXPECT_EQ(cluster.job("gang")["status"]["attempt"], 0);
  succeed("/api/v1/namespaces/work/pods/gang-0-1");
  ASSERT_TRUE(cluster.wait_phase("gang", "Completed")) << cluster.job("gang")["status"].dump(1);
  EXPECT_EQ(cluster.job("gang")["status"]["attempt"], 0);
}

TEST(JobLife, A_job_whose_Pod_is_deleted_again_and_again_starts_less_and_less_often) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  Json pod = runs_for("forever");
  pod["spec"] = {{"terminationGracePeriodSeconds", 1}};
  cluster.submit("victim", {{"podTemplate", pod}});
  const k8s::TimePoint end = cluster.loop.now() + minutes(10);
  while (cluster.loop.now() < end) {
    for (const Json& one : cluster.pods_of("victim"))
      if (one["status"].value("phase", "") == "Running" && !sim::is_deleting(one))
        cluster.remove("/api/v1/namespaces/work/pods/" +
                       one["metadata"]["name"].get<std::string>());
    cluster.run_for(std::chrono::milliseconds(500));
  }
  // 1 s, 2 s, ... 60 s: seven restarts in the first two minutes and a half, then one a minute.
  const std::int64_t attempts = cluster.job("victim")["status"]["attempt"];
  EXPECT_GE(attempts, 8);
  EXPECT_LE(attempts, 16);
  EXPECT_EQ(cluster.job("victim")["status"]["restarts"], 0);
  EXPECT_TRUE(cluster.wait_phase("victim", "Running", minutes(2)));
}

TEST(JobLife, A_gang_that_failed_for_good_leaves_its_whole_room_to_others) {
  Cluster cluster({{"zone-a", 3, 8}});
  cluster.start_operator();
  Json pod = runs_for("forever");
  pod["spec"] = {{"terminationGracePeriodSeconds", 5}};
  cluster.run("wrong", {{"nodes", 3}, {"gpusPerNode", 7}, {"podTemplate", pod}});
  cluster.server.call(
      "kubelet", "PATCH", "/api/v1/namespaces/work/pods/wrong-0-1/status",
      {{"status",
        {{"phase", "Failed"},
         {"containerStatuses",
          Json::array({{{"name", "main"}, {"state", {{"terminated", {{"exitCode", 1}}}}}}})}}}},
      "application/merge-patch+json");
  cluster.submit("next", {{"nodes", 3}, {"gpusPerNode", 8}, {"podTemplate", runs_for("5")}});
  ASSERT_TRUE(cluster.wait_phase("wrong", "Failed")) << cluster.job("wrong")["status"].dump(1);
  EXPECT_TRUE(cluster.wait_phase("next", "Completed")) << cluster.job("next")["status"].dump(1);
}

TEST(JobLife, Suspending_a_running_job_stops_it_and_resuming_starts_it_again) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.run("long", {{"gpusPerNode", 8}, {"podTemplate", runs_for("forever")}});
  const std::string path = "/apis/fermi-cluster.com/v1alpha1/namespaces/work/trainingjobs/long";
  cluster.patch(path, {{"spec", {{"suspend", true}}}});
  ASSERT_TRUE(cluster.wait_phase("long", "Stopped")) << cluster.job("long").dump(1);
  EXPECT_TRUE(cluster.pods_of("long").empty());
  cluster.patch(path, {{"spec", {{"suspend", false}}}});
  ASSERT_TRUE(cluster.wait_phase("long", "Running")) << cluster.job("long").dump(1);
  EXPECT_EQ(cluster.job("long")["status"]["attempt"], 1);
}

TEST(JobLife, A_killed_operator_leaves_a_successor_all_it_needs) {
  Cluster cluster({{"zone-a", 2, 8}});
  cluster.start_operator();
  cluster.submit("gang", {{"nodes", 2}, {"gpusPerNode", 8}, {"podTemplate", runs_for("60")}});
  ASSERT_TRUE(cluster.wait_phase("gang", "Starting"));
  cluster.kill_operator();
  cluster.run_for(seconds(5));
  cluster.start_operator();
  ASSERT_TRUE(cluster.wait_phase("gang", "Completed", minutes(10))) << cluster.job("gang").dump(1);
  EXPECT_EQ(cluster.job("gang")["status"]["attempt"], 0);
}

TEST(JobLife, Who_leads_no_more_tells_nothing_of_the_queues) {
  Options options;
  options.leader_elect = true;
  options.identity = "one";
  Cluster cluster({{"zone-a", 1, 8}}, options);
  cluster.start_operator();
  cluster.submit("j", {{"gpusPerNode", 8}, {"podTemplate", runs_for("600")}});
  ASSERT_TRUE(cluster.wait_phase("j", "Running"));
  ASSERT_TRUE(cluster.wait(seconds(5), [&] { return cluster.op().metrics().tasks == 1; }));
  cluster.patch("/apis/coordination.k8s.io/v1/namespaces/fermi-system/leases/fermi-operator",
                {{"spec", {{"holderIdentity", "two"}}}});
  ASSERT_TRUE(cluster.wait(seconds(30), [&] { return !cluster.op().leading(); }));
  EXPECT_EQ(cluster.op().metrics().tasks, 0);
  EXPECT_TRUE(cluster.op().metrics().queues.empty());
  EXPECT_TRUE(cluster.op().metrics().open_conflicts.empty());
}

}  // namespace
}  // namespace fermi::testing
