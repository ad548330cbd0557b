// Discovery: what is served, told in all the forms that clients ask for: the aggregated document
// (apidiscovery.k8s.io v2 and v2beta1), the old lists per group and version, /version, health, and
// the OpenAPI documents.
#pragma once

#include <optional>

#include "libk8s/apiserver/core/call.hpp"

namespace k8s::apiserver {

// The answer to a path that is not a resource; nullopt when it is none of these.
std::optional<Reply> discovery_reply(Core& core, const http::Request& request,
                                     const Target& target);

}  // namespace k8s::apiserver
