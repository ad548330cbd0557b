#include "operator/api/config_map.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "libk8s/codec/json.hpp"
#include "operator/api/meta.hpp"

namespace fermi {

k8s::Result<ConfigMap> decode_config_map(const nlohmann::json& object) {
  auto meta = read_meta(object);
  if (!meta) return meta.status();
  return ConfigMap{std::move(*meta), k8s::string_at(k8s::object_at(object, "data"), "config.yaml")};
}

}  // namespace fermi
