#include "operator/api/status_fields.hpp"

#include <nlohmann/json.hpp>

#include "libk8s/codec/json.hpp"
#include "libk8s/codec/rfc3339.hpp"
#include "operator/api/duration.hpp"

namespace fermi {

using Json = nlohmann::json;

void put_field(Json& out, const char* key, const std::string& text) {
  if (!text.empty()) out[key] = text;
}

void put_field(Json& out, const char* key, std::int64_t number) {
  if (number != 0) out[key] = number;
}

void put_field(Json& out, const char* key, k8s::WallTime time) {
  if (time.ns != 0) out[key] = k8s::format_time(time);
}

void put_field(Json& out, const char* key, const std::optional<k8s::WallTime>& time) {
  if (time) out[key] = k8s::format_time(*time);
}

void put_field(Json& out, const char* key, const std::vector<std::string>& texts) {
  if (!texts.empty()) out[key] = texts;
}

void put_field(Json& out, const char* key, const k8s::StringMap& texts) {
  if (!texts.empty()) out[key] = texts;
}

std::optional<k8s::WallTime> time_at(const Json& from, std::string_view key) {
  const std::string text = k8s::string_at(from, key);
  if (text.empty()) return std::nullopt;
  const auto time = k8s::parse_time(text);
  return time ? std::optional(*time) : std::nullopt;
}

k8s::WallTime time_or_none(const Json& from, const char* key) {
  return time_at(from, key).value_or(k8s::WallTime{});
}

std::optional<std::int64_t> maybe_int_at(const Json& from, const char* key) {
  return k8s::has(from, key) ? std::optional(k8s::int_at(from, key)) : std::nullopt;
}

std::int64_t micros_at(const Json& from, const char* key) {
  const auto micros = parse_micros(k8s::string_at(from, key));
  return micros ? *micros : 0;
}

std::vector<std::string> texts_at(const Json& from, const char* key) {
  std::vector<std::string> out;
  for (const Json& text : k8s::array_at(from, key))
    if (text.is_string()) out.push_back(text.get<std::string>());
  return out;
}

k8s::StringMap text_map_at(const Json& from, const char* key) {
  k8s::StringMap out;
  for (const auto& [name, text] : k8s::object_at(from, key).items())
    if (text.is_string()) out[name] = text.get<std::string>();
  return out;
}

}  // namespace fermi
