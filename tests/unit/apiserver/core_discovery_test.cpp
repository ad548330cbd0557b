// Discovery, routes, reviews, CRDs as types.
#include "tests/unit/apiserver/core_bench.hpp"

namespace k8s::apiserver::testing {
namespace {

Answer accept(Bench& bench, const std::string& target, const std::string& type) {
  http::Headers headers;
  headers.set("Accept", type);
  return bench.send("GET", target, "", "", headers);
}

const char* kAggregated =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

const Json* find_named(const Json& list, const char* key, const std::string& value) {
  for (const Json& entry : list) {
    if (entry.value(key, "") == value) return &entry;
  }
  return nullptr;
}

TEST(Discovery, Comes_aggregated_where_Accept_prefers_it_and_as_lists_else) {
  Bench bench;
  const Answer aggregated = accept(bench, "/apis", kAggregated);
  EXPECT_EQ(aggregated.body["kind"], "APIGroupDiscoveryList");
  EXPECT_EQ(aggregated.body["apiVersion"], "apidiscovery.k8s.io/v2");
  EXPECT_EQ(aggregated.headers.get("Content-Type"),
            "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");
  EXPECT_EQ(accept(bench, "/apis", "application/json").body["kind"], "APIGroupList");
  EXPECT_EQ(accept(bench, "/api", "application/json").body["kind"], "APIVersions");
  const Json core = accept(bench, "/api/v1", "application/json").body;
  EXPECT_EQ(core["kind"], "APIResourceList");
  ASSERT_NE(find_named(core["resources"], "name", "pods"), nullptr);
  EXPECT_NE(find_named(core["resources"], "name", "pods/binding"), nullptr);
}

TEST(Discovery, Has_an_ETag_that_spares_a_second_answer) {
  Bench bench;
  http::Headers headers;
  headers.set("Accept", kAggregated);
  const Answer first = bench.send("GET", "/apis", "", "", headers);
  headers.set("If-None-Match", std::string(first.headers.get("ETag")));
  EXPECT_EQ(bench.send("GET", "/apis", "", "", headers).status, 304);
  bench.post(kCrds, widget_crd());
  EXPECT_EQ(bench.send("GET", "/apis", "", "", headers).status, 200);
}

TEST(Discovery, Version_and_health_answer) {
  Bench bench;
  EXPECT_EQ(bench.get("/version").body["gitVersion"], "v1.36.3");
  EXPECT_EQ(bench.get("/version").body["minor"], "36");
  for (const char* path : {"/healthz", "/readyz", "/livez", "/readyz/ping"}) {
    EXPECT_EQ(bench.get(path).status, 200) << path;
  }
}

TEST(Routes, That_there_are_not_are_404_and_methods_405) {
  Bench bench;
  for (const char* path :
       {"/nothing", "/apis/apps/v1/namespaces/default/deployments", "/api/v1/bogus", "/api/v2",
        "/apis/none", "/api/v1/namespaces/default/nodes", "/api/v1/pods/p"}) {
    const Answer answer = bench.get(path);
    EXPECT_EQ(answer.status, 404) << path;
    EXPECT_EQ(answer.body["kind"], "Status") << path;
    EXPECT_EQ(answer.reason(), "NotFound") << path;
  }
  EXPECT_EQ(bench.send("PUT", kMaps, "{}").status, 405);
  EXPECT_EQ(bench.send("POST", std::string(kMaps) + "/a", "{}").status, 405);
  EXPECT_EQ(bench.send("POST", "/api/v1/configmaps", "{}").status, 405);
  EXPECT_EQ(bench.send("BREW", kMaps).status, 405);
  EXPECT_EQ(bench.send("POST", "/apis", "{}").status, 405);
}

TEST(Routes, Survive_any_target) {
  Bench bench;
  for (const std::string& target :
       {std::string(""), std::string("/"), std::string("//"), std::string("?"),
        std::string("/api/v1/namespaces"), std::string("/api/v1/namespaces//"),
        std::string("/api/v1/namespaces/default/configmaps/%00"),
        std::string("/api/v1/namespaces/default/configmaps/a/b/c/d"),
        std::string("/apis/%2e%2e/v1/x"), std::string("/api/v1/configmaps?watch=%zz&limit=%"),
        "/" + std::string(20'000, 'a'), std::string("\xff\xfe")}) {
    const int status = bench.get(target).status;
    EXPECT_TRUE(status == 200 || (status >= 400 && status < 500)) << target.substr(0, 60) << status;
  }
}

TEST(Crd, Serves_its_type_at_once_in_every_document) {
  Bench bench;
  EXPECT_EQ(bench.get(kWidgets).status, 404);
  const Answer made = bench.post(kCrds, widget_crd());
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(bench.get(kWidgets).status, 200);
  const Json list = bench.get("/apis/example.com/v1").body["resources"];
  const Json* entry = find_named(list, "name", "widgets");
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ((*entry)["shortNames"], Json({"wd"}));
  EXPECT_NE(find_named(list, "name", "widgets/status"), nullptr);
  EXPECT_NE(find_named(list, "name", "widgets/scale"), nullptr);
  EXPECT_TRUE(bench.get("/openapi/v3").body["paths"].contains("apis/example.com/v1"));
  EXPECT_EQ(bench.get("/openapi/v3/apis/example.com/v1").status, 200);
  EXPECT_EQ(bench.get("/openapi/v3/apis/none/v1").status, 404);
}

TEST(Crd, Checks_defaults_and_prunes_its_objects) {
  Bench bench;
  bench.post(kCrds, widget_crd());
  const Answer made = bench.post(kWidgets, widget("w", {{"color", "red"}, {"bogus", 1}}));
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.body["spec"], (Json{{"color", "red"}, {"size", 3}}));
  const Answer refused = bench.post(kWidgets, widget("v", {{"size", 0}}));
  EXPECT_EQ(refused.status, 422);
  EXPECT_NE(refused.message().find("spec.size"), std::string::npos) << refused.message();
}

TEST(Crd, That_is_deleted_takes_its_objects_and_its_routes_along) {
  Bench bench;
  bench.post(kCrds, widget_crd());
  Json held = widget("held");
  held["metadata"]["finalizers"] = {"x.io/one"};
  ASSERT_EQ(bench.post(kWidgets, held).status, 201);
  ASSERT_EQ(bench.post(kWidgets, widget("w")).status, 201);
  const std::string crd = std::string(kCrds) + "/widgets.example.com";
  EXPECT_EQ(bench.remove(crd).status, 200);
  EXPECT_EQ(bench.post(kWidgets, widget("late")).status, 405);
  bench.settle();
  EXPECT_EQ(bench.get(kWidgets).names(), (std::vector<std::string>{"held"}));
  EXPECT_EQ(bench.merge(std::string(kWidgets) + "/held", {{"metadata", {{"finalizers", nullptr}}}})
                .status,
            200);
  bench.settle();
  EXPECT_EQ(bench.get(crd).status, 404);
  EXPECT_EQ(bench.get(kWidgets).status, 404);
  EXPECT_EQ(bench.get("/apis/example.com/v1").status, 404);
}

TEST(Crd, Scale_reads_and_writes_the_paths_that_it_declares) {
  Bench bench;
  bench.post(kCrds, widget_crd());
  bench.post(kWidgets, widget("w", {{"replicas", 2}}));
  const std::string url = std::string(kWidgets) + "/w/scale";
  bench.merge(std::string(kWidgets) + "/w/status",
              {{"status", {{"replicas", 1}, {"selector", "a=b"}}}});
  Json scale = bench.get(url).body;
  EXPECT_EQ(scale["kind"], "Scale");
  EXPECT_EQ(scale["spec"]["replicas"], 2);
  EXPECT_EQ(scale["status"], (Json{{"replicas", 1}, {"selector", "a=b"}}));
  scale["spec"]["replicas"] = 5;
  EXPECT_EQ(bench.put(url, scale).body["spec"]["replicas"], 5);
  EXPECT_EQ(bench.put(url, scale).status, 409);  // its resourceVersion is old now
  EXPECT_EQ(bench.merge(url, {{"spec", {{"replicas", 7}}}}).status, 200);
  EXPECT_EQ(bench.merge(url, {{"spec", {{"replicas", -7}}}}).status, 422);
  const Json object = bench.get(std::string(kWidgets) + "/w").body;
  EXPECT_EQ(object["spec"]["replicas"], 7);
  EXPECT_EQ(object["metadata"]["generation"], 3);
}

TEST(Crd, Types_and_objects_come_back_after_a_restart) {
  const std::string file = ::testing::TempDir() + "/core_crd_restart.db";
  std::remove(file.c_str());
  std::remove((file + "-wal").c_str());
  Bench bench(file);
  bench.post(kCrds, widget_crd());
  const Answer made = bench.post(kWidgets, widget("w"));
  bench.open();
  EXPECT_EQ(bench.get(std::string(kWidgets) + "/w").body, made.body);
  std::remove(file.c_str());
}

TEST(Reviews, Say_who_one_is_and_what_one_may) {
  Bench bench;
  const Answer me = bench.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", Json::object());
  EXPECT_EQ(me.status, 201) << me.body;
  EXPECT_EQ(me.body["status"]["userInfo"]["username"], "admin");
  const auto may = [&](const Json& spec, const char* kind) {
    return bench.post("/apis/authorization.k8s.io/v1/" + std::string(kind), {{"spec", spec}})
        .body["status"]["allowed"];
  };
  const Json attributes{{"verb", "create"}, {"resource", "pods"}, {"namespace", "default"}};
  EXPECT_EQ(may({{"resourceAttributes", attributes}}, "selfsubjectaccessreviews"), true);
  EXPECT_EQ(may({{"user", "eve"}, {"resourceAttributes", attributes}}, "subjectaccessreviews"),
            false);
}

TEST(Reviews, Of_others_follow_the_stored_roles) {
  Bench bench;
  const std::string rbac = "/apis/rbac.authorization.k8s.io/v1/";
  EXPECT_EQ(
      bench
          .post(rbac + "clusterroles",
                {{"metadata", {{"name", "reader"}}},
                 {"rules", {{{"apiGroups", {""}}, {"resources", {"pods"}}, {"verbs", {"get"}}}}}})
          .status,
      201);
  EXPECT_EQ(
      bench
          .post(
              rbac + "namespaces/default/rolebindings",
              {{"metadata", {{"name", "b"}}},
               {"roleRef",
                {{"apiGroup", "rbac.authorization.k8s.io"},
                 {"kind", "ClusterRole"},
                 {"name", "reader"}}},
               {"subjects",
                {{{"kind", "User"}, {"apiGroup", "rbac.authorization.k8s.io"}, {"name", "eve"}}}}})
          .status,
      201);
  const auto may = [&](const char* verb, const char* ns) {
    const Json attributes{{"verb", verb}, {"resource", "pods"}, {"namespace", ns}};
    return bench
        .post("/apis/authorization.k8s.io/v1/subjectaccessreviews",
              {{"spec", {{"user", "eve"}, {"resourceAttributes", attributes}}}})
        .body["status"]["allowed"];
  };
  EXPECT_EQ(may("get", "default"), true);
  EXPECT_EQ(may("delete", "default"), false);
  EXPECT_EQ(may("get", "kube-system"), false);
}

TEST(Events, Nobody_has_added_to_for_an_hour_go) {
  Bench bench;
  const std::string events = "/api/v1/namespaces/default/events";
  const Json event{{"metadata", {{"name", "e"}}},
                   {"involvedObject", {{"kind", "Pod"}, {"namespace", "default"}}}};
  ASSERT_EQ(bench.post(events, event).status, 201);
  bench.pass(std::chrono::minutes(50));
  EXPECT_EQ(bench.get(events + "/e").status, 200);
  bench.pass(std::chrono::minutes(20));
  EXPECT_EQ(bench.get(events + "/e").status, 404);
}

}  // namespace
}  // namespace k8s::apiserver::testing
