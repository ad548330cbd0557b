#include "operator/translate/job_pod.hpp"

#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "libk8s/codec/json.hpp"
#include "libk8s/codec/quantity.hpp"
#include "libk8s/types/codec.hpp"
#include "libk8s/types/pod.hpp"
#include "operator/translate/parts.hpp"

namespace fermi {
namespace {

using Json = nlohmann::json;

constexpr const char* kMain = "main";

Json child_labels(const TrainingJob& job, const JobPlacement& placement) {
  return {{"app.kubernetes.io/name", job.meta.name},
          {"app.kubernetes.io/component", "training"},
          {"app.kubernetes.io/managed-by", "fermi"},
          {label::kKind, "TrainingJob"},
          {label::kName, job.meta.name},
          {label::kTaskId, job.meta.uid},
          {label::kQueue, job.spec.scheduling.queue},
          {label::kAttempt, std::to_string(placement.attempt)}};
}

Json pod_metadata(const TrainingJob& job, const JobPlacement& placement, std::int64_t rank,
                  const Configuration& config) {
  const Json& from = k8s::object_at(k8s::object_at(*job.raw_spec, "podTemplate"), "metadata");
  Json labels = k8s::object_at(from, "labels");
  labels.update(child_labels(job, placement));
  labels[label::kRole] = "worker";
  labels[label::kRank] = std::to_string(rank);
  // A zone's name is the value of a node's label, so it is a good value here too.
  labels[label::kZone] = placement.zone_of(rank);
  Json annotations = k8s::object_at(from, "annotations");
  annotations[annotation::kEpoch] = std::to_string(placement.epoch);
  const auto at = static_cast<std::size_t>(rank);
  if (const std::int64_t part = job.spec.group_of(rank).gpu_milli;
      part > 0 && at < placement.devices.size()) {
    annotations[annotation::kSharedPart] = part_text(part);
    annotations[annotation::kSharedDevice] =
        device_text({config.gpu_resource, placement.devices[at]});
  }
  return {{"name", pod_name(job, placement.attempt, rank)},
          {"namespace", job.meta.ns},
          {"labels", std::move(labels)},
          {"annotations", std::move(annotations)},
          {"ownerReferences", Json::array({owner_reference(job)})}};
}

Json resource_section(const TrainingJob& job, std::int64_t rank, const Configuration& config) {
  const JobGroup& group = job.spec.group_of(rank);
  Json amounts = Json::object();
  const auto put = [&amounts](const std::string& name, std::optional<std::int64_t> amount) {
    if (amount && *amount > 0) amounts[name] = k8s::format_amount(name, *amount);
  };
  put("cpu", group.cpu_milli);
  put("memory", group.memory);
  put("ephemeral-storage", job.spec.ephemeral_bytes);
  put(config.gpu_resource, group.gpus);
  if (amounts.empty()) return Json::object();
  return {{"requests", amounts}, {"limits", amounts}};
}

Json substituted_list(const Json& list, const k8s::StringMap& parameters) {
  Json out = Json::array();
  for (const Json& item : list)
    if (item.is_string()) out.push_back(substituted(item.get<std::string>(), parameters));
  return out;
}

void set_program(const TrainingJob& job, Json& container) {
  const Json& spec = *job.raw_spec;
  container["image"] = k8s::string_at(spec, "image");
  const std::string script = k8s::string_at(spec, "script");
  if (!script.empty()) {
    container["command"] = {"/bin/sh", "-c", substituted(script, job.spec.parameters)};
    container.erase("args");
    return;
  }
  for (const char* key : {"command", "args"})
    if (!k8s::array_at(spec, key).empty())
      container[key] = substituted_list(k8s::array_at(spec, key), job.spec.parameters);
}

// Where each volume of the spec is mounted in the main container.
Json mounts(const TrainingJob& job) {
  Json out = Json::array();
  for (const Json& volume : k8s::array_at(*job.raw_spec, "volumes")) {
    const std::string name = k8s::string_at(volume, "name");
    Json mount = {{"name", name}, {"mountPath", k8s::string_at(volume, "mountPath")}};
    for (const char* key : {"subPath", "readOnly"})
      if (k8s::has(volume, key)) mount[key] = volume[key];
    out.push_back(std::move(mount));
    if (name == job.spec.checkpoint_volume)
      out.push_back({{"name", name}, {"mountPath", job.spec.checkpoint_path}});
  }
  if (job.spec.shm_bytes) out.push_back({{"name", "fermi-shm"}, {"mountPath", "/dev/shm"}});
  return out;
}

Json volumes(const TrainingJob& job) {
  Json out = Json::array();
  for (const Json& from : k8s::array_at(*job.raw_spec, "volumes")) {
    Json volume = {{"name", k8s::string_at(from, "name")}};
    const std::string claim = k8s::string_at(from, "existingClaim");
    const std::string config_map = k8s::string_at(from, "configMap");
    const std::string secret = k8s::string_at(from, "secret");
    if (!claim.empty()) {
      volume["persistentVolumeClaim"] = {{"claimName", claim}};
    } else if (!config_map.empty()) {
      volume["configMap"] = {{"name", config_map}};
    } else if (!secret.empty()) {
      volume["secret"] = {{"secretName", secret}};
    } else {
      volume["emptyDir"] = k8s::object_at(from, "emptyDir");
    }
    out.push_back(std::move(volume));
  }
  if (job.spec.shm_bytes)
    out.push_back({{"name", "fermi-shm"},
                   {"emptyDir",
                    {{"medium", "Memory"},
                     {"sizeLimit", k8s::format_amount("memory", *job.spec.shm_bytes)}}}});
  return out;
}

void append(Json& to, const char* key, const Json& more) {
  if (more.empty()) return;
  if (!to[key].is_array()) to[key] = Json::array();
  for (const Json& item : more) to[key].push_back(item);
}

// The template's container `main` (if any) with what the spec says laid over it.
Json main_container(const TrainingJob& job, const JobPlacement& placement, std::int64_t rank,
                    const Configuration& config, Json container) {
  container["name"] = kMain;
  set_program(job, container);
  // Fermi's names come first, so that others may refer to them as $(NAME); nobody may set them
  // anew.
  Json env = rank_environment(job, placement, rank);
  std::set<std::string> ours;
  for (const Json& entry : env) ours.insert(entry["name"].get<std::string>());
  for (const Json* list : {&k8s::array_at(container, "env"), &k8s::array_at(*job.raw_spec, "env")})
    for (const Json& entry : *list)
      if (ours.count(k8s::string_at(entry, "name")) == 0) env.push_back(entry);
  container["env"] = std::move(env);
  append(container, "envFrom", k8s::array_at(*job.raw_spec, "envFrom"));
  append(container, "volumeMounts", mounts(job));
  const Json resources = resource_section(job, rank, config);
  for (const auto& [section, amounts] : resources.items()) {
    Json& target = container["resources"];
    if (!target.is_object()) target = Json::object();
    if (!target[section].is_object()) target[section] = Json::object();
    target[section].update(amounts);
  }
  return container;
}

Json containers(const TrainingJob& job, const JobPlacement& placement, std::int64_t rank,
                const Configuration& config, const Json& from) {
  Json main = Json::object();
  Json others = Json::array();
  for (const Json& container : k8s::array_at(from, "containers")) {
    if (k8s::string_at(container, "name") == kMain)
      main = container;
    else
      others.push_back(container);
  }
  Json out = Json::array({main_container(job, placement, rank, config, std::move(main))});
  for (Json& other : others) out.push_back(std::move(other));
  return out;
}

Json tolerations(const TrainingJob& job) {
  Json out = Json::array();
  for (const sched::Toleration& t : job.spec.scheduling.tolerations) {
    Json one = {{"key", t.key}, {"operator", t.op.empty() ? "Equal" : t.op}};
    if (!t.value.empty()) one["value"] = t.value;
    if (!t.effect.empty()) one["effect"] = t.effect;
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace

std::string pod_name(const TrainingJob& job, std::int64_t attempt, std::int64_t rank) {
  return job.meta.name + "-" + std::to_string(attempt) + "-" + std::to_string(rank);
}

bool needs_service(const TrainingJob& job) { return job.spec.may_have_several(); }

Json owner_reference(const TrainingJob& job) {
  return {{"apiVersion", kApiVersion}, {"kind", "TrainingJob"}, {"name", job.meta.name},
          {"uid", job.meta.uid},       {"controller", true},    {"blockOwnerDeletion", true}};
}

Json job_pod(const TrainingJob& job, const JobPlacement& placement, std::int64_t rank,
             const Configuration& config) {
  const Json& from = k8s::object_at(k8s::object_at(*job.raw_spec, "podTemplate"), "spec");
  Json spec = from;
  spec["containers"] = containers(job, placement, rank, config, from);
  append(spec, "volumes", volumes(job));
  spec["schedulerName"] = kSchedulerName;
  spec["restartPolicy"] = "Never";
  spec["automountServiceAccountToken"] = false;
  spec["hostname"] = job.meta.name + "-" + std::to_string(rank);
  spec["subdomain"] = job.meta.name;
  if (!job.spec.scheduling.node_selector.empty())
    spec["nodeSelector"] = job.spec.scheduling.node_selector;
  if (!job.spec.scheduling.tolerations.empty()) spec["tolerations"] = tolerations(job);
  return {{"apiVersion", "v1"},
          {"kind", "Pod"},
          {"metadata", pod_metadata(job, placement, rank, config)},
          {"spec", std::move(spec)}};
}

Json job_service(const TrainingJob& job, const JobPlacement& placement) {
  Json labels = child_labels(job, placement);
  labels.erase(label::kAttempt);  // the Service outlives attempts
  const std::int64_t port = placement.port != 0 ? placement.port : kRendezvousPort;
  return {{"apiVersion", "v1"},
          {"kind", "Service"},
          {"metadata",
           {{"name", job.meta.name},
            {"namespace", job.meta.ns},
            {"labels", std::move(labels)},
            {"ownerReferences", Json::array({owner_reference(job)})}}},
          {"spec",
           {{"clusterIP", "None"},
            {"publishNotReadyAddresses", true},
            {"selector", {{label::kTaskId, job.meta.uid}}},
            {"ports", Json::array({{{"name", "rendezvous"}, {"port", port}}})}}}};
}

k8s::ResourceList effective_requests(const TrainingJob& job, std::int64_t rank,
                                     const Configuration& config) {
  JobPlacement nowhere;
  Json pod = job_pod(job, nowhere, rank, config);
  pod["metadata"]["uid"] = job.meta.uid;  // readers want one; it is not kept
  auto read = k8s::Codec<k8s::Pod>::from_json(pod);
  return read ? read->requests : k8s::ResourceList{};
}

}  // namespace fermi
