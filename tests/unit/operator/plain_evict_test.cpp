// Plain Pods that have to make room, against the embedded API server, in virtual time.
#include <gtest/gtest.h>

#include "tests/unit/operator/cluster.hpp"

namespace fermi::testing {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

struct Wish {
  std::string queue = "low", gang = "";
  int size = 1, gpus = 8;
  std::string preemptible = "";
  Json owner{};  // null: nobody brings it back
};

Json pod(const std::string& name, const Wish& wish) {
  Json said = Json::object();
  if (!wish.preemptible.empty()) said["fermi-cluster.com/preemptible"] = wish.preemptible;
  Json out = pod_for(name, {.queue = wish.queue,
                            .gang = wish.gang,
                            .size = wish.size,
                            .gpus = wish.gpus,
                            .expected = "10m",
                            .annotations = said,
                            .owner = wish.owner});
  out["metadata"]["labels"]["app"] = "plain";
  return out;
}

std::string told(Cluster& cluster, const std::string& name) {
  const Json found = cluster.get(std::string(kPods) + "/" + name);
  return condition(found, "fermi-cluster.com/Preempted").value("message", "");
}

Json job_in(const std::string& queue, const std::string& run_seconds) {
  return job_for({.queue = queue, .run_seconds = run_seconds, .expected = "1m"});
}

TEST(PlainEviction, A_Low_gang_with_a_controller_makes_room_as_a_whole_and_is_told_for_whom) {
  Cluster cluster({{"zone-a", 1, 8}});
  const Json owner = cluster.make_owner();
  cluster.start_operator();
  for (const char* name : {"m-0", "m-1"})
    cluster.create(kPods, pod(name, {.gang = "pair", .size = 2, .gpus = 4, .owner = owner}));
  ASSERT_TRUE(cluster.wait(seconds(30), [&] { return cluster.node_of("m-1") == "zone-a-0"; }));
  cluster.run_for(seconds(5));
  cluster.submit("high", job_in("high", "30"));
  std::string said;
  ASSERT_TRUE(cluster.wait(seconds(60), [&] {
    if (said.empty()) said = told(cluster, "m-0");
    return !cluster.has_pod("m-0") && !cluster.has_pod("m-1");
  }));
  EXPECT_EQ(said.substr(0, 26), "makes room for work/high, ");
  EXPECT_TRUE(cluster.wait_phase("high", "Running"));
  // Its controller brings it back; it waits, and runs when nobody above wants the room.
  for (const char* name : {"m-2", "m-3"})
    cluster.create(kPods, pod(name, {.gang = "pair", .size = 2, .gpus = 4, .owner = owner}));
  cluster.run_for(seconds(10));
  EXPECT_EQ(cluster.node_of("m-2"), "");
  ASSERT_TRUE(cluster.wait_phase("high", "Completed"));
  EXPECT_TRUE(cluster.wait(seconds(30), [&] { return cluster.node_of("m-3") == "zone-a-0"; }));
}

TEST(PlainEviction, A_Pod_without_a_controller_is_never_asked) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.create(kPods, pod("alone", {}));
  ASSERT_TRUE(cluster.wait(seconds(30), [&] { return cluster.node_of("alone") == "zone-a-0"; }));
  cluster.submit("high", job_in("high", "30"));
  cluster.run_for(minutes(20));
  EXPECT_EQ(cluster.node_of("alone"), "zone-a-0");
  EXPECT_EQ(told(cluster, "alone"), "");
  EXPECT_EQ(cluster.phase("high"), "Pending");
}

TEST(PlainEviction, A_Medium_Pod_is_safe_until_its_guarantee_is_over_whoever_leads) {
  Cluster cluster({{"zone-a", 1, 8}});
  const Json owner = cluster.make_owner();
  cluster.start_operator();
  cluster.create(kPods, pod("medium", {.queue = "medium", .owner = owner}));
  ASSERT_TRUE(cluster.wait(seconds(30), [&] { return cluster.node_of("medium") == "zone-a-0"; }));
  cluster.submit("high", job_in("high", "30"));
  cluster.run_for(minutes(5));
  cluster.kill_operator();
  cluster.run_for(minutes(1));
  cluster.start_operator();
  cluster.run_for(minutes(3));
  EXPECT_TRUE(cluster.has_pod("medium"));
  EXPECT_TRUE(cluster.wait_phase("high", "Running", minutes(3))) << cluster.job("high").dump(1);
  EXPECT_FALSE(cluster.has_pod("medium"));
}

TEST(PlainEviction, A_Medium_Pod_may_say_that_it_is_preemptible_and_never_the_contrary) {
  Cluster cluster({{"zone-a", 1, 8}});
  const Json owner = cluster.make_owner();
  cluster.start_operator();
  cluster.create(kPods, pod("kept", {.queue = "medium", .preemptible = "false", .owner = owner}));
  cluster.create(kPods, pod("odd", {.queue = "medium", .preemptible = "yes", .owner = owner}));
  cluster.create(kPods, pod("medium", {.queue = "medium", .preemptible = "true", .owner = owner}));
  ASSERT_TRUE(cluster.wait(seconds(30), [&] { return cluster.node_of("medium") == "zone-a-0"; }));
  const auto says = [&](const char* name, const char* what) {
    return cluster.wait(seconds(20),
                        [&] { return cluster.why_waits(name).find(what) != std::string::npos; });
  };
  EXPECT_TRUE(says("kept",
                   "fermi-cluster.com/preemptible: false is not allowed with priority "
                   "Medium; use priority High"))
      << cluster.why_waits("kept");
  EXPECT_TRUE(says("odd", "\"yes\" is not allowed; true or false")) << cluster.why_waits("odd");
  cluster.submit("high", job_in("high", "30"));
  EXPECT_TRUE(cluster.wait_phase("high", "Running", seconds(40))) << cluster.job("high").dump(1);
  EXPECT_FALSE(cluster.has_pod("medium"));
}

TEST(PlainEviction, A_disruption_budget_is_honoured_and_said) {
  Cluster cluster({{"zone-a", 1, 8}});
  const Json owner = cluster.make_owner();
  const Json budget = {
      {"apiVersion", "policy/v1"},
      {"kind", "PodDisruptionBudget"},
      {"metadata", {{"name", "keep"}, {"namespace", "work"}}},
      {"spec", {{"minAvailable", 1}, {"selector", {{"matchLabels", {{"app", "plain"}}}}}}}};
  cluster.create("/apis/policy/v1/namespaces/work/poddisruptionbudgets", budget);
  cluster.start_operator();
  cluster.create(kPods, pod("kept", {.owner = owner}));
  ASSERT_TRUE(cluster.wait(seconds(30), [&] { return cluster.node_of("kept") == "zone-a-0"; }));
  cluster.run_for(seconds(5));
  cluster.submit("high", job_in("high", "30"));
  cluster.run_for(minutes(5));
  EXPECT_TRUE(cluster.has_pod("kept"));
  EXPECT_EQ(cluster.phase("high"), "Pending");
  EXPECT_NE(told(cluster, "kept"), "");
  cluster.remove("/apis/policy/v1/namespaces/work/poddisruptionbudgets/keep");
  EXPECT_TRUE(cluster.wait_phase("high", "Running")) << cluster.job("high").dump(1);
}

TEST(PlainStart, Pods_that_do_not_come_to_run_give_their_room_back_in_the_time_of_their_queue) {
  Cluster cluster({{"zone-a", 1, 8}});
  const Json owner = cluster.make_owner();
  cluster.start_operator();
  cluster.patch("/apis/fermi-cluster.com/v1alpha1/taskqueues/low",
                {{"spec", {{"startDeadline", "90s"}}}});
  Json stuck = pod("stuck", {.owner = owner});
  stuck["metadata"]["annotations"]["sim/start-seconds"] = "7200";
  cluster.create(kPods, stuck);
  ASSERT_TRUE(cluster.wait(seconds(30), [&] { return cluster.node_of("stuck") == "zone-a-0"; }));
  cluster.create(kPods, pod("next", {.owner = owner}));
  cluster.run_for(seconds(80));
  EXPECT_EQ(cluster.node_of("stuck"), "zone-a-0");
  EXPECT_TRUE(cluster.wait(minutes(1), [&] { return !cluster.has_pod("stuck"); }));
  EXPECT_TRUE(cluster.wait(seconds(20), [&] { return cluster.node_of("next") == "zone-a-0"; }));
}

TEST(PlainEviction, A_new_leader_goes_on_with_a_gang_that_was_told) {
  Cluster cluster({{"zone-a", 2, 8}});
  const Json owner = cluster.make_owner();
  cluster.start_operator();
  for (const char* name : {"m-0", "m-1"})
    cluster.create(kPods, pod(name, {.gang = "pair", .size = 2, .owner = owner}));
  ASSERT_TRUE(cluster.wait(
      seconds(30), [&] { return cluster.node_of("m-0") != "" && cluster.node_of("m-1") != ""; }));
  cluster.run_for(seconds(5));
  cluster.submit("high", job_in("high", "forever"));
  ASSERT_TRUE(cluster.wait(
      seconds(20), [&] { return !told(cluster, "m-0").empty() || !told(cluster, "m-1").empty(); }));
  cluster.kill_operator();
  cluster.start_operator();
  ASSERT_TRUE(cluster.wait_phase("high", "Running"));
  EXPECT_TRUE(cluster.wait(minutes(1), [&] {
    return !cluster.has_pod("m-0") && !cluster.has_pod("m-1");
  })) << "gangs go whole";
}

}  // namespace
}  // namespace fermi::testing
