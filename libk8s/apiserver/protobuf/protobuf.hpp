// JSON objects to Kubernetes' protobuf wire form, for the kinds whose messages are known whole.
//
// The messages come from the same texts as the schemas (kinds/), which carry every field number:
// nothing that was stored is lost on the way. A kind that cannot be written whole is not encodable,
// and the server then answers JSON where Accept allows it, else 406. Pure; any thread.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "libk8s/apiserver/schema/schema.hpp"
#include "libk8s/base/status.hpp"

namespace k8s::apiserver::protobuf {

inline constexpr std::string_view kContentType = "application/vnd.kubernetes.protobuf";
inline constexpr std::string_view kWatchContentType =
    "application/vnd.kubernetes.protobuf;stream=watch";

// Also true for "PodList" and its like, Status, and DeleteOptions.
bool encodable(std::string_view api_version, std::string_view kind);

// "k8s\0" and a runtime.Unknown around the object or list (by its own apiVersion and kind).
// Errors: kUnsupported for kinds that are not encodable, kInvalid for values of a wrong type.
Result<std::string> encode(const Json& object);

// The opening of a list without building its JSON: {apiVersion, kind "PodList", metadata} and the
// objects, one after the other.
Result<std::string> encode_list(std::string_view api_version, std::string_view list_kind,
                                const Json& list_meta, const std::vector<const Json*>& items);

// One frame of a watch: four bytes of length (big endian) and a WatchEvent around the object.
// `type` is "ADDED", "MODIFIED", "DELETED", "BOOKMARK" or "ERROR".
Result<std::string> encode_watch_event(std::string_view type, const Json& object);

// A request body in protobuf ("k8s\0..."), back to JSON. Errors: kUnsupported, kInvalid (400).
Result<Json> decode(std::string_view bytes);

}  // namespace k8s::apiserver::protobuf
