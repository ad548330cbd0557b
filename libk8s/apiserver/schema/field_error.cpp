#include "libk8s/apiserver/schema/field_error.hpp"

#include <nlohmann/json.hpp>

#include "libk8s/apiserver/schema/path.hpp"

namespace k8s::apiserver {
namespace {

constexpr std::size_t kShownBytes = 256;

// A value as Kubernetes shows it in a message: strings quoted, the rest as JSON; shortened.
std::string shown(const Json& value) {
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() <= kShownBytes) return text;
  std::size_t cut = kShownBytes;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;
  return text.substr(0, cut) + "...";
}

}  // namespace

std::string Path::text() const {
  if (parent == nullptr) return std::string(key);
  std::string text = parent->text();
  if (is_index) return text + "[" + std::to_string(index) + "]";
  if (is_map_key) return text + "[" + std::string(key) + "]";
  if (!text.empty()) text += '.';
  return text + std::string(key);
}

std::string_view FieldError::reason() const {
  switch (type) {
    case FieldErrorType::kRequired:
      return "FieldValueRequired";
    case FieldErrorType::kInvalid:
      return "FieldValueInvalid";
    case FieldErrorType::kTypeInvalid:
      return "FieldValueTypeInvalid";
    case FieldErrorType::kNotSupported:
      return "FieldValueNotSupported";
    case FieldErrorType::kDuplicate:
      return "FieldValueDuplicate";
    case FieldErrorType::kForbidden:
      return "FieldValueForbidden";
    case FieldErrorType::kTooLong:
      return "FieldValueTooLong";
    case FieldErrorType::kTooMany:
      return "FieldValueTooMany";
    case FieldErrorType::kNotFound:
      return "FieldValueNotFound";
    case FieldErrorType::kInternal:
      return "InternalError";
  }
  return "FieldValueInvalid";
}

namespace field {
namespace {

std::string with_detail(std::string head, const std::string& detail) {
  return detail.empty() ? head : head + ": " + detail;
}

}  // namespace

FieldError required(std::string path, std::string detail) {
  return {FieldErrorType::kRequired, std::move(path), with_detail("Required value", detail)};
}

FieldError invalid(std::string path, const Json& value, std::string detail) {
  return {FieldErrorType::kInvalid, std::move(path),
          with_detail("Invalid value: " + shown(value), detail)};
}

FieldError type_invalid(std::string path, const Json& value, std::string detail) {
  return {FieldErrorType::kTypeInvalid, std::move(path),
          with_detail("Invalid value: " + shown(value), detail)};
}

FieldError not_supported(std::string path, const Json& value, std::vector<std::string> allowed) {
  std::string detail = "Unsupported value: " + shown(value);
  for (std::size_t i = 0; i < allowed.size(); ++i) {
    detail += i == 0 ? ": supported values: " : ", ";
    detail += Json(allowed[i]).dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  return {FieldErrorType::kNotSupported, std::move(path), std::move(detail)};
}

FieldError duplicate(std::string path, const Json& value) {
  return {FieldErrorType::kDuplicate, std::move(path), "Duplicate value: " + shown(value)};
}

FieldError forbidden(std::string path, std::string detail) {
  return {FieldErrorType::kForbidden, std::move(path), with_detail("Forbidden", detail)};
}

FieldError too_long(std::string path, std::int64_t max_bytes) {
  return {FieldErrorType::kTooLong, std::move(path),
          "Too long: may not be more than " + std::to_string(max_bytes) + " bytes"};
}

FieldError too_many(std::string path, std::int64_t actual, std::int64_t max) {
  return {FieldErrorType::kTooMany, std::move(path),
          "Too many: " + std::to_string(actual) + ": must have at most " + std::to_string(max) +
              " items"};
}

std::string child(std::string_view path, std::string_view key) {
  return path.empty() ? std::string(key) : std::string(path) + "." + std::string(key);
}

std::string index(std::string_view path, std::size_t i) {
  return std::string(path) + "[" + std::to_string(i) + "]";
}

std::string keyed(std::string_view path, std::string_view key) {
  return std::string(path) + "[" + std::string(key) + "]";
}

}  // namespace field

Json invalid_status(std::string_view group, std::string_view kind, std::string_view name,
                    const FieldErrors& errors) {
  Json causes = Json::array();
  std::string sentence;
  for (const FieldError& e : errors) {
    causes.push_back({{"reason", e.reason()}, {"message", e.detail}, {"field", e.path}});
    sentence += (sentence.empty() ? "" : ", ") + e.message();
  }
  if (errors.size() != 1) sentence = "[" + sentence + "]";
  std::string what(kind);
  if (!group.empty()) what += "." + std::string(group);
  Json details = {{"name", name}, {"kind", kind}, {"causes", causes}};
  if (!group.empty()) details["group"] = group;
  return {{"kind", "Status"},
          {"apiVersion", "v1"},
          {"metadata", Json::object()},
          {"status", "Failure"},
          {"message", what + " \"" + std::string(name) + "\" is invalid: " + sentence},
          {"reason", "Invalid"},
          {"details", details},
          {"code", 422}};
}

}  // namespace k8s::apiserver
