#include "libk8s/apiserver/openapi/openapi.hpp"

#include <gmock/gmock.h>

#include "libk8s/codec/wire.hpp"
#include "tests/unit/apiserver/schema/worked.hpp"

namespace k8s::apiserver::test {
namespace {

using openapi::Documents;
using testing::HasSubstr;

Json crd() {
  return yaml(R"(
spec:
  group: example.com
  scope: Namespaced
  names: {plural: things, kind: Thing, listKind: ThingList}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema:
      openAPIV3Schema:
        type: object
        description: A thing.
        properties:
          spec:
            type: object
            properties:
              n: {type: integer, description: How many.}
              x: {type: string, nullable: true}
              y: {x-kubernetes-int-or-string: true, anyOf: [{type: integer}, {type: string}]}
)");
}

// Every "$ref" below a value.
void references(const Json& json, std::set<std::string>& found) {
  if (json.is_object() && json.contains("$ref") && json["$ref"].is_string()) {
    found.insert(json["$ref"].get<std::string>());
  }
  if (json.is_structured()) {
    for (const Json& child : json) references(child, found);
  }
}

TEST(OpenApiV3, The_index_names_every_group_with_a_hashed_address) {
  Documents documents(std::vector<Json>{crd()});
  Json index = Json::parse(documents.v3_index());
  for (const char* path : {"api/v1", "apis/coordination.k8s.io/v1", "apis/example.com/v1"}) {
    EXPECT_EQ(index["paths"][path]["serverRelativeURL"],
              "/openapi/v3/" + std::string(path) + "?hash=" + documents.v3_hash(path));
    EXPECT_NE(documents.v3(path), nullptr);
  }
  EXPECT_EQ(documents.v3("apis/none/v1"), nullptr);
  EXPECT_EQ(documents.v3_hash("apis/none/v1"), "");
}

TEST(OpenApiV3, Every_reference_of_every_document_leads_somewhere) {
  Documents documents(std::vector<Json>{crd()});
  Json index = Json::parse(documents.v3_index());
  for (const auto& [path, entry] : index["paths"].items()) {
    Json document = Json::parse(*documents.v3(path));
    std::set<std::string> found;
    references(document, found);
    for (const std::string& ref : found) {
      std::string name = ref.substr(std::string("#/components/schemas/").size());
      EXPECT_TRUE(document["components"]["schemas"].contains(name)) << path << " " << ref;
    }
  }
}

TEST(OpenApiV3, Explain_finds_the_kind_by_path_and_by_its_extension) {
  Documents documents(std::vector<Json>{crd()});
  Json document = Json::parse(*documents.v3("api/v1"));
  Json gvk = {{"group", ""}, {"version", "v1"}, {"kind", "Pod"}};
  const Json& get = document["paths"]["/api/v1/namespaces/{namespace}/pods/{name}"]["get"];
  EXPECT_EQ(get["x-kubernetes-group-version-kind"], gvk);
  const Json& pod = document["components"]["schemas"]["io.k8s.api.core.v1.Pod"];
  EXPECT_EQ(pod["x-kubernetes-group-version-kind"], Json::array({gvk}));
  EXPECT_FALSE(pod["description"].get<std::string>().empty());
  const Json& spec = document["components"]["schemas"]["io.k8s.api.core.v1.PodSpec"];
  EXPECT_EQ(spec["required"], Json::array({"containers"}));
  EXPECT_EQ(spec["properties"]["containers"]["x-kubernetes-list-map-keys"], Json::array({"name"}));
}

TEST(OpenApiV3, Patches_tell_that_field_validation_and_dry_run_are_there) {
  Documents documents(std::vector<Json>{});
  Json document = Json::parse(*documents.v3("api/v1"));
  std::set<std::string> names;
  for (const Json& p :
       document["paths"]["/api/v1/namespaces/{namespace}/pods/{name}"]["patch"]["parameters"]) {
    names.insert(p["name"].get<std::string>());
  }
  EXPECT_THAT(names, testing::IsSupersetOf({"dryRun", "fieldManager", "fieldValidation", "force"}));
}

TEST(OpenApiV3, A_custom_type_is_published_with_the_fields_that_every_object_has) {
  Documents documents(std::vector<Json>{crd()});
  Json document = Json::parse(*documents.v3("apis/example.com/v1"));
  const Json& thing = document["components"]["schemas"]["com.example.v1.Thing"];
  EXPECT_EQ(thing["properties"]["spec"]["properties"]["n"]["description"], "How many.");
  EXPECT_TRUE(thing["properties"].contains("metadata"));
  EXPECT_EQ(thing["x-kubernetes-group-version-kind"][0]["kind"], "Thing");
  EXPECT_TRUE(document["paths"].contains(
      "/apis/example.com/v1/namespaces/{namespace}/things/{name}/status"));
}

TEST(OpenApiV2, Is_one_document_whose_references_all_lead_somewhere) {
  Documents documents(std::vector<Json>{crd()});
  Json document = Json::parse(documents.v2_json());
  EXPECT_EQ(document["swagger"], "2.0");
  std::set<std::string> found;
  references(document, found);
  for (const std::string& ref : found) {
    std::string name = ref.substr(std::string("#/definitions/").size());
    EXPECT_TRUE(document["definitions"].contains(name)) << ref;
  }
  const Json& spec = document["definitions"]["com.example.v1.Thing"]["properties"]["spec"];
  EXPECT_FALSE(spec["properties"]["x"].contains("type"));
  EXPECT_FALSE(spec["properties"]["y"].contains("anyOf"));
}

// All named definitions of a binary document, with the reference count of their properties.
std::set<std::string> binary_definitions(std::string_view bytes) {
  std::set<std::string> names;
  wire::WireReader document(bytes);
  while (auto field = document.next()) {
    if (field->number != 9) continue;
    wire::WireReader definitions(field->bytes);
    while (auto entry = definitions.next()) {
      wire::WireReader named(entry->bytes);
      while (auto part = named.next()) {
        if (part->number == 1) names.insert(std::string(part->bytes));
      }
      EXPECT_FALSE(named.broken());
    }
  }
  EXPECT_FALSE(document.broken());
  return names;
}

TEST(OpenApiV2, The_binary_form_holds_the_same_definitions) {
  Documents documents(std::vector<Json>{crd()});
  std::set<std::string> expected;
  Json document = Json::parse(documents.v2_json());
  for (const auto& [name, type] : document["definitions"].items()) expected.insert(name);
  EXPECT_EQ(binary_definitions(documents.v2_protobuf()), expected);
}

}  // namespace
}  // namespace k8s::apiserver::test
