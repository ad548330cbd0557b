#include <nlohmann/json.hpp>

#include "libk8s/apiserver/kinds/builtin.hpp"
#include "libk8s/codec/json.hpp"

namespace k8s::apiserver::kinds {
namespace {

// Images without a tag, or with the tag "latest", are always fetched.
bool is_latest(std::string_view image) {
  if (image.find('@') != std::string_view::npos) return false;
  std::size_t slash = image.rfind('/');
  std::string_view last = slash == std::string_view::npos ? image : image.substr(slash + 1);
  std::size_t colon = last.find(':');
  return colon == std::string_view::npos || last.substr(colon + 1) == "latest";
}

// What is limited but not requested is requested at its limit.
void request_limits(Json& container) {
  if (!container.contains("resources")) {
    container["resources"] = Json::object();
    return;
  }
  const Json limits = object_at(container["resources"], "limits");
  for (const auto& [name, amount] : limits.items()) {
    Json& requests = container["resources"]["requests"];
    if (!requests.contains(name)) requests[name] = amount;
  }
}

void container_defaults(Json& container, bool host_network) {
  if (!container.is_object()) return;
  if (!container.contains("imagePullPolicy")) {
    bool latest = is_latest(string_at(container, "image"));
    container["imagePullPolicy"] = latest ? "Always" : "IfNotPresent";
  }
  request_limits(container);
  if (!host_network || !container.contains("ports")) return;
  for (Json& port : container["ports"]) {
    if (port.is_object() && port.contains("containerPort") && !port.contains("hostPort")) {
      port["hostPort"] = port["containerPort"];
    }
  }
}

bool has_source(const Json& volume) { return volume.size() > 1 || !volume.contains("name"); }

void spec_defaults(Json& spec) {
  for (const char* list : {"initContainers", "containers"}) {
    if (!spec.contains(list)) continue;
    for (Json& c : spec[list]) container_defaults(c, bool_at(spec, "hostNetwork"));
  }
  if (spec.contains("ephemeralContainers")) {
    for (Json& c : spec["ephemeralContainers"]) container_defaults(c, false);
  }
  if (spec.contains("volumes")) {
    for (Json& volume : spec["volumes"]) {
      if (volume.is_object() && !has_source(volume)) volume["emptyDir"] = Json::object();
    }
  }
  if (!spec.contains("securityContext")) spec["securityContext"] = Json::object();
  // The account has an old and a new name.
  if (!spec.contains("serviceAccountName") && spec.contains("serviceAccount")) {
    spec["serviceAccountName"] = spec["serviceAccount"];
  }
  if (!spec.contains("serviceAccountName")) spec["serviceAccountName"] = "default";
  spec["serviceAccount"] = spec["serviceAccountName"];
}

}  // namespace

void pod_defaults(Json& pod) {
  if (pod.contains("spec") && pod["spec"].is_object()) spec_defaults(pod["spec"]);
}

}  // namespace k8s::apiserver::kinds
