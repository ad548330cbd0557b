// From the bytes of a request body to a checked value.
//
// 1. `parse_body` reads JSON or YAML text: bounded in depth, duplicate keys noted.
// 2. `TypeRules::decode` (rules.hpp) checks types, drops unknown fields and notes them.
// 3. `field_validation` turns what was noted into warnings or an error, as ?fieldValidation asks.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "libk8s/apiserver/schema/schema.hpp"
#include "libk8s/base/status.hpp"

namespace k8s::apiserver {

struct ParsedBody {
  std::shared_ptr<Json> value;          // never null; for requests an object
  std::vector<std::string> duplicates;  // paths of keys that came twice; the last one counted
};

// Reads one JSON value. Errors: kInvalid with HTTP 400 (syntax, depth, bad UTF-8).
Result<ParsedBody> parse_json(std::string_view text);
// Reads one YAML document, as codec/yaml.hpp does: aliases that multiply are refused. Errors as
// above.
Result<ParsedBody> parse_yaml(std::string_view text);

// What a decode found beside errors.
struct Notes {
  std::vector<std::string> unknown;     // paths of fields that the type does not have
  std::vector<std::string> duplicates;  // see ParsedBody
};

enum class FieldValidation : std::uint8_t { kIgnore, kWarn, kStrict };
// "" is kWarn, as the API server's default. Errors: kInvalid (400), naming the allowed values.
Result<FieldValidation> parse_field_validation(std::string_view parameter);

// The texts of Warning headers; empty when there is nothing to say or `mode` is kIgnore.
// `unknown field "spec.foo"`, `duplicate field "spec.bar"`.
std::vector<std::string> field_warnings(const Notes& notes);
// kStrict with anything noted: kInvalid (HTTP 400, reason BadRequest)
// `Pod in version "v1" cannot be handled as a Pod: strict decoding error: unknown field "spec.x"`.
Status strict_error(std::string_view version, std::string_view kind, const Notes& notes);

}  // namespace k8s::apiserver
