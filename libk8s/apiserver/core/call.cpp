#include "libk8s/apiserver/core/call.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "libk8s/apiserver/protobuf/protobuf.hpp"
#include "libk8s/codec/json.hpp"
#include "libk8s/codec/rfc3339.hpp"

namespace k8s::apiserver {
namespace {

constexpr std::string_view kFinalizers = "finalizers";

// {"kind": "PartialObjectMetadata", ...} of one object.
nlohmann::json metadata_only(const nlohmann::json& object) {
  return {{"kind", "PartialObjectMetadata"},
          {"apiVersion", "meta.k8s.io/v1"},
          {"metadata", object_at(object, "metadata")}};
}

http::Response protobuf_response(int http, std::string body) {
  http::Response response;
  response.status = http;
  response.headers.set("Content-Type", std::string(protobuf::kContentType));
  response.body = std::move(body);
  return response;
}

}  // namespace

std::string Core::now_text() const { return format_time(options.now()); }

std::string Core::random_uid() const {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string uid;
  std::uint64_t bits = 0;
  for (int digit = 0; digit < 32; ++digit) {
    if (digit % 16 == 0) bits = options.random();
    auto value = static_cast<unsigned>(bits & 15U);
    bits >>= 4U;
    if (digit == 12) value = 4;                  // version: random
    if (digit == 16) value = (value & 3U) | 8U;  // variant
    if (digit == 8 || digit == 12 || digit == 16 || digit == 20) uid += '-';
    uid += kHex[value];
  }
  return uid;
}

ObjectId object_id(const ResourceType& type, std::string_view ns, std::string_view name) {
  return {type.storage, type.namespaced ? std::string(ns) : std::string(), std::string(name)};
}

View::View(const ResourceType& type, ObjectPtr object) : object_(std::move(object)) {
  const bool other_version = type.api_version() != type.stored_api_version;
  const bool old_schema = type.custom && object_->revision() < type.schema_revision;
  if (!other_version && !old_schema) return;
  if (type.custom) {
    converted_ = std::make_shared<nlohmann::json>(object_->json());
    (*converted_)["apiVersion"] = type.api_version();
    type.rules->set_defaults(*converted_);
  } else {
    converted_ =
        std::make_shared<nlohmann::json>(kinds::convert_event(object_->json(), type.api_version()));
  }
}

const nlohmann::json& View::json() const { return converted_ ? *converted_ : object_->json(); }

std::string View::text() const { return converted_ ? json_text(*converted_) : object_->text(); }

nlohmann::json to_stored(const ResourceType& type, nlohmann::json object) {
  if (type.api_version() == type.stored_api_version) return object;
  if (!type.custom) return kinds::convert_event(object, type.stored_api_version);
  object["apiVersion"] = type.stored_api_version;
  return object;
}

std::string name_of(const nlohmann::json& object) {
  return string_at(object_at(object, "metadata"), "name");
}

std::string namespace_of(const nlohmann::json& object) {
  return string_at(object_at(object, "metadata"), "namespace");
}

bool is_deleting(const nlohmann::json& object) {
  return !string_at(object_at(object, "metadata"), "deletionTimestamp").empty();
}

bool has_finalizer(const nlohmann::json& object, std::string_view finalizer) {
  const auto& list = array_at(object_at(object, "metadata"), kFinalizers);
  return std::ranges::find(list, nlohmann::json(finalizer)) != list.end();
}

void remove_finalizer(nlohmann::json& object, std::string_view finalizer) {
  if (!has_finalizer(object, finalizer)) return;
  auto& meta = object["metadata"];
  nlohmann::json left = nlohmann::json::array();
  for (const auto& entry : meta["finalizers"]) {
    if (entry != finalizer) left.push_back(entry);
  }
  if (left.empty()) {
    meta.erase("finalizers");
  } else {
    meta["finalizers"] = std::move(left);
  }
}

void add_finalizer(nlohmann::json& object, std::string_view finalizer) {
  if (!has_finalizer(object, finalizer)) object["metadata"]["finalizers"].push_back(finalizer);
}

ApiError from_status(const Status& status) {
  ApiError error = bad_request(status.message());
  if (status.http_status() >= 400) error.http = status.http_status();
  static constexpr std::pair<int, const char*> kReasons[] = {
      {409, "Conflict"}, {413, "RequestEntityTooLarge"}, {415, "UnsupportedMediaType"},
      {422, "Invalid"},  {500, "InternalError"},         {501, "NotImplemented"}};
  for (const auto& [http, reason] : kReasons) {
    if (error.http == http) error.reason = reason;
  }
  if (!status.reason().empty()) error.reason = status.reason();
  return error;
}

ApiError from_field_errors(const Subject& subject, const FieldErrors& errors) {
  std::vector<Cause> causes;
  causes.reserve(errors.size());
  for (const FieldError& error : errors) {
    causes.push_back({std::string(error.reason()), error.detail, error.path});
  }
  return invalid(subject, std::move(causes));
}

Reply object_reply(const Core& core, const Call& call, int http, const nlohmann::json& object) {
  Reply reply;
  if (call.media.form == Form::kTable) {
    auto include = table::parse_include(call.target.query.get("includeObject"));
    if (!include) return error_reply(from_status(include.status()));
    const nlohmann::json meta{
        {"resourceVersion", string_at(object_at(object, "metadata"), "resourceVersion")}};
    reply.response = json_response(
        http, table::table(*call.type->printer, {&object}, meta, *include, core.options.now()));
  } else if (call.media.form == Form::kMetadata) {
    reply.response = json_response(http, metadata_only(object));
  } else if (call.media.protobuf) {
    Result<std::string> bytes = protobuf::encode(object);
    if (!bytes) return error_reply(not_acceptable("application/json"));
    reply.response = protobuf_response(http, std::move(bytes).value());
  } else {
    reply.response = json_response(http, object);
  }
  add_warnings(reply.response, call.warnings);
  return reply;
}

Reply error_reply(const ApiError& error) { return {to_response(error), nullptr}; }

Reply status_reply(int http, const nlohmann::json& body) {
  return {json_response(http, body), nullptr};
}

void add_warnings(http::Response& response, const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings) {
    std::string quoted = "299 - \"";
    for (const char c : warning) {
      if (c == '"' || c == '\\') quoted += '\\';
      // A header must stay on one line, whatever a field was named.
      quoted += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
    }
    response.headers.add("Warning", quoted + '"');
  }
}

}  // namespace k8s::apiserver
