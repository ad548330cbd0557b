// What outlives a plain Pod that was preempted, against the embedded API server, in virtual time.
// The test is the controller: it makes Pods anew.
#include <gtest/gtest.h>

#include "operator/loop/pod_memory.hpp"
#include "tests/unit/operator/cluster.hpp"

namespace fermi::testing {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr const char* kMaps = "/api/v1/namespaces/work/configmaps";

Json pod(const std::string& name, const Json& owner, const std::string& queue,
         const std::string& gang = "") {
  return pod_for(name, {.queue = queue,
                        .gang = gang,
                        .size = 2,
                        .gpus = gang.empty() ? 8 : 4,
                        .grace_seconds = 2,
                        .expected = "8m",
                        .owner = owner});
}

Json job_in(const std::string& queue, const std::string& run_seconds) {
  return job_for({.queue = queue, .run_seconds = run_seconds, .expected = "1m"});
}

Json map_of(Cluster& cluster, const Json& owner) {
  return cluster.get(std::string(kMaps) + "/fermi-preempted-" + owner["uid"].get<std::string>());
}

void expect_on_node(Cluster& cluster, const std::string& name, k8s::Duration within) {
  EXPECT_TRUE(cluster.wait(within, [&] { return cluster.node_of(name) == "zone-a-0"; }))
      << name << ": " << cluster.why_waits(name);
}

TEST(PodPasts, Are_read_as_they_were_written_and_rubbish_is_left_out) {
  PodPast past;
  past.submitted = {5'000'000'000};
  past.last_preempted = past.turn_over = {9'000'000'000};
  past.preemptions = 3;
  past.of = "a";
  past.heir = "b";
  const Json map = {{"data",
                     {{"pod.a", encode_past(past).dump()},
                      {"pod.b", "{"},
                      {"pod.c", "[1]"},
                      {"pod.d", R"({"submitTime": 7})"}}}};
  EXPECT_EQ(decode_pasts(map), (PodPasts{{"pod.a", past}}));
}

TEST(PlainPast, The_Pod_that_comes_instead_waits_at_the_old_place) {
  Cluster cluster({{"zone-a", 1, 8}});
  const Json owner = cluster.make_owner(), other = cluster.make_owner("other");
  cluster.start_operator();
  cluster.create(kPods, pod("old", owner, "low"));
  expect_on_node(cluster, "old", seconds(30));
  cluster.run_for(seconds(10));
  cluster.create(kPods, pod("peer", other, "low"));
  cluster.run_for(seconds(10));
  cluster.submit("high", job_in("high", "120"));
  ASSERT_TRUE(cluster.wait(minutes(1), [&] { return !cluster.has_pod("old"); }));
  cluster.create(kPods, pod("new", owner, "low"));
  const Json map = map_of(cluster, owner);
  ASSERT_FALSE(map.is_null());
  EXPECT_EQ(map["metadata"]["ownerReferences"][0]["uid"], owner["uid"]);
  ASSERT_TRUE(cluster.wait_phase("high", "Running"));
  cluster.kill_operator();
  cluster.start_operator();
  ASSERT_TRUE(cluster.wait_phase("high", "Completed", minutes(5)));
  expect_on_node(cluster, "new", seconds(30));
  EXPECT_EQ(cluster.node_of("peer"), "") << "it came later than the one that was preempted";
}

// Eight minutes, then four, then two; the one that leads in the end knows them from the API server.
TEST(PlainPast, The_guarantee_is_halved_with_each_preemption_whoever_leads) {
  Cluster cluster({{"zone-a", 1, 8}});
  const Json owner = cluster.make_owner();
  cluster.start_operator();
  cluster.create(kPods, pod("m-0", owner, "medium"));
  expect_on_node(cluster, "m-0", seconds(30));
  cluster.submit("high-0", job_in("high", "5"));
  cluster.run_for(minutes(7));
  EXPECT_TRUE(cluster.has_pod("m-0"));
  ASSERT_TRUE(cluster.wait(minutes(2), [&] { return !cluster.has_pod("m-0"); }));
  cluster.create(kPods, pod("m-1", owner, "medium"));
  expect_on_node(cluster, "m-1", minutes(2));
  cluster.submit("high-1", job_in("high", "5"));
  cluster.run_for(minutes(3));
  cluster.kill_operator();
  cluster.start_operator();
  EXPECT_TRUE(cluster.has_pod("m-1"));
  ASSERT_TRUE(cluster.wait(minutes(2), [&] { return !cluster.has_pod("m-1"); }));
  cluster.create(kPods, pod("m-2", owner, "medium"));
  expect_on_node(cluster, "m-2", minutes(2));
  cluster.submit("high-2", job_in("high", "5"));
  cluster.run_for(seconds(100));
  EXPECT_TRUE(cluster.has_pod("m-2"));
  ASSERT_TRUE(cluster.wait(seconds(40), [&] { return !cluster.has_pod("m-2"); }));
}

TEST(PlainPast, A_gang_keeps_its_past_under_its_name) {
  Cluster cluster({{"zone-a", 1, 8}});
  const Json owner = cluster.make_owner(), other = cluster.make_owner("other");
  cluster.start_operator();
  for (const char* name : {"g-0", "g-1"}) cluster.create(kPods, pod(name, owner, "low", "g"));
  expect_on_node(cluster, "g-1", seconds(30));
  cluster.run_for(seconds(5));
  for (const char* name : {"h-0", "h-1"}) cluster.create(kPods, pod(name, other, "low", "h"));
  cluster.run_for(seconds(5));
  cluster.submit("high", job_in("high", "60"));
  ASSERT_TRUE(
      cluster.wait(minutes(1), [&] { return !cluster.has_pod("g-0") && !cluster.has_pod("g-1"); }));
  for (const char* name : {"g-2", "g-3"}) cluster.create(kPods, pod(name, owner, "low", "g"));
  ASSERT_TRUE(cluster.wait_phase("high", "Completed", minutes(5)));
  expect_on_node(cluster, "g-3", seconds(30));
  EXPECT_EQ(cluster.node_of("h-0"), "");
  EXPECT_EQ(map_of(cluster, owner)["data"].size(), 1U);
}

// One that keeps its old place after its turn would have every other turn, and the third none.
TEST(PlainPast, Whose_turn_is_over_stands_behind_its_peers_whoever_leads) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.make_queue("turns", {{"tier", "Low"}, {"strategy", "TimeSlicing"}, {"quantum", "5m"}});
  std::map<std::string, Json> owners;
  std::map<std::string, int> made;
  const std::vector<std::string> all = {"one", "two", "three"};
  const auto name = [&](const std::string& of) { return of + "-" + std::to_string(made[of]); };
  cluster.start_operator();
  for (const std::string& of : all) {
    owners[of] = cluster.make_owner(of);
    cluster.create(kPods, pod(name(of), owners[of], "turns"));
    cluster.run_for(seconds(2));
  }
  std::vector<std::string> turns;
  for (int minute = 0; minute < 36; ++minute) {
    if (minute == 17) cluster.kill_operator();
    if (minute == 17) cluster.start_operator();
    for (int i = 0; i < 12; ++i, cluster.run_for(seconds(5))) {
      for (const std::string& of : all) {
        if (!cluster.has_pod(name(of))) {
          ++made[of];
          cluster.create(kPods, pod(name(of), owners[of], "turns"));
        }
        const std::string node = cluster.node_of(name(of));
        if (!node.empty() && node != "?" && (turns.empty() || turns.back() != of))
          turns.push_back(of);
      }
    }
  }
  ASSERT_GE(turns.size(), 6U);
  for (std::size_t i = 0; i < turns.size(); ++i) EXPECT_EQ(turns[i], all[i % 3]) << "turn " << i;
}

// Each that was preempted has one heir.
TEST(PlainPast, Two_Pods_of_one_controller_inherit_once_each_and_a_good_end_is_forgotten) {
  Cluster cluster({{"zone-a", 2, 8}});
  const Json owner = cluster.make_owner();
  cluster.start_operator();
  for (const char* name : {"a-0", "a-1"}) cluster.create(kPods, pod(name, owner, "low"));
  ASSERT_TRUE(cluster.wait(
      seconds(30), [&] { return cluster.node_of("a-0") != "" && cluster.node_of("a-1") != ""; }));
  cluster.run_for(seconds(5));
  for (const char* name : {"high-0", "high-1"}) cluster.submit(name, job_in("high", "40"));
  ASSERT_TRUE(
      cluster.wait(minutes(1), [&] { return !cluster.has_pod("a-0") && !cluster.has_pod("a-1"); }));
  for (const char* name : {"b-0", "b-1", "b-2"}) {
    Json next = pod(name, owner, "low");
    next["metadata"]["annotations"]["sim/run-seconds"] = "30";
    cluster.create(kPods, next);
  }
  cluster.run_for(seconds(10));
  const Json map = map_of(cluster, owner);
  ASSERT_EQ(map["data"].size(), 2U) << map.dump(1);
  std::set<std::string> heirs;
  for (const auto& [key, past] : decode_pasts(map)) heirs.insert(past.heir);
  EXPECT_EQ(heirs.size(), 2U);
  EXPECT_FALSE(heirs.contains(""));
  EXPECT_TRUE(cluster.wait(minutes(10), [&] { return map_of(cluster, owner)["data"].empty(); }));
  cluster.run_for(minutes(3));  // the third one has its turn, and ends
  const int writes = cluster.operator_writes();
  cluster.run_for(minutes(10));
  EXPECT_EQ(cluster.operator_writes(), writes);
}

// Others' ConfigMaps are none of our business, and neither is a controller that lost nobody.
TEST(PlainPast, Nothing_is_written_where_nobody_was_preempted) {
  Cluster cluster({{"zone-a", 1, 8}});
  const Json owner = cluster.make_owner();
  cluster.start_operator();
  cluster.create(kPods, pod("old", owner, "low"));
  expect_on_node(cluster, "old", seconds(30));
  cluster.run_for(minutes(1));
  EXPECT_TRUE(map_of(cluster, owner).is_null());
}

}  // namespace
}  // namespace fermi::testing
