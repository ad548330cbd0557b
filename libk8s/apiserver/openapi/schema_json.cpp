#include "libk8s/apiserver/openapi/schema_json.hpp"

#include <nlohmann/json.hpp>

namespace k8s::apiserver::openapi {
namespace {

constexpr const char* kAboutVersion = "The version of this form of the object.";
constexpr const char* kAboutKind = "The kind of the object.";

Json inline_json(const Schema& schema, Form form, std::set<std::string>& named);

// A use of a type: a reference where it has a name.
Json use_json(const Schema& schema, Form form, std::set<std::string>& named) {
  if (schema.type_name.empty()) return inline_json(schema, form, named);
  named.insert(schema.type_name);
  return {{"$ref", reference(form, schema.type_name)}};
}

void add_format(const Schema& schema, Form form, Json& json) {
  const std::string& format = schema.format;
  if (schema.type == Type::kIntOrString) {
    json["format"] = "int-or-string";
    if (form == Form::kV2) {
      json["type"] = "string";
    } else {
      json["oneOf"] = {{{"type", "integer"}}, {{"type", "string"}}};
    }
  } else if (format == "quantity" && form == Form::kV3) {
    json.erase("type");
    json["oneOf"] = {{{"type", "string"}}, {{"type", "number"}}};
  } else if (format == "micro-time") {
    json["format"] = "date-time";
  } else if (!format.empty() && format != "quantity" && format != "duration" && format != "raw") {
    json["format"] = format;
  }
}

void add_list(const Schema& schema, Json& json) {
  if (schema.type == Type::kArray) {
    json["x-kubernetes-list-type"] = schema.list_type == ListType::kMap   ? "map"
                                     : schema.list_type == ListType::kSet ? "set"
                                                                          : "atomic";
    if (!schema.list_keys.empty()) json["x-kubernetes-list-map-keys"] = schema.list_keys;
  }
  if (schema.atomic_map) json["x-kubernetes-map-type"] = "atomic";
  if (!schema.merge_list) return;
  json["x-kubernetes-patch-strategy"] = "merge";
  if (!schema.merge_key.empty()) json["x-kubernetes-patch-merge-key"] = schema.merge_key;
}

Json inline_json(const Schema& schema, Form form, std::set<std::string>& named) {
  Json json = Json::object();
  // Free values are objects to OpenAPI, as Kubernetes' own documents say.
  if (schema.type == Type::kAny && schema.format == "raw") json["type"] = "object";
  if (schema.type != Type::kAny && schema.type != Type::kIntOrString) {
    json["type"] = name(schema.type);
  }
  add_format(schema, form, json);
  add_list(schema, json);
  if (!schema.allowed.empty()) json["enum"] = schema.allowed;
  if (schema.default_value != nullptr) json["default"] = *schema.default_value;
  if (schema.items == nullptr) return json;
  json[schema.type == Type::kMap ? "additionalProperties" : "items"] =
      use_json(*schema.items, form, named);
  return json;
}

Json field_json(const Field& field, Form form, std::set<std::string>& named) {
  Json json = use_json(*field.schema, form, named);
  // Beside a $ref nothing else counts in v3.
  if (json.contains("$ref") && form == Form::kV3 && !field.description.empty()) {
    json = {{"allOf", Json::array({json})}};
  }
  if (!field.description.empty()) json["description"] = field.description;
  if (field.retain_keys) {
    bool merge = json.contains("x-kubernetes-patch-strategy");
    json["x-kubernetes-patch-strategy"] = merge ? "merge,retainKeys" : "retainKeys";
  }
  return json;
}

// What version 2 cannot say is left out, together with what it would say wrongly then.
void to_v2(Json& json, int depth) {
  if (!json.is_object() || depth > kMaxDepth) return;
  bool nullable = json.value("nullable", Json(false)) == Json(true);
  bool preserve = json.value("x-kubernetes-preserve-unknown-fields", Json(false)) == Json(true);
  for (const char* key : {"oneOf", "anyOf", "allOf", "not", "nullable", "example"}) json.erase(key);
  if (nullable || preserve) {
    for (const char* key : {"type", "properties", "items", "additionalProperties", "required"}) {
      json.erase(key);
    }
    return;
  }
  if (json.contains("properties") && json["properties"].is_object()) {
    for (auto& [key, property] : json["properties"].items()) to_v2(property, depth + 1);
  }
  for (const char* key : {"items", "additionalProperties"}) {
    if (json.contains(key)) to_v2(json[key], depth + 1);
  }
}

}  // namespace

std::string reference(Form form, std::string_view type) {
  return (form == Form::kV2 ? "#/definitions/" : "#/components/schemas/") + std::string(type);
}

Json type_json(const Schema& type, Form form, std::set<std::string>& named) {
  Json json = {{"type", "object"}};
  if (!type.description.empty()) json["description"] = type.description;
  if (type.atomic_map) json["x-kubernetes-map-type"] = "atomic";
  Json required = Json::array();
  for (const auto& [key, field] : type.properties) {
    json["properties"][key] = field_json(field, form, named);
    if (field.required || field.listed) required.push_back(key);
  }
  if (!required.empty()) json["required"] = std::move(required);
  return json;
}

Json crd_json(const Json& open_api_v3_schema, Form form) {
  Json json = open_api_v3_schema.is_object() ? open_api_v3_schema : Json::object();
  json["type"] = "object";
  if (form == Form::kV2) to_v2(json, 0);
  Json& properties = json["properties"];
  if (!properties.is_object()) properties = Json::object();
  properties["apiVersion"] = {{"type", "string"}, {"description", kAboutVersion}};
  properties["kind"] = {{"type", "string"}, {"description", kAboutKind}};
  Json metadata = {{"$ref", reference(form, kObjectMeta)}};
  properties["metadata"] = form == Form::kV2 ? metadata : Json{{"allOf", Json::array({metadata})}};
  properties["metadata"]["description"] = "Name, labels and the like.";
  return json;
}

std::string crd_type_name(const std::string& group, const std::string& version,
                          const std::string& kind) {
  std::string reversed, rest = group;
  while (!rest.empty()) {
    std::size_t dot = rest.rfind('.');
    reversed += (dot == std::string::npos ? rest : rest.substr(dot + 1)) + ".";
    rest = dot == std::string::npos ? "" : rest.substr(0, dot);
  }
  return reversed + version + "." + kind;
}

Json gvk(const std::string& group, const std::string& version, const std::string& kind) {
  return {{"group", group}, {"version", version}, {"kind", kind}};
}

}  // namespace k8s::apiserver::openapi
