// Result and Status: how every function of this library that can fail answers.
//
// A Status is a code plus one sentence for people. The code alone tells the caller what to do
// next (see `next`): callers never match on message text, and never look at HTTP numbers.
// Bugs are not statuses: they are asserts. Decisions are not statuses: they are data.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace k8s {

enum class Code : std::uint8_t {
  kOk,
  kInvalid,          // 400, 422: the request is wrong; the same request will always be wrong
  kUnauthorized,     // 401: credentials are missing or expired
  kForbidden,        // 403: not allowed (RBAC, quota, admission)
  kNotFound,         // 404
  kAlreadyExists,    // 409 on create
  kConflict,         // 409 on write: resourceVersion or a precondition did not match
  kGone,             // 410: the resourceVersion or continue token is too old
  kTooLargeVersion,  // 504/429 with "Too large resource version": the server lags behind us
  kTooManyRequests,  // 429: slow down; `retry_after` says how long, if the server said so
  kUnavailable,      // nothing was sent, or the server said 503: safe to send again
  kUnknownOutcome,   // sent, but no whole answer came: it may or may not have happened
  kUnsupported,      // 405, 406, 415, 501
  kMalformed,        // the answer could not be understood, or broke a size limit
  kCancelled,        // the caller cancelled
  kInternal,         // 500 and everything else
};

// What a caller should do after a failure.
enum class Next : std::uint8_t {
  kNothing,   // it worked
  kRetry,     // the same request again, after back-off
  kReread,    // read the object again, decide anew (conflict, unknown outcome)
  kRelist,    // the watch cannot go on from where it was
  kFixInput,  // a person has to change something
  kGiveUp,    // no retry helps at this level
};

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Code code, std::string message) : code_(code), message_(std::move(message)) {}

  static Status ok() { return {}; }

  bool is_ok() const { return code_ == Code::kOk; }
  explicit operator bool() const { return is_ok(); }
  Code code() const { return code_; }
  const std::string& message() const { return message_; }
  Next next() const;

  // The HTTP status this came from; 0 when there was no answer.
  int http_status() const { return http_status_; }
  // The machine-readable `reason` of a Kubernetes Status object ("AlreadyExists", "Expired"), or
  // "".
  const std::string& reason() const { return reason_; }
  std::optional<std::chrono::milliseconds> retry_after() const { return retry_after_; }

  Status& with_http(int http_status) {
    http_status_ = http_status;
    return *this;
  }
  Status& with_reason(std::string reason) {
    reason_ = std::move(reason);
    return *this;
  }
  Status& with_retry_after(std::chrono::milliseconds t) {
    retry_after_ = t;
    return *this;
  }

  // "NotFound: pods \"a\" not found (HTTP 404)", for logs.
  std::string to_string() const;

 private:
  Code code_ = Code::kOk;
  int http_status_ = 0;
  std::string message_;
  std::string reason_;
  std::optional<std::chrono::milliseconds> retry_after_;
};

std::string_view name(Code code);

// A value, or the Status that says why there is none. Never holds an ok Status.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : data_(std::in_place_index<0>, std::move(value)) {}         // NOLINT: implicit
  Result(Status status) : data_(std::in_place_index<1>, std::move(status)) {}  // NOLINT: implicit

  bool is_ok() const { return data_.index() == 0; }
  explicit operator bool() const { return is_ok(); }

  T& value() & { return std::get<0>(data_); }
  const T& value() const& { return std::get<0>(data_); }
  T&& value() && { return std::get<0>(std::move(data_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  Status status() const { return is_ok() ? Status::ok() : std::get<1>(data_); }

 private:
  std::variant<T, Status> data_;
};

}  // namespace k8s
