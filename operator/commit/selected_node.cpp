#include "operator/commit/selected_node.hpp"

#include <nlohmann/json.hpp>

#include "operator/api/api.hpp"

namespace fermi {

k8s::http::Request selected_node(const std::string& ns, const std::string& claim,
                                 const std::string& node) {
  return k8s::request::patch(
      k8s::resources::persistent_volume_claims(), ns, claim, "", k8s::PatchType::kMerge,
      {{"metadata", {{"annotations", {{annotation::kSelectedNode, node}}}}}});
}

}  // namespace fermi
