// What a comparison with kube-apiserver, request by request, has found to be different.
#include "tests/unit/apiserver/core_bench.hpp"

namespace k8s::apiserver::testing {
namespace {

constexpr const char* kMaps = "/api/v1/namespaces/default/configmaps";
constexpr const char* kPods = "/api/v1/namespaces/default/pods";
constexpr const char* kThings = "/apis/example.com/v1/namespaces/default/things";
constexpr const char* kApply = "application/apply-patch+yaml";

Json named(const std::string& name) { return {{"metadata", {{"name", name}}}}; }

Json pod(const std::string& name) {
  Json made = named(name);
  made["spec"] = {{"containers", {{{"name", "main"}, {"image", "i"}}}}};
  return made;
}

Json thing(const std::string& name, const Json& spec) {
  Json made = named(name);
  made["apiVersion"] = "example.com/v1";
  made["kind"] = "Thing";
  made["spec"] = spec;
  return made;
}

// A bench that serves Things: spec {size: integer, color: string = "red", note: string}.
class Reference : public ::testing::Test {
 protected:
  void SetUp() override {
    const Json text{{"type", "string"}};
    const Json spec{{"type", "object"},
                    {"properties",
                     {{"size", {{"type", "integer"}}},
                      {"color", {{"type", "string"}, {"default", "red"}}},
                      {"note", text},
                      {"map", {{"type", "object"}, {"additionalProperties", text}}}}}};
    ASSERT_EQ(define("things", "Thing", {{"spec", spec}}), 201);
  }
  int define(const std::string& plural, const std::string& kind, const Json& properties) {
    const Json schema{{"type", "object"}, {"properties", properties}};
    const Json version{{"name", "v1"},
                       {"served", true},
                       {"storage", true},
                       {"schema", {{"openAPIV3Schema", schema}}}};
    Json crd = named(plural + ".example.com");
    crd["spec"] = {{"group", "example.com"},
                   {"scope", "Namespaced"},
                   {"names", {{"plural", plural}, {"kind", kind}}},
                   {"versions", {version}}};
    return bench.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd).status;
  }
  std::string at(const char* collection, const std::string& name) {
    return std::string(collection) + "/" + name;
  }
  Bench bench;
};

TEST_F(Reference, A_default_that_is_not_sent_again_is_no_new_generation) {
  const Answer made = bench.post(kThings, thing("a", {{"size", 1}}));
  ASSERT_EQ(made.status, 201) << made.body;
  Json again = thing("a", {{"size", 1}});
  again["metadata"]["resourceVersion"] = made.version();
  const Answer same = bench.put(at(kThings, "a"), again);
  EXPECT_EQ(same.meta()["generation"], 1);
  EXPECT_EQ(same.version(), made.version());
  again["spec"]["size"] = 2;
  EXPECT_EQ(bench.put(at(kThings, "a"), again).meta()["generation"], 2);
}

TEST_F(Reference, A_null_where_null_is_not_allowed_counts_as_left_out) {
  const Json spec{{"size", 1}, {"color", nullptr}, {"note", nullptr}, {"map", {{"k", nullptr}}}};
  const Answer made = bench.post(kThings, thing("a", spec));
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.body["spec"], (Json{{"size", 1}, {"color", "red"}, {"map", Json::object()}}));
}

TEST_F(Reference, A_schema_may_say_nothing_of_metadata_but_the_names) {
  const Json name{{"type", "object"}, {"properties", {{"name", {{"maxLength", 3}}}}}};
  const Json labels{{"type", "object"}, {"properties", {{"labels", {{"type", "object"}}}}}};
  EXPECT_EQ(define("firsts", "First", {{"metadata", labels}}), 422);
  EXPECT_EQ(define("seconds", "Second", {{"metadata", {{"type", "object"}}}}), 201);
  EXPECT_NE(define("thirds", "Third", {{"metadata", name}}), 500);
}

TEST_F(Reference, What_is_applied_must_say_what_it_is_and_hold_nothing_unknown) {
  const std::string url = at(kMaps, "a") + "?fieldManager=one";
  EXPECT_EQ(bench.send("PATCH", url, "data: {a: b}", kApply).status, 400);
  const std::string head = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
  EXPECT_EQ(bench.send("PATCH", url, head + "extra: 1", kApply).status, 400);
  EXPECT_EQ(bench.get(at(kMaps, "a")).status, 404);
  EXPECT_EQ(bench.send("PATCH", url, head + "data: {a: b}", kApply).status, 201);
}

TEST_F(Reference, Only_who_applies_may_force_and_a_manager_has_a_short_name) {
  ASSERT_EQ(bench.post(kMaps, named("a")).status, 201);
  EXPECT_EQ(bench.merge(at(kMaps, "a") + "?force=true", {{"data", {}}}).status, 422);
  const std::string long_name(129, 'x');
  EXPECT_EQ(bench.post(std::string(kMaps) + "?fieldManager=" + long_name, named("b")).status, 422);
}

TEST_F(Reference, Who_creates_a_Pod_does_not_own_what_the_server_adds) {
  const Answer made = bench.post(kPods, pod("a"));
  ASSERT_EQ(made.status, 201) << made.body;
  const Json& fields = made.meta()["managedFields"][0]["fieldsV1"];
  EXPECT_FALSE(fields.contains("f:status"));
  EXPECT_FALSE(fields["f:spec"].contains("f:priority"));
  EXPECT_FALSE(fields["f:spec"].contains("f:tolerations"));
  EXPECT_TRUE(fields["f:spec"].contains("f:restartPolicy"));  // a default counts as sent
}

TEST_F(Reference, A_Pod_may_be_put_back_without_what_the_server_added) {
  ASSERT_EQ(bench.post(kPods, pod("a")).status, 201);
  Json fresh = pod("a");
  fresh["spec"]["containers"][0]["image"] = "other";
  fresh["spec"]["serviceAccountName"] = "default";
  const Answer put = bench.put(at(kPods, "a"), fresh);
  EXPECT_EQ(put.status, 200) << put.body;
  EXPECT_EQ(put.body["spec"]["containers"][0]["image"], "other");
  EXPECT_EQ(put.body["spec"]["tolerations"].size(), 2u);
}

TEST_F(Reference, Pods_that_no_kubelet_could_run_are_refused) {
  EXPECT_EQ(bench.post(kPods, named("a")).status, 422);
  const auto refused = [&](const char* path, const Json& value) {
    Json wrong = pod("a");
    wrong[Json::json_pointer(path)] = value;
    return bench.post(kPods, wrong).status;
  };
  const Json gate{{"name", "example.com/g"}};
  EXPECT_EQ(refused("/spec/schedulingGates", {gate, gate}), 422);
  EXPECT_EQ(refused("/spec/containers/0/resources", {{"limits", {{"gpus", "1"}}}}), 422);
  EXPECT_EQ(refused("/spec/volumes", {{{"name", "v"}, {"hostPath", {{"path", "/a/../b"}}}}}), 422);
  EXPECT_EQ(refused("/spec/ephemeralContainers", {{{"name", "e"}, {"image", "i"}}}), 422);
  EXPECT_EQ(refused("/spec/preemptionPolicy", "Never"), 403);
  const Json env{{"name", "A"}, {"valueFrom", {{"fieldRef", {{"fieldPath", "spec.x"}}}}}};
  EXPECT_EQ(refused("/spec/containers/0/env", Json::array({env})), 422);
  Json gated = pod("a");
  gated["spec"]["schedulingGates"] = {gate};
  gated["spec"]["nodeName"] = "n";
  EXPECT_EQ(bench.post(kPods, gated).status, 422);
}

TEST_F(Reference, A_binding_is_no_new_generation) {
  ASSERT_EQ(bench.post(kPods, pod("a")).status, 201);
  const Json binding{{"target", {{"kind", "Node"}, {"name", "n"}}}};
  ASSERT_EQ(bench.post(at(kPods, "a") + "/binding", binding).status, 201);
  EXPECT_EQ(bench.get(at(kPods, "a")).meta()["generation"], 1);
}

TEST_F(Reference, An_eviction_of_another_name_evicts_nobody) {
  ASSERT_EQ(bench.post(kPods, pod("a")).status, 201);
  Json eviction = named("b");
  eviction["apiVersion"] = "policy/v1";
  eviction["kind"] = "Eviction";
  EXPECT_EQ(bench.post(at(kPods, "a") + "/eviction", eviction).status, 400);
  EXPECT_EQ(bench.get(at(kPods, "a")).status, 200);
}

TEST_F(Reference, A_deletion_that_contradicts_itself_deletes_nothing) {
  ASSERT_EQ(bench.post(kMaps, named("a")).status, 201);
  const std::string url = at(kMaps, "a");
  EXPECT_EQ(bench.remove(url, {{"orphanDependents", true}, {"propagationPolicy", "Orphan"}}).status,
            422);
  EXPECT_EQ(bench.remove(url, {{"kind", "Pod"}, {"apiVersion", "v1"}}).status, 400);
  EXPECT_EQ(bench.get(url).status, 200);
  EXPECT_EQ(bench.remove("/api/v1/namespaces").status, 405);
}

TEST_F(Reference, Empty_metadata_is_none) {
  Json map = named("a");
  map["metadata"]["finalizers"] = {"example.com/f"};
  ASSERT_EQ(bench.post(kMaps, map).status, 201);
  const Answer freed = bench.merge(at(kMaps, "a"), {{"metadata", {{"finalizers", Json::array()}}}});
  EXPECT_FALSE(freed.meta().contains("finalizers"));
  map["metadata"] = {{"name", "b"}, {"finalizers", {"unqualified"}}};
  EXPECT_EQ(bench.post(kMaps, map).status, 422);
}

TEST_F(Reference, Nodes_keep_the_status_they_come_with_and_one_taint_of_a_kind) {
  Json node = named("n");
  node["status"] = {{"capacity", {{"cpu", "4"}}}};
  const Answer made = bench.post("/api/v1/nodes", node);
  EXPECT_EQ(made.body["status"]["capacity"]["cpu"], "4");
  const Json taint{{"key", "a"}, {"effect", "NoSchedule"}};
  EXPECT_EQ(bench.merge("/api/v1/nodes/n", {{"spec", {{"taints", {taint, taint}}}}}).status, 422);
}

TEST_F(Reference, Budgets_and_Events_that_say_too_little_are_refused) {
  const std::string budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
  Json budget = named("b");
  budget["spec"] = {{"minAvailable", "some"}};
  EXPECT_EQ(bench.post(budgets, budget).status, 422);
  budget["spec"] = {{"minAvailable", "50%"}};
  EXPECT_EQ(bench.post(budgets, budget).status, 201);
  Json event = named("e");
  event["regarding"] = {{"namespace", "default"}};
  EXPECT_EQ(bench.post("/apis/events.k8s.io/v1/namespaces/default/events", event).status, 422);
}

TEST_F(Reference, Initial_events_are_for_watches) {
  EXPECT_EQ(bench.get(std::string(kMaps) + "?sendInitialEvents=true").status, 422);
}

}  // namespace
}  // namespace k8s::apiserver::testing
