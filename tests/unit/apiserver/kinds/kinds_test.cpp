#include "libk8s/apiserver/kinds/kinds.hpp"

#include <gmock/gmock.h>

#include "tests/unit/apiserver/schema/worked.hpp"

namespace k8s::apiserver::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kPod = R"(
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: default}
spec:
  containers:
  - {name: web, image: "nginx:1.25", ports: [{containerPort: 80}]}
)";

TEST(Kinds, Every_kind_has_rules_and_is_found_by_its_url_and_by_its_name) {
  for (const kinds::Kind& kind : kinds::all()) {
    EXPECT_NE(kinds::rules(kind), nullptr) << kind.kind;
    EXPECT_EQ(kinds::find(kind.group, kind.version, kind.plural), &kind);
    EXPECT_EQ(kinds::find_kind(kind.api_version(), kind.kind), &kind);
  }
  EXPECT_EQ(kinds::find("apps", "v1", "deployments"), nullptr);
}

TEST(Kinds, Bodies_of_subresources_have_rules_but_no_url) {
  EXPECT_NE(kinds::rules("v1", "Binding"), nullptr);
  EXPECT_NE(kinds::rules("policy/v1", "Eviction"), nullptr);
  EXPECT_NE(kinds::rules("autoscaling/v1", "Scale"), nullptr);
  EXPECT_NE(kinds::rules("v1", "DeleteOptions"), nullptr);
  EXPECT_EQ(kinds::find("", "v1", "bindings"), nullptr);
}

TEST(Kinds, Pods_list_their_subresources_with_the_kinds_of_their_bodies) {
  const kinds::Kind* pods = kinds::find("", "v1", "pods");
  ASSERT_NE(pods, nullptr);
  EXPECT_EQ(pods->subresource("eviction")->group, "policy");
  EXPECT_EQ(pods->subresource("eviction")->kind, "Eviction");
  EXPECT_THAT(pods->subresource("log")->verbs, ElementsAre("get"));
  EXPECT_THAT(pods->subresource("status")->verbs, ElementsAre("get", "patch", "update"));
  EXPECT_TRUE(pods->has_status());
}

TEST(PodDefaults, A_small_pod_gets_what_the_real_server_gives_it) {
  Json pod = created(kPod);
  const Json& spec = pod["spec"];
  EXPECT_EQ(spec["restartPolicy"], "Always");
  EXPECT_EQ(spec["dnsPolicy"], "ClusterFirst");
  EXPECT_EQ(spec["terminationGracePeriodSeconds"], 30);
  EXPECT_EQ(spec["schedulerName"], "default-scheduler");
  EXPECT_EQ(spec["enableServiceLinks"], true);
  EXPECT_EQ(spec["securityContext"], Json::object());
  const Json& container = spec["containers"][0];
  EXPECT_EQ(container["imagePullPolicy"], "IfNotPresent");
  EXPECT_EQ(container["ports"][0]["protocol"], "TCP");
  EXPECT_EQ(container["terminationMessagePath"], "/dev/termination-log");
  EXPECT_EQ(container["resources"], Json::object());
  EXPECT_EQ(pod["status"]["phase"], "Pending");
  EXPECT_EQ(pod["metadata"]["generation"], 1);
}

TEST(PodDefaults, Defaults_are_idempotent) {
  Json pod = created(kPod), again = pod;
  rules_of(pod)->set_defaults(again);
  EXPECT_EQ(pod, again);
}

TEST(PodDefaults, An_image_without_a_tag_is_always_pulled) {
  for (const auto& [image, policy] :
       std::vector<std::pair<std::string, std::string>>{{"nginx", "Always"},
                                                        {"reg:5000/nginx", "Always"},
                                                        {"nginx:latest", "Always"},
                                                        {"nginx:1", "IfNotPresent"},
                                                        {"nginx@sha256:abc", "IfNotPresent"}}) {
    Json pod = created(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: b}\nspec:\n  "
        "containers: [{name: c, image: '" +
        image + "'}]");
    EXPECT_EQ(pod["spec"]["containers"][0]["imagePullPolicy"], policy) << image;
  }
}

TEST(PodDefaults, A_limit_without_a_request_is_requested) {
  Json pod = created(R"(
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: default}
spec:
  containers:
  - {name: c, image: i, resources: {limits: {cpu: 2, memory: 1Gi}, requests: {cpu: 500m}}}
)");
  EXPECT_EQ(pod["spec"]["containers"][0]["resources"]["requests"],
            Json({{"cpu", "500m"}, {"memory", "1Gi"}}));
  EXPECT_EQ(pod["spec"]["containers"][0]["resources"]["limits"]["cpu"], "2");
}

TEST(Decode, An_unknown_field_is_dropped_and_noted_with_its_path) {
  Json pod = yaml(kPod);
  pod["spec"]["containers"][0]["imagePolicy"] = "x";
  pod["speck"] = 1;
  Notes notes;
  ASSERT_TRUE(rules_of(pod)->decode(pod, &notes).is_ok());
  EXPECT_THAT(notes.unknown, ElementsAre("spec.containers[0].imagePolicy", "speck"));
  EXPECT_FALSE(pod.contains("speck"));
  EXPECT_EQ(strict_error("v1", "Pod", notes).message(),
            "Pod in version \"v1\" cannot be handled as a Pod: strict decoding error: unknown "
            "field \"spec.containers[0].imagePolicy\", unknown field \"speck\"");
}

TEST(Decode, A_wrong_type_names_the_field_what_was_given_and_what_is_allowed) {
  Json pod = yaml(kPod);
  pod["spec"]["containers"][0]["image"] = 5;
  Status status = rules_of(pod)->decode(pod, nullptr);
  EXPECT_EQ(status.http_status(), 400);
  EXPECT_THAT(status.message(), HasSubstr("spec.containers[0].image: got integer, must be string"));
}

TEST(Decode, Nulls_of_built_in_kinds_are_dropped) {
  Json pod = yaml(kPod);
  pod["metadata"]["creationTimestamp"] = nullptr;
  pod["spec"]["nodeSelector"] = nullptr;
  ASSERT_TRUE(rules_of(pod)->decode(pod, nullptr).is_ok());
  EXPECT_FALSE(pod["metadata"].contains("creationTimestamp"));
  EXPECT_FALSE(pod["spec"].contains("nodeSelector"));
}

TEST(PodRules, A_variable_or_a_port_may_be_named_twice_as_on_the_real_server) {
  EXPECT_THAT(refusals(R"(
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: default}
spec:
  containers:
  - name: c
    image: i
    env: [{name: A, value: "1"}, {name: A, value: "2"}]
    ports: [{containerPort: 80}, {containerPort: 80}]
)"),
              IsEmpty());
}

TEST(PodRules, A_good_pod_is_taken) { EXPECT_THAT(refusals(kPod), IsEmpty()); }

struct BadPod {
  const char* name;
  const char* spec;
  const char* sentence;
};

class BadPods : public testing::TestWithParam<BadPod> {};

TEST_P(BadPods, are_refused_with_one_clear_sentence) {
  std::string text = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: default}\nspec: ";
  EXPECT_THAT(refusals(text + GetParam().spec), Contains(HasSubstr(GetParam().sentence)));
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadPods,
    testing::Values(
        BadPod{"no_containers", "{containers: []}", "spec.containers: Required value"},
        BadPod{"no_image", "{containers: [{name: c}]}", "spec.containers[0].image: Required value"},
        BadPod{"bad_name", "{containers: [{name: C_, image: i}]}",
               "spec.containers[0].name: Invalid value: \"C_\": a lowercase RFC 1123 label must"},
        BadPod{"same_name", "{containers: [{name: c, image: i}, {name: c, image: i}]}",
               "spec.containers[1].name: Duplicate value: \"c\""},
        BadPod{"bad_policy", "{restartPolicy: Maybe, containers: [{name: c, image: i}]}",
               "spec.restartPolicy: Unsupported value: \"Maybe\": supported values: \"Always\", "
               "\"Never\", \"OnFailure\""},
        BadPod{"no_volume",
               "{containers: [{name: c, image: i, volumeMounts: [{name: v, mountPath: /x}]}]}",
               "spec.containers[0].volumeMounts[0].name: Not found: \"v\""},
        BadPod{"port", "{containers: [{name: c, image: i, ports: [{containerPort: 70000}]}]}",
               "ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535"},
        BadPod{"quantity",
               "{containers: [{name: c, image: i, resources: {requests: {cpu: lots}}}]}",
               "spec.containers[0].resources.requests[cpu]: Invalid value: \"lots\""},
        BadPod{"negative",
               "{containers: [{name: c, image: i, resources: {requests: {cpu: '-1'}}}]}",
               "must be greater than or equal to 0"},
        BadPod{"above_limit",
               "{containers: [{name: c, image: i, resources: {requests: {cpu: 2}, limits: {cpu: "
               "1}}}]}",
               "must be less than or equal to cpu limit of 1"},
        BadPod{"half_a_device",
               "{containers: [{name: c, image: i, resources: {limits: {example.com/gpu: 500m}}}]}",
               "must be an integer"},
        BadPod{"toleration",
               "{tolerations: [{operator: Equal}], containers: [{name: c, image: i}]}",
               "operator must be Exists when `key` is empty"},
        BadPod{"env", "{containers: [{name: c, image: i, env: [{name: 'a=b'}]}]}",
               "spec.containers[0].env[0].name: Invalid value: \"a=b\""},
        BadPod{"probe", "{containers: [{name: c, image: i, livenessProbe: {}}]}",
               "spec.containers[0].livenessProbe: Required value: must specify a handler type"},
        BadPod{"selector", "{nodeSelector: {zone: 'a b'}, containers: [{name: c, image: i}]}",
               "spec.nodeSelector: Invalid value: \"a b\": a valid label must be"}),
    [](const auto& row) { return row.param.name; });

std::vector<std::string> update(const Json& old, const std::function<void(Json&)>& change) {
  Json fresh = old;
  change(fresh);
  return sentences(rules_of(old)->validate(fresh, &old, Part::kMain));
}

TEST(PodRules, The_image_may_change_and_the_command_may_not) {
  Json pod = created(kPod);
  EXPECT_THAT(update(pod, [](Json& p) { p["spec"]["containers"][0]["image"] = "nginx:2"; }),
              IsEmpty());
  EXPECT_THAT(update(pod, [](Json& p) { p["spec"]["containers"][0]["command"] = {"sh"}; }),
              Contains(HasSubstr("spec: Forbidden: pod updates may not change fields other than")));
}

TEST(PodRules, Scheduling_gates_can_only_go) {
  Json pod = created(kPod);
  EXPECT_THAT(update(pod,
                     [](Json& p) {
                       p["spec"]["schedulingGates"] = {{{"name", "g"}}};
                     }),
              Contains(HasSubstr("only deletion is allowed, but found new scheduling gate 'g'")));
}

TEST(ObjectRules, Names_labels_and_owners_are_checked) {
  EXPECT_THAT(refusals("{apiVersion: v1, kind: ConfigMap, metadata: {namespace: default}}"),
              ElementsAre("metadata.name: Required value: name or generateName is required"));
  EXPECT_THAT(refusals("{apiVersion: v1, kind: ConfigMap, metadata: {name: A, namespace: d}}"),
              Contains(HasSubstr("a lowercase RFC 1123 subdomain must consist of")));
  EXPECT_THAT(refusals("{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: d, "
                       "labels: {a/b/c: x}}}"),
              Contains(HasSubstr("metadata.labels: Invalid value: \"a/b/c\"")));
  EXPECT_THAT(refusals("{apiVersion: v1, kind: Node, metadata: {name: a, namespace: d}}"),
              Contains(HasSubstr("metadata.namespace: Forbidden")));
}

TEST(ObjectRules, A_service_needs_ports_unless_it_is_only_a_name) {
  EXPECT_THAT(refusals("{apiVersion: v1, kind: Service, metadata: {name: a, namespace: d}, spec: "
                       "{}}"),
              Contains("spec.ports: Required value"));
  EXPECT_THAT(refusals("{apiVersion: v1, kind: Service, metadata: {name: a, namespace: d}, spec: "
                       "{clusterIP: None}}"),
              IsEmpty());
  Json service = created(
      "{apiVersion: v1, kind: Service, metadata: {name: a, namespace: d}, spec: {ports: [{port: "
      "80}]}}");
  EXPECT_EQ(service["spec"]["type"], "ClusterIP");
  EXPECT_EQ(service["spec"]["ports"][0]["targetPort"], 80);
  EXPECT_EQ(service["spec"]["ports"][0]["protocol"], "TCP");
  EXPECT_EQ(service["spec"]["sessionAffinity"], "None");
}

TEST(ObjectRules, String_data_of_a_secret_becomes_data) {
  Json secret = created(
      "{apiVersion: v1, kind: Secret, metadata: {name: a, namespace: d}, data: {a: b2xk}, "
      "stringData: {a: new, b: text}}");
  EXPECT_EQ(secret["data"], Json({{"a", "bmV3"}, {"b", "dGV4dA=="}}));
  EXPECT_FALSE(secret.contains("stringData"));
  EXPECT_EQ(secret["type"], "Opaque");
  EXPECT_THAT(refusals("{apiVersion: v1, kind: Secret, metadata: {name: a, namespace: d}, data: "
                       "{a: '!'}}"),
              Contains(HasSubstr("data[a]: Invalid value")));
}

TEST(ObjectRules, An_immutable_config_map_stays_as_it_is) {
  Json map = created(
      "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: d}, immutable: true, data: "
      "{a: b}}");
  EXPECT_THAT(update(map, [](Json& m) { m["data"]["a"] = "c"; }),
              ElementsAre("data: Forbidden: field is immutable when `immutable` is set"));
}

TEST(ObjectRules, A_namespace_carries_its_name_as_a_label_and_the_finalizer) {
  Json ns = created("{apiVersion: v1, kind: Namespace, metadata: {name: a}}");
  EXPECT_EQ(ns["metadata"]["labels"]["kubernetes.io/metadata.name"], "a");
  EXPECT_EQ(ns["spec"]["finalizers"], Json::array({"kubernetes"}));
  EXPECT_EQ(ns["status"]["phase"], "Active");
}

TEST(ObjectRules, A_role_reference_never_changes) {
  Json binding = created(R"(
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: a, namespace: d},
 subjects: [{kind: User, name: u}], roleRef: {kind: Role, name: r}})");
  EXPECT_EQ(binding["roleRef"]["apiGroup"], "rbac.authorization.k8s.io");
  EXPECT_THAT(update(binding, [](Json& b) { b["roleRef"]["name"] = "other"; }),
              Contains(HasSubstr("cannot change roleRef")));
}

TEST(Prepare, The_status_is_nobodys_on_create_and_only_the_status_write_changes_it) {
  Json pod = created(kPod), fresh = pod;
  fresh["status"]["phase"] = "Running";
  fresh["spec"]["containers"][0]["image"] = "x:2";
  Json main = fresh, status = fresh;
  rules_of(pod)->prepare(main, &pod, Part::kMain);
  EXPECT_EQ(main["status"]["phase"], "Pending");
  EXPECT_EQ(main["metadata"]["generation"], 2);
  rules_of(pod)->prepare(status, &pod, Part::kStatus);
  EXPECT_EQ(status["status"]["phase"], "Running");
  EXPECT_EQ(status["spec"], pod["spec"]);
  EXPECT_EQ(status["metadata"]["generation"], 1);
}

TEST(Events, Both_forms_of_an_event_say_the_same) {
  Json core = yaml(R"(
{apiVersion: v1, kind: Event, metadata: {name: e, namespace: d}, involvedObject: {name: p},
 message: m, reason: R, count: 3, source: {component: c}, reportingComponent: c})");
  Json events = kinds::convert_event(core, "events.k8s.io/v1");
  EXPECT_EQ(events["regarding"]["name"], "p");
  EXPECT_EQ(events["note"], "m");
  EXPECT_EQ(events["deprecatedCount"], 3);
  EXPECT_EQ(events["reportingController"], "c");
  EXPECT_EQ(kinds::convert_event(events, "v1"), core);
}

TEST(Selectors, Fields_compare_as_texts_and_flags_are_false_when_absent) {
  Json node = {{"spec", {{"unschedulable", true}}}};
  EXPECT_EQ(kinds::selectable_value(node, "spec.unschedulable"), "true");
  EXPECT_EQ(kinds::selectable_value(Json::object(), "spec.unschedulable"), "false");
  EXPECT_EQ(kinds::selectable_value(Json::object(), "status.phase"), "");
}

}  // namespace
}  // namespace k8s::apiserver::test
