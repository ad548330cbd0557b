// Plain Pods, queues, costs and bad luck against the embedded API server, in virtual time.
#include <gtest/gtest.h>

#include "tests/unit/operator/cluster.hpp"

namespace fermi::testing {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

Json member(const std::string& name, int size, int gpus) {
  return pod_for(name, {.queue = "default",
                        .gang = size > 1 ? "pair" : "",
                        .size = size,
                        .gpus = gpus,
                        .run_seconds = "20",
                        .expected = "5m"});
}

TEST(PlainPods, A_gang_is_bound_all_together_or_not_at_all) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.create(kPods, member("m-0", 2, 4));
  EXPECT_TRUE(cluster.wait(seconds(30), [&] { return !cluster.why_waits("m-0").empty(); }));
  EXPECT_NE(cluster.why_waits("m-0").find("1 more Pods"), std::string::npos);
  EXPECT_EQ(cluster.node_of("m-0"), "");
  cluster.create(kPods, member("m-1", 2, 4));
  EXPECT_TRUE(cluster.wait(seconds(30), [&] {
    return cluster.node_of("m-0") == "zone-a-0" && cluster.node_of("m-1") == "zone-a-0";
  }));
  EXPECT_TRUE(cluster.wait(minutes(2), [&] {
    return cluster.get(std::string(kPods) + "/m-1")["status"]["phase"] == "Succeeded";
  }));
  cluster.run_for(minutes(1));
  const int quiet = cluster.operator_writes();
  cluster.run_for(minutes(10));
  EXPECT_EQ(cluster.operator_writes(), quiet);
}

TEST(PlainPods, A_single_Pod_waits_for_room_and_says_why) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.create(kPods, member("big", 1, 8));
  EXPECT_TRUE(cluster.wait(seconds(30), [&] { return cluster.node_of("big") == "zone-a-0"; }));
  cluster.create(kPods, member("late", 1, 1));
  EXPECT_TRUE(cluster.wait(seconds(30), [&] { return !cluster.why_waits("late").empty(); }));
  EXPECT_EQ(cluster.why_waits("late").substr(0, 9), "Capacity:");
  EXPECT_TRUE(cluster.wait(minutes(2), [&] { return cluster.node_of("late") == "zone-a-0"; }));
}

TEST(PlainPods, A_successor_goes_on_with_a_gang_that_was_nominated) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.create(kPods, member("m-0", 2, 4));
  cluster.create(kPods, member("m-1", 2, 4));
  ASSERT_TRUE(cluster.wait(seconds(30), [&] {
    return !cluster.get(std::string(kPods) + "/m-0")
                .value("/status/nominatedNodeName"_json_pointer, "")
                .empty();
  }));
  cluster.kill_operator();
  cluster.run_for(seconds(5));
  cluster.start_operator();
  EXPECT_TRUE(cluster.wait(minutes(1), [&] {
    return cluster.node_of("m-0") == "zone-a-0" && cluster.node_of("m-1") == "zone-a-0";
  }));
}

TEST(Queues, One_in_use_is_deleted_only_when_it_is_empty) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.make_queue("team", Json::object());
  cluster.run("inside", {{"scheduling", {{"queue", "team"}}},
                         {"podTemplate",
                          {{"metadata", {{"annotations", {{"sim/run-seconds", "forever"}}}}}}}});
  const std::string team = std::string(kQueues) + "/team";
  ASSERT_TRUE(cluster.wait(seconds(20), [&] {
    return cluster.get(team).value("/status/running"_json_pointer, 0) == 1;
  }));
  cluster.remove(team);
  cluster.run_for(seconds(2));  // no order is promised between the watches of two kinds
  cluster.submit("late", {{"scheduling", {{"queue", "team"}}}});
  cluster.run_for(seconds(20));
  EXPECT_FALSE(cluster.get(team).is_null());
  EXPECT_TRUE(cluster.pods_of("late").empty());
  cluster.remove(std::string(kJobs) + "/late");
  cluster.remove(std::string(kJobs) + "/inside");
  EXPECT_TRUE(cluster.wait(minutes(2), [&] { return cluster.get(team).is_null(); }))
      << cluster.get(team).dump(1);
}

// `inside` runs for a minute, then nothing of what is in the queue is left; what came or was moved
// there later is not in it.
TEST(Queues, What_comes_to_one_that_is_being_deleted_is_told_so_and_does_not_keep_it) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  const std::string team = std::string(kQueues) + "/team";
  cluster.make_queue("team", Json::object());
  cluster.run("inside", job_for({.queue = "team", .run_seconds = "60"}));
  cluster.submit("moved", job_for({.queue = "default", .run_seconds = "5"}));
  cluster.run_for(seconds(5));
  cluster.remove(team);
  cluster.run_for(seconds(2));  // the API knows whole seconds
  cluster.submit("late", job_for({.queue = "team", .run_seconds = "5"}));
  cluster.create(kPods, pod_for("pod", {.queue = "team", .run_seconds = "5"}));
  cluster.patch(std::string(kJobs) + "/moved", {{"spec", {{"scheduling", {{"queue", "team"}}}}}});
  const std::string sentence =
      "queue \"team\" is being deleted and takes nothing new; name another queue";
  for (const char* job : {"late", "moved"}) {
    ASSERT_TRUE(cluster.wait(seconds(20), [&] {
      return condition(cluster.job(job), "Accepted").value("reason", "") == "QueueDeleting";
    })) << cluster.job(job).dump(1);
    EXPECT_EQ(cluster.message_of(job), "spec.scheduling.queue: " + sentence);
    EXPECT_EQ(condition(cluster.job(job), "Queued")["status"], "False");
    EXPECT_EQ(cluster.job(job)["status"].value("queuePosition", 0), 0);
  }
  EXPECT_TRUE(cluster.wait(seconds(20), [&] {
    return cluster.why_waits("pod").find(sentence) != std::string::npos;
  })) << cluster.why_waits("pod");
  // A leader that comes later knows it as well.
  cluster.kill_operator();
  cluster.start_operator();
  cluster.run_for(seconds(20));
  EXPECT_EQ(cluster.queue_status("team").value("pending", 0), 0) << cluster.queue_status("team");
  EXPECT_EQ(cluster.message_of("moved"), "spec.scheduling.queue: " + sentence);
  EXPECT_EQ(cluster.phase("inside"), "Running");
  EXPECT_TRUE(cluster.wait(minutes(2), [&] { return cluster.get(team).is_null(); }))
      << cluster.get(team).dump(1);
  EXPECT_EQ(cluster.phase("inside"), "Completed");
  cluster.make_queue("team", Json::object());
  EXPECT_TRUE(cluster.wait_phase("late", "Completed")) << cluster.job("late").dump(1);
  EXPECT_TRUE(cluster.wait_phase("moved", "Completed")) << cluster.job("moved").dump(1);
  EXPECT_TRUE(cluster.wait(minutes(1), [&] { return cluster.node_of("pod") == "zone-a-0"; }));
}

// Those that waited in it when it was deleted are in it: they may be moved, and hold it until then.
TEST(Queues, What_waits_in_one_that_is_being_deleted_keeps_it_until_it_is_moved) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  const std::string team = std::string(kQueues) + "/team";
  cluster.make_queue("team", Json::object());
  cluster.run("runs", job_for({.queue = "default"}));
  cluster.submit("waits", job_for({.queue = "team", .run_seconds = "5"}));
  cluster.run_for(seconds(5));
  cluster.remove(team);
  cluster.run_for(seconds(30));
  ASSERT_FALSE(cluster.get(team).is_null());
  EXPECT_EQ(condition(cluster.get(team), "Deleting")["message"],
            "it goes when it is empty: 1 tasks wait and 0 run; those that wait start in another "
            "queue only");
  EXPECT_EQ(condition(cluster.job("waits"), "Accepted")["status"], "True");
  cluster.patch(std::string(kJobs) + "/waits",
                {{"spec", {{"scheduling", {{"queue", "default"}}}}}});
  EXPECT_TRUE(cluster.wait(seconds(30), [&] { return cluster.get(team).is_null(); }));
}

// The definition takes any name of a resource; the decoder knows that "gpu" is none.
TEST(Queues, Who_waits_in_one_with_a_wrong_spec_is_told_the_field_and_starts_when_it_is_mended) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.make_queue("team", {{"quota", {{"maximum", {{"gpu", "4"}}}}}});
  cluster.submit("job", job_for({.queue = "team", .run_seconds = "5"}));
  cluster.create(kPods, pod_for("pod", {.queue = "team", .run_seconds = "5"}));
  const auto reason = [&] {
    const Json status = cluster.job("job")["status"];
    return status.is_object() ? status.value("reason", "") : "";
  };
  ASSERT_TRUE(cluster.wait(seconds(20), [&] { return reason() == "QueueInvalid"; }))
      << cluster.job("job").dump(1);
  const std::string begin = "the spec of queue \"team\" is wrong: spec.quota.maximum.gpu: ";
  EXPECT_EQ(cluster.message_of("job").find(begin), 0U) << cluster.message_of("job");
  EXPECT_TRUE(cluster.wait(seconds(20), [&] {
    return cluster.why_waits("pod").find("QueueInvalid: " + begin) == 0;
  })) << cluster.why_waits("pod");
  cluster.patch(std::string(kQueues) + "/team", {{"spec", {{"closed", true}, {"quota", nullptr}}}});
  EXPECT_TRUE(cluster.wait(seconds(20), [&] { return reason() == "QueueClosed"; }))
      << cluster.job("job").dump(1);
  cluster.patch(std::string(kQueues) + "/team", {{"spec", {{"closed", false}}}});
  EXPECT_TRUE(cluster.wait_phase("job", "Completed")) << cluster.job("job").dump(1);
}

TEST(Queues, An_unknown_one_is_said_and_its_coming_starts_the_job) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.submit("lost",
                 {{"scheduling", {{"queue", "later"}}},
                  {"podTemplate", {{"metadata", {{"annotations", {{"sim/run-seconds", "2"}}}}}}}});
  const auto accepted = [&] {
    return condition(cluster.job("lost"), "Accepted").value("status", "");
  };
  ASSERT_TRUE(cluster.wait(seconds(20), [&] { return accepted() == "False"; }))
      << cluster.job("lost").dump(1);
  EXPECT_NE(cluster.job("lost")["status"]["message"].get<std::string>().find("later"),
            std::string::npos);
  cluster.make_queue("later", {{"tier", "Low"}, {"strategy", "FIFO"}});
  EXPECT_TRUE(cluster.wait_phase("lost", "Completed"));
}

TEST(Costs, Five_nodes_of_the_worked_example_cost_404_an_hour) {
  Cluster cluster({{"zone-a", 2, 8}, {"zone-b", 3, 8}});
  cluster.create(
      "/api/v1/namespaces/fermi-system/configmaps",
      {{"apiVersion", "v1"},
       {"kind", "ConfigMap"},
       {"metadata", {{"name", "fermi-config"}, {"namespace", "fermi-system"}}},
       {"data", {{"config.yaml", "currency: CNY\nprices: {gpu: \"8.50\", cpuCore: \"0.20\"}\n"}}}});
  cluster.start_operator();
  cluster.submit(
      "example",
      {{"resources", {{"cpu", "64"}, {"memory", "256Gi"}}},
       {"scheduling",
        {{"zones", Json::array({{{"zone", "zone-a"}, {"nodes", 2}, {"gpusPerNode", 8}},
                                {{"zone", "zone-b"}, {"nodes", 3}, {"gpusPerNode", 8}}})}}},
       {"podTemplate", {{"metadata", {{"annotations", {{"sim/run-seconds", "3600"}}}}}}}});
  ASSERT_TRUE(cluster.wait_phase("example", "Running"));
  EXPECT_EQ(cluster.job("example")["status"]["costPerHour"], "404.00");
  ASSERT_TRUE(cluster.wait_phase("example", "Completed", minutes(90)));
  const Json status = cluster.job("example")["status"];
  const double spent = std::stod(status["costAccumulated"].get<std::string>());
  EXPECT_GT(spent, 404.0);
  EXPECT_LT(spent, 406.0);  // the start and the end take some seconds
}

TEST(BadLuck, A_Pod_of_somebody_else_under_our_name_is_left_alone) {
  Cluster cluster({{"zone-a", 1, 8}});
  Json foreign = member("clash-0-0", 1, 1);
  foreign["spec"]["schedulerName"] = "somebody-else";
  cluster.create(kPods, foreign);
  const Json before = cluster.get(std::string(kPods) + "/clash-0-0");
  cluster.start_operator();
  cluster.submit("clash",
                 {{"podTemplate", {{"metadata", {{"annotations", {{"sim/run-seconds", "2"}}}}}}}});
  ASSERT_TRUE(cluster.wait_phase("clash", "Completed", minutes(5))) << cluster.job("clash").dump(1);
  EXPECT_EQ(cluster.get(std::string(kPods) + "/clash-0-0")["metadata"]["uid"],
            before["metadata"]["uid"]);
  EXPECT_EQ(cluster.node_of("clash-0-0"), "");
  bool said = false;
  const Json job = cluster.job("clash");
  for (const Json& entry : job["status"]["timeline"])
    said = said || entry.value("why", "").find("clash-0-0") != std::string::npos;
  EXPECT_TRUE(said) << job["status"].dump(1);
}

TEST(BadLuck, A_node_that_goes_takes_its_gang_back_into_the_line) {
  Cluster cluster({{"zone-a", 2, 8}});
  cluster.start_operator();
  cluster.run("gang", {{"nodes", 2},
                       {"gpusPerNode", 8},
                       {"podTemplate",
                        {{"metadata", {{"annotations", {{"sim/run-seconds", "forever"}}}}},
                         {"spec", {{"terminationGracePeriodSeconds", 1}}}}}});
  cluster.remove("/api/v1/nodes/zone-a-1");
  ASSERT_TRUE(cluster.wait_phase("gang", "Pending", minutes(2))) << cluster.job("gang").dump(1);
  EXPECT_EQ(cluster.job("gang")["status"]["restarts"], 0);
  cluster.add_node("zone-a-9", "zone-a", 8);
  ASSERT_TRUE(cluster.wait_phase("gang", "Running", minutes(2))) << cluster.job("gang").dump(1);
  EXPECT_EQ(cluster.job("gang")["status"]["attempt"], 1);
}

TEST(BadLuck, A_finished_job_is_removed_when_its_time_is_over) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.submit("brief",
                 {{"ttlAfterFinished", "1m"},
                  {"podTemplate", {{"metadata", {{"annotations", {{"sim/run-seconds", "2"}}}}}}}});
  ASSERT_TRUE(cluster.wait_phase("brief", "Completed"));
  EXPECT_TRUE(cluster.wait(minutes(3), [&] { return cluster.job("brief").is_null(); }));
  EXPECT_TRUE(cluster.wait(minutes(1), [&] { return cluster.pods_of("brief").empty(); }));
}

}  // namespace
}  // namespace fermi::testing
