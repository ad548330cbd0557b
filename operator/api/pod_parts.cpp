// Checks the parts of a TrainingJob that travel into its Pods: environment, volumes, Pod template.
//
// The author of a job gets what the operator may create, so whatever would reach beyond the job's
// own Pods is refused here (and by the definition of the kind), never dropped in silence.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "libk8s/codec/selector.hpp"
#include "operator/api/training_job.hpp"

namespace fermi {
namespace {

using Json = nlohmann::json;

struct Refused {
  const char* field;
  const char* why;
};
constexpr Refused kRefusedInPod[] = {
    {"hostNetwork", "it reaches beyond the Pod"},
    {"hostPID", "it reaches beyond the Pod"},
    {"hostIPC", "it reaches beyond the Pod"},
    {"nodeName", "placement is decided by the queue"},
    {"schedulerName", "placement is decided by the queue"},
    {"nodeSelector", "use spec.scheduling.nodeSelector"},
    {"tolerations", "use spec.scheduling.tolerations"},
    {"affinity", "use spec.scheduling"},
    {"topologySpreadConstraints", "use spec.scheduling"},
    {"schedulingGates", "use spec.suspend"},
    {"serviceAccountName", "it would lend another identity to the job"},
    {"serviceAccount", "it would lend another identity to the job"},
    {"automountServiceAccountToken", "it would lend another identity to the job"},
    {"priorityClassName", "use spec.scheduling.priority"},
    {"priority", "use spec.scheduling.priority"},
    {"preemptionPolicy", "use spec.scheduling"},
    {"runtimeClassName", "it would change what the Pod costs"},
    {"overhead", "it would change what the Pod costs"},
    {"resourceClaims", "claims of devices are not supported"},
    {"restartPolicy", "the gang restarts as a whole, see spec.retry"},
    {"hostname", "the names of ranks are given"},
    {"subdomain", "the names of ranks are given"},
    {"activeDeadlineSeconds", "use spec.activeDeadline"},
    {"ephemeralContainers", "they cannot be given at creation"},
};

bool is_env_name(const std::string& name) {
  if (name.empty() || name.size() > 256 || (name[0] >= '0' && name[0] <= '9')) return false;
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (!letter && !(c >= '0' && c <= '9')) return false;
  }
  return true;
}

bool is_ours(const std::string& name) {
  return name.starts_with("PET_") || name.starts_with("FERMI_") || name == "MASTER_ADDR" ||
         name == "MASTER_PORT" || name == "WORLD_SIZE" || name == "RANK";
}

bool is_volume_name(const std::string& name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  return std::all_of(name.begin(), name.end(), allowed) && name.front() != '-' &&
         name.back() != '-';
}

void check_env(FieldReader& spec) {
  std::set<std::string> seen;
  spec.each("env", 128, [&](FieldReader& env) {
    env.require("name");
    const std::string name = env.text("name", {1, 256});
    if (!name.empty() && !is_env_name(name))
      env.refuse("name", "letters, digits and underscores, not beginning with a digit");
    if (is_ours(name)) env.refuse("name", "a name that Fermi does not set");
    if (!name.empty() && !seen.insert(name).second) env.refuse("name", "each name once");
    env.text("value", {0, 4096});
    if (env.has("value") && env.has("valueFrom"))
      env.problem("valueFrom", "may not be given together with value");
    FieldReader from = env.child("valueFrom");
    for (const char* ref : {"secretKeyRef", "configMapKeyRef"}) {
      if (!from.has(ref)) continue;
      FieldReader source = from.child(ref);
      source.require("name");
      source.require("key");
    }
  });
  spec.each("envFrom", 32, [](FieldReader& env) { env.text("prefix", {0, 256}); });
}

void check_volumes(FieldReader& spec, const std::string& checkpoint_volume) {
  std::set<std::string> names;
  spec.each("volumes", 32, [&](FieldReader& volume) {
    volume.require("name");
    volume.require("mountPath");
    const std::string name = volume.text("name", {1, 63});
    if (!name.empty() && !is_volume_name(name))
      volume.refuse("name", "lower-case letters, digits and dashes, with no dash at either end");
    if (!names.insert(name).second) volume.refuse("name", "each name once");
    const std::string path = volume.text("mountPath", {1, 4096});
    if (!path.empty() && path.front() != '/') volume.refuse("mountPath", "an absolute path");
    volume.text("subPath", {0, 4096});
    volume.boolean("readOnly", false);
    int sources = 0;
    for (const char* source : {"existingClaim", "configMap", "secret"}) {
      sources += volume.has(source) ? 1 : 0;
      volume.text(source, {1, 253});
    }
    if (volume.has("emptyDir")) {
      ++sources;
      FieldReader dir = volume.child("emptyDir");
      dir.choice("medium", "", {"", "Memory"});
      dir.amount("sizeLimit", "memory", most_of_pod("memory"));
    }
    if (sources != 1)
      volume.problem("", "give exactly one of existingClaim, configMap, secret and emptyDir");
  });
  if (!checkpoint_volume.empty() && names.count(checkpoint_volume) == 0)
    spec.problem("checkpoint.volume", "names no entry of spec.volumes");
}

void check_container(FieldReader& container) {
  container.require("name");
  container.text("name", {1, 63});
  FieldReader security = container.child("securityContext");
  if (security.has("privileged")) security.problem("privileged", "not allowed");
  FieldReader capabilities = security.child("capabilities");
  if (capabilities.has("add")) capabilities.problem("add", "not allowed");
  container.each("ports", 32, [](FieldReader& port) {
    if (port.has("hostPort")) port.problem("hostPort", "not allowed; it reaches beyond the Pod");
  });
}

void check_pod_metadata(FieldReader metadata) {
  for (const char* map : {"labels", "annotations"}) {
    const bool labels = std::string_view(map) == "labels";
    const auto entries = metadata.text_map(map, 64, {0, labels ? std::size_t{63} : 16384});
    for (const auto& [key, value] : entries) {
      const std::string at = std::string(map) + "." + key.substr(0, 60);
      if (!k8s::is_qualified_name(key)) metadata.problem(at, "is not the name of a label");
      if (labels && !k8s::is_label_value(value)) metadata.problem(at, "has no label's value");
      if (key.find("fermi-cluster.com/") != std::string::npos)
        metadata.problem(at, "not allowed; names of fermi-cluster.com are set by Fermi");
    }
  }
}

}  // namespace

void check_pod_template(FieldReader pod_template) {
  check_pod_metadata(pod_template.child("metadata"));
  FieldReader spec = pod_template.child("spec");
  for (const Refused& refused : kRefusedInPod)
    if (spec.has(refused.field))
      spec.problem(refused.field, std::string("not allowed; ") + refused.why);
  spec.each("volumes", 32, [](FieldReader& volume) {
    if (volume.has("hostPath"))
      volume.problem("hostPath", "not allowed; it reaches beyond the Pod");
  });
  FieldReader security = spec.child("securityContext");
  if (security.has("sysctls"))
    security.problem("sysctls", "not allowed; they reach beyond the Pod");
  for (const char* list : {"containers", "initContainers"}) spec.each(list, 16, check_container);
}

void check_pod_parts(FieldReader& spec, const std::string& checkpoint_volume) {
  check_env(spec);
  check_volumes(spec, checkpoint_volume);
  check_pod_template(spec.child("podTemplate"));
}

}  // namespace fermi
