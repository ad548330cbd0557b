// The walks over a value along its schema that both sorts of types share. Internal.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "libk8s/apiserver/schema/decode.hpp"
#include "libk8s/apiserver/schema/field_error.hpp"
#include "libk8s/apiserver/schema/path.hpp"
#include "libk8s/apiserver/schema/schema.hpp"

namespace k8s::apiserver {

// What JSON calls the type of a value: "number", "string", "object", ...
std::string_view json_type(const Json& value);
// Whether a value is of the schema's type, its format's syntax aside.
bool type_fits(const Json& value, const Schema& schema);

// Built-in kinds: wrong types are errors ("spec.x: got number, must be string"); nulls and unknown
// fields are removed, the latter noted. Numbers where a quantity is wanted become text.
void decode_typed(Json& value, const Schema& schema, const Path& path, Notes* notes,
                  FieldErrors& errors);

// Custom resources: removes what the schema does not name and does not preserve, noting it.
void prune(Json& value, const Schema& schema, const Path& path, Notes* notes);

// Custom resources: takes out nulls that stand where null is not allowed, so that they count as
// left out. Elements of lists stay: they have a place.
void drop_nulls(Json& value, const Schema& schema, int depth = 0);

// Fills in defaults, top down; also into elements of lists and maps. A null where a default
// stands and null is not allowed gives way to the default.
void fill_defaults(Json& value, const Schema& schema, int depth = 0);

// How a validation differs between the two sorts of types.
enum class Strictness : std::uint8_t {
  kBuiltIn,  // "" counts as absent for required and enum; types were checked by decode_typed
  kCustom,   // the JSON-schema rules of custom resources
};

// Everything that a schema says about a value but its CEL rules. `old` (may be null) is the value
// at the same place before: a part that did not change is not looked at again (ratcheting).
void check_value(const Json& value, const Json* old, const Schema& schema, const Path& path,
                 Strictness strictness, FieldErrors& errors);

// All CEL rules below a value.
void check_rules(const Json& value, const Json* old, const Schema& schema, FieldErrors& errors);

// The element of `list` (keyed by `keys`) with the same keys as `element`, or null.
const Json* find_by_keys(const Json& list, const Json& element,
                         const std::vector<std::string>& keys);

// formats.cpp: whether text is of a format; unknown formats fit everything.
bool fits_format(std::string_view text, std::string_view format);
// "must be ..." for a format, for messages.
std::string format_rule(std::string_view format);

}  // namespace k8s::apiserver
