// Deleting: preconditions, finalizers, grace of Pods, collections, namespaces.
#include "tests/unit/apiserver/core_bench.hpp"

namespace k8s::apiserver::testing {
namespace {

std::string map(const std::string& name) { return std::string(kMaps) + "/" + name; }
std::string pod_url(const std::string& name) { return std::string(kPods) + "/" + name; }

Json held(Json object, const std::vector<std::string>& finalizers) {
  object["metadata"]["finalizers"] = finalizers;
  return object;
}

Answer bound_pod(Bench& bench, const std::string& name) {
  bench.post(kPods, pod(name));
  EXPECT_EQ(bench.post(pod_url(name) + "/binding", binding(name, "n1")).status, 201);
  return bench.get(pod_url(name));
}

TEST(Delete, Answers_with_a_Status_that_names_what_went) {
  Bench bench;
  const Answer made = bench.post(kMaps, config_map("a"));
  const Answer gone = bench.remove(map("a"));
  EXPECT_EQ(gone.status, 200);
  EXPECT_EQ(gone.body["kind"], "Status");
  EXPECT_EQ(gone.body["status"], "Success");
  EXPECT_EQ(gone.body["details"]["uid"], made.uid());
  EXPECT_EQ(bench.remove(map("a")).status, 404);
}

TEST(Delete, Honours_preconditions_on_uid_and_version) {
  Bench bench;
  const Answer made = bench.post(kMaps, config_map("a"));
  EXPECT_EQ(bench.remove(map("a"), {{"preconditions", {{"uid", "other"}}}}).status, 409);
  EXPECT_EQ(bench.remove(map("a"), {{"preconditions", {{"resourceVersion", "1"}}}}).status, 409);
  EXPECT_EQ(bench.remove(map("a"), {{"preconditions", {{"uid", made.uid()}}}}).status, 200);
}

TEST(Delete, With_dryRun_deletes_nothing) {
  Bench bench;
  bench.post(kMaps, config_map("a"));
  EXPECT_EQ(bench.remove(map("a") + "?dryRun=All").status, 200);
  EXPECT_EQ(bench.remove(map("a"), {{"dryRun", {"All"}}}).status, 200);
  EXPECT_EQ(bench.get(map("a")).status, 200);
}

TEST(Delete, Refuses_a_policy_that_there_is_not) {
  Bench bench;
  bench.post(kMaps, config_map("a"));
  EXPECT_EQ(bench.remove(map("a"), {{"propagationPolicy", "Sideways"}}).status, 422);
}

TEST(Finalizers, Hold_the_object_until_the_last_one_is_removed) {
  Bench bench;
  bench.post(kMaps, held(config_map("a"), {"x.io/one", "x.io/two"}));
  const Answer marked = bench.remove(map("a"));
  EXPECT_EQ(marked.status, 200);
  EXPECT_EQ(marked.body["kind"], "ConfigMap");
  EXPECT_EQ(marked.meta().count("deletionTimestamp"), 1U);
  EXPECT_EQ(bench.merge(map("a"), {{"metadata", {{"finalizers", {"x.io/two"}}}}}).status, 200);
  EXPECT_EQ(bench.get(map("a")).status, 200);
  EXPECT_EQ(bench.merge(map("a"), {{"metadata", {{"finalizers", nullptr}}}}).status, 200);
  EXPECT_EQ(bench.get(map("a")).status, 404);
}

TEST(Finalizers, Cannot_be_added_once_deletion_has_begun) {
  Bench bench;
  bench.post(kMaps, held(config_map("a"), {"x.io/one"}));
  bench.remove(map("a"));
  const Answer refused =
      bench.merge(map("a"), {{"metadata", {{"finalizers", {"x.io/one", "x.io/new"}}}}});
  EXPECT_EQ(refused.status, 422);
  EXPECT_NE(refused.message().find("x.io/new"), std::string::npos);
}

TEST(Finalizers, A_deletionTimestamp_cannot_be_taken_back) {
  Bench bench;
  bench.post(kMaps, held(config_map("a"), {"x.io/one"}));
  bench.remove(map("a"));
  bench.merge(map("a"), {{"metadata", {{"deletionTimestamp", nullptr}}}});
  EXPECT_EQ(bench.get(map("a")).meta().count("deletionTimestamp"), 1U);
}

TEST(PodDeletion, Of_an_unbound_Pod_is_immediate) {
  Bench bench;
  bench.post(kPods, pod("p"));
  EXPECT_EQ(bench.remove(pod_url("p")).status, 200);
  EXPECT_EQ(bench.get(pod_url("p")).status, 404);
}

TEST(PodDeletion, Of_a_bound_Pod_waits_for_its_node_which_deletes_with_grace_0) {
  Bench bench;
  bound_pod(bench, "p");
  const Answer marked = bench.remove(pod_url("p"));
  EXPECT_EQ(marked.status, 200);
  EXPECT_EQ(marked.meta().at("deletionGracePeriodSeconds"), 30);
  EXPECT_EQ(marked.meta().at("deletionTimestamp"), "2027-01-15T08:00:30Z");
  EXPECT_EQ(bench.remove(pod_url("p")).body, marked.body);  // a second delete changes nothing
  EXPECT_EQ(bench.remove(pod_url("p"), {{"gracePeriodSeconds", 0}}).status, 200);
  EXPECT_EQ(bench.get(pod_url("p")).status, 404);
}

TEST(PodDeletion, The_grace_period_can_be_shortened_and_not_lengthened) {
  Bench bench;
  bound_pod(bench, "p");
  bench.remove(pod_url("p"), {{"gracePeriodSeconds", 20}});
  EXPECT_EQ(bench.remove(pod_url("p"), {{"gracePeriodSeconds", 60}})
                .meta()
                .at("deletionGracePeriodSeconds"),
            20);
  EXPECT_EQ(bench.remove(pod_url("p"), {{"gracePeriodSeconds", 5}})
                .meta()
                .at("deletionGracePeriodSeconds"),
            5);
}

TEST(PodDeletion, Of_a_finished_Pod_is_immediate) {
  Bench bench;
  bound_pod(bench, "p");
  bench.merge(pod_url("p") + "/status", {{"status", {{"phase", "Succeeded"}}}});
  bench.remove(pod_url("p"));
  EXPECT_EQ(bench.get(pod_url("p")).status, 404);
}

TEST(PodDeletion, With_grace_0_still_waits_for_finalizers) {
  Bench bench;
  bench.post(kPods, held(pod("p"), {"x.io/one"}));
  bench.remove(pod_url("p"), {{"gracePeriodSeconds", 0}});
  EXPECT_EQ(bench.get(pod_url("p")).status, 200);
  bench.merge(pod_url("p"), {{"metadata", {{"finalizers", nullptr}}}});
  EXPECT_EQ(bench.get(pod_url("p")).status, 404);
}

TEST(DeleteCollection, Takes_what_the_selector_means_and_no_more) {
  Bench bench;
  bench.post(kMaps, config_map("a", {{"app", "x"}}));
  bench.post(kMaps, config_map("b", {{"app", "x"}}));
  bench.post(kMaps, config_map("c"));
  const Answer gone = bench.remove(std::string(kMaps) + "?labelSelector=app%3Dx");
  EXPECT_EQ(gone.status, 200);
  EXPECT_EQ(gone.names(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(bench.get(kMaps).names(), (std::vector<std::string>{"c"}));
  EXPECT_EQ(bench.remove("/api/v1/configmaps").status, 405);
}

Json ns(const std::string& name) {
  return {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", name}}}};
}

TEST(Namespace, Is_made_active_with_its_name_as_a_label) {
  Bench bench;
  const Answer made = bench.post("/api/v1/namespaces", ns("team"));
  EXPECT_EQ(made.status, 201);
  EXPECT_EQ(made.body["status"]["phase"], "Active");
  EXPECT_EQ(made.meta().at("labels").at("kubernetes.io/metadata.name"), "team");
  EXPECT_EQ(made.body["spec"]["finalizers"], Json({"kubernetes"}));
}

TEST(Namespace, Takes_its_content_along_and_refuses_new_content_meanwhile) {
  Bench bench;
  bench.post("/api/v1/namespaces", ns("team"));
  const std::string content = "/api/v1/namespaces/team/configmaps";
  bench.post(content, config_map("a"));
  bench.post(content, held(config_map("b"), {"x.io/one"}));
  bench.post(kMaps, config_map("outside"));
  const Answer marked = bench.remove("/api/v1/namespaces/team");
  EXPECT_EQ(marked.body["status"]["phase"], "Terminating");
  const Answer refused = bench.post(content, config_map("c"));
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.body["details"]["causes"][0]["reason"], "NamespaceTerminating");
  bench.settle();
  EXPECT_EQ(bench.get(content).names(), (std::vector<std::string>{"b"}));
  EXPECT_EQ(bench.get("/api/v1/namespaces/team").status, 200);
  bench.merge(content + "/b", {{"metadata", {{"finalizers", nullptr}}}});
  bench.settle();
  EXPECT_EQ(bench.get("/api/v1/namespaces/team").status, 404);
  EXPECT_EQ(bench.get(map("outside")).status, 200);
}

TEST(Namespace, Finalize_takes_the_server_s_own_hold_away) {
  Bench bench;
  bench.post("/api/v1/namespaces", ns("team"));
  const Json marked = bench.remove("/api/v1/namespaces/team").body;
  Json kept = marked;
  kept["spec"]["finalizers"] = Json::array();
  EXPECT_EQ(bench.put("/api/v1/namespaces/team", kept).body["spec"]["finalizers"],
            Json({"kubernetes"}));
  EXPECT_EQ(bench.put("/api/v1/namespaces/team/finalize", kept).status, 200);
  EXPECT_EQ(bench.get("/api/v1/namespaces/team").status, 404);
}

TEST(Namespace, The_first_ones_exist_and_stay) {
  Bench bench;
  EXPECT_EQ(bench.get("/api/v1/namespaces").names(),
            (std::vector<std::string>{"default", "kube-node-lease", "kube-public", "kube-system"}));
  EXPECT_EQ(bench.remove("/api/v1/namespaces/default").status, 403);
}

}  // namespace
}  // namespace k8s::apiserver::testing
