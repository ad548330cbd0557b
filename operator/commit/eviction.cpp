#include "operator/commit/eviction.hpp"

#include <nlohmann/json.hpp>

namespace fermi {

k8s::http::Request eviction(const std::string& ns, const std::string& name,
                            const std::string& uid) {
  const nlohmann::json body = {{"apiVersion", "policy/v1"},
                               {"kind", "Eviction"},
                               {"metadata", {{"name", name}, {"namespace", ns}}},
                               {"deleteOptions", {{"preconditions", {{"uid", uid}}}}}};
  return k8s::request::post(k8s::resources::pods(), ns, name, "eviction", body);
}

}  // namespace fermi
