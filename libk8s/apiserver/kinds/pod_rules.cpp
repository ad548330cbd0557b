#include <nlohmann/json.hpp>
#include <set>

#include "libk8s/apiserver/kinds/builtin.hpp"
#include "libk8s/codec/json.hpp"
#include "libk8s/codec/quantity.hpp"

namespace k8s::apiserver::kinds {
namespace {

constexpr const char* kContainerLists[] = {"initContainers", "containers", "ephemeralContainers"};

void check_range(const Json& object, const char* key, std::int64_t low, std::int64_t high,
                 const std::string& path, FieldErrors& errors) {
  if (!object.contains(key)) return;
  std::int64_t value = int_at(object, key, low);
  if (value >= low && value <= high) return;
  std::string rule =
      "must be between " + std::to_string(low) + " and " + std::to_string(high) + ", inclusive";
  if (high == INT64_MAX) rule = "must be greater than or equal to " + std::to_string(low);
  errors.push_back(field::invalid(field::child(path, key), object[key], rule));
}

void check_ports(const Json& container, const std::string& path, FieldErrors& errors) {
  const Json& ports = array_at(container, "ports");
  std::set<std::string> names;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const std::string at = field::index(path + ".ports", i);
    check_range(ports[i], "containerPort", 1, 65535, at, errors);
    check_range(ports[i], "hostPort", 0, 65535, at, errors);
    std::string name = string_at(ports[i], "name");
    if (name.empty()) continue;
    if (std::string wrong = port_name(name); !wrong.empty()) {
      errors.push_back(field::invalid(at + ".name", name, wrong));
    }
    if (!names.insert(name).second) errors.push_back(field::duplicate(at + ".name", name));
  }
}

void check_field_ref(const Json& ref, const std::string& path, FieldErrors& errors) {
  static const std::set<std::string> kFields = {"metadata.name",
                                                "metadata.namespace",
                                                "metadata.uid",
                                                "metadata.labels",
                                                "metadata.annotations",
                                                "spec.nodeName",
                                                "spec.serviceAccountName",
                                                "status.hostIP",
                                                "status.hostIPs",
                                                "status.podIP",
                                                "status.podIPs"};
  const std::string at = string_at(ref, "fieldPath");
  // "metadata.labels['key']"
  const bool keyed =
      (at.starts_with("metadata.labels['") || at.starts_with("metadata.annotations['")) &&
      at.ends_with("']");
  if (at.empty() || keyed || kFields.contains(at)) return;
  errors.push_back(field::invalid(path + ".fieldPath", at,
                                  "must be the name, namespace, uid, a label or an annotation of "
                                  "the Pod, its node, its account or its addresses"));
}

void check_env(const Json& container, const std::string& path, FieldErrors& errors) {
  const Json& env = array_at(container, "env");
  for (std::size_t i = 0; i < env.size(); ++i) {
    const std::string at = field::index(path + ".env", i);
    if (std::string wrong = env_name(string_at(env[i], "name")); !wrong.empty()) {
      errors.push_back(field::invalid(at + ".name", string_at(env[i], "name"), wrong));
    }
    if (!env[i].contains("valueFrom")) continue;
    if (!string_at(env[i], "value").empty()) {
      errors.push_back(
          field::invalid(at + ".valueFrom", "", "may not be specified when `value` is not empty"));
    }
    check_field_ref(object_at(env[i]["valueFrom"], "fieldRef"), at + ".valueFrom.fieldRef", errors);
    std::size_t sources = env[i]["valueFrom"].size();
    if (sources != 1) {
      errors.push_back(
          field::invalid(at + ".valueFrom", "",
                         sources == 0 ? "must specify one of: `fieldRef`, `resourceFieldRef`, "
                                        "`configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
                                      : "may not have more than one field specified at a time"));
    }
  }
}

void check_mounts(const Json& container, const std::set<std::string>& volumes,
                  const std::string& path, FieldErrors& errors) {
  const Json& mounts = array_at(container, "volumeMounts");
  std::set<std::string> paths;
  for (std::size_t i = 0; i < mounts.size(); ++i) {
    const std::string at = field::index(path + ".volumeMounts", i);
    std::string name = string_at(mounts[i], "name"), where = string_at(mounts[i], "mountPath");
    if (!volumes.contains(name)) {
      errors.push_back(
          {FieldErrorType::kNotFound, at + ".name", "Not found: " + Json(name).dump()});
    }
    if (!paths.insert(where).second) {
      errors.push_back(field::invalid(at + ".mountPath", where, "must be unique"));
    }
    std::string sub = string_at(mounts[i], "subPath");
    if (sub.starts_with('/') || ("/" + sub + "/").find("/../") != std::string::npos) {
      errors.push_back(
          field::invalid(at + ".subPath", sub, "must be a relative path without '..'"));
    }
  }
}

void check_probe(const Json& container, const char* key, const std::string& path,
                 FieldErrors& errors) {
  if (!container.contains(key)) return;
  const Json& probe = container[key];
  const std::string at = field::child(path, key);
  int handlers = 0;
  for (const char* h : {"exec", "httpGet", "tcpSocket", "grpc"}) handlers += probe.contains(h);
  if (handlers == 0) errors.push_back(field::required(at, "must specify a handler type"));
  if (handlers > 1) {
    errors.push_back(field::forbidden(at, "may not specify more than 1 handler type"));
  }
  for (const char* n : {"initialDelaySeconds", "timeoutSeconds", "periodSeconds",
                        "successThreshold", "failureThreshold"}) {
    check_range(probe, n, 0, INT64_MAX, at, errors);
  }
}

void check_resize(const Json& container, const std::string& path, FieldErrors& errors) {
  for (const Json& policy : array_at(container, "resizePolicy")) {
    const std::string name = string_at(policy, "resourceName");
    const std::string restart = string_at(policy, "restartPolicy");
    if (name != "cpu" && name != "memory") {
      errors.push_back(field::not_supported(path + ".resizePolicy", name, {"cpu", "memory"}));
    } else if (restart != "NotRequired" && restart != "RestartContainer") {
      errors.push_back(field::not_supported(path + ".resizePolicy", restart,
                                            {"NotRequired", "RestartContainer"}));
    }
  }
}

void check_container(const Json& container, const std::set<std::string>& volumes,
                     std::set<std::string>& names, const std::string& path, FieldErrors& errors) {
  std::string name = string_at(container, "name");
  if (std::string wrong = dns1123_label(name); !wrong.empty()) {
    errors.push_back(field::invalid(path + ".name", name, wrong));
  }
  if (!names.insert(name).second) errors.push_back(field::duplicate(path + ".name", name));
  std::string image = string_at(container, "image");
  if (image.find_first_of(" \t\n") == 0 || image.ends_with(' ')) {
    errors.push_back(
        field::invalid(path + ".image", image, "must not have leading or trailing whitespace"));
  }
  check_ports(container, path, errors);
  check_env(container, path, errors);
  check_resize(container, path, errors);
  check_mounts(container, volumes, path, errors);
  check_resources(object_at(container, "resources"), path + ".resources", errors);
  for (const char* probe : {"livenessProbe", "readinessProbe", "startupProbe"}) {
    check_probe(container, probe, path, errors);
  }
}

std::set<std::string> check_volumes(const Json& spec, const std::string& path,
                                    FieldErrors& errors) {
  std::set<std::string> names;
  const Json& volumes = array_at(spec, "volumes");
  for (std::size_t i = 0; i < volumes.size(); ++i) {
    const std::string at = field::index(path + ".volumes", i);
    std::string name = string_at(volumes[i], "name");
    if (std::string wrong = dns1123_label(name); !wrong.empty()) {
      errors.push_back(field::invalid(at + ".name", name, wrong));
    }
    if (!names.insert(name).second) errors.push_back(field::duplicate(at + ".name", name));
    const std::string host = string_at(object_at(volumes[i], "hostPath"), "path");
    if (("/" + host + "/").find("/../") != std::string::npos) {
      errors.push_back(field::invalid(at + ".hostPath.path", host, "must not contain '..'"));
    }
    if (volumes[i].size() > 2) {
      errors.push_back(field::forbidden(at, "may not specify more than 1 volume type"));
    }
  }
  return names;
}

void check_tolerations(const Json& spec, const std::string& path, FieldErrors& errors) {
  const Json& list = array_at(spec, "tolerations");
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string at = field::index(path + ".tolerations", i);
    std::string key = string_at(list[i], "key"), op = string_at(list[i], "operator");
    if (!key.empty()) {
      if (std::string wrong = qualified_name(key); !wrong.empty()) {
        errors.push_back(field::invalid(at + ".key", key, wrong));
      }
    } else if (op != "Exists") {
      errors.push_back(field::invalid(
          at + ".operator", op,
          "operator must be Exists when `key` is empty, which means \"match all values and all "
          "keys\""));
    }
    if (op == "Exists" && !string_at(list[i], "value").empty()) {
      errors.push_back(field::invalid(at + ".operator", list[i],
                                      "value must be empty when `operator` is 'Exists'"));
    }
    if (list[i].contains("tolerationSeconds") && string_at(list[i], "effect") != "NoExecute") {
      errors.push_back(
          field::invalid(at + ".effect", string_at(list[i], "effect"),
                         "effect must be 'NoExecute' when `tolerationSeconds` is set"));
    }
  }
}

void check_names_of_spec(const Json& spec, const std::string& path, FieldErrors& errors) {
  struct Named {
    const char* key;
    NameRule rule;
  };
  for (const Named& n :
       {Named{"hostname", dns1123_label}, Named{"subdomain", dns1123_label},
        Named{"nodeName", dns1123_subdomain}, Named{"serviceAccountName", dns1123_subdomain},
        Named{"schedulerName", qualified_name}}) {
    std::string value = string_at(spec, n.key);
    if (value.empty()) continue;
    if (std::string wrong = n.rule(value); !wrong.empty()) {
      errors.push_back(field::invalid(field::child(path, n.key), value, wrong));
    }
  }
  check_labels(object_at(spec, "nodeSelector"), path + ".nodeSelector", errors);
}

// The fields of a spec that an update may change, taken out.
Json frozen_part(Json spec) {
  for (const char* list : {"containers", "initContainers"}) {
    if (!spec.contains(list)) continue;
    for (Json& c : spec[list]) {
      if (c.is_object()) c.erase("image");
    }
  }
  for (const char* key : {"activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds",
                          "schedulingGates"}) {
    spec.erase(key);
  }
  return spec;
}

void check_pod_update(const Json& pod, const Json& old, FieldErrors& errors) {
  Json before = object_at(old, "spec"), now = object_at(pod, "spec");
  // A gated pod may still be narrowed down.
  if (!array_at(before, "schedulingGates").empty()) {
    for (const char* key : {"nodeSelector", "affinity"}) {
      before.erase(key);
      now.erase(key);
    }
  }
  if (frozen_part(before) != frozen_part(now)) {
    errors.push_back(field::forbidden(
        "spec",
        "pod updates may not change fields other than `spec.containers[*].image`,"
        "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only "
        "additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be "
        "set to 1 if it was previously negative)"));
  }
  for (const Json& toleration : array_at(before, "tolerations")) {
    const Json& list = array_at(now, "tolerations");
    Json plain = toleration;
    plain.erase("tolerationSeconds");
    bool kept = std::any_of(list.begin(), list.end(), [&](Json candidate) {
      candidate.erase("tolerationSeconds");
      return candidate == plain;
    });
    if (kept) continue;
    errors.push_back(field::forbidden("spec.tolerations",
                                      "existing toleration can not be modified except its "
                                      "tolerationSeconds"));
  }
  for (const Json& gate : array_at(now, "schedulingGates")) {
    const Json& gates = array_at(before, "schedulingGates");
    if (std::find(gates.begin(), gates.end(), gate) != gates.end()) continue;
    errors.push_back(field::forbidden("spec.schedulingGates",
                                      "only deletion is allowed, but found new scheduling gate '" +
                                          string_at(gate, "name") + "'"));
  }
}

}  // namespace

// What a container may ask for: what every node has, and what a domain has named.
std::string resource_name(const std::string& name) {
  const bool standard = name == "cpu" || name == "memory" || name == "ephemeral-storage" ||
                        name.starts_with("hugepages-");
  if (standard || name.find('/') != name.npos) return qualified_name(name);
  return "must be a standard resource for containers, or fully qualified";
}

void check_resources(const Json& resources, const std::string& path, FieldErrors& errors) {
  for (const char* part : {"limits", "requests"}) {
    for (const auto& [name, amount] : object_at(resources, part).items()) {
      const std::string at = field::keyed(field::child(path, part), name);
      Result<Quantity> quantity = amount.is_string()
                                      ? Quantity::parse(amount.get_ref<const std::string&>())
                                      : Result<Quantity>(Status(Code::kInvalid, ""));
      if (!quantity) continue;  // its format is reported on its own
      if (quantity->negative()) {
        errors.push_back(field::invalid(at, amount, "must be greater than or equal to 0"));
      }
      if (std::string wrong = resource_name(name); !wrong.empty()) {
        errors.push_back(field::invalid(at, name, wrong));
      }
      bool device = name.find('/') != std::string::npos;
      if (device && quantity->nano() % 1'000'000'000 != 0) {
        errors.push_back(field::invalid(at, amount, "must be an integer"));
      }
      if (std::string_view(part) != "requests") continue;
      std::string limit = string_at(object_at(resources, "limits"), name);
      Result<Quantity> most = Quantity::parse(limit);
      if (device && limit.empty()) {
        errors.push_back(field::required(path + ".limits",
                                         "Limit must be set for non overcommitable resources"));
      } else if (!limit.empty() && most && *most < *quantity) {
        errors.push_back(
            field::invalid(path + ".requests", amount,
                           "must be less than or equal to " + name + " limit of " + limit));
      } else if (device && most && *most != *quantity) {
        errors.push_back(field::invalid(path + ".requests", amount,
                                        "must be equal to " + name + " limit of " + limit));
      }
    }
  }
}

void check_gates(const Json& spec, const std::string& path, FieldErrors& errors) {
  const Json& gates = array_at(spec, "schedulingGates");
  std::set<std::string> seen;
  for (std::size_t i = 0; i < gates.size(); ++i) {
    const std::string at = field::index(path + ".schedulingGates", i);
    const std::string name = string_at(gates[i], "name");
    if (std::string wrong = qualified_name(name); !wrong.empty()) {
      errors.push_back(field::invalid(at, name, wrong));
    }
    if (!seen.insert(name).second) errors.push_back(field::duplicate(at, name));
  }
  if (!gates.empty() && !string_at(spec, "nodeName").empty()) {
    errors.push_back(field::forbidden(path + ".nodeName",
                                      "cannot be set until all schedulingGates have been cleared"));
  }
}

void check_pod_spec(const Json& spec, const std::string& path, FieldErrors& errors) {
  std::set<std::string> volumes = check_volumes(spec, path, errors), names;
  for (const char* list : kContainerLists) {
    const Json& containers = array_at(spec, list);
    for (std::size_t i = 0; i < containers.size(); ++i) {
      check_container(containers[i], volumes, names, field::index(field::child(path, list), i),
                      errors);
    }
  }
  check_range(spec, "terminationGracePeriodSeconds", 0, INT64_MAX, path, errors);
  check_range(spec, "activeDeadlineSeconds", 1, INT32_MAX, path, errors);
  check_names_of_spec(spec, path, errors);
  check_gates(spec, path, errors);
  check_tolerations(spec, path, errors);
  check_affinity(object_at(spec, "affinity"), path + ".affinity", errors);
  check_resources(object_at(spec, "resources"), path + ".resources", errors);
}

void check_pod(const Json& pod, const Json* old, Part part, FieldErrors& errors) {
  if (part == Part::kStatus) return;
  if (!pod.contains("spec") || !pod["spec"].is_object()) {
    errors.push_back(field::required("spec.containers"));
    return;
  }
  if (old == nullptr) {
    if (!array_at(pod["spec"], "ephemeralContainers").empty()) {
      errors.push_back(field::forbidden("spec.ephemeralContainers", "cannot be set on create"));
    }
    check_pod_spec(pod["spec"], "spec", errors);
  } else {
    check_pod_update(pod, *old, errors);
  }
}

}  // namespace k8s::apiserver::kinds
