// The JSON front: bounded parsing, and readers that never throw.
//
// Objects from outside have any shape. The accessors take a value that should be an object and give
// what stands under a key if it has the type asked for, else the fallback: a wrong type reads as
// absent. Where a wrong type must be reported instead, use `find` and look.
//
//   Result<nlohmann::json> pod = parse_json(bytes);
//   std::string name = string_at(object_at(*pod, "metadata"), "name");
//
// All functions are pure. References that come back live as long as the value they were taken from
// (or for ever, when the fallback is meant).
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "libk8s/base/status.hpp"

namespace k8s {

struct JsonLimits {
  std::size_t bytes = std::size_t{64} << 20;
  int depth = 200;  // nesting of objects and arrays
};

// kMalformed with position and reason, but without the text itself: it may be a secret.
Result<nlohmann::json> parse_json(std::string_view text, JsonLimits limits = {});

// Compact text; bytes that are not UTF-8 are replaced, so that it never fails.
std::string json_text(const nlohmann::json& value);

// The deepest nesting in `text`, counted without parsing; text need not be valid.
int json_depth(std::string_view text);

// What stands at the end of a path of object keys, or null.
const nlohmann::json* find(const nlohmann::json& from,
                           std::initializer_list<std::string_view> path);

std::string string_at(const nlohmann::json& object, std::string_view key,
                      std::string_view fallback = {});
// Whole numbers only; 1.0 counts as one, 1.5 and numbers beyond 64 bits read as absent.
std::int64_t int_at(const nlohmann::json& object, std::string_view key, std::int64_t fallback = 0);
double number_at(const nlohmann::json& object, std::string_view key, double fallback = 0);
bool bool_at(const nlohmann::json& object, std::string_view key, bool fallback = false);
// The object or array there, or an empty one.
const nlohmann::json& object_at(const nlohmann::json& object, std::string_view key);
const nlohmann::json& array_at(const nlohmann::json& object, std::string_view key);
// Whether the key is there at all, be it null.
bool has(const nlohmann::json& object, std::string_view key);

}  // namespace k8s
