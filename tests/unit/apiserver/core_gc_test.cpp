// The garbage collector: owners that go take with them what only they own.
#include <cstdio>
#include <set>

#include "tests/unit/apiserver/core_bench.hpp"

namespace k8s::apiserver::testing {
namespace {

std::string map(const std::string& name) { return std::string(kMaps) + "/" + name; }

Json propagation(const char* policy) { return {{"propagationPolicy", policy}}; }

Answer make(Bench& bench, const std::string& name, const Json& owners = Json::array()) {
  Answer made = bench.post(kMaps, owned(config_map(name), owners));
  EXPECT_EQ(made.status, 201) << made.body;
  return made;
}

bool there(Bench& bench, const std::string& name) { return bench.get(map(name)).status == 200; }

TEST(Collector, Background_deletes_dependents_after_their_owner_and_theirs_after_them) {
  Bench bench;
  const Answer top = make(bench, "top");
  const Answer middle = make(bench, "middle", {owner(top)});
  make(bench, "bottom", {owner(middle)});
  make(bench, "free");
  bench.remove(map("top"));
  EXPECT_TRUE(there(bench, "middle"));
  bench.settle();
  EXPECT_FALSE(there(bench, "middle"));
  EXPECT_FALSE(there(bench, "bottom"));
  EXPECT_TRUE(there(bench, "free"));
}

TEST(Collector, Of_two_owners_one_is_enough_to_live_and_the_dead_one_is_struck_out) {
  Bench bench;
  const Answer one = make(bench, "one");
  const Answer two = make(bench, "two");
  make(bench, "child", {owner(one), owner(two)});
  bench.remove(map("one"));
  bench.settle();
  const Answer child = bench.get(map("child"));
  ASSERT_EQ(child.status, 200);
  ASSERT_EQ(child.meta().at("ownerReferences").size(), 1U);
  EXPECT_EQ(child.meta().at("ownerReferences")[0]["uid"], two.uid());
  bench.remove(map("two"));
  bench.settle();
  EXPECT_FALSE(there(bench, "child"));
}

TEST(Collector, An_owner_of_the_same_name_but_another_uid_is_no_owner) {
  Bench bench;
  Json reference = owner(make(bench, "top"));
  reference["uid"] = "11111111-2222-4333-8444-555555555555";
  make(bench, "child", {reference});
  bench.settle();
  EXPECT_FALSE(there(bench, "child"));
}

TEST(Collector, A_recreated_owner_does_not_save_its_predecessor_s_dependents) {
  Bench bench;
  make(bench, "child", {owner(make(bench, "top"))});
  bench.remove(map("top"));
  make(bench, "top");
  bench.settle();
  EXPECT_FALSE(there(bench, "child"));
}

TEST(Collector, An_owner_in_another_namespace_is_no_owner) {
  Bench bench;
  const Answer far = bench.post("/api/v1/namespaces/kube-system/configmaps", config_map("far"));
  make(bench, "child", {owner(far)});
  bench.settle();
  EXPECT_FALSE(there(bench, "child"));
}

TEST(Collector, A_cluster_scoped_owner_counts_for_a_namespaced_object) {
  Bench bench;
  const Answer node = bench.post(
      "/api/v1/nodes", {{"apiVersion", "v1"}, {"kind", "Node"}, {"metadata", {{"name", "n1"}}}});
  ASSERT_EQ(node.status, 201) << node.body;
  make(bench, "child", {owner(node)});
  bench.settle();
  EXPECT_TRUE(there(bench, "child"));
  bench.remove("/api/v1/nodes/n1");
  bench.settle();
  EXPECT_FALSE(there(bench, "child"));
}

TEST(Collector, An_owner_of_a_kind_that_is_not_served_is_left_alone) {
  Bench bench;
  make(bench, "child",
       {{{"apiVersion", "apps/v1"}, {"kind", "Deployment"}, {"name", "d"}, {"uid", "u-1"}}});
  bench.settle();
  EXPECT_TRUE(there(bench, "child"));
}

TEST(Collector, Orphan_keeps_the_dependents_and_strikes_the_owner_out) {
  Bench bench;
  make(bench, "child", {owner(make(bench, "top"))});
  bench.remove(map("top"), propagation("Orphan"));
  EXPECT_TRUE(there(bench, "top"));  // until its dependents are free
  bench.settle();
  EXPECT_FALSE(there(bench, "top"));
  const Answer child = bench.get(map("child"));
  ASSERT_EQ(child.status, 200);
  EXPECT_EQ(child.meta().count("ownerReferences"), 0U);
}

TEST(Collector, Foreground_waits_for_dependents_that_block) {
  Bench bench;
  const Answer top = make(bench, "top");
  Json child = owned(config_map("child"), {owner(top, true)});
  child["metadata"]["finalizers"] = {"x.io/one"};
  bench.post(kMaps, child);
  bench.remove(map("top"), propagation("Foreground"));
  bench.settle();
  EXPECT_TRUE(there(bench, "top"));
  EXPECT_TRUE(there(bench, "child"));
  bench.merge(map("child"), {{"metadata", {{"finalizers", nullptr}}}});
  bench.settle();
  EXPECT_FALSE(there(bench, "child"));
  EXPECT_FALSE(there(bench, "top"));
}

TEST(Collector, Foreground_does_not_wait_for_dependents_that_do_not_block) {
  Bench bench;
  const Answer top = make(bench, "top");
  Json child = owned(config_map("child"), {owner(top, false)});
  child["metadata"]["finalizers"] = {"x.io/one"};
  bench.post(kMaps, child);
  bench.remove(map("top"), propagation("Foreground"));
  bench.settle();
  EXPECT_FALSE(there(bench, "top"));
  EXPECT_TRUE(is_deleting_now(bench.get(map("child")).body));
}

TEST(Collector, A_circle_of_owners_falls_when_one_of_them_is_deleted) {
  for (const char* policy : {"Background", "Foreground"}) {
    Bench bench;
    const Answer a = make(bench, "a");
    const Answer b = make(bench, "b", {owner(a, true)});
    const Answer c = make(bench, "c", {owner(b, true)});
    bench.merge(map("a"), {{"metadata", {{"ownerReferences", Json::array({owner(c, true)})}}}});
    bench.remove(map("a"), propagation(policy));
    bench.settle();
    EXPECT_EQ(bench.get(kMaps).names(), std::vector<std::string>{}) << policy;
  }
}

TEST(Collector, Picks_up_after_a_restart_what_it_had_not_done) {
  const std::string file = ::testing::TempDir() + "/core_gc_restart.db";
  std::remove(file.c_str());
  std::remove((file + "-wal").c_str());
  {
    Bench bench(file);
    make(bench, "child", {owner(make(bench, "top"))});
    bench.remove(map("top"));
    bench.open();
    EXPECT_TRUE(there(bench, "child"));
    bench.settle();
    EXPECT_FALSE(there(bench, "child"));
  }
  std::remove(file.c_str());
}

TEST(Collector, Comes_to_rest_over_random_graphs_and_leaves_no_object_without_a_live_owner) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Bench bench;
    for (std::uint64_t skip = 0; skip < seed; ++skip) bench.random();
    std::vector<Answer> made;
    for (int i = 0; i < 25; ++i) {
      Json owners = Json::array();
      for (std::size_t j = 0; j < made.size() && owners.size() < 2; ++j) {
        if (bench.random() % 6 == 0) owners.push_back(owner(made[j], bench.random() % 2 == 0));
      }
      made.push_back(make(bench, "m" + std::to_string(i), owners));
    }
    for (int i = 0; i < 8; ++i) {
      const char* policy = bench.random() % 2 == 0 ? "Background" : "Foreground";
      bench.remove(map("m" + std::to_string(bench.random() % 25)), propagation(policy));
    }
    bench.settle();
    std::set<std::string> live;
    const Json left = bench.get(kMaps).body["items"];
    for (const Json& item : left) live.insert(item["metadata"]["uid"].get<std::string>());
    for (const Json& item : left) {
      EXPECT_FALSE(is_deleting_now(item));
      for (const Json& reference : array_at(item["metadata"], "ownerReferences")) {
        EXPECT_TRUE(live.contains(reference["uid"])) << item["metadata"]["name"];
      }
    }
  }
}

}  // namespace
}  // namespace k8s::apiserver::testing
