// An OpenAPI v2 document in the binary form that Kubernetes' Go clients ask for. Internal.
//
// The form is that of gnostic's openapi.v2.Document message. Everything that the documents of
// this folder say is carried over; free values (extensions, defaults, enums) travel as YAML text,
// of which JSON is a part.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "libk8s/apiserver/schema/schema.hpp"

namespace k8s::apiserver::openapi {

std::string encode_gnostic(const Json& v2_document);

}  // namespace k8s::apiserver::openapi
