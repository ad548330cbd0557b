#include "libk8s/base/status.hpp"

namespace k8s {

Next Status::next() const {
  switch (code_) {
    case Code::kOk:
      return Next::kNothing;
    case Code::kInvalid:
    case Code::kForbidden:
      return Next::kFixInput;
    case Code::kConflict:
    case Code::kAlreadyExists:
    case Code::kUnknownOutcome:
      return Next::kReread;
    case Code::kGone:
    case Code::kTooLargeVersion:
      return Next::kRelist;
    case Code::kUnauthorized:
    case Code::kTooManyRequests:
    case Code::kUnavailable:
    case Code::kInternal:
      return Next::kRetry;
    case Code::kNotFound:
    case Code::kUnsupported:
    case Code::kMalformed:
    case Code::kCancelled:
      return Next::kGiveUp;
  }
  return Next::kGiveUp;
}

std::string_view name(Code code) {
  switch (code) {
    case Code::kOk:
      return "Ok";
    case Code::kInvalid:
      return "Invalid";
    case Code::kUnauthorized:
      return "Unauthorized";
    case Code::kForbidden:
      return "Forbidden";
    case Code::kNotFound:
      return "NotFound";
    case Code::kAlreadyExists:
      return "AlreadyExists";
    case Code::kConflict:
      return "Conflict";
    case Code::kGone:
      return "Gone";
    case Code::kTooLargeVersion:
      return "TooLargeVersion";
    case Code::kTooManyRequests:
      return "TooManyRequests";
    case Code::kUnavailable:
      return "Unavailable";
    case Code::kUnknownOutcome:
      return "UnknownOutcome";
    case Code::kUnsupported:
      return "Unsupported";
    case Code::kMalformed:
      return "Malformed";
    case Code::kCancelled:
      return "Cancelled";
    case Code::kInternal:
      return "Internal";
  }
  return "Internal";
}

std::string Status::to_string() const {
  std::string text{name(code_)};
  if (!message_.empty()) text += ": " + message_;
  if (http_status_ != 0) text += " (HTTP " + std::to_string(http_status_) + ")";
  return text;
}

}  // namespace k8s
