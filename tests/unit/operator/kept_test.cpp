// What a task keeps through failures, lost nodes, changes of queue and holds, against the embedded
// API server, in virtual time.
#include <gtest/gtest.h>

#include "tests/unit/operator/cluster.hpp"

namespace fermi::testing {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

Json job_in(const std::string& queue, const std::string& run_seconds, const std::string& expected,
            const std::string& exit = "0") {
  return job_for({.queue = queue, .run_seconds = run_seconds, .expected = expected, .exit = exit});
}

// How long its guarantee is, counted from when it runs.
std::int64_t guarantee_s(Cluster& cluster, const std::string& job) {
  const Json status = cluster.job(job)["status"];
  return seconds_at(status, "/guarantee/until") - seconds_at(status, "/runningSince");
}

// Ten minutes, four of which the first attempt ran.
TEST(Kept, A_retry_after_a_failure_keeps_what_was_left_of_the_guarantee) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.run("medium", job_in("medium", "240", "10m", "once:137"));
  EXPECT_NEAR(static_cast<double>(guarantee_s(cluster, "medium")), 600, 2);
  ASSERT_TRUE(cluster.wait_attempt("medium", 1)) << cluster.job("medium").dump(1);
  EXPECT_NEAR(static_cast<double>(guarantee_s(cluster, "medium")), 360, 10);
  EXPECT_EQ(cluster.job("medium")["status"]["restarts"], 1);
  EXPECT_EQ(cluster.job("medium")["status"].value("preemptions", 0), 0);
}

// The node is lost after four minutes, and the rest is kept on another one.
TEST(Kept, The_loss_of_a_node_neither_halves_the_guarantee_nor_counts) {
  Cluster cluster({{"zone-a", 2, 8}});
  cluster.start_operator();
  cluster.run("medium", job_in("medium", "forever", "10m"));
  cluster.run_for(minutes(4));
  const std::string node = cluster.pods_of("medium").at(0)["spec"]["nodeName"];
  cluster.remove("/api/v1/nodes/" + node);
  ASSERT_TRUE(cluster.wait_attempt("medium", 1)) << cluster.job("medium").dump(1);
  EXPECT_NEAR(static_cast<double>(guarantee_s(cluster, "medium")), 360, 10);
  const Json status = cluster.job("medium")["status"];
  EXPECT_EQ(status.value("preemptions", 0), 0);
  EXPECT_EQ(status.value("restarts", 0), 0);
}

// As `kubectl drain` does it: cordoned, then evicted.
TEST(Kept, A_drain_neither_halves_the_guarantee_nor_counts) {
  Cluster cluster({{"zone-a", 2, 8}});
  cluster.start_operator();
  cluster.run("medium", job_in("medium", "forever", "10m"));
  cluster.run_for(minutes(4));
  const Json pod = cluster.pods_of("medium").at(0);
  const std::string name = pod["metadata"]["name"], node = pod["spec"]["nodeName"];
  cluster.patch("/api/v1/nodes/" + node, {{"spec", {{"unschedulable", true}}}});
  cluster.evict(name);
  ASSERT_TRUE(cluster.wait_attempt("medium", 1)) << cluster.job("medium").dump(1);
  EXPECT_NE(cluster.pods_of("medium").at(0)["spec"]["nodeName"], node);
  EXPECT_NEAR(static_cast<double>(guarantee_s(cluster, "medium")), 360, 40);
  EXPECT_EQ(cluster.job("medium")["status"].value("preemptions", 0), 0);
}

TEST(Kept, The_submit_time_stays_when_a_job_changes_its_queue) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.run("runs", job_in("high", "300", "1h"));
  cluster.submit("old", job_in("low", "forever", "1h"));
  cluster.run_for(minutes(1));
  const std::string submitted = cluster.job("old")["status"]["submitTime"];
  cluster.submit("young", job_in("medium", "forever", "1h"));
  cluster.run_for(minutes(1));
  EXPECT_EQ(cluster.job("young")["status"]["queuePosition"], 1);
  cluster.patch(std::string(kJobs) + "/old", {{"spec", {{"scheduling", {{"queue", "medium"}}}}}});
  const auto is_first = [&] {
    const Json status = cluster.job("old")["status"];
    return status["queue"] == "medium" && status.value("queuePosition", 0) == 1;
  };
  EXPECT_TRUE(cluster.wait(seconds(30), is_first)) << cluster.job("old").dump(1);
  EXPECT_EQ(cluster.job("old")["status"]["submitTime"], submitted);
  ASSERT_TRUE(cluster.wait_phase("old", "Running", minutes(10)));
  EXPECT_EQ(cluster.phase("young"), "Pending");
}

// --- plain Pods

Json plain(const std::string& name, const Json& annotations) {
  return pod_for(name, {.annotations = annotations});
}

TEST(Kept, A_plain_Pod_that_is_held_waits_and_keeps_its_place) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  Json held = {{"fermi-cluster.com/hold", "true"}, {"sim/run-seconds", "60"}};
  cluster.create(kPods, plain("held", held));
  cluster.run_for(seconds(30));
  EXPECT_EQ(cluster.node_of("held"), "");
  EXPECT_EQ(cluster.why_waits("held"), "Held: Pod held is held by annotation");
  cluster.create(kPods, plain("first", {{"sim/run-seconds", "60"}}));
  ASSERT_TRUE(cluster.wait(seconds(10), [&] { return cluster.node_of("first") == "zone-a-0"; }))
      << "it blocks nobody";
  cluster.create(kPods, plain("later", {{"sim/run-seconds", "60"}}));
  cluster.run_for(seconds(5));
  cluster.patch(std::string(kPods) + "/held",
                {{"metadata", {{"annotations", {{"fermi-cluster.com/hold", nullptr}}}}}});
  ASSERT_TRUE(cluster.wait(minutes(3), [&] { return cluster.node_of("held") == "zone-a-0"; }));
  EXPECT_EQ(cluster.node_of("later"), "") << "it came later";
}

TEST(Kept, The_annotations_of_a_plain_Pod_are_its_wishes) {
  Cluster cluster({{"zone-a", 1, 8}, {"zone-b", 1, 8}});
  cluster.start_operator();
  cluster.create(kPods, plain("there", {{"fermi-cluster.com/zones", "zone-b"},
                                        {"fermi-cluster.com/priority", "Low"},
                                        {"fermi-cluster.com/expected-duration", "5m"},
                                        {"sim/run-seconds", "forever"}}));
  EXPECT_TRUE(cluster.wait(seconds(20), [&] { return cluster.node_of("there") == "zone-b-0"; }));
  cluster.create(kPods, plain("too-high", {{"fermi-cluster.com/priority", "High"}}));
  cluster.create(kPods, plain("odd", {{"fermi-cluster.com/expected-duration", "soon"}}));
  cluster.create(kPods, plain("nowhere", {{"fermi-cluster.com/zones", "atlantis"}}));
  const auto says = [&](const char* name, const char* what) {
    return cluster.wait(seconds(20),
                        [&] { return cluster.why_waits(name).find(what) != std::string::npos; });
  };
  EXPECT_TRUE(says("too-high", "\"High\" is not allowed; at most Medium"));
  EXPECT_TRUE(says("odd", "fermi-cluster.com/expected-duration")) << cluster.why_waits("odd");
  EXPECT_TRUE(says("nowhere",
                   "Constraint: no node satisfies what it asks for (no node lies in "
                   "atlantis; zones: zone-a, zone-b)"))
      << cluster.why_waits("nowhere");
  Json picky = plain("picky", Json::object());
  picky["spec"]["nodeSelector"] = {{"disk", "ssd"}};
  cluster.create(kPods, picky);
  EXPECT_TRUE(says("picky", "(no node has the label disk=ssd)")) << cluster.why_waits("picky");
}

// Whoever writes so wants it held: it is, and is told what is understood.
TEST(Kept, A_hold_that_is_neither_true_nor_false_is_told) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  const Json spec = job_for({.queue = "medium", .run_seconds = "5"});
  Json whole = {{"framework", "Command"}, {"image", "i"}, {"command", {"run"}}};
  whole.merge_patch(spec);
  cluster.create(kJobs, {{"apiVersion", "fermi-cluster.com/v1alpha1"},
                         {"kind", "TrainingJob"},
                         {"metadata",
                          {{"name", "job"},
                           {"namespace", "work"},
                           {"annotations", {{"fermi-cluster.com/hold", "yes"}}}}},
                         {"spec", whole}});
  cluster.create(kPods, plain("pod", {{"fermi-cluster.com/hold", "yes"}}));
  const std::string sentence =
      "the annotation fermi-cluster.com/hold: \"yes\" is not allowed; true or false";
  ASSERT_TRUE(cluster.wait(seconds(20), [&] { return cluster.message_of("job") == sentence; }))
      << cluster.job("job").dump(1);
  const Json accepted = condition(cluster.job("job"), "Accepted");
  EXPECT_EQ(accepted["status"], "False");
  EXPECT_EQ(accepted["reason"], "InvalidAnnotation");
  EXPECT_TRUE(cluster.wait(seconds(20), [&] {
    return cluster.why_waits("pod") == "Held: Pod pod: " + sentence;
  })) << cluster.why_waits("pod");
  const Json away = {{"metadata", {{"annotations", {{"fermi-cluster.com/hold", "false"}}}}}};
  cluster.patch(std::string(kJobs) + "/job", away);
  cluster.patch(std::string(kPods) + "/pod", away);
  EXPECT_TRUE(cluster.wait_phase("job", "Completed")) << cluster.job("job").dump(1);
  EXPECT_TRUE(cluster.wait(minutes(2), [&] { return cluster.node_of("pod") == "zone-a-0"; }));
}

}  // namespace
}  // namespace fermi::testing
