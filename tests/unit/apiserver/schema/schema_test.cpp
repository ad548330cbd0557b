#include <gmock/gmock.h>

#include "libk8s/apiserver/schema/decode.hpp"
#include "libk8s/apiserver/schema/field_error.hpp"
#include "tests/unit/apiserver/schema/worked.hpp"

namespace k8s::apiserver::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> check(const TypeRulesRef& rules, Json object, const Json* old = nullptr) {
  Status status = rules->decode(object, nullptr);
  if (!status.is_ok()) return {status.message()};
  rules->set_defaults(object);
  return sentences(rules->validate(object, old, Part::kMain));
}

constexpr const char* kSchema = R"(
type: object
required: [spec]
properties:
  spec:
    type: object
    required: [size]
    properties:
      size: {type: integer, format: int32, minimum: 1, maximum: 10}
      color: {type: string, enum: [red, green], default: red}
      name: {type: string, pattern: '^[a-z]+$', minLength: 2, maxLength: 5}
      when: {type: string, format: date-time}
      port: {x-kubernetes-int-or-string: true}
      maybe: {type: string, nullable: true}
      free: {type: object, x-kubernetes-preserve-unknown-fields: true}
      labels: {type: object, additionalProperties: {type: string}}
      tags: {type: array, maxItems: 3, x-kubernetes-list-type: set, items: {type: string}}
      parts:
        type: array
        x-kubernetes-list-type: map
        x-kubernetes-list-map-keys: [id]
        items:
          type: object
          required: [id]
          properties: {id: {type: string}, weight: {type: integer, default: 1}}
  status: {type: object, properties: {ready: {type: boolean}}}
)";

struct BadSpec {
  const char* name;
  const char* spec;
  const char* sentence;
};
class BadSpecs : public testing::TestWithParam<BadSpec> {};

TEST_P(BadSpecs, are_refused_in_the_words_of_Kubernetes) {
  EXPECT_THAT(check(custom(kSchema), thing(GetParam().spec)), ElementsAre(GetParam().sentence));
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadSpecs,
    testing::Values(
        BadSpec{"missing", "{}", "spec.size: Required value"},
        BadSpec{"type", "{size: many}",
                "spec.size: Invalid value: \"string\": spec.size in body must be of type integer: "
                "\"string\""},
        BadSpec{"fraction", "{size: 1.5}",
                "spec.size: Invalid value: \"number\": spec.size in body must be of type integer: "
                "\"number\""},
        BadSpec{"small", "{size: 0}",
                "spec.size: Invalid value: 0: spec.size in body should be greater than or equal to "
                "1"},
        BadSpec{"large", "{size: 11}",
                "spec.size: Invalid value: 11: spec.size in body should be less than or equal to "
                "10"},
        BadSpec{"width", "{size: 3000000000}",
                "spec.size: Invalid value: 3000000000: spec.size in body must be of type int32: "
                "\"integer\""},
        BadSpec{"choice", "{size: 1, color: blue}",
                "spec.color: Unsupported value: \"blue\": supported values: \"red\", \"green\""},
        BadSpec{"pattern", "{size: 1, name: ABC}",
                "spec.name: Invalid value: \"ABC\": spec.name in body should match '^[a-z]+$'"},
        BadSpec{"short_text", "{size: 1, name: a}",
                "spec.name: Invalid value: \"a\": spec.name in body should be at least 2 chars "
                "long"},
        BadSpec{"long_text", "{size: 1, name: abcdef}",
                "spec.name: Too long: may not be more than 5 bytes"},
        BadSpec{"time", "{size: 1, when: soon}",
                "spec.when: Invalid value: \"soon\": spec.when in body must be of type date-time: "
                "\"soon\""},
        BadSpec{"null_value", "{size: null}", "spec.size: Required value"},
        BadSpec{"int_or_string", "{size: 1, port: true}",
                "spec.port: Invalid value: \"boolean\": spec.port in body must be of type integer "
                "or string: \"boolean\""},
        BadSpec{"map_value", "{size: 1, labels: {a: 1}}",
                "spec.labels[a]: Invalid value: \"integer\": spec.labels[a] in body must be of "
                "type string: \"integer\""},
        BadSpec{"items", "{size: 1, tags: [a, b, c, d]}",
                "spec.tags: Too many: 4: must have at most 3 items"},
        BadSpec{"same_item", "{size: 1, tags: [a, a]}", "spec.tags[1]: Duplicate value: \"a\""},
        BadSpec{"same_key", "{size: 1, parts: [{id: x}, {id: x}]}",
                "spec.parts[1]: Duplicate value: {\"id\":\"x\"}"}),
    [](const auto& row) { return row.param.name; });

TEST(CustomResource, Good_values_of_every_sort_are_taken) {
  EXPECT_THAT(check(custom(kSchema), thing(R"({size: 3, color: green, name: abc,
    when: "2026-01-02T03:04:05Z", port: 80, maybe: null, free: {any: [1, {x: null}]},
    labels: {a: b}, tags: [a, b], parts: [{id: x}, {id: w}]})")),
              IsEmpty());
  EXPECT_THAT(check(custom(kSchema), thing("{size: 1, port: http}")), IsEmpty());
}

TEST(CustomResource, Defaults_fill_in_also_below_lists_and_for_nulls) {
  TypeRulesRef rules = custom(kSchema);
  Json object = thing("{size: 1, color: null, parts: [{id: x}, {id: y, weight: 7}]}");
  rules->set_defaults(object);
  EXPECT_EQ(object["spec"]["color"], "red");
  EXPECT_EQ(object["spec"]["parts"][0]["weight"], 1);
  EXPECT_EQ(object["spec"]["parts"][1]["weight"], 7);
}

TEST(CustomResource, Unknown_fields_are_pruned_but_where_they_are_preserved) {
  TypeRulesRef rules = custom(kSchema);
  Json object = thing("{size: 1, extra: 1, free: {kept: 1}, parts: [{id: x, lost: 1}]}");
  Notes notes;
  ASSERT_TRUE(rules->decode(object, &notes).is_ok());
  EXPECT_THAT(notes.unknown, ElementsAre("spec.extra", "spec.parts[0].lost"));
  EXPECT_EQ(object["spec"], yaml("{size: 1, free: {kept: 1}, parts: [{id: x}]}"));
}

TEST(CustomResource, Unknown_metadata_is_noted_too) {
  TypeRulesRef rules = custom(kSchema);
  Json object = thing("{size: 1}");
  object["metadata"]["lables"] = Json::object();
  Notes notes;
  ASSERT_TRUE(rules->decode(object, &notes).is_ok());
  EXPECT_THAT(notes.unknown, ElementsAre("metadata.lables"));
}

TEST(CustomResource, What_did_not_change_is_not_refused_again) {
  TypeRulesRef rules = custom(kSchema);
  Json old = thing("{size: 99, name: abc}"), fresh = thing("{size: 99, name: abd}");
  EXPECT_THAT(sentences(rules->validate(fresh, &old, Part::kMain)), IsEmpty());
  fresh["spec"]["size"] = 98;
  EXPECT_THAT(sentences(rules->validate(fresh, &old, Part::kMain)),
              ElementsAre(HasSubstr("spec.size: Invalid value: 98")));
}

TEST(CustomResource, Junctors_judge_as_a_whole) {
  TypeRulesRef rules = custom(R"(
type: object
properties:
  spec:
    type: object
    properties: {a: {type: integer}, b: {type: integer}}
    oneOf: [{required: [a]}, {required: [b]}]
)");
  EXPECT_THAT(check(rules, thing("{a: 1}")), IsEmpty());
  EXPECT_THAT(check(rules, thing("{a: 1, b: 2}")),
              ElementsAre(HasSubstr("must validate one and only one schema (oneOf). Found 2")));
  EXPECT_THAT(check(rules, thing("{}")), ElementsAre(HasSubstr("(oneOf). Found none valid")));
}

struct BadCrd {
  const char* name;
  const char* schema;
  const char* sentence;
};
class BadSchemas : public testing::TestWithParam<BadCrd> {};

TEST_P(BadSchemas, are_refused_when_the_definition_is_applied) {
  Result<TypeRulesRef> rules =
      compile_schema(yaml(GetParam().schema), "example.com", "v1", "Thing", true, true);
  ASSERT_FALSE(rules.is_ok());
  EXPECT_THAT(rules.status().message(), HasSubstr(GetParam().sentence));
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadSchemas,
    testing::Values(
        BadCrd{"root_type", "{}", "openAPIV3Schema.type: Required value: must not be empty at the"},
        BadCrd{"not_object", "{type: string}", "must be object at the root"},
        BadCrd{"field_type", "{type: object, properties: {spec: {description: x}}}",
               "openAPIV3Schema.properties[spec].type: Required value: must not be empty for "
               "specified object fields"},
        BadCrd{"item_type", "{type: object, properties: {a: {type: array, items: {}}}}",
               "must not be empty for specified array items"},
        BadCrd{"no_items", "{type: object, properties: {a: {type: array}}}",
               "properties[a].items: Required value"},
        BadCrd{"ref", "{type: object, properties: {a: {type: object, $ref: x}}}",
               "$ref: Forbidden"},
        BadCrd{"both",
               "{type: object, properties: {a: {type: object, properties: {b: {type: "
               "string}}, additionalProperties: {type: string}}}}",
               "additionalProperties and properties are mutual exclusive"},
        BadCrd{"pattern", "{type: object, properties: {a: {type: string, pattern: '['}}}",
               "must be a valid regular expression, but isn't"},
        BadCrd{"junctor", "{type: object, properties: {a: {type: string, anyOf: [{default: x}]}}}",
               "anyOf[0].default: Forbidden: must be empty to be structural"},
        BadCrd{"default_value", "{type: object, properties: {a: {type: integer, default: x}}}",
               "properties[a].default: Invalid value"},
        BadCrd{"list_key",
               "{type: object, properties: {a: {type: array, x-kubernetes-list-type: map, "
               "x-kubernetes-list-map-keys: [k], items: {type: object, properties: {k: {type: "
               "string}}}}}}",
               "must have a default or be a required property"},
        BadCrd{"rule", "{type: object, x-kubernetes-validations: [{rule: 'self.x > 1'}]}",
               "rule: Invalid value: \"self.x > 1\": compilation failed: at column 6: undefined "
               "field 'x'"}),
    [](const auto& row) { return row.param.name; });

Json crd() {
  return created(R"(
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: things, kind: Thing, shortNames: [th]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}, scale: {specReplicasPath: .spec.n, statusReplicasPath: .status.n}}
    additionalPrinterColumns: [{name: Num, type: integer, jsonPath: .spec.n}]
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object}}}}
)");
}

TEST(Definitions, A_good_one_is_taken_with_its_names_filled_in) {
  Json object = crd();
  EXPECT_THAT(sentences(crd_errors(object, nullptr)), IsEmpty());
  EXPECT_EQ(object["spec"]["names"]["singular"], "thing");
  EXPECT_EQ(object["spec"]["names"]["listKind"], "ThingList");
  Result<CompiledCrd> compiled = compile_crd(object);
  ASSERT_TRUE(compiled.is_ok());
  EXPECT_EQ(compiled->versions[0].scale->spec_replicas, "spec.n");
  EXPECT_TRUE(compiled->versions[0].status_subresource);
  EXPECT_EQ(compiled->versions[0].columns[0].json_path, ".spec.n");
}

TEST(Definitions, Names_versions_and_conversion_are_checked) {
  Json bad = crd();
  bad["metadata"]["name"] = "x.example.com";
  bad["spec"]["versions"][0]["storage"] = false;
  bad["spec"]["conversion"]["strategy"] = "Webhook";
  bad["spec"]["versions"][0]["additionalPrinterColumns"][0]["type"] = "text";
  std::vector<std::string> all = sentences(crd_errors(bad, nullptr));
  EXPECT_THAT(all, Contains(HasSubstr("must be spec.names.plural+\".\"+spec.group")));
  EXPECT_THAT(all, Contains(HasSubstr("must have exactly one version marked as storage version")));
  EXPECT_THAT(all, Contains(HasSubstr("spec.conversion.strategy: Unsupported value: \"Webhook\"")));
  EXPECT_THAT(all, Contains(HasSubstr("additionalPrinterColumns[0].type: Unsupported value")));
}

TEST(Definitions, Scope_and_plural_never_change) {
  Json old = crd(), fresh = old;
  fresh["spec"]["scope"] = "Cluster";
  EXPECT_THAT(sentences(crd_errors(fresh, &old)),
              ElementsAre(HasSubstr("spec.scope: Invalid value: \"Cluster\": field is immutable")));
}

TEST(Definitions, The_status_says_established_and_keeps_its_times) {
  Json object = crd();
  object["status"] = crd_status(object, "2026-01-01T00:00:00Z", "");
  EXPECT_EQ(object["status"]["storedVersions"], Json::array({"v1"}));
  EXPECT_EQ(object["status"]["conditions"][1]["type"], "Established");
  EXPECT_EQ(object["status"]["conditions"][1]["status"], "True");
  EXPECT_EQ(crd_status(object, "2027-01-01T00:00:00Z", ""), object["status"]);
  Json clash = crd_status(object, "2027-01-01T00:00:00Z", "\"Thing\" is already in use");
  EXPECT_EQ(clash["conditions"][0]["status"], "False");
}

TEST(Bodies, Keys_that_come_twice_are_noted_and_the_last_one_counts) {
  Result<ParsedBody> body = parse_json(R"({"a":{"b":1,"b":2},"l":[{"x":1,"x":1}]})");
  ASSERT_TRUE(body.is_ok());
  EXPECT_EQ((*body->value)["a"]["b"], 2);
  EXPECT_THAT(body->duplicates, ElementsAre("a.b", "l[0].x"));
}

TEST(Bodies, What_is_no_JSON_or_too_deep_is_a_bad_request) {
  EXPECT_EQ(parse_json("{").status().http_status(), 400);
  EXPECT_EQ(parse_json("").status().http_status(), 400);
  EXPECT_EQ(parse_json("\"\xff\"").status().http_status(), 400);
  EXPECT_THAT(parse_json(std::string(200, '[')).status().message(), HasSubstr("too deeply"));
  EXPECT_EQ(parse_yaml(std::string(5000, '[')).status().http_status(), 400);
}

TEST(Bodies, YAML_and_JSON_of_one_object_are_equal) {
  EXPECT_EQ(*parse_yaml("a: {b: [1, x]}")->value, *parse_yaml(R"({"a":{"b":[1,"x"]}})")->value);
}

TEST(FieldValidation, The_three_modes_and_nothing_else) {
  EXPECT_EQ(*parse_field_validation(""), FieldValidation::kWarn);
  EXPECT_EQ(*parse_field_validation("Strict"), FieldValidation::kStrict);
  EXPECT_EQ(parse_field_validation("strict").status().http_status(), 400);
}

TEST(InvalidStatus, Names_kind_object_and_every_cause) {
  Json status = invalid_status("example.com", "Thing", "a",
                               {field::required("spec.x"), field::invalid("spec.y", 1, "no")});
  EXPECT_EQ(status["message"],
            "Thing.example.com \"a\" is invalid: [spec.x: Required value, spec.y: Invalid value: "
            "1: no]");
  EXPECT_EQ(status["code"], 422);
  EXPECT_EQ(status["details"]["causes"][1]["field"], "spec.y");
  EXPECT_EQ(status["details"]["causes"][0]["reason"], "FieldValueRequired");
}

}  // namespace
}  // namespace k8s::apiserver::test
