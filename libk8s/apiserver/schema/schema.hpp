// Schema: what one type of object may hold, in one form for built-in kinds and custom resources.
//
// Built-in kinds are parsed from the dense texts in kinds/, custom resources from the OpenAPI v3
// schema of their CRD (crd.hpp). Everything that has to know types works on this form: decoding,
// defaulting, pruning, validation, strategic merge, server-side apply, OpenAPI, protobuf.
//
// Ownership: the nodes of one schema live together in one arena; a SchemaRef keeps the whole arena
// alive, the plain pointers inside it never dangle. Nodes may be shared and may be recursive
// (JSONSchemaProps is), so every walk is bounded by the depth of the *value*, never the schema.
// Immutable once built; any thread may read.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace k8s::apiserver {

using Json = nlohmann::json;

// Values nested deeper than this are refused by everything in this library.
inline constexpr int kMaxDepth = 100;

enum class Type : std::uint8_t {
  kAny,     // whatever is given (RawExtension, JSON, schemas that preserve unknown fields)
  kObject,  // `properties`
  kMap,     // string keys, values by `items`
  kArray,   // values by `items`
  kString,
  kInteger,
  kNumber,
  kBoolean,
  kIntOrString,
};

// "string", "integer", ... as messages name it.
std::string_view name(Type type);

// Who owns what of a list under server-side apply.
enum class ListType : std::uint8_t { kAtomic, kSet, kMap };

struct Schema;
class CelProgram;  // cel.hpp

// One property of an object.
struct Field {
  const Schema* schema = nullptr;
  std::string description;
  int number = 0;            // field number in Kubernetes' protobuf messages; 0: none known
  bool required = false;     // must be there (or, for built-in kinds, must not be empty)
  bool listed = false;       // named in OpenAPI's `required`, but not enforced
  bool retain_keys = false;  // strategic merge: keys that a patch does not list are dropped
};

// One `x-kubernetes-validations` rule.
struct Rule {
  std::string text, message, message_text, field_path, reason;  // message_text: an expression
  std::shared_ptr<const CelProgram> program, message_program;
  bool uses_old = false;  // a transition rule: only looked at when there is an old value
};

struct Schema {
  Type type = Type::kAny;
  // "int32", "int64", "date-time", "micro-time", "quantity", "byte", "int-or-string", ... or "".
  std::string format;
  std::string title, description;
  // Full name for OpenAPI ("io.k8s.api.core.v1.Container"); "" for what is written in place.
  std::string type_name;

  std::map<std::string, Field, std::less<>> properties;
  // Messages whose fields stand among `properties` (there with number 0): for protobuf only.
  std::vector<Field> inlined;
  const Schema* items = nullptr;  // kArray: elements; kMap: values
  // The values of an object's properties that `properties` does not name; null: unknown ones are
  // pruned (or kept, when preserve_unknown).
  const Schema* additional = nullptr;

  bool nullable = false;
  bool preserve_unknown = false;   // x-kubernetes-preserve-unknown-fields
  bool embedded_resource = false;  // x-kubernetes-embedded-resource
  bool closed = false;             // additionalProperties: false

  ListType list_type = ListType::kAtomic;
  std::vector<std::string> list_keys;  // of kMap lists
  bool atomic_map = false;             // x-kubernetes-map-type: atomic (maps and objects)
  // Strategic merge of a list: elements merge by this key; "" with merge_list: a list of scalars
  // that merges as a set; otherwise the list is replaced.
  bool merge_list = false;
  std::string merge_key;

  std::shared_ptr<const Json> default_value;  // null: no default
  std::vector<Json> allowed;                  // enum; empty: any
  std::optional<double> minimum, maximum, multiple_of;
  bool exclusive_minimum = false, exclusive_maximum = false;
  std::optional<std::int64_t> min_length, max_length, min_items, max_items, min_properties,
      max_properties;
  bool unique_items = false;
  std::string pattern;                         // "" : none
  std::shared_ptr<const void> compiled_regex;  // RE2 of `pattern`; private to schema/
  std::vector<const Schema*> all_of, any_of, one_of;
  const Schema* negated = nullptr;  // "not"
  std::vector<Rule> rules;

  // The property of that name, or null.
  const Field* field(std::string_view property) const;
};

using SchemaRef = std::shared_ptr<const Schema>;

}  // namespace k8s::apiserver
