#include "operator/api/namespace.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "operator/api/meta.hpp"

namespace fermi {

k8s::Result<Namespace> decode_namespace(const nlohmann::json& object) {
  auto meta = read_meta(object);
  if (!meta) return meta.status();
  return Namespace{std::move(*meta)};
}

}  // namespace fermi
