#include "libk8s/codec/json.hpp"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

namespace k8s {
namespace {

using nlohmann::json;

const json* member(const json& object, std::string_view key) {
  if (!object.is_object()) return nullptr;
  const auto it = object.find(key);
  return it == object.end() ? nullptr : &*it;
}

// nlohmann's sentence without its error number and without the text that was read last.
std::string reason_of(const json::exception& error) {
  std::string_view text = error.what();
  if (const auto end = text.find("] "); end != text.npos) text.remove_prefix(end + 2);
  return std::string(text.substr(0, text.find("; last read")));
}

std::int64_t int_of(const json& value, std::int64_t fallback) {
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    const auto max = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    return number <= max ? static_cast<std::int64_t>(number) : fallback;
  }
  if (value.is_number_integer()) return value.get<std::int64_t>();
  if (!value.is_number_float()) return fallback;
  const double number = value.get<double>();
  // 2^53: beyond it a double no longer says which whole number was meant.
  if (!(number >= -9007199254740992.0 && number <= 9007199254740992.0)) return fallback;
  const auto whole = static_cast<std::int64_t>(number);
  return static_cast<double>(whole) == number ? whole : fallback;
}

}  // namespace

int json_depth(std::string_view text) {
  int depth = 0, deepest = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      deepest = std::max(deepest, ++depth);
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return deepest;
}

Result<json> parse_json(std::string_view text, JsonLimits limits) {
  if (text.size() > limits.bytes)
    return Status(Code::kMalformed, "JSON of " + std::to_string(text.size()) + " bytes; at most " +
                                        std::to_string(limits.bytes) + " are read");
  if (json_depth(text) > limits.depth)
    return Status(Code::kMalformed,
                  "JSON nested deeper than " + std::to_string(limits.depth) + " levels");
  try {
    return json::parse(text);
  } catch (const json::exception& error) {
    return Status(Code::kMalformed, "not JSON: " + reason_of(error));
  }
}

std::string json_text(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

const json* find(const json& from, std::initializer_list<std::string_view> path) {
  const json* at = &from;
  for (const auto key : path) {
    at = member(*at, key);
    if (at == nullptr) return nullptr;
  }
  return at;
}

std::string string_at(const json& object, std::string_view key, std::string_view fallback) {
  const json* value = member(object, key);
  if (value == nullptr || !value->is_string()) return std::string(fallback);
  return value->get_ref<const std::string&>();
}

std::int64_t int_at(const json& object, std::string_view key, std::int64_t fallback) {
  const json* value = member(object, key);
  return value == nullptr ? fallback : int_of(*value, fallback);
}

double number_at(const json& object, std::string_view key, double fallback) {
  const json* value = member(object, key);
  return value == nullptr || !value->is_number() ? fallback : value->get<double>();
}

bool bool_at(const json& object, std::string_view key, bool fallback) {
  const json* value = member(object, key);
  return value == nullptr || !value->is_boolean() ? fallback : value->get<bool>();
}

const json& object_at(const json& object, std::string_view key) {
  static const json kNone = json::object();
  const json* value = member(object, key);
  return value == nullptr || !value->is_object() ? kNone : *value;
}

const json& array_at(const json& object, std::string_view key) {
  static const json kNone = json::array();
  const json* value = member(object, key);
  return value == nullptr || !value->is_array() ? kNone : *value;
}

bool has(const json& object, std::string_view key) { return member(object, key) != nullptr; }

}  // namespace k8s
