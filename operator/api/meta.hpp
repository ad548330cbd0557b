// Reading the metadata of a custom resource.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "libk8s/base/status.hpp"
#include "libk8s/types/meta.hpp"

namespace fermi {

// metadata of `object`. Wrong types read as absent; kInvalid when there is no name or no uid.
k8s::Result<k8s::ObjectMeta> read_meta(const nlohmann::json& object);

}  // namespace fermi
