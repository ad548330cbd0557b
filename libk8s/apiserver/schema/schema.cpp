#include "libk8s/apiserver/schema/schema.hpp"

#include <nlohmann/json.hpp>

namespace k8s::apiserver {

std::string_view name(Type type) {
  switch (type) {
    case Type::kAny:
      return "any";
    case Type::kObject:
    case Type::kMap:
      return "object";
    case Type::kArray:
      return "array";
    case Type::kString:
      return "string";
    case Type::kInteger:
      return "integer";
    case Type::kNumber:
      return "number";
    case Type::kBoolean:
      return "boolean";
    case Type::kIntOrString:
      return "integer or string";
  }
  return "any";
}

const Field* Schema::field(std::string_view property) const {
  auto it = properties.find(property);
  return it == properties.end() ? nullptr : &it->second;
}

}  // namespace k8s::apiserver
