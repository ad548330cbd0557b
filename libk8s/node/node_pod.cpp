#include "libk8s/node/node_pod.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "libk8s/codec/json.hpp"

namespace k8s::node {
namespace {

using nlohmann::json;

std::vector<std::string> strings_at(const json& from, std::string_view key) {
  std::vector<std::string> out;
  for (const json& item : array_at(from, key)) {
    if (item.is_string()) out.push_back(item.get<std::string>());
  }
  return out;
}

int small_int(const json& from, std::string_view key, int fallback) {
  return static_cast<int>(std::clamp<std::int64_t>(int_at(from, key, fallback), 0, 1 << 30));
}

std::map<std::string, Quantity> amounts_at(const json& from, std::string_view key) {
  std::map<std::string, Quantity> out;
  for (const auto& [name, value] : object_at(from, key).items()) {
    const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    if (const Result<Quantity> amount = Quantity::parse(text)) out.emplace(name, *amount);
  }
  return out;
}

SelfRef self_ref_from(const json& j) {
  SelfRef ref;
  ref.field_path = string_at(object_at(j, "fieldRef"), "fieldPath");
  const json& resource = object_at(j, "resourceFieldRef");
  ref.resource = string_at(resource, "resource");
  ref.container = string_at(resource, "containerName");
  ref.divisor = string_at(resource, "divisor");
  return ref;
}

EnvVar env_from_json(const json& j) {
  EnvVar var;
  var.name = string_at(j, "name");
  var.value = string_at(j, "value");
  if (!has(j, "valueFrom")) return var;
  const json& from = object_at(j, "valueFrom");
  const bool secret = has(from, "secretKeyRef");
  if (secret || has(from, "configMapKeyRef")) {
    const json& ref = object_at(from, secret ? "secretKeyRef" : "configMapKeyRef");
    var.from = secret ? EnvVar::From::kSecret : EnvVar::From::kConfigMap;
    var.object = string_at(ref, "name");
    var.key = string_at(ref, "key");
    var.optional = bool_at(ref, "optional");
    return var;
  }
  var.from = EnvVar::From::kSelf;
  var.self = self_ref_from(from);
  return var;
}

EnvFrom env_from_source(const json& j) {
  EnvFrom from;
  from.prefix = string_at(j, "prefix");
  from.secret = has(j, "secretRef");
  const json& ref = object_at(j, from.secret ? "secretRef" : "configMapRef");
  from.object = string_at(ref, "name");
  from.optional = bool_at(ref, "optional");
  return from;
}

void read_items(const json& j, VolumeSource& source) {
  source.mode = small_int(j, "defaultMode", 0644);
  source.optional = bool_at(j, "optional");
  for (const json& item : array_at(j, "items")) {
    VolumeSource::Item entry{string_at(item, "key"), string_at(item, "path"), self_ref_from(item),
                             std::nullopt};
    if (has(item, "mode")) entry.mode = small_int(item, "mode", 0644);
    source.items.push_back(std::move(entry));
  }
}

// A volume, or one source of a projected volume: {"configMap": {...}}.
VolumeSource source_from(const json& j) {
  using Kind = VolumeSource::Kind;
  VolumeSource source;
  if (has(j, "emptyDir")) {
    source.kind = Kind::kEmptyDir;
  } else if (has(j, "hostPath")) {
    source.kind = Kind::kHostPath;
    source.path = string_at(object_at(j, "hostPath"), "path");
    source.path_type = string_at(object_at(j, "hostPath"), "type");
  } else if (has(j, "persistentVolumeClaim")) {
    source.kind = Kind::kClaim;
    source.object = string_at(object_at(j, "persistentVolumeClaim"), "claimName");
  } else if (has(j, "configMap")) {
    source.kind = Kind::kConfigMap;
    source.object = string_at(object_at(j, "configMap"), "name");
    read_items(object_at(j, "configMap"), source);
  } else if (has(j, "secret")) {
    // As a volume it is `secretName`, inside a projected one `name`.
    const json& secret = object_at(j, "secret");
    source.kind = Kind::kSecret;
    source.object = string_at(secret, "secretName", string_at(secret, "name"));
    read_items(secret, source);
  } else if (has(j, "downwardAPI")) {
    source.kind = Kind::kDownward;
    read_items(object_at(j, "downwardAPI"), source);
  } else {
    for (const auto& [key, _] : j.items()) {
      if (key != "name") source.object = key;
    }
  }
  return source;
}

Volume volume_from(const json& j) {
  Volume volume;
  volume.name = string_at(j, "name");
  volume.projected = has(j, "projected");
  volume.read_only = bool_at(object_at(j, "persistentVolumeClaim"), "readOnly");
  if (!volume.projected) {
    volume.sources.push_back(source_from(j));
    return volume;
  }
  const json& projected = object_at(j, "projected");
  for (const json& item : array_at(projected, "sources")) {
    VolumeSource source = item.is_object() ? source_from(item) : VolumeSource{};
    source.mode = small_int(projected, "defaultMode", 0644);
    volume.sources.push_back(std::move(source));
  }
  return volume;
}

void read_port(const json& action, ProbeSpec& probe) {
  probe.plan.host = string_at(action, "host");
  probe.plan.port = small_int(action, "port", 0);
  probe.port_name = string_at(action, "port");
}

std::optional<ProbeSpec> probe_at(const json& container, std::string_view key) {
  if (!has(container, key)) return std::nullopt;
  const json& j = object_at(container, key);
  ProbeSpec probe;
  if (has(j, "exec")) {
    probe.plan.command = strings_at(object_at(j, "exec"), "command");
  } else if (has(j, "httpGet")) {
    const json& get = object_at(j, "httpGet");
    probe.plan.kind = ProbePlan::Kind::kHttp;
    probe.plan.path = string_at(get, "path");
    read_port(get, probe);
    for (const json& header : array_at(get, "httpHeaders")) {
      probe.plan.headers.emplace_back(string_at(header, "name"), string_at(header, "value"));
    }
    if (string_at(get, "scheme") == "HTTPS") probe.unsupported = "HTTPS";
  } else if (has(j, "tcpSocket")) {
    probe.plan.kind = ProbePlan::Kind::kTcp;
    read_port(object_at(j, "tcpSocket"), probe);
  } else {
    probe.unsupported = has(j, "grpc") ? "grpc" : "an unknown kind";
  }
  probe.plan.initial_delay_s = small_int(j, "initialDelaySeconds", 0);
  probe.plan.period_s = small_int(j, "periodSeconds", 10);
  probe.plan.timeout_s = small_int(j, "timeoutSeconds", 1);
  probe.plan.success_threshold = small_int(j, "successThreshold", 1);
  probe.plan.failure_threshold = small_int(j, "failureThreshold", 3);
  return probe;
}

std::optional<std::int64_t> number_in(const json& first, const json& second, const char* key) {
  if (has(first, key)) return int_at(first, key);
  if (has(second, key)) return int_at(second, key);
  return std::nullopt;
}

void read_security(const json& pod_spec, const json& j, ContainerSpec& container) {
  const json& own = object_at(j, "securityContext");
  const json& pod = object_at(pod_spec, "securityContext");
  container.run_as_user = number_in(own, pod, "runAsUser");
  container.run_as_group = number_in(own, pod, "runAsGroup");
  container.run_as_non_root = bool_at(own, "runAsNonRoot", bool_at(pod, "runAsNonRoot"));
}

ContainerSpec container_from(const json& pod_spec, const json& j, bool init) {
  ContainerSpec c;
  c.name = string_at(j, "name");
  c.image = string_at(j, "image");
  c.cwd = string_at(j, "workingDir");
  const bool always = string_at(j, "restartPolicy") == "Always";
  c.kind = !init ? ContainerKind::kMain : always ? ContainerKind::kSidecar : ContainerKind::kInit;
  c.command = strings_at(j, "command");
  c.args = strings_at(j, "args");
  for (const json& item : array_at(j, "env")) c.env.push_back(env_from_json(item));
  for (const json& item : array_at(j, "envFrom")) c.env_from.push_back(env_from_source(item));
  for (const json& item : array_at(j, "volumeMounts")) {
    c.mounts.push_back({string_at(item, "name"), string_at(item, "mountPath"),
                        string_at(item, "subPath"), string_at(item, "subPathExpr"),
                        bool_at(item, "readOnly")});
  }
  for (const json& item : array_at(j, "ports")) {
    c.ports.push_back({string_at(item, "name"), small_int(item, "containerPort", 0)});
  }
  c.requests = amounts_at(object_at(j, "resources"), "requests");
  c.limits = amounts_at(object_at(j, "resources"), "limits");
  c.has_hooks = !object_at(j, "lifecycle").empty();
  read_security(pod_spec, j, c);
  c.startup = probe_at(j, "startupProbe");
  c.readiness = probe_at(j, "readinessProbe");
  c.liveness = probe_at(j, "livenessProbe");
  return c;
}

// Guaranteed: every container limits cpu and memory, and requests the same. BestEffort: nothing at
// all. Only cpu and memory count.
std::string qos_of(const std::vector<ContainerSpec>& containers) {
  bool any = false, guaranteed = true;
  for (const ContainerSpec& c : containers) {
    for (const char* name : {"cpu", "memory"}) {
      const auto request = c.requests.find(name), limit = c.limits.find(name);
      const bool has_request = request != c.requests.end(), has_limit = limit != c.limits.end();
      any = any || has_request || has_limit;
      guaranteed = guaranteed && has_limit && (!has_request || request->second == limit->second);
    }
  }
  if (!any) return "BestEffort";
  return guaranteed ? "Guaranteed" : "Burstable";
}

RestartPolicy policy_named(std::string_view name) {
  if (name == "Never") return RestartPolicy::kNever;
  return name == "OnFailure" ? RestartPolicy::kOnFailure : RestartPolicy::kAlways;
}

void read_spec(const json& spec, NodePod& pod) {
  pod.hostname = string_at(spec, "hostname");
  pod.subdomain = string_at(spec, "subdomain");
  pod.service_account = string_at(spec, "serviceAccountName", "default");
  pod.hostname_as_fqdn = bool_at(spec, "setHostnameAsFQDN");
  pod.service_links = bool_at(spec, "enableServiceLinks", true);
  pod.restart_policy = policy_named(string_at(spec, "restartPolicy"));
  pod.grace_s = std::max<std::int64_t>(0, int_at(spec, "terminationGracePeriodSeconds", 30));
  if (has(spec, "activeDeadlineSeconds")) {
    pod.active_deadline_s = int_at(spec, "activeDeadlineSeconds");
  }
  for (const json& item : array_at(spec, "volumes")) pod.volumes.push_back(volume_from(item));
  for (const json& item : array_at(spec, "initContainers")) {
    pod.containers.push_back(container_from(spec, item, true));
  }
  for (const json& item : array_at(spec, "containers")) {
    pod.containers.push_back(container_from(spec, item, false));
  }
  for (const json& item : array_at(spec, "hostAliases")) {
    pod.host_aliases.emplace_back(string_at(item, "ip"), strings_at(item, "hostnames"));
  }
  for (const json& item : array_at(spec, "readinessGates")) {
    pod.readiness_gates.push_back(string_at(item, "conditionType"));
  }
  pod.qos = qos_of(pod.containers);
}

}  // namespace

std::string NodePod::host_name() const {
  std::string name = (hostname.empty() ? base.meta.name : hostname).substr(0, 63);
  while (!name.empty() && (name.back() == '-' || name.back() == '.')) name.pop_back();
  return name;
}

bool selects(const Service& service, const Pod& pod) {
  if (service.selector.empty() || service.meta.ns != pod.meta.ns) return false;
  return std::all_of(service.selector.begin(), service.selector.end(), [&pod](const auto& want) {
    const auto label = pod.meta.labels.find(want.first);
    return label != pod.meta.labels.end() && label->second == want.second;
  });
}

}  // namespace k8s::node

namespace k8s {

Result<node::NodePod> Codec<node::NodePod>::from_json(const nlohmann::json& object) {
  Result<Pod> base = Codec<Pod>::from_json(object);
  if (!base) return base.status();
  node::NodePod pod;
  pod.base = std::move(*base);
  node::read_spec(object_at(object, "spec"), pod);
  return pod;
}

Result<node::Service> Codec<node::Service>::from_json(const nlohmann::json& object) {
  node::Service service;
  service.meta = meta_from_json(object_at(object, "metadata"));
  if (service.meta.name.empty()) return Status(Code::kMalformed, "a Service without a name");
  const nlohmann::json& spec = object_at(object, "spec");
  for (const auto& [key, value] : object_at(spec, "selector").items()) {
    if (value.is_string()) service.selector[key] = value.get<std::string>();
  }
  service.headless = string_at(spec, "clusterIP") == "None";
  service.publish_not_ready = bool_at(spec, "publishNotReadyAddresses");
  for (const nlohmann::json& item : array_at(spec, "ports")) {
    node::Service::Port port;
    port.name = string_at(item, "name");
    port.protocol = string_at(item, "protocol", "TCP");
    port.port = node::small_int(item, "port", 0);
    port.target = node::small_int(item, "targetPort", has(item, "targetPort") ? 0 : port.port);
    port.target_name = string_at(item, "targetPort");
    service.ports.push_back(std::move(port));
  }
  return service;
}

}  // namespace k8s
