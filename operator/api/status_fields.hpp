// StatusFields: how the statuses of all kinds are written and read as JSON, field by field.
//
// What says nothing ("", 0, no time) is not written, and what is not there, or is of another type
// than it should be, reads as nothing: a status that somebody else has damaged stops nobody, and an
// unchanged one yields an empty patch.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libk8s/base/loop.hpp"
#include "libk8s/types/meta.hpp"

namespace fermi {

void put_field(nlohmann::json& out, const char* key, const std::string& text);
void put_field(nlohmann::json& out, const char* key, std::int64_t number);
void put_field(nlohmann::json& out, const char* key, k8s::WallTime time);  // {0}: none
void put_field(nlohmann::json& out, const char* key, const std::optional<k8s::WallTime>& time);
void put_field(nlohmann::json& out, const char* key, const std::vector<std::string>& texts);
void put_field(nlohmann::json& out, const char* key, const k8s::StringMap& texts);

std::optional<k8s::WallTime> time_at(const nlohmann::json& from, std::string_view key);
k8s::WallTime time_or_none(const nlohmann::json& from, const char* key);  // {0} when not there
std::optional<std::int64_t> maybe_int_at(const nlohmann::json& from, const char* key);
std::int64_t micros_at(const nlohmann::json& from, const char* key);  // of a currency
std::vector<std::string> texts_at(const nlohmann::json& from, const char* key);
k8s::StringMap text_map_at(const nlohmann::json& from, const char* key);

}  // namespace fermi
