// Persistent volumes and the claims on them, as far as they say where a Pod may run.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "libk8s/request/request.hpp"
#include "libk8s/types/meta.hpp"
#include "libk8s/types/pod.hpp"
#include "libk8s/watch/codec.hpp"

namespace fermi {

struct VolumeClaim {
  k8s::ObjectMeta meta;
  std::string volume;  // spec.volumeName: "" while it is bound to none
};

struct Volume {
  k8s::ObjectMeta meta;
  std::string claim;  // "namespace/name" of the claim that it is bound to, or ""
  // Where it can be reached: any of these terms; empty: everywhere.
  std::vector<k8s::NodeSelectorTerm> affinity;
};

k8s::Result<VolumeClaim> decode_volume_claim(const nlohmann::json& object);
k8s::Result<Volume> decode_volume(const nlohmann::json& object);

}  // namespace fermi

template <>
struct k8s::Codec<fermi::VolumeClaim> : k8s::JsonCodec<fermi::VolumeClaim> {
  static Resource resource() { return resources::persistent_volume_claims(); }
  static Result<fermi::VolumeClaim> from_json(const nlohmann::json& object) {
    return fermi::decode_volume_claim(object);
  }
};

template <>
struct k8s::Codec<fermi::Volume> : k8s::JsonCodec<fermi::Volume> {
  static Resource resource() { return resources::persistent_volumes(); }
  static Result<fermi::Volume> from_json(const nlohmann::json& object) {
    return fermi::decode_volume(object);
  }
};
