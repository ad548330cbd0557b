// Answers: HTTP status and Kubernetes Status -> the one code that tells a caller what to do.

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "libk8s/codec/encoding.hpp"
#include "libk8s/codec/json.hpp"
#include "libk8s/request/request.hpp"

namespace k8s {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxMessage = 8192;
// A server that asks for more than an hour is not believed.
constexpr std::int64_t kMaxRetryAfterSeconds = 3600;

// Newer servers name the cause; older ones say it in the message only.
bool is_too_large_version(const json& status) {
  for (const auto& cause : array_at(object_at(status, "details"), "causes")) {
    if (string_at(cause, "reason") == "ResourceVersionTooLarge") return true;
    if (string_at(cause, "message").starts_with("Too large resource version")) return true;
  }
  return string_at(status, "message").find("Too large resource version") != std::string::npos;
}

Code code_of(int http, const std::string& reason) {
  switch (http) {
    case 400:
    case 413:
    case 422:
      return Code::kInvalid;
    case 401:
      return Code::kUnauthorized;
    case 403:
      return Code::kForbidden;
    case 404:
      return Code::kNotFound;
    case 409:
      return reason == "AlreadyExists" ? Code::kAlreadyExists : Code::kConflict;
    case 410:
      return Code::kGone;
    case 429:
      return Code::kTooManyRequests;
    case 405:
    case 406:
    case 415:
    case 501:
      return Code::kUnsupported;
    case 503:
      return Code::kUnavailable;
    // The server, or something before it, gave up waiting: the write may still happen.
    case 408:
    case 502:
    case 504:
      return Code::kUnknownOutcome;
    default:
      return Code::kInternal;
  }
}

std::optional<std::chrono::milliseconds> seconds_from(std::string_view text) {
  std::int64_t seconds = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || stop != text.data() + text.size() || seconds < 0) return std::nullopt;
  return std::chrono::seconds(std::min(seconds, kMaxRetryAfterSeconds));
}

Status from_object(const json& object, int http) {
  const std::string reason = string_at(object, "reason");
  std::string message = string_at(object, "message");
  message.resize(std::min(message.size(), kMaxMessage));
  if (message.empty()) message = reason.empty() ? "the server gave no reason" : reason;
  const bool waiting = http == 504 || http == 429;
  const Code code =
      waiting && is_too_large_version(object) ? Code::kTooLargeVersion : code_of(http, reason);
  Status status(code, std::move(message));
  status.with_http(http).with_reason(reason);
  const auto seconds = int_at(object_at(object, "details"), "retryAfterSeconds");
  if (seconds > 0)
    status.with_retry_after(std::chrono::seconds(std::min(seconds, kMaxRetryAfterSeconds)));
  return status;
}

// The Status object of an answer in either encoding; null when the body is something else.
json status_object(const http::Response& response) {
  std::string text = response.body;
  if (has_envelope(text)) {
    const auto inner = unwrap(text);
    if (!inner || inner->kind != "Status") return nullptr;
    const auto converted = status_json(inner->message);
    if (!converted) return nullptr;
    text = *converted;
  }
  auto object = parse_json(text);
  if (!object || string_at(*object, "kind") != "Status") return nullptr;
  return std::move(*object);
}

// Answers of proxies and load balancers: HTML or a line of text. The first words help a person.
Status from_text(const http::Response& response) {
  std::string words = response.body.substr(0, 200);
  std::ranges::replace_if(
      words, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  const std::string number = std::to_string(response.status);
  return Status(code_of(response.status, ""), words.empty()
                                                  ? "the server answered " + number
                                                  : "the server answered " + number + ": " + words)
      .with_http(response.status);
}

}  // namespace

Status to_status(const http::Response& response) {
  if (response.status >= 200 && response.status < 300) return {};
  const json object = status_object(response);
  Status status = object.is_null() ? from_text(response) : from_object(object, response.status);
  if (const auto wait = seconds_from(response.headers.get("Retry-After")))
    status.with_retry_after(*wait);
  return status;
}

Status to_status(const json& status_object) {
  const auto code = int_at(status_object, "code");
  if (string_at(status_object, "kind") != "Status" || code < 100 || code > 599)
    return {Code::kMalformed, "an error that is not a Kubernetes Status"};
  return from_object(status_object, static_cast<int>(code));
}

Result<json> to_json(const http::Response& response) {
  if (auto status = to_status(response); !status) return status;
  if (encoding_of(response.headers.get("Content-Type")) == Encoding::kProtobuf)
    return Status(Code::kMalformed, "the server answered in protobuf where JSON was asked for");
  auto parsed = parse_json(response.body);
  if (!parsed) return parsed.status().with_http(response.status);
  return parsed;
}

}  // namespace k8s
