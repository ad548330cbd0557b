// Bodies: from the bytes of a request to an object that its type knows.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "libk8s/apiserver/core/call.hpp"
#include "libk8s/apiserver/schema/decode.hpp"

namespace k8s::apiserver {

// Reads a JSON, YAML or protobuf object. 400 when it cannot be read, 415 for other formats.
Outcome<ParsedBody> read_body(std::string_view content_type, std::string_view body);

// Checks the envelope of an object for the call's type: apiVersion and kind (filled in when
// absent), metadata an object. 400 otherwise.
Check check_envelope(const Call& call, nlohmann::json& object, std::string_view api_version,
                     std::string_view kind);

// Decodes against the rules, and tells of unknown and duplicate fields as ?fieldValidation asks.
Check decode_object(Call& call, nlohmann::json& object, std::vector<std::string> duplicates);

}  // namespace k8s::apiserver
