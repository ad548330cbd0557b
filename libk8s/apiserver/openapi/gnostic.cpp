#include "libk8s/apiserver/openapi/gnostic.hpp"

#include <nlohmann/json.hpp>

#include "libk8s/codec/json.hpp"
#include "libk8s/codec/wire.hpp"

namespace k8s::apiserver::openapi {
namespace {

using wire::append_bytes;

void add_text(std::string& out, std::uint32_t field, const Json& json, std::string_view key) {
  if (std::string text = string_at(json, key); !text.empty()) append_bytes(out, field, text);
}

void add_flag(std::string& out, std::uint32_t field, const Json& json, std::string_view key) {
  if (!bool_at(json, key)) return;
  wire::append_varint(out, std::uint64_t{field} << 3);
  wire::append_varint(out, 1);
}

void add_texts(std::string& out, std::uint32_t field, const Json& list) {
  for (const Json& item : list) {
    if (item.is_string()) append_bytes(out, field, item.get_ref<const std::string&>());
  }
}

// Any: a value as YAML text.
std::string any(const Json& value) {
  std::string out;
  append_bytes(out, 2, json_text(value));
  return out;
}

// NamedX messages: a name and a message.
void add_named(std::string& out, std::uint32_t field, std::string_view name,
               std::string_view message) {
  std::string named;
  append_bytes(named, 1, name);
  append_bytes(named, 2, message);
  append_bytes(out, field, named);
}

void add_extensions(std::string& out, std::uint32_t field, const Json& json) {
  for (const auto& [key, value] : json.items()) {
    if (std::string_view(key).starts_with("x-")) add_named(out, field, key, any(value));
  }
}

void add_number(std::string& out, std::uint32_t field, const Json& json, std::string_view key) {
  if (!has(json, key)) return;
  double number = number_at(json, key);
  std::uint64_t bits;
  static_assert(sizeof bits == sizeof number);
  std::memcpy(&bits, &number, sizeof bits);
  wire::append_varint(out, std::uint64_t{field} << 3 | 1);
  for (int i = 0; i < 8; ++i) out += static_cast<char>(bits >> (8 * i) & 0xFF);
}

void add_whole(std::string& out, std::uint32_t field, const Json& json, std::string_view key) {
  if (!has(json, key)) return;
  wire::append_varint(out, std::uint64_t{field} << 3);
  wire::append_varint(out, static_cast<std::uint64_t>(int_at(json, key)));
}

std::string schema(const Json& json, int depth);

void add_children(std::string& out, const Json& json, int depth) {
  if (has(json, "additionalProperties")) {
    const Json& more = json["additionalProperties"];
    std::string item;
    if (more.is_object()) {
      append_bytes(item, 1, schema(more, depth + 1));
    } else {
      add_flag(item, 2, json, "additionalProperties");
    }
    append_bytes(out, 21, item);
  }
  if (std::string type = string_at(json, "type"); !type.empty()) {
    std::string item;
    append_bytes(item, 1, type);
    append_bytes(out, 22, item);
  }
  if (has(json, "items")) {
    std::string item;
    append_bytes(item, 1, schema(json["items"], depth + 1));
    append_bytes(out, 23, item);
  }
  for (const Json& part : array_at(json, "allOf")) append_bytes(out, 24, schema(part, depth + 1));
  if (!has(json, "properties")) return;
  std::string properties;
  for (const auto& [key, property] : object_at(json, "properties").items()) {
    add_named(properties, 1, key, schema(property, depth + 1));
  }
  append_bytes(out, 25, properties);
}

std::string schema(const Json& json, int depth) {
  std::string out;
  if (!json.is_object() || depth > kMaxDepth) return out;
  add_text(out, 1, json, "$ref");
  add_text(out, 2, json, "format");
  add_text(out, 3, json, "title");
  add_text(out, 4, json, "description");
  if (has(json, "default")) append_bytes(out, 5, any(json["default"]));
  add_number(out, 6, json, "multipleOf");
  add_number(out, 7, json, "maximum");
  add_flag(out, 8, json, "exclusiveMaximum");
  add_number(out, 9, json, "minimum");
  add_flag(out, 10, json, "exclusiveMinimum");
  add_whole(out, 11, json, "maxLength");
  add_whole(out, 12, json, "minLength");
  add_text(out, 13, json, "pattern");
  add_whole(out, 14, json, "maxItems");
  add_whole(out, 15, json, "minItems");
  add_flag(out, 16, json, "uniqueItems");
  add_whole(out, 17, json, "maxProperties");
  add_whole(out, 18, json, "minProperties");
  add_texts(out, 19, array_at(json, "required"));
  for (const Json& value : array_at(json, "enum")) append_bytes(out, 20, any(value));
  add_children(out, json, depth);
  add_extensions(out, 31, json);
  return out;
}

// ParametersItem > Parameter > one of body, query or path.
std::string parameter(const Json& json) {
  std::string inner, chosen, wrapped, item;
  std::string in = string_at(json, "in");
  if (in == "body") {
    add_text(inner, 2, json, "name");
    add_text(inner, 3, json, "in");
    add_flag(inner, 4, json, "required");
    append_bytes(inner, 5, schema(object_at(json, "schema"), 0));
    append_bytes(wrapped, 1, inner);
  } else {
    bool path = in == "path";
    add_flag(inner, 1, json, "required");
    add_text(inner, 2, json, "in");
    add_text(inner, 3, json, "description");
    add_text(inner, 4, json, "name");
    add_text(inner, path ? 5 : 6, json, "type");
    add_flag(inner, path ? 19 : 20, json, "uniqueItems");
    append_bytes(chosen, path ? 4 : 3, inner);
    append_bytes(wrapped, 2, chosen);
  }
  append_bytes(item, 1, wrapped);
  return item;
}

std::string responses(const Json& json) {
  std::string out;
  for (const auto& [code, response] : json.items()) {
    std::string inner, value;
    add_text(inner, 1, response, "description");
    if (has(response, "schema")) {
      std::string item;
      append_bytes(item, 1, schema(response["schema"], 0));
      append_bytes(inner, 2, item);
    }
    append_bytes(value, 1, inner);
    add_named(out, 1, code, value);
  }
  return out;
}

std::string operation(const Json& json) {
  std::string out;
  add_texts(out, 1, array_at(json, "tags"));
  add_text(out, 3, json, "description");
  add_text(out, 5, json, "operationId");
  add_texts(out, 6, array_at(json, "produces"));
  add_texts(out, 7, array_at(json, "consumes"));
  for (const Json& p : array_at(json, "parameters")) append_bytes(out, 8, parameter(p));
  append_bytes(out, 9, responses(object_at(json, "responses")));
  add_extensions(out, 13, json);
  return out;
}

std::string path_item(const Json& json) {
  static constexpr std::pair<std::string_view, std::uint32_t> kMethods[] = {
      {"get", 2}, {"put", 3}, {"post", 4}, {"delete", 5}, {"patch", 8}};
  std::string out;
  for (const auto& [method, field] : kMethods) {
    if (has(json, method)) append_bytes(out, field, operation(json[std::string(method)]));
  }
  for (const Json& p : array_at(json, "parameters")) append_bytes(out, 9, parameter(p));
  return out;
}

}  // namespace

std::string encode_gnostic(const Json& document) {
  std::string out, info, paths, definitions;
  add_text(out, 1, document, "swagger");
  add_text(info, 1, object_at(document, "info"), "title");
  add_text(info, 2, object_at(document, "info"), "version");
  append_bytes(out, 2, info);
  for (const auto& [path, item] : object_at(document, "paths").items()) {
    add_named(paths, 2, path, path_item(item));
  }
  append_bytes(out, 8, paths);
  for (const auto& [name, type] : object_at(document, "definitions").items()) {
    add_named(definitions, 1, name, schema(type, 0));
  }
  append_bytes(out, 9, definitions);
  return out;
}

}  // namespace k8s::apiserver::openapi
