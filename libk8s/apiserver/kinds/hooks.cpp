// The kinds whose few rules fill no file of their own, and the table of all hooks.
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_map>

#include "libk8s/apiserver/kinds/builtin.hpp"
#include "libk8s/apiserver/schema/crd.hpp"
#include "libk8s/codec/json.hpp"

namespace k8s::apiserver::kinds {
namespace {

constexpr const char* kRbacGroup = "rbac.authorization.k8s.io";

void must_not_change(const Json& now, const Json& old, const char* part, FieldErrors& errors,
                     const char* sentence = "field is immutable") {
  Json a = find(now, {part}) != nullptr ? now[part] : Json();
  Json b = find(old, {part}) != nullptr ? old[part] : Json();
  if (a != b) errors.push_back(field::invalid(part, a, sentence));
}

void set_if_absent(Json& object, const char* key, Json value) {
  if (!object.contains(key)) object[key] = std::move(value);
}

void new_pod(Json& pod) {
  pod["status"] = {{"phase", "Pending"}};
  if (!pod.contains("spec") || !pod["spec"].is_object()) return;
  Json& spec = pod["spec"];
  // A negative time counts as one second.
  if (int_at(spec, "terminationGracePeriodSeconds") < 0) spec["terminationGracePeriodSeconds"] = 1;
}

void namespace_defaults(Json& ns) {
  std::string name = string_at(object_at(ns, "metadata"), "name");
  if (!name.empty()) ns["metadata"]["labels"]["kubernetes.io/metadata.name"] = name;
}

void new_namespace(Json& ns) {
  ns["spec"]["finalizers"] = {"kubernetes"};
  ns["status"] = {{"phase", "Active"}};
}

void new_claim(Json& claim) { claim["status"] = {{"phase", "Pending"}}; }

void check_claim(const Json& claim, const Json* old, Part part, FieldErrors& errors) {
  const Json& spec = object_at(claim, "spec");
  if (string_at(object_at(object_at(spec, "resources"), "requests"), "storage").empty()) {
    errors.push_back(field::required("spec.resources[storage]"));
  }
  if (old == nullptr || part == Part::kStatus) return;
  Json before = object_at(*old, "spec"), now = spec;
  for (const char* key : {"resources", "volumeAttributesClassName"}) {
    before.erase(key);
    now.erase(key);
  }
  if (string_at(before, "volumeName").empty()) {
    before.erase("volumeName");
    now.erase("volumeName");
  }
  if (before == now) return;
  errors.push_back(
      field::forbidden("spec",
                       "spec is immutable after creation except resources.requests and "
                       "volumeAttributesClassName for bound claims"));
}

// A whole number, or a percentage of at most 100.
void check_amount(const Json& spec, const char* key, FieldErrors& errors) {
  if (!spec.contains(key)) return;
  const Json& amount = spec[key];
  if (amount.is_number_integer() && amount.get<std::int64_t>() >= 0) return;
  const std::string text = amount.is_string() ? amount.get<std::string>() : std::string();
  const bool digits = text.size() >= 2 && text.size() <= 4 && text.back() == '%' &&
                      text.find_first_not_of("0123456789") == text.size() - 1;
  if (digits && std::stoi(text) <= 100) return;
  errors.push_back(field::invalid(field::child("spec", key), amount,
                                  "must be a whole number of at least 0 or a percentage up to "
                                  "100%, such as \"50%\""));
}

void check_budget(const Json& budget, const Json*, Part, FieldErrors& errors) {
  const Json& spec = object_at(budget, "spec");
  if (spec.contains("minAvailable") && spec.contains("maxUnavailable")) {
    errors.push_back(
        field::invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set"));
  }
  for (const char* key : {"minAvailable", "maxUnavailable"}) check_amount(spec, key, errors);
  check_label_selector(object_at(spec, "selector"), "spec.selector", errors);
}

void check_lease(const Json& lease, const Json*, Part, FieldErrors& errors) {
  const Json& spec = object_at(lease, "spec");
  if (spec.contains("leaseDurationSeconds") && int_at(spec, "leaseDurationSeconds") <= 0) {
    errors.push_back(field::invalid("spec.leaseDurationSeconds", spec["leaseDurationSeconds"],
                                    "must be greater than 0"));
  }
  if (int_at(spec, "leaseTransitions") < 0) {
    errors.push_back(field::invalid("spec.leaseTransitions", spec["leaseTransitions"],
                                    "must be greater than or equal to 0"));
  }
}

void check_pod_group(const Json& group, const Json* old, Part, FieldErrors& errors) {
  const char* const where = "spec.schedulingPolicy";
  const auto& policy = object_at(object_at(group, "spec"), "schedulingPolicy");
  const std::int64_t least = int_at(object_at(policy, "gang"), "minCount");
  if (has(policy, "basic") == has(policy, "gang"))
    errors.push_back(field::invalid(where, "", "must specify exactly one of: `basic`, `gang`"));
  else if (has(policy, "gang") && least < 1)
    errors.push_back(field::invalid(std::string(where) + ".gang.minCount", least,
                                    "must be greater than or equal to 1"));
  if (old != nullptr && object_at(object_at(*old, "spec"), "schedulingPolicy") != policy)
    errors.push_back(field::invalid(where, "", "field is immutable"));
}

void check_priority_class(const Json& pc, const Json* old, Part, FieldErrors& errors) {
  constexpr std::int64_t kHighest = 1'000'000'000;
  bool system = string_at(object_at(pc, "metadata"), "name").starts_with("system-");
  if (!system && int_at(pc, "value") > kHighest) {
    errors.push_back(field::forbidden(
        "value", "maximum allowed value of a user defined priority is 1000000000"));
  }
  if (old == nullptr) return;
  must_not_change(pc, *old, "value", errors);
  must_not_change(pc, *old, "preemptionPolicy", errors);
}

void check_node(const Json& node, const Json*, Part, FieldErrors& errors) {
  const Json& taints = array_at(object_at(node, "spec"), "taints");
  std::set<std::string> seen;
  for (std::size_t i = 0; i < taints.size(); ++i) {
    const std::string id = string_at(taints[i], "key") + ":" + string_at(taints[i], "effect");
    if (seen.insert(id).second) continue;
    errors.push_back(field::duplicate(field::index("metadata.taints", i), id));
  }
}

void check_slice(const Json& slice, const Json* old, Part, FieldErrors& errors) {
  if (old != nullptr) must_not_change(slice, *old, "addressType", errors);
}

void role_binding_defaults(Json& binding) {
  if (binding.contains("roleRef") && string_at(binding["roleRef"], "apiGroup").empty()) {
    binding["roleRef"]["apiGroup"] = kRbacGroup;
  }
  if (!binding.contains("subjects")) return;
  for (Json& subject : binding["subjects"]) {
    std::string kind = string_at(subject, "kind");
    if ((kind == "User" || kind == "Group") && string_at(subject, "apiGroup").empty()) {
      subject["apiGroup"] = kRbacGroup;
    }
  }
}

void check_role_binding(const Json& binding, const Json* old, Part, FieldErrors& errors) {
  const Json& subjects = array_at(binding, "subjects");
  bool cluster = string_at(binding, "kind") == "ClusterRoleBinding";
  for (std::size_t i = 0; i < subjects.size(); ++i) {
    bool account = string_at(subjects[i], "kind") == "ServiceAccount";
    if (account && cluster && string_at(subjects[i], "namespace").empty()) {
      errors.push_back(field::required(field::index("subjects", i) + ".namespace"));
    }
  }
  if (old != nullptr) {
    must_not_change(binding, *old, "roleRef", errors, "cannot change roleRef");
  }
}

void network_policy_defaults(Json& policy) {
  if (!policy.contains("spec") || !policy["spec"].is_object()) return;
  Json& spec = policy["spec"];
  if (spec.contains("policyTypes")) return;
  spec["policyTypes"] = {"Ingress"};
  if (!array_at(spec, "egress").empty()) spec["policyTypes"].push_back("Egress");
}

void crd_defaults(Json& crd) {
  if (!crd.contains("spec") || !crd["spec"].is_object()) return;
  Json& spec = crd["spec"];
  if (spec.contains("names") && spec["names"].is_object()) {
    Json& names = spec["names"];
    std::string kind = string_at(names, "kind"), lower;
    for (char c : kind) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (string_at(names, "singular").empty()) names["singular"] = lower;
    if (string_at(names, "listKind").empty()) names["listKind"] = kind + "List";
  }
  set_if_absent(spec, "conversion", {{"strategy", "None"}});
}

void check_crd(const Json& crd, const Json* old, Part, FieldErrors& errors) {
  FieldErrors found = crd_errors(crd, old);
  errors.insert(errors.end(), found.begin(), found.end());
}

// Events of events.k8s.io/v1 say more than those of v1 must.
void check_new_event(const Json& event, FieldErrors& errors) {
  if (string_at(event, "eventTime").empty()) errors.push_back(field::required("eventTime"));
  const std::string type = string_at(event, "type");
  if (type != "Normal" && type != "Warning") {
    errors.push_back(field::invalid("type", type, "has invalid value: " + type));
  }
  if (string_at(event, "eventTime").empty()) return;  // an old one, by its looks
  for (const char* key : {"reportingController", "reportingInstance", "action", "reason"}) {
    if (string_at(event, key).empty()) errors.push_back(field::required(key));
  }
}

void check_event(const Json& event, const Json* old, Part, FieldErrors& errors) {
  const bool modern = string_at(event, "apiVersion").starts_with("events.k8s.io/");
  if (modern && old == nullptr) check_new_event(event, errors);
  const char* key = event.contains("regarding") ? "regarding" : "involvedObject";
  std::string ns = string_at(object_at(event, "metadata"), "namespace");
  std::string about = string_at(object_at(event, key), "namespace");
  // Events about cluster-scoped objects live in "default".
  if (about == ns || (about.empty() && ns == "default")) return;
  errors.push_back(
      field::invalid(field::child(key, "namespace"), about, "does not match event.namespace"));
}

void check_scale(const Json& scale, const Json*, Part, FieldErrors& errors) {
  const Json& spec = object_at(scale, "spec");
  if (int_at(spec, "replicas") < 0) {
    errors.push_back(
        field::invalid("spec.replicas", spec["replicas"], "must be greater than or equal to 0"));
  }
}

void check_binding(const Json& binding, const Json*, Part, FieldErrors& errors) {
  const Json& target = object_at(binding, "target");
  std::string kind = string_at(target, "kind");
  if (!kind.empty() && kind != "Node") {
    errors.push_back(field::not_supported("target.kind", kind, {"Node", "<empty>"}));
  }
  if (string_at(target, "name").empty()) errors.push_back(field::required("target.name"));
}

const std::unordered_map<std::string_view, Hooks>& table() {
  static const std::unordered_map<std::string_view, Hooks> hooks = {
      {"Pod", {dns1123_subdomain, pod_defaults, check_pod, new_pod}},
      {"Service", {dns1035_label, service_defaults, check_service, nullptr}},
      {"Secret", {dns1123_subdomain, secret_defaults, check_secret, nullptr}},
      {"ConfigMap", {dns1123_subdomain, nullptr, check_config_map, nullptr}},
      {"Namespace", {dns1123_label, namespace_defaults, nullptr, new_namespace}},
      {"PersistentVolumeClaim", {dns1123_subdomain, nullptr, check_claim, new_claim}},
      {"PersistentVolume", {dns1123_subdomain, nullptr, nullptr, new_claim}},
      {"PodDisruptionBudget", {dns1123_subdomain, nullptr, check_budget, nullptr}},
      {"Node", {dns1123_subdomain, nullptr, check_node, nullptr}},
      {"Lease", {dns1123_subdomain, nullptr, check_lease, nullptr}},
      {"PriorityClass", {dns1123_subdomain, nullptr, check_priority_class, nullptr}},
      {"PodGroup", {dns1123_subdomain, nullptr, check_pod_group, nullptr}},
      {"EndpointSlice", {dns1123_subdomain, nullptr, check_slice, nullptr}},
      {"Role", {path_segment_name, nullptr, nullptr, nullptr}},
      {"ClusterRole", {path_segment_name, nullptr, nullptr, nullptr}},
      {"RoleBinding", {path_segment_name, role_binding_defaults, check_role_binding, nullptr}},
      {"ClusterRoleBinding",
       {path_segment_name, role_binding_defaults, check_role_binding, nullptr}},
      {"NetworkPolicy", {dns1123_subdomain, network_policy_defaults, nullptr, nullptr}},
      {"CustomResourceDefinition", {dns1123_subdomain, crd_defaults, check_crd, nullptr}},
      {"Event", {dns1123_subdomain, nullptr, check_event, nullptr}},
      {"Scale", {dns1123_subdomain, nullptr, check_scale, nullptr}},
      {"Binding", {dns1123_subdomain, nullptr, check_binding, nullptr}},
  };
  return hooks;
}

}  // namespace

const Hooks& hooks(std::string_view kind) {
  static const Hooks none;
  auto it = table().find(kind);
  return it == table().end() ? none : it->second;
}

}  // namespace k8s::apiserver::kinds
