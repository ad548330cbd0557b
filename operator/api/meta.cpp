#include "operator/api/meta.hpp"

#include <nlohmann/json.hpp>

#include "libk8s/codec/json.hpp"
#include "libk8s/types/codec.hpp"

namespace fermi {

k8s::Result<k8s::ObjectMeta> read_meta(const nlohmann::json& object) {
  k8s::ObjectMeta meta = k8s::meta_from_json(k8s::object_at(object, "metadata"));
  if (meta.name.empty() || meta.uid.empty())
    return k8s::Status(k8s::Code::kInvalid, "an object without name or uid");
  return meta;
}

}  // namespace fermi
