#include "libk8s/apiserver/schema/decode.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "libk8s/apiserver/schema/walk.hpp"

namespace k8s::apiserver {
namespace {

constexpr std::size_t kMaxNoted = 64;

Status bad_request(std::string message) {
  return Status(Code::kInvalid, std::move(message)).with_http(400).with_reason("BadRequest");
}

void note_unknown(const Path& path, Notes* notes) {
  if (notes != nullptr && notes->unknown.size() < kMaxNoted) {
    notes->unknown.push_back(path.text());
  }
}

void wrong_type(const Json& value, const Schema& schema, const Path& path, FieldErrors& errors) {
  if (errors.size() >= kMaxFieldErrors) return;
  errors.push_back(
      {FieldErrorType::kTypeInvalid, path.text(),
       "got " + std::string(json_type(value)) + ", must be " + std::string(name(schema.type))});
}

// Quantities may be given as numbers; they are kept as text, as the real server does.
void quantity_to_text(Json& value) {
  if (value.is_number()) value = value.dump();
}

void decode_object(Json& value, const Schema& schema, const Path& path, Notes* notes,
                   FieldErrors& errors) {
  for (auto it = value.begin(); it != value.end();) {
    const Field* field = schema.field(it.key());
    if (field == nullptr) note_unknown(path.child(it.key()), notes);
    if (field == nullptr || it.value().is_null()) {
      it = value.erase(it);
      continue;
    }
    decode_typed(it.value(), *field->schema, path.child(it.key()), notes, errors);
    ++it;
  }
}

void decode_map(Json& value, const Schema& schema, const Path& path, Notes* notes,
                FieldErrors& errors) {
  for (auto& [key, item] : value.items()) {
    // A null in a map decodes to the empty value, which a time does not have as text.
    bool plain = schema.items->type == Type::kString && schema.items->format.empty();
    if (item.is_null() && plain) item = "";
    if (item.is_null()) continue;
    decode_typed(item, *schema.items, path.entry(key), notes, errors);
  }
}

}  // namespace

std::string_view json_type(const Json& value) {
  if (value.is_number_float()) return "number";
  if (value.is_number()) return "integer";
  return value.type_name();
}

bool type_fits(const Json& value, const Schema& schema) {
  switch (schema.type) {
    case Type::kAny:
      return true;
    case Type::kObject:
    case Type::kMap:
      return value.is_object();
    case Type::kArray:
      return value.is_array();
    case Type::kString:
      return value.is_string();
    case Type::kInteger:
      return value.is_number_integer() ||
             (value.is_number_float() &&
              std::nearbyint(value.get<double>()) == value.get<double>() &&
              std::abs(value.get<double>()) < 9.2e18);
    case Type::kNumber:
      return value.is_number();
    case Type::kBoolean:
      return value.is_boolean();
    case Type::kIntOrString:
      return value.is_string() || value.is_number_integer();
  }
  return false;
}

void decode_typed(Json& value, const Schema& schema, const Path& path, Notes* notes,
                  FieldErrors& errors) {
  if (path.depth > kMaxDepth) return;
  if (schema.format == "quantity") quantity_to_text(value);
  if (!type_fits(value, schema)) return wrong_type(value, schema, path, errors);
  switch (schema.type) {
    case Type::kObject:
      return decode_object(value, schema, path, notes, errors);
    case Type::kMap:
      return decode_map(value, schema, path, notes, errors);
    case Type::kArray:
      for (std::size_t i = 0; i < value.size(); ++i) {
        decode_typed(value[i], *schema.items, path.at(i), notes, errors);
      }
      return;
    case Type::kInteger:
      if (value.is_number_float()) value = static_cast<std::int64_t>(value.get<double>());
      return;
    case Type::kAny:
      // "T|bool": whatever else it is, an object is read as a T.
      if (!schema.any_of.empty() && value.is_object()) {
        decode_typed(value, *schema.any_of.front(), path, notes, errors);
      }
      return;
    default:
      return;
  }
}

void prune(Json& value, const Schema& schema, const Path& path, Notes* notes) {
  if (path.depth > kMaxDepth) return;
  if (value.is_array() && schema.items != nullptr && schema.type == Type::kArray) {
    for (std::size_t i = 0; i < value.size(); ++i)
      prune(value[i], *schema.items, path.at(i), notes);
  }
  if (!value.is_object()) return;
  if (schema.type == Type::kMap && schema.items != nullptr) {
    for (auto& [key, item] : value.items()) prune(item, *schema.items, path.child(key), notes);
    return;
  }
  for (auto it = value.begin(); it != value.end();) {
    const std::string& key = it.key();
    if (const Field* field = schema.field(key)) {
      prune(it.value(), *field->schema, path.child(key), notes);
    } else if (schema.embedded_resource &&
               (key == "apiVersion" || key == "kind" || key == "metadata")) {
      // What every object has need not be named.
    } else if (!schema.preserve_unknown) {
      note_unknown(path.child(key), notes);
      it = value.erase(it);
      continue;
    }
    ++it;
  }
}

Result<FieldValidation> parse_field_validation(std::string_view parameter) {
  if (parameter.empty() || parameter == "Warn") return FieldValidation::kWarn;
  if (parameter == "Ignore") return FieldValidation::kIgnore;
  if (parameter == "Strict") return FieldValidation::kStrict;
  return bad_request("invalid fieldValidation \"" + std::string(parameter) +
                     "\": supported values: \"Ignore\", \"Warn\", \"Strict\"");
}

std::vector<std::string> field_warnings(const Notes& notes) {
  std::vector<std::string> texts;
  for (const std::string& path : notes.duplicates) {
    texts.push_back("duplicate field \"" + path + "\"");
  }
  for (const std::string& path : notes.unknown) texts.push_back("unknown field \"" + path + "\"");
  return texts;
}

Status strict_error(std::string_view version, std::string_view kind, const Notes& notes) {
  std::vector<std::string> texts = field_warnings(notes);
  if (texts.empty()) return Status::ok();
  std::string sentence;
  for (const std::string& text : texts) sentence += (sentence.empty() ? "" : ", ") + text;
  return bad_request(std::string(kind) + " in version \"" + std::string(version) +
                     "\" cannot be handled as a " + std::string(kind) +
                     ": strict decoding error: " + sentence);
}

}  // namespace k8s::apiserver
