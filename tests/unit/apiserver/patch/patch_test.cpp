#include "libk8s/apiserver/patch/patch.hpp"

#include <gmock/gmock.h>

#include "tests/unit/apiserver/schema/worked.hpp"

namespace k8s::apiserver::test {
namespace {

using testing::HasSubstr;

struct JsonPatchCase {
  const char *name, *document, *operations, *result;
};
class JsonPatches : public testing::TestWithParam<JsonPatchCase> {};

TEST_P(JsonPatches, do_what_RFC_6902_says) {
  Result<Json> result =
      patch::json_patch(Json::parse(GetParam().document), Json::parse(GetParam().operations));
  ASSERT_TRUE(result.is_ok()) << result.status().to_string();
  EXPECT_EQ(*result, Json::parse(GetParam().result));
}

INSTANTIATE_TEST_SUITE_P(
    Examples, JsonPatches,
    testing::Values(
        JsonPatchCase{"add", R"({"a":1})", R"([{"op":"add","path":"/b","value":2}])",
                      R"({"a":1,"b":2})"},
        JsonPatchCase{"add_null", R"({})", R"([{"op":"add","path":"/b","value":null}])",
                      R"({"b":null})"},
        JsonPatchCase{"insert", R"({"l":[1,3]})", R"([{"op":"add","path":"/l/1","value":2}])",
                      R"({"l":[1,2,3]})"},
        JsonPatchCase{"append", R"({"l":[1]})", R"([{"op":"add","path":"/l/-","value":2}])",
                      R"({"l":[1,2]})"},
        JsonPatchCase{"remove", R"({"a":1,"b":2})", R"([{"op":"remove","path":"/a"}])",
                      R"({"b":2})"},
        JsonPatchCase{"replace", R"({"a":{"b":1}})",
                      R"([{"op":"replace","path":"/a/b","value":[]}])", R"({"a":{"b":[]}})"},
        JsonPatchCase{"move", R"({"a":{"x":1},"b":{}})",
                      R"([{"op":"move","from":"/a/x","path":"/b/y"}])", R"({"a":{},"b":{"y":1}})"},
        JsonPatchCase{"copy", R"({"a":[1]})", R"([{"op":"copy","from":"/a","path":"/b"}])",
                      R"({"a":[1],"b":[1]})"},
        JsonPatchCase{"test", R"({"a":1})", R"([{"op":"test","path":"/a","value":1}])",
                      R"({"a":1})"},
        JsonPatchCase{"escapes", R"({"a/b":1,"m~n":2})",
                      R"([{"op":"remove","path":"/a~1b"},{"op":"remove","path":"/m~0n"}])",
                      R"({})"},
        JsonPatchCase{"whole", R"({"a":1})", R"([{"op":"replace","path":"","value":{"b":1}}])",
                      R"({"b":1})"}),
    [](const auto& row) { return row.param.name; });

int http_of(const char* document, const char* operations) {
  return patch::json_patch(Json::parse(document), Json::parse(operations)).status().http_status();
}

TEST(JsonPatch, Nonsense_is_400_and_what_does_not_fit_is_422) {
  EXPECT_EQ(http_of("{}", R"([{"op":"fly","path":"/a"}])"), 422);
  EXPECT_EQ(http_of("{}", R"([{"op":"add","path":"/a"}])"), 400);
  EXPECT_EQ(http_of("{}", R"([{"op":"add","path":"a","value":1}])"), 400);
  EXPECT_EQ(http_of("{}", R"({"op":"add"})"), 400);
  EXPECT_EQ(http_of("{}", R"([{"op":"remove","path":"/a"}])"), 422);
  EXPECT_EQ(http_of("{}", R"([{"op":"replace","path":"/a","value":1}])"), 422);
  EXPECT_EQ(http_of(R"({"a":1})", R"([{"op":"test","path":"/a","value":2}])"), 422);
  EXPECT_EQ(http_of(R"({"l":[1]})", R"([{"op":"add","path":"/l/5","value":2}])"), 422);
  EXPECT_EQ(http_of(R"({"a":{}})", R"([{"op":"move","from":"/a","path":"/a/b"}])"), 400);
}

TEST(JsonPatch, More_than_ten_thousand_operations_are_too_many) {
  Json operations = Json::array();
  for (int i = 0; i < 10'001; ++i) {
    operations.push_back({{"op", "test"}, {"path", ""}, {"value", Json::object()}});
  }
  EXPECT_EQ(patch::json_patch(Json::object(), operations).status().http_status(), 413);
}

TEST(JsonPatch, A_patch_that_copies_without_end_is_stopped) {
  Json operations = Json::array();
  for (int i = 0; i < 40; ++i) {
    operations.push_back({{"op", "copy"}, {"from", "/a"}, {"path", "/a/" + std::to_string(i)}});
  }
  Json document = {{"a", {{"x", std::string(100, 'x')}}}};
  EXPECT_EQ(patch::json_patch(document, operations).status().http_status(), 400);
}

TEST(MergePatch, The_examples_of_RFC_7386_hold) {
  for (const auto& [document, change, result] : std::vector<std::array<const char*, 3>>{
           {R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
           {R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
           {R"({"a":"b"})", R"({"a":null})", R"({})"},
           {R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
           {R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})", R"({"a":{"b":"d"}})"},
           {R"({"a":[{"b":"c"}]})", R"({"a":[1]})", R"({"a":[1]})"},
           {R"({"e":null})", R"({"a":1})", R"({"e":null,"a":1})"},
           {R"({})", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"}}) {
    EXPECT_EQ(*patch::merge_patch(Json::parse(document), Json::parse(change)), Json::parse(result))
        << document << " " << change;
  }
  EXPECT_FALSE(patch::merge_patch(Json::object(), Json::array()).is_ok());
}

Json smp(const char* document, const char* change, const char* kind = "Pod") {
  Result<Json> result =
      patch::strategic_merge(yaml(document), yaml(change), kinds::rules("v1", kind)->schema());
  EXPECT_TRUE(result.is_ok()) << result.status().to_string();
  return result ? *result : Json();
}

TEST(StrategicMerge, Containers_merge_by_name) {
  EXPECT_EQ(smp("{spec: {containers: [{name: a, image: x}, {name: b, image: y}]}}",
                "{spec: {containers: [{name: b, image: z}, {name: c, image: w}]}}"),
            yaml("{spec: {containers: [{name: a, image: x}, {name: b, image: z}, {name: c, image: "
                 "w}]}}"));
}

TEST(StrategicMerge, An_element_goes_by_its_delete_directive) {
  EXPECT_EQ(smp("{spec: {containers: [{name: a}, {name: b}]}}",
                "{spec: {containers: [{name: a, $patch: delete}]}}"),
            yaml("{spec: {containers: [{name: b}]}}"));
}

TEST(StrategicMerge, A_list_is_replaced_on_request) {
  EXPECT_EQ(smp("{spec: {containers: [{name: a}, {name: b}]}}",
                "{spec: {containers: [{$patch: replace}, {name: c}]}}"),
            yaml("{spec: {containers: [{name: c}]}}"));
}

TEST(StrategicMerge, A_map_is_replaced_or_emptied_on_request) {
  EXPECT_EQ(smp("{metadata: {labels: {a: b}}}", "{metadata: {labels: {$patch: replace, c: d}}}"),
            yaml("{metadata: {labels: {c: d}}}"));
  EXPECT_EQ(smp("{metadata: {labels: {a: b}}}", "{metadata: {labels: {$patch: delete}}}"),
            yaml("{metadata: {labels: {}}}"));
}

TEST(StrategicMerge, A_null_takes_a_field_away) {
  EXPECT_EQ(smp("{metadata: {labels: {a: b, c: d}}}", "{metadata: {labels: {a: null}}}"),
            yaml("{metadata: {labels: {c: d}}}"));
}

TEST(StrategicMerge, Lists_without_a_key_are_replaced) {
  EXPECT_EQ(smp("{spec: {containers: [{name: a, args: [x, y]}]}}",
                "{spec: {containers: [{name: a, args: [z]}]}}"),
            yaml("{spec: {containers: [{name: a, args: [z]}]}}"));
}

TEST(StrategicMerge, Finalizers_merge_as_a_set_and_leave_one_by_one) {
  EXPECT_EQ(smp("{metadata: {finalizers: [a, b]}}", "{metadata: {finalizers: [b, c]}}"),
            yaml("{metadata: {finalizers: [a, b, c]}}"));
  EXPECT_EQ(smp("{metadata: {finalizers: [a, b]}}",
                "{metadata: {$deleteFromPrimitiveList/finalizers: [a]}}"),
            yaml("{metadata: {finalizers: [b]}}"));
}

TEST(StrategicMerge, The_order_of_elements_can_be_given) {
  EXPECT_EQ(smp("{spec: {containers: [{name: a}, {name: b}, {name: own}]}}",
                "{spec: {$setElementOrder/containers: [{name: b}, {name: a}, {name: c}], "
                "containers: [{name: c}]}}"),
            yaml("{spec: {containers: [{name: b}, {name: a}, {name: c}, {name: own}]}}"));
}

TEST(StrategicMerge, Retained_keys_push_the_others_out) {
  EXPECT_EQ(smp("{spec: {volumes: [{name: v, emptyDir: {}}]}}",
                "{spec: {volumes: [{name: v, $retainKeys: [name, hostPath], hostPath: {path: "
                "/x}}]}}"),
            yaml("{spec: {volumes: [{name: v, hostPath: {path: /x}}]}}"));
}

TEST(StrategicMerge, Directives_never_stay_in_the_result) {
  Json result = smp("{}",
                    "{metadata: {labels: {$patch: merge, a: b}, $retainKeys: [labels], "
                    "$setElementOrder/finalizers: [x]}}");
  EXPECT_EQ(result.dump().find('$'), std::string::npos) << result;
}

TEST(StrategicMerge, An_element_without_its_key_and_a_strange_directive_are_refused) {
  const Schema& pod = kinds::rules("v1", "Pod")->schema();
  Result<Json> keyless =
      patch::strategic_merge(Json::object(), yaml("{spec: {containers: [{image: x}]}}"), pod);
  EXPECT_THAT(keyless.status().message(), HasSubstr("declared merge key: name"));
  Result<Json> strange =
      patch::strategic_merge(Json::object(), yaml("{spec: {$patch: explode}}"), pod);
  EXPECT_EQ(strange.status().http_status(), 400);
}

}  // namespace
}  // namespace k8s::apiserver::test
