// What plain Pods cost their queue, against the embedded API server, in virtual time: who is
// counted, until when, and what is said to those that name no queue.
#include <gtest/gtest.h>

#include "tests/unit/operator/cluster.hpp"

namespace fermi::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

Json member(const std::string& name, const std::string& run_seconds = "forever") {
  return pod_for(name, {.queue = "team",
                        .gang = "pair",
                        .size = 2,
                        .gpus = 4,
                        .run_seconds = run_seconds,
                        .expected = "5m"});
}

Json alone(const std::string& name, int gpus, const std::string& queue = "team") {
  return pod_for(name, {.queue = queue, .gpus = gpus, .expected = "5m"});
}

void make_queue(Cluster& cluster, const Json& spec) { cluster.make_queue("team", spec); }

Json status_of(Cluster& cluster) { return cluster.queue_status("team"); }
std::string gpus_used(Cluster& cluster) {
  return status_of(cluster).value("/used/nvidia.com~1gpu"_json_pointer, "0");
}
int running_in(Cluster& cluster) { return status_of(cluster).value("/running"_json_pointer, 0); }
TEST(PlainPods, What_stays_bound_of_a_gang_that_was_given_up_counts_until_it_ends) {
  Cluster cluster({{"zone-a", 1, 8}});
  make_queue(cluster, {{"maxRunning", 1}});
  cluster.start_operator();
  cluster.create(kPods, member("m-0"));
  cluster.create(kPods, member("m-1"));
  const auto half = [&] {
    return cluster.node_of("m-0").empty() != cluster.node_of("m-1").empty();
  };
  for (int i = 0; i < 60'000 && !half(); ++i) cluster.run_for(k8s::Duration(200'000));
  ASSERT_TRUE(half());
  const std::string lost = cluster.node_of("m-0").empty() ? "m-0" : "m-1";
  const std::string kept = lost == "m-0" ? "m-1" : "m-0";
  cluster.remove(std::string(kPods) + "/" + lost);
  cluster.run_for(seconds(10));
  ASSERT_EQ(cluster.node_of(kept), "zone-a-0");
  EXPECT_EQ(running_in(cluster), 1) << status_of(cluster).dump(1);
  EXPECT_EQ(gpus_used(cluster), "4");
  cluster.create(kPods, alone("next", 1));
  cluster.run_for(seconds(10));
  EXPECT_EQ(cluster.node_of("next"), "");
  EXPECT_EQ(cluster.why_waits("next").substr(0, 10), "QueueLimit");
  // The finalizer counts it too.
  cluster.remove(std::string(kPods) + "/next");
  cluster.remove(std::string(kQueues) + "/team");
  cluster.run_for(seconds(30));
  EXPECT_FALSE(status_of(cluster).is_null());
  cluster.remove(std::string(kPods) + "/" + kept);
  EXPECT_TRUE(cluster.wait(minutes(2), [&] { return status_of(cluster).is_null(); }))
      << status_of(cluster).dump(1);
}

TEST(PlainPods, A_new_leader_counts_what_is_bound_of_a_group_that_is_not_whole) {
  Cluster cluster({{"zone-a", 1, 8}});
  make_queue(cluster, {{"quota", {{"maximum", {{"nvidia.com/gpu", 4}}}}}});
  cluster.create(kPods, member("m-0"));
  cluster.create(kPods, member("m-1"));
  cluster.bind("m-0", "zone-a-0");
  cluster.start_operator();
  cluster.run_for(seconds(10));
  EXPECT_EQ(running_in(cluster), 1) << status_of(cluster).dump(1);
  EXPECT_EQ(gpus_used(cluster), "4");
  EXPECT_EQ(cluster.node_of("m-1"), "");
  EXPECT_EQ(cluster.why_waits("m-1").substr(0, 5), "Quota");
  cluster.remove(std::string(kPods) + "/m-0");
  cluster.create(kPods, member("m-2"));
  cluster.patch(std::string(kQueues) + "/team",
                {{"spec", {{"quota", {{"maximum", {{"nvidia.com/gpu", 8}}}}}}}});
  EXPECT_TRUE(cluster.wait(minutes(2), [&] {
    return !cluster.node_of("m-1").empty() && !cluster.node_of("m-2").empty();
  })) << cluster.why_waits("m-1");
  EXPECT_TRUE(cluster.wait(seconds(30), [&] { return gpus_used(cluster) == "8"; }));
}

TEST(PlainPods, A_Pod_that_somebody_binds_behind_our_back_counts_for_its_queue) {
  Cluster cluster({{"zone-a", 1, 8}});
  make_queue(cluster, {{"closed", true}});
  cluster.start_operator();
  cluster.create(kPods, alone("alone", 4));
  cluster.run_for(seconds(5));
  EXPECT_EQ(running_in(cluster), 0);
  cluster.bind("alone", "zone-a-0");
  EXPECT_TRUE(cluster.wait(seconds(10), [&] { return running_in(cluster) == 1; }));
  EXPECT_EQ(gpus_used(cluster), "4");
}

TEST(PlainPods, A_member_that_has_ended_gives_back_its_share_of_the_queue) {
  Cluster cluster({{"zone-a", 2, 8}});
  make_queue(cluster, {{"quota", {{"maximum", {{"nvidia.com/gpu", 8}}}}}});
  cluster.start_operator();
  cluster.create(kPods, member("m-0", "20"));
  cluster.create(kPods, member("m-1"));
  ASSERT_TRUE(cluster.wait(seconds(30), [&] { return gpus_used(cluster) == "8"; }));
  cluster.create(kPods, alone("next", 4));
  ASSERT_TRUE(cluster.wait(seconds(10), [&] { return !cluster.why_waits("next").empty(); }));
  EXPECT_EQ(cluster.why_waits("next").substr(0, 5), "Quota");
  ASSERT_TRUE(cluster.wait(minutes(1), [&] { return !cluster.node_of("next").empty(); }))
      << status_of(cluster).dump(1);
  cluster.run_for(seconds(5));
  EXPECT_EQ(running_in(cluster), 2);
  EXPECT_EQ(gpus_used(cluster), "8");
  // The one that still runs counts to its end, and after a restart as before it.
  cluster.kill_operator();
  cluster.run_for(seconds(20));
  cluster.start_operator();
  cluster.run_for(seconds(20));
  EXPECT_EQ(running_in(cluster), 2);
  EXPECT_EQ(gpus_used(cluster), "8");
  cluster.remove(std::string(kPods) + "/m-1");
  cluster.remove(std::string(kPods) + "/next");
  EXPECT_TRUE(cluster.wait(minutes(2), [&] { return running_in(cluster) == 0; }));
}

TEST(PlainPods, A_Pod_without_a_queue_is_told_so_once) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.run_for(seconds(30));
  const int before = cluster.operator_writes();
  cluster.create(kPods, alone("stray", 4, ""));
  ASSERT_TRUE(cluster.wait(seconds(30), [&] { return !cluster.why_waits("stray").empty(); }));
  EXPECT_NE(cluster.why_waits("stray").find("fermi-cluster.com/queue"), std::string::npos);
  EXPECT_EQ(cluster.operator_writes(), before + 1);
  // Neither a change of the Pod, nor another's word about it, nor a new leader says it again.
  const std::string path = std::string(kPods) + "/stray";
  cluster.patch(path, {{"metadata", {{"annotations", {{"note", "changed"}}}}}});
  cluster.run_for(minutes(1));
  EXPECT_EQ(cluster.operator_writes(), before + 1);
  cluster.kill_operator();
  cluster.run_for(seconds(20));
  cluster.start_operator();
  cluster.run_for(minutes(1));
  EXPECT_EQ(cluster.operator_writes(), before + 1);
  // With the label it is placed like any other.
  cluster.patch(path, {{"metadata", {{"labels", {{"fermi-cluster.com/queue", "default"}}}}}});
  EXPECT_TRUE(cluster.wait(seconds(30), [&] { return cluster.node_of("stray") == "zone-a-0"; }));
}

}  // namespace
}  // namespace fermi::testing
