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

}  // namespace

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
