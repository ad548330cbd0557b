// FieldError: one thing wrong with one field, said as Kubernetes says it, and the Status of many.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "libk8s/apiserver/schema/schema.hpp"

namespace k8s::apiserver {

// The `reason` of a Status cause.
enum class FieldErrorType : std::uint8_t {
  kRequired,      // FieldValueRequired
  kInvalid,       // FieldValueInvalid
  kTypeInvalid,   // FieldValueTypeInvalid
  kNotSupported,  // FieldValueNotSupported
  kDuplicate,     // FieldValueDuplicate
  kForbidden,     // FieldValueForbidden
  kTooLong,       // FieldValueTooLong
  kTooMany,       // FieldValueTooMany
  kNotFound,      // FieldValueNotFound
  kInternal,      // InternalError
};

struct FieldError {
  FieldErrorType type = FieldErrorType::kInvalid;
  std::string path;    // "spec.containers[0].image"
  std::string detail;  // `Invalid value: "x": must be ...`, without the path

  std::string_view reason() const;
  // `spec.containers[0].image: Required value`
  std::string message() const { return path + ": " + detail; }
};

// At most this many are collected for one object; then checking stops.
inline constexpr std::size_t kMaxFieldErrors = 100;
using FieldErrors = std::vector<FieldError>;

// Errors in Kubernetes' wording. `value` is shown shortened.
namespace field {
FieldError required(std::string path, std::string detail = "");
FieldError invalid(std::string path, const Json& value, std::string detail);
FieldError type_invalid(std::string path, const Json& value, std::string detail);
FieldError not_supported(std::string path, const Json& value, std::vector<std::string> allowed);
FieldError duplicate(std::string path, const Json& value);
FieldError forbidden(std::string path, std::string detail);
FieldError too_long(std::string path, std::int64_t max_bytes);
FieldError too_many(std::string path, std::int64_t actual, std::int64_t max);
// "a" + "b" -> "a.b"; a key that is no plain word -> a[key].
std::string child(std::string_view path, std::string_view key);
std::string index(std::string_view path, std::size_t i);
std::string keyed(std::string_view path, std::string_view key);  // path[key]
}  // namespace field

// The whole 422 Status object: `Pod "a" is invalid: [spec.x: ..., spec.y: ...]` with causes.
Json invalid_status(std::string_view group, std::string_view kind, std::string_view name,
                    const FieldErrors& errors);

}  // namespace k8s::apiserver
