// RBAC: what the stored Roles, ClusterRoles and bindings allow a user. Read only.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "libk8s/apiserver/core/call.hpp"

namespace k8s::apiserver {

struct Access {
  std::string user;
  std::vector<std::string> groups;
  std::string verb;
  std::string ns, group, resource, subresource, name;
  std::string path;  // non-resource URL; then the fields above but verb do not count
};

// Why it is allowed ("RBAC: allowed by RoleBinding ..."), or "" when it is not.
std::string allowed_by(const Core& core, const Access& access);

// The rules that hold for somebody in a namespace ("" for cluster-wide ones only).
std::vector<nlohmann::json> rules_for(const Core& core, const std::string& user,
                                      const std::vector<std::string>& groups,
                                      const std::string& ns);

}  // namespace k8s::apiserver
