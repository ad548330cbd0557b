// What encoding and decoding share. Internal to protobuf/.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "libk8s/apiserver/schema/schema.hpp"

namespace k8s::apiserver::protobuf {

// The message of a kind; null: cannot be encoded.
const Schema* message_type(std::string_view api_version, std::string_view kind);
// The elements of a list kind ("PodList"); null: cannot be encoded.
const Schema* list_item_type(std::string_view api_version, std::string_view list_kind);

std::optional<std::string> from_base64(std::string_view text);
std::string to_base64(std::string_view bytes);

}  // namespace k8s::apiserver::protobuf
