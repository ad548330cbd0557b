#include "libk8s/apiserver/patch/apply.hpp"

#include <gmock/gmock.h>

#include "tests/unit/apiserver/schema/worked.hpp"

namespace k8s::apiserver::test {
namespace {

using patch::Applied;
using patch::Conflict;
using patch::Writer;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const Schema& pods() { return kinds::rules("v1", "Pod")->schema(); }
const Schema& maps() { return kinds::rules("v1", "ConfigMap")->schema(); }

Writer by(const char* manager, const char* now = "2026-01-01T00:00:00Z") {
  return {manager, "v1", "", now};
}

Applied apply(const Json* live, const char* config, const Schema& schema, const Writer& writer,
              bool force = false) {
  Result<Applied> applied = patch::apply(live, yaml(config), schema, writer, force);
  EXPECT_TRUE(applied.is_ok()) << applied.status().to_string();
  return applied ? *applied : Applied{};
}

Json fields(const Json& object, const std::string& manager) {
  for (const Json& entry : object["metadata"].value("managedFields", Json::array())) {
    if (entry["manager"] == manager) return entry["fieldsV1"];
  }
  return nullptr;
}

Json plain(Json object) {
  object["metadata"].erase("managedFields");
  return object;
}

constexpr const char* kMap =
    "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: d}, data: {x: '1', y: '2'}}";

TEST(Apply, Creates_what_is_not_there_and_owns_what_it_declared) {
  Applied made = apply(nullptr, kMap, maps(), by("alice"));
  ASSERT_NE(made.object, nullptr);
  EXPECT_EQ(plain(*made.object), yaml(kMap));
  EXPECT_EQ(fields(*made.object, "alice"), Json::parse(R"({"f:data":{"f:x":{},"f:y":{}}})"));
  const Json& entry = (*made.object)["metadata"]["managedFields"][0];
  EXPECT_EQ(entry["operation"], "Apply");
  EXPECT_EQ(entry["fieldsType"], "FieldsV1");
  EXPECT_EQ(entry["time"], "2026-01-01T00:00:00Z");
}

TEST(Apply, Without_effect_gives_an_equal_object_times_included) {
  Json live = *apply(nullptr, kMap, maps(), by("alice")).object;
  Applied again = apply(&live, kMap, maps(), by("alice", "2027-01-01T00:00:00Z"));
  EXPECT_EQ(*again.object, live);
}

TEST(Apply, What_is_no_longer_declared_goes) {
  Json live = *apply(nullptr, kMap, maps(), by("alice")).object;
  Applied fewer = apply(
      &live, "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: d}, data: {x: '1'}}",
      maps(), by("alice"));
  EXPECT_EQ((*fewer.object)["data"], Json({{"x", "1"}}));
  EXPECT_EQ(fields(*fewer.object, "alice"), Json::parse(R"({"f:data":{"f:x":{}}})"));
}

TEST(Apply, What_others_declared_too_stays) {
  Json live = *apply(nullptr, kMap, maps(), by("alice")).object;
  live = *apply(&live, kMap, maps(), by("bob")).object;
  Json after = *apply(&live, "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: d}}",
                      maps(), by("alice"))
                    .object;
  EXPECT_EQ(after["data"], Json({{"x", "1"}, {"y", "2"}}));
  EXPECT_EQ(fields(after, "alice"), Json());
}

TEST(Apply, Changing_what_another_owns_is_a_conflict_in_the_words_that_kubectl_shows) {
  Json live = *apply(nullptr, kMap, maps(), by("alice")).object;
  const char* other =
      "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: d}, data: {x: '9'}}";
  Applied refused = apply(&live, other, maps(), by("bob"));
  EXPECT_EQ(refused.object, nullptr);
  ASSERT_EQ(refused.conflicts.size(), 1u);
  Json status = patch::conflict_status("", "ConfigMap", "a", refused.conflicts);
  EXPECT_EQ(status["message"], "Apply failed with 1 conflict: conflict with \"alice\": .data.x");
  EXPECT_EQ(status["code"], 409);
  EXPECT_EQ(status["reason"], "Conflict");
  EXPECT_EQ(status["details"]["causes"][0], Json({{"reason", "FieldManagerConflict"},
                                                  {"message", "conflict with \"alice\""},
                                                  {"field", ".data.x"}}));
}

TEST(Apply, Force_takes_the_field_over) {
  Json live = *apply(nullptr, kMap, maps(), by("alice")).object;
  Json after =
      *apply(&live,
             "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: d}, data: {x: '9'}}",
             maps(), by("bob"), true)
           .object;
  EXPECT_EQ(after["data"], Json({{"x", "9"}, {"y", "2"}}));
  EXPECT_EQ(fields(after, "alice"), Json::parse(R"({"f:data":{"f:y":{}}})"));
  EXPECT_EQ(fields(after, "bob"), Json::parse(R"({"f:data":{"f:x":{}}})"));
}

TEST(Apply, Several_conflicts_are_listed_by_manager) {
  Json status = patch::conflict_status(
      "", "ConfigMap", "a",
      {{"\"b\" using v1", ".data.x"}, {"\"a\"", ".data.y"}, {"\"b\" using v1", ".data.z"}});
  EXPECT_EQ(status["message"],
            "Apply failed with 3 conflicts: conflicts with \"a\":\n- .data.y\nconflicts with "
            "\"b\" using v1:\n- .data.x\n- .data.z");
}

constexpr const char* kPod = R"(
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: d, labels: {app: x}}
spec:
  containers:
  - {name: a, image: i, ports: [{containerPort: 80}]}
  - {name: b, image: j}
)";

TEST(Apply, List_elements_are_owned_by_their_keys_with_defaults_filled_in) {
  Json live = *apply(nullptr, kPod, pods(), by("alice")).object;
  EXPECT_EQ(fields(live, "alice"), Json::parse(R"(
    {"f:metadata": {"f:labels": {"f:app": {}}},
    "f:spec": {"f:containers":
      {"k:{\"name\":\"a\"}": {".": {}, "f:name": {}, "f:image": {}, "f:ports":
        {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}}},
      "k:{\"name\":\"b\"}": {".": {}, "f:name": {}, "f:image": {}}}}})"));
}

TEST(Apply, An_element_that_is_dropped_goes_with_its_defaults) {
  Json live = *apply(nullptr, kPod, pods(), by("alice")).object;
  kinds::rules("v1", "Pod")->set_defaults(live);
  Json after = *apply(&live, R"(
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: d, labels: {app: x}}
spec: {containers: [{name: a, image: i}]}
)",
                      pods(), by("alice"))
                    .object;
  ASSERT_EQ(after["spec"]["containers"].size(), 1u);
  EXPECT_EQ(after["spec"]["containers"][0]["name"], "a");
  EXPECT_FALSE(after["spec"]["containers"][0].contains("ports"));
  EXPECT_EQ(after["spec"]["containers"][0]["imagePullPolicy"], "Always");
}

TEST(Apply, A_conflict_inside_of_a_list_names_the_element) {
  Json live = *apply(nullptr, kPod, pods(), by("alice")).object;
  Applied refused = apply(&live,
                          "{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: d}, spec: "
                          "{containers: [{name: a, image: other}]}}",
                          pods(), by("bob"));
  ASSERT_EQ(refused.conflicts.size(), 1u);
  EXPECT_EQ(refused.conflicts[0].path, ".spec.containers[name=\"a\"].image");
}

TEST(Apply, New_elements_keep_the_order_of_the_declaration) {
  Json live = *apply(nullptr, kPod, pods(), by("alice")).object;
  Json after = *apply(&live,
                      "{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: d}, spec: "
                      "{containers: [{name: c, image: k}, {name: b, image: j}]}}",
                      pods(), by("bob"))
                    .object;
  // What lives already and is not named goes before what is new.
  ASSERT_EQ(after["spec"]["containers"].size(), 3u);
  EXPECT_EQ(after["spec"]["containers"][0]["name"], "a");
  EXPECT_EQ(after["spec"]["containers"][1]["name"], "c");
  EXPECT_EQ(after["spec"]["containers"][2]["name"], "b");
}

TEST(Apply, Finalizers_are_a_set_that_several_share) {
  const char* one = "{metadata: {name: a, finalizers: [x]}}";
  const char* two = "{metadata: {name: a, finalizers: [z]}}";
  Json live = *apply(nullptr, one, maps(), by("alice")).object;
  live = *apply(&live, two, maps(), by("bob")).object;
  EXPECT_EQ(live["metadata"]["finalizers"].size(), 2u);
  live = *apply(&live, "{metadata: {name: a}}", maps(), by("alice")).object;
  EXPECT_EQ(live["metadata"]["finalizers"], Json::array({"z"}));
}

TEST(Apply, The_main_write_never_owns_the_status_nor_the_status_write_the_spec) {
  const char* both =
      "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {nodeName: n}, status: {phase: "
      "Running}}";
  Json live = *apply(nullptr, both, pods(), by("alice")).object;
  EXPECT_FALSE(live.contains("status"));
  Writer status = by("node");
  status.subresource = "status";
  live = *apply(&live, both, pods(), status).object;
  EXPECT_EQ(live["status"]["phase"], "Running");
  EXPECT_EQ(fields(live, "node"), Json::parse(R"({"f:status":{"f:phase":{}}})"));
  EXPECT_EQ(live["metadata"]["managedFields"][1]["subresource"], "status");
}

TEST(Apply, A_configuration_with_managed_fields_or_doubled_keys_is_refused) {
  Json config = yaml(kMap);
  config["metadata"]["managedFields"] = {{{"manager", "x"}}};
  EXPECT_THAT(patch::apply(nullptr, config, maps(), by("a"), false).status().message(),
              HasSubstr("metadata.managedFields must be nil"));
  Json twice = yaml("{spec: {containers: [{name: a}, {name: a}]}}");
  EXPECT_THAT(patch::apply(nullptr, twice, pods(), by("a"), false).status().message(),
              HasSubstr("duplicate entries for key {\"name\":\"a\"}"));
}

TEST(Apply, An_object_without_owners_belongs_to_its_past) {
  Json live = yaml(kMap);
  Applied refused = apply(
      &live, "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: d}, data: {x: '3'}}",
      maps(), by("alice"));
  ASSERT_EQ(refused.conflicts.size(), 1u);
  EXPECT_THAT(refused.conflicts[0].manager, HasSubstr("\"before-first-apply\" using v1"));
}

Json updated(const Json* old, Json fresh, const Schema& schema, const Writer& writer) {
  patch::track_update(old, fresh, schema, writer);
  return fresh;
}

TEST(Ownership, A_create_owns_everything_but_what_the_server_sets) {
  Json made = updated(nullptr, yaml(kPod), pods(), by("kubectl-create"));
  EXPECT_EQ(fields(made, "kubectl-create"), Json::parse(R"(
    {"f:metadata": {"f:labels": {".": {}, "f:app": {}}},
    "f:spec": {"f:containers": {".": {},
      "k:{\"name\":\"a\"}": {".": {}, "f:name": {}, "f:image": {}, "f:ports": {".": {},
        "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}}},
      "k:{\"name\":\"b\"}": {".": {}, "f:name": {}, "f:image": {}}}}})"));
}

TEST(Ownership, An_update_takes_what_it_changed_from_the_others) {
  Json live = *apply(nullptr, kMap, maps(), by("alice")).object;
  Json fresh = live;
  fresh["data"]["x"] = "7";
  fresh = updated(&live, fresh, maps(), by("editor", "2026-02-02T00:00:00Z"));
  EXPECT_EQ(fields(fresh, "alice"), Json::parse(R"({"f:data":{"f:y":{}}})"));
  EXPECT_EQ(fields(fresh, "editor"), Json::parse(R"({"f:data":{"f:x":{}}})"));
  Applied refused = apply(&fresh, kMap, maps(), by("alice"));
  ASSERT_EQ(refused.conflicts.size(), 1u);
  EXPECT_EQ(refused.conflicts[0].manager, "\"editor\" using v1");
}

TEST(Ownership, An_update_without_a_change_leaves_everything_as_it_was) {
  Json live = updated(nullptr, yaml(kMap), maps(), by("a"));
  EXPECT_EQ(updated(&live, live, maps(), by("b", "2027-01-01T00:00:00Z")), live);
  Json bare = plain(live);
  EXPECT_EQ(updated(&live, bare, maps(), by("b")), live);
}

TEST(Ownership, What_is_taken_away_is_nobodys) {
  Json live = *apply(nullptr, kMap, maps(), by("alice")).object;
  Json fresh = live;
  fresh["data"].erase("y");
  fresh = updated(&live, fresh, maps(), by("editor"));
  EXPECT_EQ(fields(fresh, "alice"), Json::parse(R"({"f:data":{"f:x":{}}})"));
  EXPECT_EQ(fields(fresh, "editor"), Json());
}

TEST(Ownership, Managed_fields_can_be_handed_over_and_cleared_by_an_update) {
  Json live = updated(nullptr, yaml(kMap), maps(), by("kubectl-client-side-apply"));
  Json fresh = live;
  fresh["metadata"]["managedFields"][0]["manager"] = "kubectl";
  fresh["metadata"]["managedFields"][0]["operation"] = "Apply";
  fresh = updated(&live, fresh, maps(), by("kubectl"));
  EXPECT_EQ(fresh["metadata"]["managedFields"].size(), 1u);
  EXPECT_EQ(fresh["metadata"]["managedFields"][0]["operation"], "Apply");
  fresh["metadata"]["managedFields"] = Json::array({Json::object()});
  EXPECT_FALSE(updated(&live, fresh, maps(), by("x"))["metadata"].contains("managedFields"));
}

TEST(Ownership, More_than_ten_updaters_are_put_together) {
  Json live = yaml(kMap);
  for (int i = 0; i < 30; ++i) {
    Json fresh = live;
    fresh["data"]["k" + std::to_string(i)] = "v";
    std::string name = "m" + std::to_string(i),
                now = "2026-01-01T00:00:" + std::to_string(10 + i) + "Z";
    live = updated(&live, fresh, maps(), by(name.c_str(), now.c_str()));
  }
  EXPECT_EQ(live["metadata"]["managedFields"].size(), 10u);
  EXPECT_EQ(fields(live, "ancient-changes")["f:data"].size(), 21u);
}

TEST(Ownership, Free_parts_of_custom_resources_are_owned_field_by_field) {
  TypeRulesRef rules = custom(R"(
type: object
properties: {spec: {type: object, x-kubernetes-preserve-unknown-fields: true}}
)");
  Json config = thing("{a: {b: 1}, l: [1, 2]}");
  Result<Applied> made = patch::apply(nullptr, config, rules->schema(), by("x"), false);
  ASSERT_TRUE(made.is_ok());
  EXPECT_EQ(fields(*made->object, "x"),
            Json::parse(R"({"f:spec":{"f:a":{".":{},"f:b":{}},"f:l":{}}})"));
}

}  // namespace
}  // namespace k8s::apiserver::test
