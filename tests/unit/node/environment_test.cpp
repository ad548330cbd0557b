// Variables and commands as a kubelet resolves them.

#include "libk8s/node/environment.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace k8s::node {
namespace {

using nlohmann::json;

NodePod pod_from(const json& spec) {
  const json object = {{"metadata",
                        {{"name", "p"},
                         {"namespace", "ns"},
                         {"uid", "u1"},
                         {"labels", {{"app", "x"}, {"team", "a b"}}},
                         {"annotations", {{"note", "n"}}}}},
                       {"spec", spec}};
  Result<NodePod> pod = Codec<NodePod>::from_json(object);
  EXPECT_TRUE(pod);
  return *pod;
}

NodePod pod_with_env(const json& env, const json& env_from = json::array()) {
  return pod_from({{"containers", json::array({{{"name", "main"},
                                                {"env", env},
                                                {"envFrom", env_from},
                                                {"resources",
                                                 {{"limits", {{"cpu", "1500m"}, {"memory", "1Gi"}}},
                                                  {"requests", {{"cpu", "500m"}}}}}}})}});
}

json field(const char* name, const char* path) {
  return {{"name", name}, {"valueFrom", {{"fieldRef", {{"fieldPath", path}}}}}};
}

json amount(const char* name, const char* resource, const char* divisor = "") {
  json ref = {{"resource", resource}};
  if (*divisor != '\0') ref["divisor"] = divisor;
  return {{"name", name}, {"valueFrom", {{"resourceFieldRef", ref}}}};
}

const PodFacts kFacts = {"n1", "127.64.0.9", "127.0.0.1", {{"cpu", 8000}, {"memory", 64 << 20}}};

StringMap resolved(const NodePod& pod, const Objects& objects = {},
                   const StringMap& services = {}) {
  const Result<Environment> env =
      resolve_environment(pod, pod.containers[0], kFacts, objects, services);
  EXPECT_TRUE(env) << env.status().to_string();
  return env ? env->values() : StringMap{};
}

TEST(Expand, Known_names_are_replaced_and_unknown_ones_stay_as_written) {
  const StringMap values = {{"A", "1"}, {"B", "$(A)"}};
  EXPECT_EQ(expand("x$(A)y", values), "x1y");
  EXPECT_EQ(expand("$(NOPE)", values), "$(NOPE)");
  EXPECT_EQ(expand("$(B)", values), "$(A)");  // nothing is expanded twice
}

TEST(Expand, Two_dollars_stand_for_one_and_end_the_meaning_of_what_follows) {
  const StringMap values = {{"A", "1"}};
  EXPECT_EQ(expand("$$(A)", values), "$(A)");
  EXPECT_EQ(expand("$$$(A)", values), "$1");
  EXPECT_EQ(expand("$$$$(A)", values), "$$(A)");
}

TEST(Expand, What_is_no_reference_is_kept) {
  const StringMap values = {{"A", "1"}, {"", "empty"}};
  EXPECT_EQ(expand("$A ${A} $", values), "$A ${A} $");
  EXPECT_EQ(expand("$(A", values), "$(A");
  EXPECT_EQ(expand("$()", values), "empty");
  EXPECT_EQ(expand("100%$", {}), "100%$");
}

TEST(Environment, A_variable_sees_those_defined_before_it_only) {
  const NodePod pod = pod_with_env(json::array({{{"name", "B"}, {"value", "$(A)"}},
                                                {{"name", "A"}, {"value", "1"}},
                                                {{"name", "C"}, {"value", "$(A)$(SVC)"}}}));
  const StringMap env = resolved(pod, {}, {{"SVC", "s"}});
  EXPECT_EQ(env.at("B"), "$(A)");
  EXPECT_EQ(env.at("C"), "1s");
}

TEST(Environment, Fields_of_the_Pod_can_be_had) {
  const NodePod pod = pod_with_env(json::array(
      {field("NAME", "metadata.name"), field("NS", "metadata.namespace"),
       field("UID", "metadata.uid"), field("APP", "metadata.labels['app']"),
       field("NOTE", "metadata.annotations['note']"), field("NONE", "metadata.labels['none']"),
       field("NODE", "spec.nodeName"), field("IP", "status.podIP"), field("HOST", "status.hostIP"),
       field("SA", "spec.serviceAccountName")}));
  const StringMap env = resolved(pod);
  EXPECT_EQ(env.at("NAME"), "p");
  EXPECT_EQ(env.at("NS"), "ns");
  EXPECT_EQ(env.at("UID"), "u1");
  EXPECT_EQ(env.at("APP"), "x");
  EXPECT_EQ(env.at("NOTE"), "n");
  EXPECT_EQ(env.at("NONE"), "");
  EXPECT_EQ(env.at("NODE"), "n1");
  EXPECT_EQ(env.at("IP"), "127.64.0.9");
  EXPECT_EQ(env.at("HOST"), "127.0.0.1");
  EXPECT_EQ(env.at("SA"), "default");
}

TEST(Environment, Amounts_come_in_whole_divisors_rounded_up) {
  const NodePod pod = pod_with_env(
      json::array({amount("CPUS", "limits.cpu"), amount("MILLI", "limits.cpu", "1m"),
                   amount("MIB", "limits.memory", "1Mi"), amount("REQ", "requests.cpu", "1m")}));
  const StringMap env = resolved(pod);
  EXPECT_EQ(env.at("CPUS"), "2");  // 1500m
  EXPECT_EQ(env.at("MILLI"), "1500");
  EXPECT_EQ(env.at("MIB"), "1024");
  EXPECT_EQ(env.at("REQ"), "500");
}

TEST(Environment, A_container_without_a_limit_is_limited_by_its_node) {
  NodePod pod = pod_with_env(json::array({amount("CPUS", "limits.cpu")}));
  pod.containers[0].limits.clear();
  EXPECT_EQ(resolved(pod).at("CPUS"), "8");
}

TEST(Environment, envFrom_takes_all_keys_under_a_prefix_and_env_goes_over_it) {
  const NodePod pod =
      pod_with_env(json::array({{{"name", "P_A"}, {"value", "own"}}}),
                   json::array({{{"prefix", "P_"}, {"configMapRef", {{"name", "c"}}}},
                                {{"secretRef", {{"name", "s"}}}},
                                {{"configMapRef", {{"name", "gone"}, {"optional", true}}}}}));
  Objects objects;
  objects.config_maps["c"] = StringMap{{"A", "1"}, {"B", "2"}, {"bad=key", "3"}};
  objects.secrets["s"] = StringMap{{"TOKEN", "t"}};
  const StringMap env = resolved(pod, objects);
  EXPECT_EQ(env, (StringMap{{"P_A", "own"}, {"P_B", "2"}, {"TOKEN", "t"}}));
}

TEST(Environment, A_missing_object_or_key_is_an_error_unless_it_is_optional) {
  const auto ref = [](bool optional) {
    return json::array(
        {{{"name", "X"},
          {"valueFrom",
           {{"secretKeyRef", {{"name", "s"}, {"key", "k"}, {"optional", optional}}}}}}});
  };
  const NodePod strict = pod_with_env(ref(false)), lenient = pod_with_env(ref(true));
  const auto error = [&](const Objects& objects) {
    return resolve_environment(strict, strict.containers[0], kFacts, objects, {}).status();
  };
  EXPECT_EQ(error({}).message(), "secret \"s\" not found");
  EXPECT_EQ(error({}).code(), Code::kNotFound);
  Objects empty;
  empty.secrets["s"] = StringMap{};
  EXPECT_EQ(error(empty).message(), "couldn't find key k in secret ns/s");
  EXPECT_FALSE(resolved(lenient).contains("X"));
  EXPECT_FALSE(resolved(lenient, empty).contains("X"));
}

TEST(ServiceEnvironment, Names_a_Pod_behind_the_Service_and_its_target_port) {
  const NodePod pod = pod_from(
      {{"containers",
        json::array({{{"name", "main"},
                      {"ports", json::array({{{"name", "http"}, {"containerPort", 8080}}})}}})}});
  const Result<Service> service = Codec<Service>::from_json(
      {{"metadata", {{"name", "my-web"}, {"namespace", "ns"}}},
       {"spec",
        {{"selector", {{"app", "x"}}},
         {"ports", json::array({{{"name", "web"}, {"port", 80}, {"targetPort", "http"}}})}}}});
  ASSERT_TRUE(service);
  EXPECT_TRUE(selects(*service, pod.base));
  const StringMap env = service_environment({{&*service, &pod, "127.64.0.5"}});
  EXPECT_EQ(env.at("MY_WEB_SERVICE_HOST"), "127.64.0.5");
  EXPECT_EQ(env.at("MY_WEB_SERVICE_PORT"), "8080");
  EXPECT_EQ(env.at("MY_WEB_SERVICE_PORT_WEB"), "8080");
  EXPECT_EQ(env.at("MY_WEB_PORT_80_TCP"), "tcp://127.64.0.5:8080");
}

}  // namespace
}  // namespace k8s::node
