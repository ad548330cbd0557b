#include "libk8s/types/pod_group.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "libk8s/codec/json.hpp"
#include "libk8s/types/codec.hpp"

namespace k8s {

Result<PodGroup> Codec<PodGroup>::from_json(const nlohmann::json& object) {
  PodGroup out;
  out.meta = meta_from_json(object_at(object, "metadata"));
  if (out.meta.name.empty() || out.meta.uid.empty())
    return Status(Code::kInvalid, "a PodGroup without name or uid");
  const auto& policy = object_at(object_at(object, "spec"), "schedulingPolicy");
  if (has(policy, "gang"))
    out.min_count = std::max<std::int64_t>(1, int_at(object_at(policy, "gang"), "minCount", 1));
  return out;
}

}  // namespace k8s
