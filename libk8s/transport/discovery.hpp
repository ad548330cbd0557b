// Discovery: whether a server offers a kind, and in which version.
//
// Picture: GET /apis/GROUP -> its versions, in the server's order of preference; GET
// /apis/GROUP/VERSION for one after the other, until one lists the resource.
// Threads: the loop's.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "libk8s/base/status.hpp"
#include "libk8s/transport/client.hpp"
#include "libk8s/types/resource.hpp"

namespace k8s {

// `wanted` without its version. Nothing when no version offers it, or when the caller may not ask
// (404, 403); a status when nobody knows. The client outlives the call, or is destroyed with it.
void discover(Client& client, const Resource& wanted,
              std::function<void(Result<std::optional<Resource>>)> done);

}  // namespace k8s
