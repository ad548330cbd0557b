// Creating, replacing, patching: metadata, optimistic concurrency, dry run, validation.
#include "tests/unit/apiserver/core_bench.hpp"

namespace k8s::apiserver::testing {
namespace {

TEST(Create, Gives_the_metadata_that_belongs_to_the_server) {
  Bench bench;
  const Answer made = bench.post(kMaps, config_map("a"));
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.uid().size(), 36U);
  EXPECT_EQ(made.uid()[14], '4');
  EXPECT_EQ(made.meta().at("namespace"), "default");
  EXPECT_EQ(made.meta().at("creationTimestamp"), "2027-01-15T08:00:00Z");
  EXPECT_EQ(bench.get(std::string(kMaps) + "/a").body, made.body);
}

TEST(Create, Ignores_a_uid_and_times_that_the_caller_made_up) {
  Bench bench;
  Json object = config_map("a");
  object["metadata"]["uid"] = "mine";
  object["metadata"]["creationTimestamp"] = "2001-01-01T00:00:00Z";
  object["metadata"]["deletionTimestamp"] = "2001-01-01T00:00:00Z";
  const Answer made = bench.post(kMaps, object);
  EXPECT_NE(made.uid(), "mine");
  EXPECT_EQ(made.meta().count("deletionTimestamp"), 0U);
}

TEST(Create, Refuses_a_second_object_of_the_same_name) {
  Bench bench;
  bench.post(kMaps, config_map("a"));
  const Answer again = bench.post(kMaps, config_map("a"));
  EXPECT_EQ(again.status, 409);
  EXPECT_EQ(again.reason(), "AlreadyExists");
  EXPECT_EQ(again.message(), "configmaps \"a\" already exists");
}

TEST(Create, Refuses_a_resourceVersion_a_foreign_namespace_and_no_name) {
  Bench bench;
  Json object = config_map("a");
  object["metadata"]["resourceVersion"] = "5";
  EXPECT_EQ(bench.post(kMaps, object).status, 400);
  object = config_map("a");
  object["metadata"]["namespace"] = "kube-system";
  EXPECT_EQ(bench.post(kMaps, object).status, 400);
  object = config_map("");
  EXPECT_EQ(bench.post(kMaps, object).status, 422);
}

TEST(Create, In_a_namespace_that_is_not_there_is_404) {
  Bench bench;
  const Answer answer = bench.post("/api/v1/namespaces/none/configmaps", config_map("a"));
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.message(), "namespaces \"none\" not found");
}

TEST(Create, Makes_names_from_generateName_that_differ) {
  Bench bench;
  Json object = config_map("");
  object["metadata"].erase("name");
  object["metadata"]["generateName"] = "job-";
  const Answer one = bench.post(kMaps, object);
  const Answer two = bench.post(kMaps, object);
  EXPECT_EQ(one.status, 201);
  EXPECT_EQ(one.meta().at("name").get<std::string>().size(), 9U);
  EXPECT_NE(one.meta().at("name"), two.meta().at("name"));
}

TEST(Create, With_dryRun_checks_everything_and_stores_nothing) {
  Bench bench;
  const Answer made = bench.post(std::string(kMaps) + "?dryRun=All", config_map("a"));
  EXPECT_EQ(made.status, 201);
  EXPECT_FALSE(made.uid().empty());
  EXPECT_EQ(bench.get(std::string(kMaps) + "/a").status, 404);
  EXPECT_EQ(bench.post(std::string(kMaps) + "?dryRun=Some", config_map("a")).status, 422);
}

TEST(Update, With_a_stale_resourceVersion_is_a_conflict) {
  Bench bench;
  Json object = bench.post(kMaps, config_map("a")).body;
  object["data"]["key"] = "two";
  ASSERT_EQ(bench.put(std::string(kMaps) + "/a", object).status, 200);
  object["data"]["key"] = "three";
  const Answer stale = bench.put(std::string(kMaps) + "/a", object);
  EXPECT_EQ(stale.status, 409);
  EXPECT_EQ(stale.reason(), "Conflict");
  EXPECT_EQ(bench.get(std::string(kMaps) + "/a").body["data"]["key"], "two");
}

TEST(Update, Of_two_writers_with_the_same_version_lets_exactly_one_win) {
  Bench bench;
  const Json read = bench.post(kMaps, config_map("a")).body;
  int won = 0;
  for (int writer = 0; writer < 10; ++writer) {
    Json mine = read;
    mine["data"]["key"] = std::to_string(writer);
    won += bench.put(std::string(kMaps) + "/a", mine).status == 200 ? 1 : 0;
  }
  EXPECT_EQ(won, 1);
}

TEST(Update, That_changes_nothing_keeps_the_resourceVersion) {
  Bench bench;
  const Answer made = bench.post(kMaps, config_map("a"));
  const Answer same = bench.put(std::string(kMaps) + "/a", made.body);
  EXPECT_EQ(same.status, 200);
  EXPECT_EQ(same.version(), made.version());
}

TEST(Update, Without_a_resourceVersion_is_for_kinds_that_allow_it) {
  Bench bench;
  bench.post(kMaps, config_map("a"));
  EXPECT_EQ(bench.put(std::string(kMaps) + "/a", config_map("a")).status, 200);
  bench.post(kCrds, widget_crd());
  ASSERT_EQ(bench.post(kWidgets, widget("w")).status, 201);
  const Answer refused = bench.put(std::string(kWidgets) + "/w", widget("w"));
  EXPECT_EQ(refused.status, 422);
  EXPECT_NE(refused.message().find("must be specified for an update"), std::string::npos);
}

TEST(Update, Keeps_uid_and_creation_time_and_refuses_another_uid) {
  Bench bench;
  const Answer made = bench.post(kMaps, config_map("a"));
  Json object = config_map("a");
  object["metadata"]["creationTimestamp"] = nullptr;
  const Answer put = bench.put(std::string(kMaps) + "/a", object);
  EXPECT_EQ(put.uid(), made.uid());
  EXPECT_EQ(put.meta().at("creationTimestamp"), made.meta().at("creationTimestamp"));
  object["metadata"]["uid"] = "other";
  EXPECT_EQ(bench.put(std::string(kMaps) + "/a", object).status, 409);
}

TEST(Update, With_a_name_that_is_not_the_URLs_is_400) {
  Bench bench;
  bench.post(kMaps, config_map("a"));
  EXPECT_EQ(bench.put(std::string(kMaps) + "/a", config_map("b")).status, 400);
}

TEST(Update, Of_what_is_not_there_creates_it_for_kinds_that_allow_it_unless_a_uid_is_named) {
  Bench bench;
  const std::string leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases/l";
  Json lease = {{"apiVersion", "coordination.k8s.io/v1"},
                {"kind", "Lease"},
                {"metadata", {{"name", "l"}, {"uid", "1-2-3"}, {"resourceVersion", "7"}}}};
  const Answer refused = bench.put(leases, lease);
  EXPECT_EQ(refused.status, 409);
  EXPECT_NE(refused.message().find("Precondition failed: UID"), std::string::npos);
  EXPECT_EQ(bench.get(leases).status, 404);
  lease["metadata"].erase("uid");
  EXPECT_EQ(bench.put(leases, lease).status, 201);
  Json map = config_map("a");
  map["metadata"]["uid"] = "1-2-3";
  EXPECT_EQ(bench.put(std::string(kMaps) + "/a", map).status, 404);
}

TEST(Patch, Of_all_types_works_and_strategic_merge_is_for_built_in_kinds_only) {
  Bench bench;
  bench.post(kMaps, config_map("a"));
  const std::string url = std::string(kMaps) + "/a";
  EXPECT_EQ(bench.merge(url, {{"data", {{"m", "1"}}}}).status, 200);
  EXPECT_EQ(bench
                .send("PATCH", url, R"([{"op":"add","path":"/data/j","value":"2"}])",
                      "application/json-patch+json")
                .status,
            200);
  EXPECT_EQ(
      bench.send("PATCH", url, R"({"data":{"s":"3"}})", "application/strategic-merge-patch+json")
          .status,
      200);
  const Json data = bench.get(url).body["data"];
  EXPECT_EQ(data, (Json{{"key", "value"}, {"m", "1"}, {"j", "2"}, {"s", "3"}}));
  bench.post(kCrds, widget_crd());
  bench.post(kWidgets, widget("w"));
  EXPECT_EQ(bench
                .send("PATCH", std::string(kWidgets) + "/w", "{}",
                      "application/strategic-merge-patch+json")
                .status,
            415);
  EXPECT_EQ(bench.send("PATCH", url, "{}", "text/plain").status, 415);
}

TEST(Patch, That_carries_an_old_resourceVersion_is_a_conflict) {
  Bench bench;
  const Answer made = bench.post(kMaps, config_map("a"));
  const std::string url = std::string(kMaps) + "/a";
  bench.merge(url, {{"data", {{"x", "1"}}}});
  const Answer stale = bench.merge(
      url, {{"metadata", {{"resourceVersion", made.version()}}}, {"data", {{"x", "2"}}}});
  EXPECT_EQ(stale.status, 409);
}

TEST(Patch, That_breaks_the_object_leaves_it_as_it_was) {
  Bench bench;
  const Answer made = bench.post(kMaps, config_map("a"));
  const std::string url = std::string(kMaps) + "/a";
  EXPECT_EQ(bench.merge(url, {{"data", 5}}).status, 422);
  EXPECT_EQ(bench.merge(url, {{"kind", "Secret"}}).status, 422);
  EXPECT_EQ(bench.merge(url, {{"metadata", {{"name", "b"}}}}).status, 400);
  EXPECT_EQ(bench.merge(url, {{"metadata", "text"}}).status, 422);
  EXPECT_EQ(bench
                .send("PATCH", url, R"([{"op":"test","path":"/data/key","value":"x"}])",
                      "application/json-patch+json")
                .status,
            422);
  EXPECT_EQ(bench.get(url).body, made.body);
}

TEST(Apply, Creates_owns_conflicts_and_takes_over_by_force) {
  Bench bench;
  const std::string url = std::string(kMaps) + "/a";
  const auto apply = [&](const std::string& manager, const char* value, const char* extra = "") {
    return bench.send("PATCH", url + "?fieldManager=" + manager + extra,
                      std::string("apiVersion: v1\nkind: ConfigMap\ndata: {key: ") + value + "}\n",
                      "application/apply-patch+yaml");
  };
  EXPECT_EQ(apply("one", "red").status, 201);
  EXPECT_EQ(apply("one", "green").status, 200);
  const Answer refused = apply("two", "blue");
  EXPECT_EQ(refused.status, 409);
  EXPECT_NE(refused.message().find("conflict"), std::string::npos) << refused.message();
  EXPECT_EQ(apply("two", "blue", "&force=true").status, 200);
  EXPECT_EQ(bench.get(url).body["data"]["key"], "blue");
  EXPECT_EQ(bench.send("PATCH", url, "{}", "application/apply-patch+yaml").status, 422);
}

TEST(Apply, Without_effect_keeps_the_resourceVersion) {
  Bench bench;
  const std::string url = std::string(kMaps) + "/a?fieldManager=one";
  const std::string body = "apiVersion: v1\nkind: ConfigMap\ndata: {key: x}\n";
  const Answer first = bench.send("PATCH", url, body, "application/apply-patch+yaml");
  bench.pass(std::chrono::minutes(5));
  const Answer second = bench.send("PATCH", url, body, "application/apply-patch+yaml");
  EXPECT_EQ(second.version(), first.version());
}

TEST(Apply, Owns_the_status_it_declares_where_the_type_has_no_status_subresource) {
  const std::string body =
      "apiVersion: example.com/v1\nkind: Widget\nspec: {size: 5}\nstatus: {phase: Ready}\n";
  const std::string url = std::string(kWidgets) + "/w?fieldManager=one";
  for (const bool has_status : {false, true}) {
    Bench bench;
    Json crd = widget_crd();
    if (!has_status) crd["spec"]["versions"][0]["subresources"].erase("status");
    ASSERT_EQ(bench.post(kCrds, crd).status, 201);
    for (const int status : {201, 200}) {
      const Answer applied = bench.send("PATCH", url, body, "application/apply-patch+yaml");
      ASSERT_EQ(applied.status, status) << applied.body;
      EXPECT_EQ(applied.body.contains("status"), !has_status);
      const Json& owned = applied.meta().at("managedFields").at(0).at("fieldsV1");
      EXPECT_TRUE(owned.contains("f:spec"));
      EXPECT_EQ(owned.contains("f:status"), !has_status);
    }
  }
}

TEST(Apply, With_the_uid_of_an_object_that_is_gone_makes_no_other_one) {
  Bench bench;
  const std::string url = std::string(kMaps) + "/a?fieldManager=one";
  const Answer refused = bench.send(
      "PATCH", url, "apiVersion: v1\nkind: ConfigMap\nmetadata: {uid: 1-2-3}\ndata: {key: x}\n",
      "application/apply-patch+yaml");
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(refused.reason(), "Conflict");
  EXPECT_NE(refused.message().find("1-2-3"), std::string::npos) << refused.message();
  EXPECT_EQ(bench.get(std::string(kMaps) + "/a").status, 404);
}

TEST(Apply, Of_a_new_object_does_not_mind_a_resourceVersion) {
  Bench bench;
  const Answer made = bench.send("PATCH", std::string(kMaps) + "/a?fieldManager=one",
                                 "apiVersion: v1\nkind: ConfigMap\nmetadata: {resourceVersion: "
                                 "'7'}\ndata: {key: x}\n",
                                 "application/apply-patch+yaml");
  EXPECT_EQ(made.status, 201) << made.body;
}

TEST(FieldValidation, Warns_refuses_or_is_silent_about_unknown_fields) {
  Bench bench;
  Json object = config_map("a");
  object["bogus"] = 1;
  const Answer warned = bench.post(kMaps, object);
  EXPECT_EQ(warned.status, 201);
  EXPECT_EQ(warned.headers.get("Warning"), "299 - \"unknown field \\\"bogus\\\"\"");
  EXPECT_EQ(warned.body.count("bogus"), 0U);
  object["metadata"]["name"] = "b";
  const Answer strict = bench.post(std::string(kMaps) + "?fieldValidation=Strict", object);
  EXPECT_EQ(strict.status, 400);
  EXPECT_NE(strict.message().find("unknown field \"bogus\""), std::string::npos);
  const Answer ignored = bench.post(std::string(kMaps) + "?fieldValidation=Ignore", object);
  EXPECT_EQ(ignored.status, 201);
  EXPECT_EQ(ignored.headers.get("Warning"), "");
}

TEST(Bodies, That_are_too_large_too_deep_or_no_object_are_refused) {
  Bench bench;
  EXPECT_EQ(bench.send("POST", kMaps, std::string((3U << 20U) + 1, ' ')).status, 413);
  EXPECT_EQ(bench.send("POST", kMaps, std::string(100'000, '[')).status, 400);
  EXPECT_EQ(bench.send("POST", kMaps, "[]").status, 400);
  EXPECT_EQ(bench.send("POST", kMaps, "{").status, 400);
  EXPECT_EQ(bench.send("POST", kMaps, "\xff\xfe").status, 400);
  EXPECT_EQ(bench.send("POST", kMaps, "{}", "application/cbor").status, 415);
  EXPECT_EQ(bench.send("POST", kMaps, R"({"metadata": 5})").status, 400);
  EXPECT_EQ(bench.send("POST", kMaps, R"({"metadata": {"name": 5}})").status, 400);
  EXPECT_EQ(bench.send("POST", kMaps, R"({"kind": "Pod", "apiVersion": "v1"})").status, 400);
}

TEST(Bodies, In_YAML_whose_aliases_multiply_are_refused_with_one_sentence) {
  Bench bench;
  std::string bomb = "apiVersion: v1\nkind: ConfigMap\na0: &a0 [x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int k = 1; k < 9; ++k) bomb += "," + before;
    bomb += "]\n";
  }
  ASSERT_LT(bomb.size(), 600U);
  const auto refused = {
      bench.send("PATCH", std::string(kMaps) + "/a?fieldManager=m", bomb,
                 "application/apply-patch+yaml"),
      bench.send("POST", kMaps, bomb, "application/yaml"),
  };
  for (const Answer& answer : refused) {
    EXPECT_EQ(answer.status, 400);
    EXPECT_NE(answer.message().find("with its aliases written out it comes to more than"),
              std::string::npos)
        << answer.message();
  }
}

TEST(Status, Is_written_only_through_its_subresource_and_spec_only_beside_it) {
  Bench bench;
  bench.post(kCrds, widget_crd());
  Json object = widget("w", {{"size", 5}});
  object["status"] = {{"phase", "Ready"}};
  const Answer made = bench.post(kWidgets, object);
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.body.count("status"), 0U);
  EXPECT_EQ(made.meta().at("generation"), 1);

  Json both = made.body;
  both["status"] = {{"phase", "Ready"}};
  both["spec"]["size"] = 6;
  const Answer status = bench.put(std::string(kWidgets) + "/w/status", both);
  EXPECT_EQ(status.status, 200) << status.body;
  EXPECT_EQ(status.body["status"]["phase"], "Ready");
  EXPECT_EQ(status.body["spec"]["size"], 5);
  EXPECT_EQ(status.meta().at("generation"), 1);

  Json spec = status.body;
  spec["spec"]["size"] = 7;
  spec["status"]["phase"] = "Broken";
  const Answer main = bench.put(std::string(kWidgets) + "/w", spec);
  EXPECT_EQ(main.body["status"]["phase"], "Ready");
  EXPECT_EQ(main.body["spec"]["size"], 7);
  EXPECT_EQ(main.meta().at("generation"), 2);
}

}  // namespace
}  // namespace k8s::apiserver::testing
