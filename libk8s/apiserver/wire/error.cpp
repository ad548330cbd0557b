#include "libk8s/apiserver/wire/error.hpp"

#include <nlohmann/json.hpp>

namespace k8s::apiserver {
namespace {

ApiError plain(int http, std::string reason, std::string message) {
  ApiError error;
  error.http = http;
  error.reason = std::move(reason);
  error.message = std::move(message);
  return error;
}

std::string qualified(const Subject& subject) {
  return subject.group.empty() ? subject.plural : subject.plural + "." + subject.group;
}

ApiError about(const Subject& subject, ApiError error) {
  error.group = subject.group;
  error.kind = subject.plural;
  error.name = subject.name;
  return error;
}

std::string quoted(const Subject& subject) {
  return qualified(subject) + " \"" + subject.name + "\"";
}

}  // namespace

ApiError bad_request(std::string message) { return plain(400, "BadRequest", std::move(message)); }

ApiError path_not_found(std::string_view path) {
  return plain(404, "NotFound",
               "the server could not find the requested resource: " + std::string(path));
}

ApiError not_found(const Subject& subject) {
  return about(subject, plain(404, "NotFound", quoted(subject) + " not found"));
}

ApiError already_exists(const Subject& subject) {
  return about(subject, plain(409, "AlreadyExists", quoted(subject) + " already exists"));
}

ApiError conflict(const Subject& subject, std::string_view why) {
  return about(subject, plain(409, "Conflict",
                              "Operation cannot be fulfilled on " + quoted(subject) + ": " +
                                  std::string(why)));
}

ApiError forbidden(const Subject& subject, std::string_view why) {
  return about(subject,
               plain(403, "Forbidden", quoted(subject) + " is forbidden: " + std::string(why)));
}

ApiError invalid(const Subject& subject, std::vector<Cause> causes) {
  const std::string kind =
      subject.group.empty() ? subject.kind : subject.kind + "." + subject.group;
  std::string message = kind + " \"" + subject.name + "\" is invalid: ";
  const bool many = causes.size() > 1;
  if (many) message += "[";
  for (std::size_t i = 0; i < causes.size(); ++i) {
    if (i > 0) message += ", ";
    const Cause& cause = causes[i];
    message += cause.field.empty() ? cause.message : cause.field + ": " + cause.message;
  }
  if (many) message += "]";
  ApiError error = about(subject, plain(422, "Invalid", std::move(message)));
  error.kind = subject.kind;
  error.causes = std::move(causes);
  return error;
}

ApiError invalid_options(std::string_view kind, Cause cause) {
  return invalid({"meta.k8s.io", "", std::string(kind), ""}, {std::move(cause)});
}

ApiError invalid_patch(const std::string& why) {
  return invalid({}, {{"FieldValueInvalid", "Invalid value: " + why, "patch"}});
}

ApiError method_not_allowed(std::string_view why) {
  return plain(405, "MethodNotAllowed", std::string(why));
}

ApiError not_acceptable(std::string_view allowed) {
  return plain(406, "NotAcceptable",
               "only the following media types are accepted: " + std::string(allowed));
}

ApiError unsupported_media_type(std::string_view given, std::string_view allowed) {
  return plain(415, "UnsupportedMediaType",
               "the body of the request was in an unknown format (" + std::string(given) +
                   ") - accepted media types include: " + std::string(allowed));
}

ApiError too_large(std::size_t limit_bytes) {
  return plain(413, "RequestEntityTooLarge",
               "Request entity too large: limit is " + std::to_string(limit_bytes));
}

ApiError expired(std::string message) { return plain(410, "Expired", std::move(message)); }

ApiError too_large_version(std::uint64_t wanted, std::uint64_t current) {
  ApiError error = plain(504, "Timeout",
                         "Timeout: Too large resource version: " + std::to_string(wanted) +
                             ", current: " + std::to_string(current));
  error.causes = {{"ResourceVersionTooLarge", "Too large resource version", ""}};
  error.retry_after_s = 1;
  return error;
}

ApiError too_many_requests(std::string message, int retry_after_s) {
  ApiError error = plain(429, "TooManyRequests", std::move(message));
  error.retry_after_s = retry_after_s;
  return error;
}

ApiError not_implemented(std::string message) {
  return plain(501, "NotImplemented", std::move(message));
}

ApiError internal(std::string message) { return plain(500, "InternalError", std::move(message)); }

ApiError internal(const Status& status) { return internal(status.message()); }

nlohmann::json status_object(const ApiError& error) {
  nlohmann::json details = nlohmann::json::object();
  if (!error.name.empty()) details["name"] = error.name;
  if (!error.group.empty()) details["group"] = error.group;
  if (!error.kind.empty()) details["kind"] = error.kind;
  if (error.retry_after_s > 0) details["retryAfterSeconds"] = error.retry_after_s;
  for (const Cause& cause : error.causes) {
    nlohmann::json entry{{"reason", cause.reason}, {"message", cause.message}};
    if (!cause.field.empty()) entry["field"] = cause.field;
    details["causes"].push_back(std::move(entry));
  }
  nlohmann::json status{
      {"kind", "Status"},    {"apiVersion", "v1"},       {"metadata", nlohmann::json::object()},
      {"status", "Failure"}, {"message", error.message}, {"reason", error.reason},
      {"code", error.http}};
  if (!details.empty()) status["details"] = std::move(details);
  if (!error.continue_token.empty()) status["metadata"]["continue"] = error.continue_token;
  return status;
}

nlohmann::json success_object(const Subject& subject, std::string_view uid) {
  nlohmann::json details{{"name", subject.name}, {"kind", subject.plural}};
  if (!subject.group.empty()) details["group"] = subject.group;
  if (!uid.empty()) details["uid"] = uid;
  return {{"kind", "Status"},
          {"apiVersion", "v1"},
          {"metadata", nlohmann::json::object()},
          {"status", "Success"},
          {"details", std::move(details)}};
}

http::Response to_response(const ApiError& error) {
  http::Response response = json_response(error.http, status_object(error));
  if (error.retry_after_s > 0) {
    response.headers.set("Retry-After", std::to_string(error.retry_after_s));
  }
  return response;
}

http::Response json_response(int http, const nlohmann::json& body) {
  http::Response response;
  response.status = http;
  response.headers.set("Content-Type", "application/json");
  response.body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return response;
}

}  // namespace k8s::apiserver
