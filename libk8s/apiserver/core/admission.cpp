#include "libk8s/apiserver/core/admission.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "libk8s/codec/json.hpp"
#include "libk8s/codec/quantity.hpp"

namespace k8s::apiserver {
namespace {

Check check_namespace(const Core& core, const WriteContext& context, const nlohmann::json& object) {
  if (!context.type->namespaced) return Done{};
  const ObjectPtr ns = core.store->get({"namespaces", "", context.ns});
  if (ns == nullptr) return not_found({"", "namespaces", "Namespace", context.ns});
  if (!is_deleting(ns->json())) return Done{};
  ApiError error = forbidden(context.type->subject(name_of(object)),
                             "unable to create new content in namespace " + context.ns +
                                 " because it is being terminated");
  error.causes = {{"NamespaceTerminating", "namespace " + context.ns + " is being terminated",
                   "metadata.namespace"}};
  return error;
}

// The class that a Pod names, or the default one; null when it names none and none is default.
Outcome<ObjectPtr> priority_class(const Core& core, const nlohmann::json& pod) {
  const Objects& classes = core.store->all("priorityclasses.scheduling.k8s.io");
  const std::string name = string_at(object_at(pod, "spec"), "priorityClassName");
  if (!name.empty()) {
    const auto found = classes.find({"", name});
    if (found != classes.end()) return found->second;
    return forbidden({"", "pods", "Pod", name_of(pod)},
                     "no PriorityClass with name " + name + " was found");
  }
  ObjectPtr best;
  for (const auto& [key, candidate] : classes) {
    if (!bool_at(candidate->json(), "globalDefault")) continue;
    // Two defaults: the lower one wins, as in Kubernetes.
    if (!best || int_at(candidate->json(), "value") < int_at(best->json(), "value")) {
      best = candidate;
    }
  }
  return best;
}

// Every Pod puts up with a lost node for five minutes.
void tolerate_lost_nodes(nlohmann::json& spec) {
  for (const char* key : {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"}) {
    const bool known = std::ranges::any_of(array_at(spec, "tolerations"), [&](const auto& t) {
      const std::string effect = string_at(t, "effect"), its_key = string_at(t, "key");
      return (its_key == key || its_key.empty()) && (effect == "NoExecute" || effect.empty());
    });
    if (known) continue;
    spec["tolerations"].push_back({{"key", key},
                                   {"operator", "Exists"},
                                   {"effect", "NoExecute"},
                                   {"tolerationSeconds", 300}});
  }
}

// What was added when the Pod was created is added again to a body that left it out.
void readmit_pod(const nlohmann::json& old, nlohmann::json& fresh) {
  if (!fresh.contains("spec") || !fresh["spec"].is_object()) return;
  nlohmann::json& spec = fresh["spec"];
  for (const char* key : {"priority", "preemptionPolicy"}) {
    if (!has(spec, key) && has(object_at(old, "spec"), key)) spec[key] = old["spec"][key];
  }
  tolerate_lost_nodes(spec);
}

Check admit_pod(const Core& core, nlohmann::json& pod) {
  if (object_at(pod, "spec").empty()) return Done{};  // validation will say so
  auto found = priority_class(core, pod);
  if (!found) return found.error();
  nlohmann::json& spec = pod["spec"];
  tolerate_lost_nodes(spec);
  const std::int64_t value = *found ? int_at((*found)->json(), "value") : 0;
  if (has(spec, "priority") && int_at(spec, "priority") != value) {
    return forbidden({"", "pods", "Pod", name_of(pod)},
                     "the integer value of priority (" + json_text(spec["priority"]) +
                         ") must not be provided in pod spec; priority admission controller "
                         "computed " +
                         std::to_string(value) + " from the given PriorityClass name");
  }
  spec["priority"] = value;
  std::string policy = *found ? string_at((*found)->json(), "preemptionPolicy") : std::string();
  if (policy.empty()) policy = "PreemptLowerPriority";
  if (has(spec, "preemptionPolicy") && string_at(spec, "preemptionPolicy") != policy) {
    return forbidden({"", "pods", "Pod", name_of(pod)},
                     "the string value of PreemptionPolicy (" +
                         string_at(spec, "preemptionPolicy") +
                         ") must not be provided in pod spec; priority admission controller "
                         "computed " +
                         policy + " from the given PriorityClass name");
  }
  spec["preemptionPolicy"] = std::move(policy);
  if (*found) spec["priorityClassName"] = (*found)->id().name;
  return Done{};
}

bool is_positive(const nlohmann::json& amounts, const char* resource) {
  const auto parsed = Quantity::parse(string_at(amounts, resource));
  return parsed.is_ok() && parsed->nano() > 0;
}

// Guaranteed: every container has cpu and memory limits, and its requests equal them.
std::string qos_class(const nlohmann::json& spec) {
  bool any = false;
  bool guaranteed = true;
  for (const char* list : {"initContainers", "containers"}) {
    for (const auto& container : array_at(spec, list)) {
      const auto& resources = object_at(container, "resources");
      const auto& requests = object_at(resources, "requests");
      const auto& limits = object_at(resources, "limits");
      for (const char* resource : {"cpu", "memory"}) {
        const bool limited = is_positive(limits, resource);
        any = any || limited || is_positive(requests, resource);
        const auto request = Quantity::parse(string_at(requests, resource));
        const auto limit = Quantity::parse(string_at(limits, resource));
        guaranteed = guaranteed && limited && (!request || *request == *limit);
      }
    }
  }
  if (!any) return "BestEffort";
  return guaranteed ? "Guaranteed" : "Burstable";
}

void finish_pod(const Core& core, nlohmann::json& pod) {
  const auto& spec = object_at(pod, "spec");
  pod["status"] = {{"phase", "Pending"}, {"qosClass", qos_class(spec)}};
  if (array_at(spec, "schedulingGates").empty()) return;
  set_condition(pod,
                {{"type", "PodScheduled"},
                 {"status", "False"},
                 {"reason", "SchedulingGated"},
                 {"message", "Scheduling is blocked due to non-empty scheduling gates"}},
                core.now_text());
}

// 10.0.x.y by the name's hash; the next free one when that is taken.
std::string free_cluster_ip(const Core& core, const nlohmann::json& service) {
  std::set<std::string> taken;
  for (const auto& [key, other] : core.store->all("services")) {
    taken.insert(string_at(object_at(other->json(), "spec"), "clusterIP"));
  }
  std::uint32_t hash = 2166136261U;  // FNV-1a: the same everywhere
  for (const char c : namespace_of(service) + "/" + name_of(service)) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  }
  for (std::uint32_t i = 0; i < 65'000; ++i) {
    const std::uint32_t host = (hash + i) % 65'000 + 10;
    std::string ip = "10.0." + std::to_string(host / 256) + "." + std::to_string(host % 256);
    if (!taken.contains(ip)) return ip;
  }
  return "None";
}

void finish_service(const Core& core, nlohmann::json& service) {
  nlohmann::json& spec = service["spec"];
  if (string_at(spec, "type") == "ExternalName") return;
  if (string_at(spec, "clusterIP").empty()) spec["clusterIP"] = free_cluster_ip(core, service);
  spec["clusterIPs"] = nlohmann::json::array({spec["clusterIP"]});
  if (!has(spec, "ipFamilies")) spec["ipFamilies"] = {"IPv4"};
  if (!has(spec, "ipFamilyPolicy")) spec["ipFamilyPolicy"] = "SingleStack";
  service["status"] = {{"loadBalancer", nlohmann::json::object()}};
}

// Names that another type of the same group uses already; "" when there are none.
std::string crd_name_conflict(const Core& core, const nlohmann::json& crd) {
  const auto& spec = object_at(crd, "spec");
  const auto& names = object_at(spec, "names");
  const std::string group = string_at(spec, "group");
  const std::string plural = string_at(names, "plural");
  for (const Registry::Group& served : core.registry.groups()) {
    if (served.name != group) continue;
    for (const Registry::Version& version : served.versions) {
      for (const TypeRef& type : version.types) {
        if (type->custom && type->plural == plural) continue;  // itself
        if (type->plural == plural) return "\"" + plural + "\" is already in use";
        if (type->kind == string_at(names, "kind"))
          return "\"" + type->kind + "\" is already in use";
      }
    }
  }
  return {};
}

void finish_crd(const Core& core, nlohmann::json& crd) {
  crd["status"] = crd_status(crd, core.now_text(), crd_name_conflict(core, crd));
}

void finish_namespace(nlohmann::json& ns) {
  ns["spec"]["finalizers"] = {"kubernetes"};
  ns["status"] = {{"phase", "Active"}};
}

// Outside of `finalize`, the finalizers in a namespace's spec are the server's.
void keep_namespace(const WriteContext& context, const nlohmann::json& old, nlohmann::json& fresh) {
  if (context.complete || context.subresource == "finalize") return;
  const auto& finalizers = array_at(object_at(old, "spec"), "finalizers");
  if (!fresh["spec"].is_object()) fresh["spec"] = nlohmann::json::object();
  fresh["spec"]["finalizers"] = finalizers;
}

}  // namespace

void set_condition(nlohmann::json& object, nlohmann::json condition, const std::string& now) {
  nlohmann::json& conditions = object["status"]["conditions"];
  if (!conditions.is_array()) conditions = nlohmann::json::array();
  condition["lastTransitionTime"] = now;
  for (auto& existing : conditions) {
    if (string_at(existing, "type") != string_at(condition, "type")) continue;
    if (string_at(existing, "status") == string_at(condition, "status")) {
      condition["lastTransitionTime"] = existing["lastTransitionTime"];
    }
    existing = std::move(condition);
    return;
  }
  conditions.push_back(std::move(condition));
}

Check admit_create(const Core& core, const WriteContext& context, nlohmann::json& object) {
  if (auto check = check_namespace(core, context, object); !check) return check;
  if (context.type->storage == "pods") return admit_pod(core, object);
  if (context.type->storage == "namespaces") {
    object["metadata"]["labels"]["kubernetes.io/metadata.name"] = name_of(object);
  }
  return Done{};
}

Check admit_update(const Core& core, const WriteContext& context, const nlohmann::json& old,
                   nlohmann::json& fresh) {
  if (context.type->storage == "namespaces") keep_namespace(context, old, fresh);
  if (context.type->storage == "pods" && context.subresource.empty()) readmit_pod(old, fresh);
  if (context.type->storage == kCrdStorage && context.subresource.empty() && !context.complete) {
    finish_crd(core, fresh);
  }
  return Done{};
}

void finish_create(const Core& core, const WriteContext& context, nlohmann::json& object) {
  const std::string& storage = context.type->storage;
  if (storage == "pods") finish_pod(core, object);
  if (storage == "services") finish_service(core, object);
  if (storage == "namespaces") finish_namespace(object);
  if (storage == "persistentvolumeclaims" || storage == "persistentvolumes") {
    object["status"] = {{"phase", "Pending"}};
  }
  if (storage == kCrdStorage) {
    finish_crd(core, object);
    add_finalizer(object, kCrdFinalizer);
  }
}

}  // namespace k8s::apiserver
