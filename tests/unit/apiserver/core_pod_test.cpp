// Pods: binding, eviction, priority, gates, logs; Services.
#include "tests/unit/apiserver/core_bench.hpp"

namespace k8s::apiserver::testing {
namespace {

std::string url(const std::string& name, const std::string& sub = "") {
  return std::string(kPods) + "/" + name + (sub.empty() ? "" : "/" + sub);
}

TEST(Pod, Begins_pending_with_its_quality_of_service) {
  Bench bench;
  const Answer made = bench.post(kPods, pod("p"));
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.body["status"]["phase"], "Pending");
  EXPECT_EQ(made.body["status"]["qosClass"], "BestEffort");
  EXPECT_EQ(made.body["spec"]["schedulerName"], "default-scheduler");
  EXPECT_EQ(made.body["spec"]["priority"], 0);
  Json guaranteed = pod("g");
  guaranteed["spec"]["containers"][0]["resources"]["limits"] = {{"cpu", "1"}, {"memory", "1Gi"}};
  EXPECT_EQ(bench.post(kPods, guaranteed).body["status"]["qosClass"], "Guaranteed");
}

TEST(Pod, Takes_its_priority_from_its_class) {
  Bench bench;
  EXPECT_EQ(bench
                .post("/apis/scheduling.k8s.io/v1/priorityclasses",
                      {{"apiVersion", "scheduling.k8s.io/v1"},
                       {"kind", "PriorityClass"},
                       {"metadata", {{"name", "high"}}},
                       {"value", 1000},
                       {"preemptionPolicy", "Never"}})
                .status,
            201);
  Json object = pod("p");
  object["spec"]["priorityClassName"] = "high";
  const Answer made = bench.post(kPods, object);
  EXPECT_EQ(made.body["spec"]["priority"], 1000);
  EXPECT_EQ(made.body["spec"]["preemptionPolicy"], "Never");
  object["metadata"]["name"] = "q";
  object["spec"]["priorityClassName"] = "none";
  const Answer refused = bench.post(kPods, object);
  EXPECT_EQ(refused.status, 403);
  EXPECT_NE(refused.message().find("no PriorityClass with name none was found"), std::string::npos);
}

TEST(Binding, Sets_the_node_copies_annotations_and_says_PodScheduled) {
  Bench bench;
  bench.post(kPods, pod("p"));
  bench.merge(url("p", "status"), {{"status", {{"nominatedNodeName", "n0"}}}});
  Json to = binding("p", "n1");
  to["metadata"]["annotations"] = {{"x.io/zone", "b"}};
  const Answer bound = bench.post(url("p", "binding"), to);
  EXPECT_EQ(bound.status, 201);
  EXPECT_EQ(bound.body["status"], "Success");
  const Json object = bench.get(url("p")).body;
  EXPECT_EQ(object["spec"]["nodeName"], "n1");
  EXPECT_EQ(object["metadata"]["annotations"]["x.io/zone"], "b");
  EXPECT_EQ(object["status"].count("nominatedNodeName"), 0U);
  EXPECT_EQ(object["status"]["conditions"][0]["type"], "PodScheduled");
  EXPECT_EQ(object["status"]["conditions"][0]["status"], "True");
}

TEST(Binding, Is_a_conflict_for_a_Pod_that_is_bound_or_being_deleted) {
  Bench bench;
  bench.post(kPods, pod("p"));
  bench.post(url("p", "binding"), binding("p", "n1"));
  const Answer again = bench.post(url("p", "binding"), binding("p", "n2"));
  EXPECT_EQ(again.status, 409);
  EXPECT_NE(again.message().find("already assigned to node \"n1\""), std::string::npos);
  Json held = pod("q");
  held["metadata"]["finalizers"] = {"x.io/one"};
  bench.post(kPods, held);
  bench.remove(url("q"));
  EXPECT_EQ(bench.post(url("q", "binding"), binding("q", "n1")).status, 409);
}

TEST(Binding, Honours_preconditions_on_uid_and_version) {
  Bench bench;
  const Answer made = bench.post(kPods, pod("p"));
  Json to = binding("p", "n1");
  to["metadata"]["uid"] = "other";
  EXPECT_EQ(bench.post(url("p", "binding"), to).status, 409);
  to["metadata"]["uid"] = made.uid();
  to["metadata"]["resourceVersion"] = "1";
  EXPECT_EQ(bench.post(url("p", "binding"), to).status, 409);
  to["metadata"]["resourceVersion"] = made.version();
  EXPECT_EQ(bench.post(url("p", "binding"), to).status, 201);
}

TEST(Binding, Of_a_gated_Pod_waits_until_its_gates_are_gone) {
  Bench bench;
  Json gated = pod("p");
  gated["spec"]["schedulingGates"] = {{{"name", "x.io/wait"}}};
  const Answer made = bench.post(kPods, gated);
  EXPECT_EQ(made.body["status"]["conditions"][0]["reason"], "SchedulingGated");
  EXPECT_EQ(bench.post(url("p", "binding"), binding("p", "n1")).status, 409);
  const Answer opened = bench.send("PATCH", url("p"), R"({"spec":{"schedulingGates":null}})",
                                   "application/merge-patch+json");
  EXPECT_EQ(opened.status, 200) << opened.body;
  EXPECT_EQ(bench.post(url("p", "binding"), binding("p", "n1")).status, 201);
}

TEST(Binding, Refuses_what_makes_no_sense) {
  Bench bench;
  bench.post(kPods, pod("p"));
  EXPECT_EQ(bench.post(url("none", "binding"), binding("none", "n1")).status, 404);
  EXPECT_EQ(bench.post(url("p", "binding"), binding("q", "n1")).status, 400);
  EXPECT_EQ(bench.post(url("p", "binding"), binding("p", "")).status, 422);
  Json other = binding("p", "n1");
  other["target"]["kind"] = "Rack";
  EXPECT_EQ(bench.post(url("p", "binding"), other).status, 422);
  EXPECT_EQ(bench.get(url("p", "binding")).status, 405);
}

TEST(Binding, With_dryRun_binds_nothing) {
  Bench bench;
  bench.post(kPods, pod("p"));
  EXPECT_EQ(bench.post(url("p", "binding?dryRun=All"), binding("p", "n1")).status, 201);
  EXPECT_EQ(bench.get(url("p")).body["spec"].count("nodeName"), 0U);
}

Json budget(const Json& spec) {
  return {{"apiVersion", "policy/v1"},
          {"kind", "PodDisruptionBudget"},
          {"metadata", {{"name", "b"}}},
          {"spec", spec}};
}
const char* kBudgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";

Json eviction(const std::string& name) {
  return {{"apiVersion", "policy/v1"}, {"kind", "Eviction"}, {"metadata", {{"name", name}}}};
}

// Makes a Pod that runs and is ready.
void running(Bench& bench, const std::string& name) {
  bench.post(kPods, pod(name, {{"app", "x"}}));
  bench.post(url(name, "binding"), binding(name, "n1"));
  const Answer ready = bench.merge(
      url(name, "status"),
      {{"status",
        {{"phase", "Running"}, {"conditions", {{{"type", "Ready"}, {"status", "True"}}}}}}});
  ASSERT_EQ(ready.status, 200) << ready.body;
}

TEST(Eviction, Deletes_the_Pod_with_its_grace_period) {
  Bench bench;
  running(bench, "p");
  EXPECT_EQ(bench.post(url("p", "eviction"), eviction("p")).status, 201);
  EXPECT_EQ(bench.get(url("p")).meta().at("deletionGracePeriodSeconds"), 30);
}

TEST(Eviction, Is_said_on_the_Pod_that_goes) {
  Bench bench;
  running(bench, "p");
  EXPECT_EQ(bench.post(url("p", "eviction") + "?dryRun=All", eviction("p")).status, 201);
  EXPECT_EQ(bench.get(url("p")).body["status"]["conditions"].size(), 1U);
  EXPECT_EQ(bench.post(url("p", "eviction"), eviction("p")).status, 201);
  const Json conditions = bench.get(url("p")).body["status"]["conditions"];
  ASSERT_EQ(conditions.size(), 2U) << conditions;
  EXPECT_EQ(conditions[1]["type"], "DisruptionTarget");
  EXPECT_EQ(conditions[1]["status"], "True");
  EXPECT_EQ(conditions[1]["reason"], "EvictionByEvictionAPI");
}

TEST(Eviction, Is_429_when_a_budget_says_no_and_allowed_as_far_as_it_says_yes) {
  Bench bench;
  for (const char* name : {"p1", "p2", "p3"}) running(bench, name);
  const Answer made = bench.post(
      kBudgets, budget({{"minAvailable", 2}, {"selector", {{"matchLabels", {{"app", "x"}}}}}}));
  ASSERT_EQ(made.status, 201) << made.body;
  bench.settle();
  const Json status = bench.get(std::string(kBudgets) + "/b").body["status"];
  EXPECT_EQ(status["disruptionsAllowed"], 1);
  EXPECT_EQ(status["expectedPods"], 3);
  EXPECT_EQ(bench.post(url("p1", "eviction"), eviction("p1")).status, 201);
  const Answer refused = bench.post(url("p2", "eviction"), eviction("p2"));
  EXPECT_EQ(refused.status, 429);
  EXPECT_NE(refused.message().find("disruption budget"), std::string::npos);
  EXPECT_EQ(refused.body["details"]["causes"][0]["reason"], "DisruptionBudget");
}

TEST(Logs, Are_501_without_a_node_and_400_for_a_container_that_is_not_named) {
  Bench bench;
  bench.post(kPods, pod("p"));
  EXPECT_EQ(bench.get(url("p", "log")).status, 501);
  EXPECT_EQ(bench.get(url("none", "log")).status, 404);
  EXPECT_EQ(bench.get(url("p", "log?container=bogus")).status, 400);
  EXPECT_EQ(bench.get(url("p", "log?tailLines=-1")).status, 400);
  Json two = pod("q");
  two["spec"]["containers"].push_back({{"name", "side"}, {"image", "none"}});
  bench.post(kPods, two);
  const Answer unnamed = bench.get(url("q", "log"));
  EXPECT_EQ(unnamed.status, 400);
  EXPECT_NE(unnamed.message().find("choose one of: [main side]"), std::string::npos);
}

TEST(Tunnels, Are_501_and_other_subresources_404) {
  Bench bench;
  bench.post(kPods, pod("p"));
  for (const char* name : {"exec", "attach", "portforward"}) {
    EXPECT_EQ(bench.send("POST", url("p", name)).status, 501) << name;
  }
  EXPECT_EQ(bench.get(url("p", "bogus")).status, 404);
}

TEST(Service, Gets_an_address_of_its_own_unless_it_is_headless) {
  Bench bench;
  const char* services = "/api/v1/namespaces/default/services";
  const auto service = [](const std::string& name) {
    return Json{{"apiVersion", "v1"},
                {"kind", "Service"},
                {"metadata", {{"name", name}}},
                {"spec", {{"ports", {{{"port", 80}}}}}}};
  };
  const Answer one = bench.post(services, service("one"));
  ASSERT_EQ(one.status, 201) << one.body;
  const Answer two = bench.post(services, service("two"));
  EXPECT_TRUE(one.body["spec"]["clusterIP"].get<std::string>().starts_with("10.0."));
  EXPECT_NE(one.body["spec"]["clusterIP"], two.body["spec"]["clusterIP"]);
  EXPECT_EQ(one.body["spec"]["clusterIPs"][0], one.body["spec"]["clusterIP"]);
  Json headless = service("three");
  headless["spec"]["clusterIP"] = "None";
  EXPECT_EQ(bench.post(services, headless).body["spec"]["clusterIP"], "None");
}

}  // namespace
}  // namespace k8s::apiserver::testing
