#include <nlohmann/json.hpp>
#include <set>

#include "libk8s/apiserver/kinds/builtin.hpp"
#include "libk8s/codec/json.hpp"

namespace k8s::apiserver::kinds {
namespace {

bool port_in_range(std::int64_t port) { return port >= 1 && port <= 65535; }

void check_service_port(const Json& port, bool several, const std::string& path,
                        std::set<std::string>& names, FieldErrors& errors) {
  std::string name = string_at(port, "name");
  if (name.empty() && several) errors.push_back(field::required(path + ".name"));
  if (!name.empty()) {
    if (std::string wrong = dns1123_label(name); !wrong.empty()) {
      errors.push_back(field::invalid(path + ".name", name, wrong));
    }
    if (!names.insert(name).second) errors.push_back(field::duplicate(path + ".name", name));
  }
  if (!port_in_range(int_at(port, "port"))) {
    errors.push_back(field::invalid(path + ".port", port.value("port", Json()),
                                    "must be between 1 and 65535, inclusive"));
  }
  if (!port.contains("targetPort")) return;
  const Json& target = port["targetPort"];
  if (target.is_number_integer() && !port_in_range(target.get<std::int64_t>())) {
    errors.push_back(
        field::invalid(path + ".targetPort", target, "must be between 1 and 65535, inclusive"));
  } else if (target.is_string()) {
    if (std::string wrong = port_name(target.get_ref<const std::string&>()); !wrong.empty()) {
      errors.push_back(field::invalid(path + ".targetPort", target, wrong));
    }
  }
}

void check_service_ports(const Json& spec, FieldErrors& errors) {
  const Json& ports = array_at(spec, "ports");
  bool may_be_empty =
      string_at(spec, "clusterIP") == "None" || string_at(spec, "type") == "ExternalName";
  if (ports.empty() && !may_be_empty) errors.push_back(field::required("spec.ports"));
  std::set<std::string> names;
  std::set<std::pair<std::int64_t, std::string>> used;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const std::string at = field::index("spec.ports", i);
    check_service_port(ports[i], ports.size() > 1, at, names, errors);
    if (!used.emplace(int_at(ports[i], "port"), string_at(ports[i], "protocol")).second) {
      errors.push_back(field::duplicate(at, ports[i]));
    }
  }
}

}  // namespace

void service_defaults(Json& service) {
  if (!service.contains("spec") || !service["spec"].is_object()) return;
  Json& spec = service["spec"];
  std::string type = string_at(spec, "type");
  if (spec.contains("ports")) {
    for (Json& port : spec["ports"]) {
      if (port.is_object() && port.contains("port") && !port.contains("targetPort")) {
        port["targetPort"] = port["port"];
      }
    }
  }
  if (type == "ExternalName") return;
  if (string_at(spec, "sessionAffinity") == "ClientIP" && !spec.contains("sessionAffinityConfig")) {
    spec["sessionAffinityConfig"] = {{"clientIP", {{"timeoutSeconds", 10800}}}};
  }
  if (!spec.contains("internalTrafficPolicy")) spec["internalTrafficPolicy"] = "Cluster";
  if (type != "ClusterIP" && !spec.contains("externalTrafficPolicy")) {
    spec["externalTrafficPolicy"] = "Cluster";
  }
  if (type == "LoadBalancer" && !spec.contains("allocateLoadBalancerNodePorts")) {
    spec["allocateLoadBalancerNodePorts"] = true;
  }
  if (!spec.contains("ipFamilies")) spec["ipFamilies"] = {"IPv4"};
  if (!spec.contains("ipFamilyPolicy")) spec["ipFamilyPolicy"] = "SingleStack";
  if (spec.contains("clusterIP") && !spec.contains("clusterIPs")) {
    spec["clusterIPs"] = Json::array({spec["clusterIP"]});
  }
}

void check_service(const Json& service, const Json* old, Part part, FieldErrors& errors) {
  if (part == Part::kStatus) return;
  const Json& spec = object_at(service, "spec");
  check_service_ports(spec, errors);
  check_labels(object_at(spec, "selector"), "spec.selector", errors);
  std::string type = string_at(spec, "type"), ip = string_at(spec, "clusterIP");
  if (type == "ExternalName" && string_at(spec, "externalName").empty()) {
    errors.push_back(field::required("spec.externalName"));
  }
  if (ip == "None" && (type == "NodePort" || type == "LoadBalancer")) {
    errors.push_back(field::invalid("spec.clusterIPs[0]", ip,
                                    "may not be set to 'None' for " + type + " services"));
  }
  if (old == nullptr) return;
  const Json& before = object_at(*old, "spec");
  bool had = !string_at(before, "clusterIP").empty() && string_at(before, "type") != "ExternalName";
  if (had && type != "ExternalName" && string_at(before, "clusterIP") != ip) {
    errors.push_back(
        field::invalid("spec.clusterIPs[0]", Json::array({ip}), "may not change once set"));
  }
}

}  // namespace k8s::apiserver::kinds
