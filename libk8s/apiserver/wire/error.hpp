// ApiError and Outcome: how everything inside the server says no.
//
// An ApiError is the content of a Kubernetes Status object: HTTP code, machine-readable reason, one
// sentence for people, and causes that name fields. The functions below make the usual ones, so
// that equal mistakes read alike.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "libk8s/base/status.hpp"
#include "libk8s/http/message.hpp"

namespace k8s::apiserver {

struct Cause {
  std::string reason;   // "FieldValueInvalid", "FieldManagerConflict", ...
  std::string message;  // what was given and what is allowed
  std::string field;    // "spec.replicas"
};

struct ApiError {
  int http = 500;
  std::string reason = "InternalError";
  std::string message;
  // What it was about; may be empty.
  std::string group, kind, name;
  std::vector<Cause> causes;
  int retry_after_s = 0;
  std::string continue_token;  // 410 of a paged list: goes on from here, inconsistently
};

// A value or an ApiError.
template <class T>
class [[nodiscard]] Outcome {
 public:
  Outcome(T value) : data_(std::in_place_index<0>, std::move(value)) {}         // NOLINT: implicit
  Outcome(ApiError error) : data_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit

  explicit operator bool() const { return data_.index() == 0; }
  T& operator*() & { return std::get<0>(data_); }
  const T& operator*() const& { return std::get<0>(data_); }
  T* operator->() { return &std::get<0>(data_); }
  T take() && { return std::get<0>(std::move(data_)); }
  ApiError& error() { return std::get<1>(data_); }
  const ApiError& error() const { return std::get<1>(data_); }

 private:
  std::variant<T, ApiError> data_;
};

struct Done {};
using Check = Outcome<Done>;  // for functions that only say yes or no

// Names the thing an error is about: `plural` and `group` as in "deployments.apps".
struct Subject {
  std::string group, plural, kind, name;
};

ApiError bad_request(std::string message);
ApiError path_not_found(std::string_view path);
ApiError not_found(const Subject& subject);
ApiError already_exists(const Subject& subject);
ApiError conflict(const Subject& subject, std::string_view why);
ApiError forbidden(const Subject& subject, std::string_view why);
ApiError invalid(const Subject& subject, std::vector<Cause> causes);
// Parameters of a request that do not fit: `kind` is CreateOptions, ListOptions, ...
ApiError invalid_options(std::string_view kind, Cause cause);
// A patch whose result is no object of the kind.
ApiError invalid_patch(const std::string& why);
ApiError method_not_allowed(std::string_view why);
ApiError not_acceptable(std::string_view allowed);
ApiError unsupported_media_type(std::string_view given, std::string_view allowed);
ApiError too_large(std::size_t limit_bytes);
ApiError expired(std::string message);
ApiError too_large_version(std::uint64_t wanted, std::uint64_t current);
ApiError too_many_requests(std::string message, int retry_after_s);
ApiError not_implemented(std::string message);
ApiError internal(std::string message);
ApiError internal(const Status& status);

// The Kubernetes Status object of an error, of a success without content, and an error as a whole
// HTTP answer (Retry-After set where the error says so).
nlohmann::json status_object(const ApiError& error);
nlohmann::json success_object(const Subject& subject, std::string_view uid);
http::Response to_response(const ApiError& error);
http::Response json_response(int http, const nlohmann::json& body);

}  // namespace k8s::apiserver
