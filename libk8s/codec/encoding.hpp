// The two encodings an API server answers in, and the envelope of the binary one.
//
// A protobuf answer is not a bare message: four magic bytes, then a runtime.Unknown that names the
// type and carries the message as bytes. Watch frames and lists have their own readers
// (watch_stream.hpp, list_stream.hpp); this header is for single objects.
//
// Pure functions over bytes; nothing is kept. Any input is safe: what is not understood is
// kMalformed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "libk8s/base/status.hpp"

namespace k8s {

enum class Encoding : std::uint8_t { kJson, kProtobuf };

// What to send as Accept: protobuf where the server has it, JSON where not.
inline constexpr std::string_view kAcceptJson = "application/json";
inline constexpr std::string_view kAcceptProtobuf =
    "application/vnd.kubernetes.protobuf,application/json";
inline constexpr std::string_view kAcceptProtobufWatch =
    "application/vnd.kubernetes.protobuf;stream=watch,application/json";

// The encoding a Content-Type stands for; anything but Kubernetes' protobuf is taken for JSON.
Encoding encoding_of(std::string_view content_type);

// Whether `bytes` begin with the envelope's magic.
bool has_envelope(std::string_view bytes);

struct Unwrapped {
  std::string_view api_version, kind;  // as the envelope says
  std::string_view message;            // the bare protobuf message
};
// Opens an envelope. The views point into `bytes`.
Result<Unwrapped> unwrap(std::string_view bytes);

// Wraps a bare message; what a server does with its answer.
std::string wrap(std::string_view api_version, std::string_view kind, std::string_view message);

// A meta/v1 Status message (no envelope) as the JSON text of the same object.
Result<std::string> status_json(std::string_view message);

}  // namespace k8s
