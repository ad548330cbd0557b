// ConfigMap, as far as the operator reads one: the text of its configuration.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "libk8s/request/request.hpp"
#include "libk8s/types/meta.hpp"
#include "libk8s/watch/codec.hpp"

namespace fermi {

struct ConfigMap {
  k8s::ObjectMeta meta;
  std::string text;  // data["config.yaml"]
};

k8s::Result<ConfigMap> decode_config_map(const nlohmann::json& object);

}  // namespace fermi

template <>
struct k8s::Codec<fermi::ConfigMap> : k8s::JsonCodec<fermi::ConfigMap> {
  static Resource resource() { return resources::config_maps(); }
  static Result<fermi::ConfigMap> from_json(const nlohmann::json& object) {
    return fermi::decode_config_map(object);
  }
};
