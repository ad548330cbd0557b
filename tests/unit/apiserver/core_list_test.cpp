// Lists: selectors, resource versions, pages.
#include "tests/unit/apiserver/core_bench.hpp"

namespace k8s::apiserver::testing {
namespace {

using Names = std::vector<std::string>;

std::string maps(const std::string& query) { return std::string(kMaps) + "?" + query; }

void fill(Bench& bench, int count) {
  for (int i = 0; i < count; ++i) bench.post(kMaps, config_map("m" + std::to_string(i)));
}

TEST(List, Is_ordered_and_carries_the_current_revision) {
  Bench bench;
  bench.post(kMaps, config_map("b"));
  const Answer last = bench.post(kMaps, config_map("a"));
  const Answer list = bench.get(kMaps);
  EXPECT_EQ(list.names(), (Names{"a", "b"}));
  EXPECT_EQ(list.version(), last.version());
  EXPECT_EQ(list.body["kind"], "ConfigMapList");
  EXPECT_EQ(bench.get("/api/v1/configmaps").names(), (Names{"a", "b"}));
  EXPECT_EQ(bench.get("/api/v1/namespaces/kube-system/configmaps").names(), Names{});
}

TEST(List, Selects_by_labels_and_fields) {
  Bench bench;
  bench.post(kMaps, config_map("a", {{"app", "x"}, {"tier", "1"}}));
  bench.post(kMaps, config_map("b", {{"app", "y"}}));
  bench.post(kMaps, config_map("c"));
  EXPECT_EQ(bench.get(maps("labelSelector=app%3Dx")).names(), (Names{"a"}));
  EXPECT_EQ(bench.get(maps("labelSelector=app%20in%20(x,y),!tier")).names(), (Names{"b"}));
  EXPECT_EQ(bench.get(maps("labelSelector=app!%3Dx")).names(), (Names{"b", "c"}));
  EXPECT_EQ(bench.get(maps("fieldSelector=metadata.name%3Dc")).names(), (Names{"c"}));
  EXPECT_EQ(bench.get(maps("labelSelector=%3D%3D")).status, 400);
  const Answer bad = bench.get(maps("fieldSelector=spec.bogus%3Dc"));
  EXPECT_EQ(bad.status, 400);
  EXPECT_EQ(bad.message(), "field label not supported: spec.bogus");
}

TEST(List, Selects_Pods_by_node_and_phase) {
  Bench bench;
  bench.post(kPods, pod("a"));
  bench.post(kPods, pod("b"));
  ASSERT_EQ(bench.post(std::string(kPods) + "/a/binding", binding("a", "n1")).status, 201);
  EXPECT_EQ(bench.get("/api/v1/pods?fieldSelector=spec.nodeName%3Dn1").names(), (Names{"a"}));
  EXPECT_EQ(bench.get("/api/v1/pods?fieldSelector=spec.nodeName%3D").names(), (Names{"b"}));
  EXPECT_EQ(bench.get("/api/v1/pods?fieldSelector=status.phase!%3DRunning").names(),
            (Names{"a", "b"}));
}

TEST(Pages, Show_one_state_however_the_objects_change_in_between) {
  Bench bench;
  fill(bench, 5);
  const Answer first = bench.get(maps("limit=2"));
  EXPECT_EQ(first.names(), (Names{"m0", "m1"}));
  EXPECT_EQ(first.meta().at("remainingItemCount"), 3);
  bench.remove(std::string(kMaps) + "/m2");
  bench.post(kMaps, config_map("m11"));
  const std::string next = first.meta().at("continue");
  const Answer second = bench.get(maps("limit=2&continue=" + next));
  EXPECT_EQ(second.names(), (Names{"m2", "m3"}));
  EXPECT_EQ(second.version(), first.version());
  const std::string rest = second.meta().at("continue");
  const Answer third = bench.get(maps("limit=2&continue=" + rest));
  EXPECT_EQ(third.names(), (Names{"m4"}));
  EXPECT_EQ(third.version(), first.version());
  EXPECT_EQ(third.meta().count("continue"), 0U);
}

TEST(Pages, Of_a_selection_hold_full_pages_and_no_count) {
  Bench bench;
  for (int i = 0; i < 6; ++i) {
    bench.post(kMaps, config_map("m" + std::to_string(i), {{"odd", i % 2 ? "1" : "0"}}));
  }
  const Answer page = bench.get(maps("limit=2&labelSelector=odd%3D1"));
  EXPECT_EQ(page.names(), (Names{"m1", "m3"}));
  EXPECT_EQ(page.meta().count("remainingItemCount"), 0U);
  EXPECT_EQ(page.meta().count("continue"), 1U);
}

TEST(Pages, After_a_compaction_are_410_with_a_token_that_goes_on_inconsistently) {
  Bench bench;
  fill(bench, 4);
  const std::string token = bench.get(maps("limit=2")).meta().at("continue");
  bench.post(kMaps, config_map("m3a"));
  bench.api().compact();
  const Answer gone = bench.get(maps("limit=2&continue=" + token));
  ASSERT_EQ(gone.status, 410);
  EXPECT_EQ(gone.reason(), "Expired");
  const std::string other = gone.meta().at("continue");
  const Answer rest = bench.get(maps("limit=5&continue=" + other));
  EXPECT_EQ(rest.names(), (Names{"m2", "m3", "m3a"}));
}

TEST(Pages, Refuse_a_version_beside_the_token_and_tokens_that_are_not_theirs) {
  Bench bench;
  fill(bench, 3);
  const std::string token = bench.get(maps("limit=1")).meta().at("continue");
  EXPECT_EQ(bench.get(maps("limit=1&resourceVersion=1&continue=" + token)).status, 400);
  EXPECT_EQ(bench.get(maps("limit=1&resourceVersion=0&continue=" + token)).status, 200);
  for (const std::string bad : {"x", "00", "zz", "5b5d", "5b312c325d"}) {
    EXPECT_EQ(bench.get(maps("limit=1&continue=" + bad)).status, 400) << bad;
  }
  EXPECT_EQ(bench.get(maps("limit=-1")).status, 400);
  EXPECT_EQ(bench.get(maps("limit=many")).status, 400);
}

TEST(ResourceVersion, Exact_shows_the_past_as_it_was) {
  Bench bench;
  const Answer first = bench.post(kMaps, config_map("a"));
  bench.merge(std::string(kMaps) + "/a", {{"data", {{"key", "new"}}}});
  bench.post(kMaps, config_map("b"));
  const Answer past =
      bench.get(maps("resourceVersionMatch=Exact&resourceVersion=" + first.version()));
  EXPECT_EQ(past.names(), (Names{"a"}));
  EXPECT_EQ(past.body["items"][0]["data"]["key"], "value");
  EXPECT_EQ(past.version(), first.version());
  // With a limit and no rule, a version means exactly that one.
  EXPECT_EQ(bench.get(maps("limit=5&resourceVersion=" + first.version())).names(), (Names{"a"}));
}

TEST(ResourceVersion, That_is_old_is_no_older_than_the_present_without_a_limit) {
  Bench bench;
  const Answer first = bench.post(kMaps, config_map("a"));
  bench.post(kMaps, config_map("b"));
  for (const char* query : {"resourceVersion=0", "resourceVersion=1",
                            "resourceVersionMatch=NotOlderThan&resourceVersion=1"}) {
    EXPECT_EQ(bench.get(maps(query)).names(), (Names{"a", "b"})) << query;
  }
}

TEST(ResourceVersion, Beyond_the_present_is_504_with_Retry_After) {
  Bench bench;
  const Answer list = bench.get(maps("resourceVersion=999999"));
  EXPECT_EQ(list.status, 504);
  EXPECT_EQ(list.reason(), "Timeout");
  EXPECT_EQ(list.headers.get("Retry-After"), "1");
  EXPECT_NE(list.message().find("Too large resource version"), std::string::npos);
  EXPECT_EQ(list.body["details"]["causes"][0]["reason"], "ResourceVersionTooLarge");
  EXPECT_EQ(bench.get(std::string(kMaps) + "/a?resourceVersion=999999").status, 504);
}

TEST(ResourceVersion, Too_old_to_be_shown_exactly_is_410) {
  Bench bench;
  const Answer first = bench.post(kMaps, config_map("a"));
  bench.post(kMaps, config_map("b"));
  bench.api().compact();
  EXPECT_EQ(bench.get(maps("resourceVersionMatch=Exact&resourceVersion=" + first.version())).status,
            410);
}

TEST(ResourceVersionMatch, Is_refused_where_Kubernetes_refuses_it) {
  Bench bench;
  EXPECT_EQ(bench.get(maps("resourceVersionMatch=Exact")).status, 422);
  EXPECT_EQ(bench.get(maps("resourceVersionMatch=Exact&resourceVersion=0")).status, 422);
  EXPECT_EQ(bench.get(maps("resourceVersionMatch=Maybe&resourceVersion=1")).status, 422);
  EXPECT_EQ(bench.get(maps("resourceVersion=abc")).status, 400);
  EXPECT_EQ(
      bench.get(maps("resourceVersionMatch=NotOlderThan&resourceVersion=0&continue=00")).status,
      422);
}

TEST(Forms, A_Table_or_the_bare_metadata_come_where_Accept_asks_for_them) {
  Bench bench;
  bench.post(kMaps, config_map("a"));
  http::Headers table;
  table.set("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json");
  const Answer shown = bench.send("GET", kMaps, "", "", table);
  EXPECT_EQ(shown.body["kind"], "Table");
  EXPECT_EQ(shown.body["rows"][0]["cells"][0], "a");
  http::Headers partial;
  partial.set("Accept", "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io");
  const Answer bare = bench.send("GET", kMaps, "", "", partial);
  EXPECT_EQ(bare.body["kind"], "PartialObjectMetadataList");
  EXPECT_EQ(bare.body["items"][0].count("data"), 0U);
  http::Headers none;
  none.set("Accept", "text/html");
  EXPECT_EQ(bench.send("GET", kMaps, "", "", none).status, 406);
}

}  // namespace
}  // namespace k8s::apiserver::testing
