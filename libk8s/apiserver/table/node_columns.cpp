#include <nlohmann/json.hpp>
#include <set>

#include "libk8s/apiserver/table/columns.hpp"
#include "libk8s/codec/json.hpp"

namespace k8s::apiserver::table {
namespace {

std::string node_status(const Json& node) {
  std::vector<std::string> parts;
  for (const Json& c : array_at(object_at(node, "status"), "conditions")) {
    if (string_at(c, "type") != "Ready") continue;
    parts.push_back(string_at(c, "status") == "True" ? "Ready" : "NotReady");
  }
  if (parts.empty()) parts.push_back("Unknown");
  if (bool_at(object_at(node, "spec"), "unschedulable")) parts.push_back("SchedulingDisabled");
  return joined(parts);
}

std::string roles(const Json& node) {
  constexpr std::string_view kPrefix = "node-role.kubernetes.io/";
  std::set<std::string> roles;
  for (const auto& [key, value] : object_at(object_at(node, "metadata"), "labels").items()) {
    if (std::string_view(key).starts_with(kPrefix)) roles.insert(key.substr(kPrefix.size()));
    if (key == "kubernetes.io/role" && value.is_string()) roles.insert(value.get<std::string>());
  }
  return joined({roles.begin(), roles.end()});
}

Column address_column(std::string name, std::string type) {
  Column column{std::move(name), "string", "", "", 1, {}};
  column.cell = [type = std::move(type)](const Json& node, WallTime) -> Json {
    for (const Json& a : array_at(object_at(node, "status"), "addresses")) {
      if (string_at(a, "type") == type) return string_at(a, "address");
    }
    return "<none>";
  };
  return column;
}

}  // namespace

Columns node_columns() {
  return {name_column(),
          {"Status", "string", "", "Whether the node takes pods.", 0,
           [](const Json& o, WallTime) { return node_status(o); }},
          {"Roles", "string", "", "Roles by its labels.", 0,
           [](const Json& o, WallTime) { return roles(o); }},
          age_column(),
          text_column("Version", {"status", "nodeInfo", "kubeletVersion"}),
          address_column("Internal-IP", "InternalIP"),
          address_column("External-IP", "ExternalIP"),
          text_column("OS-Image", {"status", "nodeInfo", "osImage"}, "<unknown>", 1),
          text_column("Kernel-Version", {"status", "nodeInfo", "kernelVersion"}, "<unknown>", 1),
          text_column("Container-Runtime", {"status", "nodeInfo", "containerRuntimeVersion"},
                      "<unknown>", 1)};
}

}  // namespace k8s::apiserver::table
