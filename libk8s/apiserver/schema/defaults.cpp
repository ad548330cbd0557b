#include <nlohmann/json.hpp>

#include "libk8s/apiserver/schema/walk.hpp"

namespace k8s::apiserver {
namespace {

void fill_object(Json& value, const Schema& schema, int depth) {
  for (const auto& [key, field] : schema.properties) {
    auto it = value.find(key);
    const Schema& child = *field.schema;
    if (it == value.end()) {
      if (child.default_value != nullptr) {
        fill_defaults(value[key] = *child.default_value, child, depth + 1);
      }
      continue;
    }
    if (it.value().is_null() && child.default_value != nullptr && !child.nullable) {
      it.value() = *child.default_value;
    }
    fill_defaults(it.value(), child, depth + 1);
  }
}

bool is_stray_null(const Json& value, const Schema& schema) {
  return value.is_null() && !schema.nullable && !schema.preserve_unknown;
}

}  // namespace

void drop_nulls(Json& value, const Schema& schema, int depth) {
  if (depth > kMaxDepth) return;
  if (value.is_array() && schema.items != nullptr) {
    for (Json& item : value) drop_nulls(item, *schema.items, depth + 1);
  }
  if (!value.is_object()) return;
  const bool map = schema.type == Type::kMap && schema.items != nullptr;
  for (auto it = value.begin(); it != value.end();) {
    const auto field = map ? schema.properties.end() : schema.properties.find(it.key());
    const Schema* child = map                                ? schema.items
                          : field != schema.properties.end() ? field->second.schema
                                                             : nullptr;
    if (child != nullptr && is_stray_null(it.value(), *child)) {
      it = value.erase(it);
      continue;
    }
    if (child != nullptr) drop_nulls(it.value(), *child, depth + 1);
    ++it;
  }
}

void fill_defaults(Json& value, const Schema& schema, int depth) {
  if (depth > kMaxDepth) return;
  if (value.is_object() && schema.type == Type::kMap && schema.items != nullptr) {
    for (auto& [key, item] : value.items()) fill_defaults(item, *schema.items, depth + 1);
  } else if (value.is_object()) {
    fill_object(value, schema, depth);
  } else if (value.is_array() && schema.items != nullptr) {
    for (Json& item : value) fill_defaults(item, *schema.items, depth + 1);
  }
}

}  // namespace k8s::apiserver
