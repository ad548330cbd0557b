// Native PodGroups (spec.schedulingGroup), against the embedded API server, in virtual time.
#include <gtest/gtest.h>

#include "tests/unit/operator/cluster.hpp"

namespace fermi::testing {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr const char* kGroups = "/apis/scheduling.k8s.io/v1alpha2/namespaces/work/podgroups";

Json pod(const std::string& name, const std::string& group) {
  Json out = pod_for(name, {.gpus = 4});
  out["spec"]["schedulingGroup"] = {{"podGroupName", group}};
  return out;
}

void make_group(Cluster& cluster, const std::string& name, const Json& policy) {
  cluster.create(kGroups, {{"apiVersion", "scheduling.k8s.io/v1alpha2"},
                           {"kind", "PodGroup"},
                           {"metadata", {{"name", name}, {"namespace", "work"}}},
                           {"spec", {{"schedulingPolicy", policy}}}});
}

Json gang_of(int pods) { return {{"gang", {{"minCount", pods}}}}; }

void expect_says(Cluster& cluster, const std::string& name, const std::string& what) {
  EXPECT_TRUE(cluster.wait(seconds(30), [&] {
    return cluster.why_waits(name).find(what) != std::string::npos;
  })) << cluster.why_waits(name);
}

TEST(NativeGroups, So_many_as_the_group_says_start_together_or_not_at_all) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  make_group(cluster, "pair", gang_of(2));
  cluster.create(kPods, pod("m-0", "pair"));
  expect_says(cluster, "m-0", "1 more Pods of its gang: 1 of 2 are there");
  EXPECT_EQ(cluster.node_of("m-0"), "");
  cluster.create(kPods, pod("m-1", "pair"));
  EXPECT_TRUE(cluster.wait(seconds(30), [&] {
    return cluster.node_of("m-0") == "zone-a-0" && cluster.node_of("m-1") == "zone-a-0";
  })) << cluster.why_waits("m-1");
  // Another that comes to a gang that runs is placed as soon as there is room.
  cluster.create(kPods, pod("m-2", "pair"));
  expect_says(cluster, "m-2", "Capacity");
}

TEST(NativeGroups, Pods_wait_for_their_group_to_be_made_and_say_so) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  for (const char* name : {"m-0", "m-1"}) cluster.create(kPods, pod(name, "late"));
  expect_says(cluster, "m-0", "PodGroup work/late of spec.schedulingGroup is not there");
  make_group(cluster, "late", gang_of(2));
  EXPECT_TRUE(cluster.wait(seconds(30), [&] { return cluster.node_of("m-1") == "zone-a-0"; }));
}

TEST(NativeGroups, Pods_of_a_basic_group_are_placed_one_by_one_whenever_it_is_made) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  for (const char* name : {"m-0", "m-1", "m-2"}) cluster.create(kPods, pod(name, "loose"));
  expect_says(cluster, "m-0", "is not there");
  make_group(cluster, "loose", {{"basic", Json::object()}});
  const auto placed = [&] {
    int count = 0;
    for (const char* name : {"m-0", "m-1", "m-2"}) count += cluster.node_of(name) != "" ? 1 : 0;
    return count;
  };
  EXPECT_TRUE(cluster.wait(seconds(30), [&] { return placed() == 2; })) << "there is room for two";
  cluster.create(kPods, pod("m-3", "loose"));
  expect_says(cluster, "m-3", "Capacity");
}

TEST(NativeGroups, A_label_and_a_group_at_once_are_one_too_many) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  make_group(cluster, "pair", gang_of(1));
  Json both = pod("both", "pair");
  both["metadata"]["labels"]["fermi-cluster.com/gang"] = "pair";
  cluster.create(kPods, both);
  expect_says(cluster, "both", "spec.schedulingGroup; one of them is enough");
}

TEST(NativeGroups, A_new_leader_keeps_a_gang_that_runs) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  make_group(cluster, "pair", gang_of(2));
  for (const char* name : {"m-0", "m-1"}) cluster.create(kPods, pod(name, "pair"));
  ASSERT_TRUE(cluster.wait(seconds(30), [&] { return cluster.node_of("m-1") != ""; }));
  cluster.kill_operator();
  cluster.start_operator();
  cluster.run_for(minutes(2));
  EXPECT_EQ(cluster.node_of("m-0"), "zone-a-0");
  const Json status = cluster.queue_status("medium");
  EXPECT_EQ(status.value("running", 0), 1);
  EXPECT_EQ(status.value("gpus", ""), "8/8");
}

}  // namespace
}  // namespace fermi::testing
