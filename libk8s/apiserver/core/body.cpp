#include "libk8s/apiserver/core/body.hpp"

#include <nlohmann/json.hpp>

#include "libk8s/apiserver/protobuf/protobuf.hpp"
#include "libk8s/codec/json.hpp"

namespace k8s::apiserver {

Outcome<ParsedBody> read_body(std::string_view content_type, std::string_view body) {
  switch (body_format(content_type)) {
    case BodyFormat::kJson: {
      auto parsed = parse_json(body);
      if (!parsed) return from_status(parsed.status());
      return std::move(parsed).value();
    }
    case BodyFormat::kYaml: {
      auto parsed = parse_yaml(body);
      if (!parsed) return from_status(parsed.status());
      return std::move(parsed).value();
    }
    case BodyFormat::kProtobuf: {
      auto decoded = protobuf::decode(body);
      if (!decoded) return from_status(decoded.status());
      return ParsedBody{std::make_shared<nlohmann::json>(std::move(decoded).value()), {}};
    }
    default:
      return unsupported_media_type(
          content_type, "application/json, application/yaml, application/vnd.kubernetes.protobuf");
  }
}

Check check_envelope(const Call& call, nlohmann::json& object, std::string_view api_version,
                     std::string_view kind) {
  if (!object.is_object()) return bad_request("the body must be one JSON object");
  for (const auto& [key, wanted] : {std::pair{"apiVersion", api_version}, {"kind", kind}}) {
    const auto found = object.find(key);
    if (found == object.end() || *found == "") {
      // Custom resources must say what they are, as in Kubernetes.
      if (call.type->custom && found == object.end() && call.request.method == "POST") {
        return bad_request("Object '" +
                           std::string(key == std::string_view("kind") ? "Kind" : "apiVersion") +
                           "' is missing in the body");
      }
      object[key] = wanted;
      continue;
    }
    if (!found->is_string() || found->get_ref<const std::string&>() != wanted) {
      return bad_request("the " + std::string(key) + " in the data (" + json_text(*found) +
                         ") does not match the expected " + std::string(key) + " (" +
                         std::string(wanted) + ")");
    }
  }
  const auto meta = object.find("metadata");
  if (meta == object.end() || meta->is_null()) {
    object["metadata"] = nlohmann::json::object();
  } else if (!meta->is_object()) {
    return bad_request("metadata: Invalid value: " + json_text(*meta) + ": must be an object");
  }
  for (const char* key : {"name", "namespace", "generateName", "uid", "resourceVersion"}) {
    const auto found = object["metadata"].find(key);
    if (found == object["metadata"].end()) continue;
    if (found->is_null()) {
      object["metadata"].erase(found);
    } else if (!found->is_string()) {
      return bad_request("metadata." + std::string(key) + ": Invalid value: " + json_text(*found) +
                         ": must be a string");
    }
  }
  return Done{};
}

Check decode_object(Call& call, nlohmann::json& object, std::vector<std::string> duplicates) {
  Notes notes;
  notes.duplicates = std::move(duplicates);
  if (Status status = call.type->rules->decode(object, &notes); !status.is_ok()) {
    return from_status(status);
  }
  if (call.validation == FieldValidation::kStrict) {
    Status status = strict_error(call.type->version, call.type->kind, notes);
    if (!status.is_ok()) return from_status(status);
  }
  if (call.validation == FieldValidation::kWarn) {
    for (std::string& warning : field_warnings(notes)) call.warnings.push_back(std::move(warning));
  }
  return Done{};
}

}  // namespace k8s::apiserver
