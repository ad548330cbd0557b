#include "libk8s/node/prepare.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

namespace k8s::node {
namespace {

// The rule with the longest matching prefix, or null.
const ImageRule* rule_for(const std::string& image, const std::vector<ImageRule>& rules) {
  const ImageRule* best = nullptr;
  for (const ImageRule& rule : rules) {
    if (!image.starts_with(rule.prefix)) continue;
    if (best == nullptr || rule.prefix.size() > best->prefix.size()) best = &rule;
  }
  return best;
}

std::string quoted(const std::string& text) { return "\"" + text.substr(0, 200) + "\""; }

std::string refuse_probe(const std::optional<ProbeSpec>& probe, const ContainerSpec& container) {
  if (!probe || probe->unsupported.empty()) return "";
  return "container " + quoted(container.name) + " has a probe by " + probe->unsupported +
         "; this node can do exec, httpGet (HTTP) and tcpSocket";
}

std::string refuse_container(const ContainerSpec& c, const NodeOptions& options) {
  if (!is_file_name(c.name)) return "container name " + quoted(c.name) + " is not allowed";
  const ImageRule* rule = rule_for(c.image, options.images);
  const std::string runner = rule == nullptr ? "host" : rule->runner;
  if (runner != "host") {
    return "image " + quoted(c.image) + " is mapped to the runner " + quoted(runner) +
           ", which this node does not have; it has: host";
  }
  if (c.command.empty()) {
    return "image " + quoted(c.image) + " names no command here, as images are not pulled; give " +
           "container " + quoted(c.name) + " a command";
  }
  if (c.run_as_non_root && c.run_as_user.value_or(::geteuid()) == 0) {
    return "container " + quoted(c.name) + " has runAsNonRoot and would run as root";
  }
  if (c.has_hooks) {
    return "container " + quoted(c.name) + " has lifecycle hooks, which this node does not run";
  }
  for (const auto* probe : {&c.startup, &c.readiness, &c.liveness}) {
    if (std::string bad = refuse_probe(*probe, c); !bad.empty()) return bad;
  }
  for (const EnvVar& var : c.env) {
    if (var.name.empty() || var.name.find('=') != std::string::npos) {
      return "container " + quoted(c.name) + " has a variable named " + quoted(var.name);
    }
  }
  for (const VolumeMount& mount : c.mounts) {
    const std::filesystem::path path = mount.path;
    if (!path.is_absolute() || path.lexically_normal() != path || path == "/") {
      return "mountPath " + quoted(mount.path) + " is not a plain absolute path below /";
    }
  }
  return "";
}

std::string refuse_volume(const Volume& volume) {
  if (!is_file_name(volume.name)) return "volume name " + quoted(volume.name) + " is not allowed";
  for (const VolumeSource& source : volume.sources) {
    if (source.kind == VolumeSource::Kind::kUnknown) {
      return "volume " + quoted(volume.name) + " is of kind " + quoted(source.object) +
             "; this node has emptyDir, hostPath, persistentVolumeClaim, configMap, secret, " +
             "downwardAPI and projected ones of the last three";
    }
    if (source.kind == VolumeSource::Kind::kClaim && !is_file_name(source.object)) {
      return "claim name " + quoted(source.object) + " is not allowed";
    }
  }
  return "";
}

void add_reference(const VolumeSource& source, References& to) {
  if (source.kind == VolumeSource::Kind::kConfigMap) to.config_maps.insert(source.object);
  if (source.kind == VolumeSource::Kind::kSecret) to.secrets.insert(source.object);
  if (source.kind == VolumeSource::Kind::kClaim) to.claims.insert(source.object);
}

// Which devices each container sees: main containers and sidecars share out the Pod's devices in
// order; an init container sees the first ones, as it runs when the others do not. A device of
// which the Pod has a part is seen by all of them.
class DeviceShares {
 public:
  explicit DeviceShares(const Preparation& p) : p_(p) {}

  void add_environment(const ContainerSpec& container, StringMap& env) {
    for (const auto& [resource, all] : p_.node.devices) {
      tell(resource, share(container, resource), env);
    }
    if (p_.shared) tell(p_.shared->resource, p_.shared_device, env);
  }

 private:
  static void tell(const std::string& resource, const std::string& list, StringMap& env) {
    if (resource == "nvidia.com/gpu") {
      env["CUDA_VISIBLE_DEVICES"] = env["NVIDIA_VISIBLE_DEVICES"] = list;
      env["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID";
    } else if (resource == "amd.com/gpu") {
      env["ROCR_VISIBLE_DEVICES"] = list;
    }
  }

  std::string share(const ContainerSpec& container, const std::string& resource) {
    const auto held = p_.devices.find(resource);
    const auto amount = container.requests.find(resource);
    const auto limit = container.limits.find(resource);
    std::int64_t count = amount != container.requests.end() ? amount->second.units()
                         : limit != container.limits.end()  ? limit->second.units()
                                                            : 0;
    std::string list;
    if (held == p_.devices.end()) return list;
    std::size_t own_start = 0;
    std::size_t& next = container.kind == ContainerKind::kInit ? own_start : next_[resource];
    for (; count > 0 && next < held->second.size(); --count, ++next) {
      list += (list.empty() ? "" : ",") + held->second[next];
    }
    return list;
  }

  const Preparation& p_;
  std::map<std::string, std::size_t> next_;
};

std::optional<ProbePlan> plan_probe(const std::optional<ProbeSpec>& spec, const ContainerSpec& c,
                                    const PodFacts& facts) {
  if (!spec) return std::nullopt;
  ProbePlan plan = spec->plan;
  if (plan.host.empty()) plan.host = facts.pod_ip;
  for (const ContainerPort& port : c.ports) {
    if (!spec->port_name.empty() && port.name == spec->port_name) plan.port = port.port;
  }
  return plan;
}

Result<std::vector<Mount>> plan_mounts(const NodePod& pod, const ContainerSpec& c,
                                       const VolumePaths& volumes, const StringMap& env) {
  std::vector<Mount> out;
  for (const VolumeMount& mount : c.mounts) {
    const auto path = volumes.find(mount.volume);
    if (path == volumes.end()) {
      return Status(Code::kInvalid, "container " + quoted(c.name) + " mounts volume " +
                                        quoted(mount.volume) + ", which the Pod does not have");
    }
    const bool by_volume = std::any_of(pod.volumes.begin(), pod.volumes.end(), [&](const auto& v) {
      return v.name == mount.volume && v.read_only;
    });
    const std::string sub_path =
        mount.sub_path_expr.empty() ? mount.sub_path : expand(mount.sub_path_expr, env);
    out.push_back({path->second, sub_path, mount.path, mount.read_only || by_volume});
  }
  return out;
}

std::vector<std::string> expand_all(const std::vector<std::string>& words, const StringMap& env) {
  std::vector<std::string> out;
  for (const std::string& word : words) out.push_back(expand(word, env));
  return out;
}

Result<ContainerPlan> plan_container(const Preparation& p, const ContainerSpec& c,
                                     const VolumePaths& volumes, DeviceShares& devices) {
  const Result<Environment> env = resolve_environment(p.pod, c, p.facts, p.objects, p.services);
  if (!env) return env.status();
  Result<std::vector<Mount>> mounts = plan_mounts(p.pod, c, volumes, env->values());
  if (!mounts) return mounts.status();
  ContainerPlan plan;
  plan.name = c.name;
  plan.kind = c.kind;
  plan.argv = expand_all(c.command, env->values());
  for (std::string& word : expand_all(c.args, env->values())) plan.argv.push_back(std::move(word));
  StringMap below = p.inherited;
  for (const auto& [name, value] : p.options.env) below[name] = value;
  below.try_emplace("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  below["HOSTNAME"] = p.pod.host_name();
  below["POD_HOSTS_FILE"] = p.folder + "/hosts";
  devices.add_environment(c, below);
  for (const auto& [name, value] : below) {
    if (!env->values().contains(name)) plan.env.push_back(name + "=" + value);
  }
  for (std::string& entry : env->entries()) plan.env.push_back(std::move(entry));
  plan.cwd = c.cwd.empty() ? p.folder + "/work" : expand(c.cwd, env->values());
  plan.mounts = std::move(*mounts);
  if (c.run_as_user) plan.run_as_user = static_cast<std::uint32_t>(*c.run_as_user);
  if (c.run_as_group) plan.run_as_group = static_cast<std::uint32_t>(*c.run_as_group);
  plan.startup = plan_probe(c.startup, c, p.facts);
  plan.readiness = plan_probe(c.readiness, c, p.facts);
  plan.liveness = plan_probe(c.liveness, c, p.facts);
  return plan;
}

}  // namespace

bool is_mapped(const std::string& image, const std::vector<ImageRule>& rules) {
  return rule_for(image, rules) != nullptr;
}

bool is_file_name(std::string_view name) {
  return !name.empty() && name.size() <= 253 && name[0] != '.' &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
         });
}

std::optional<Refusal> refuse(const NodePod& pod, const NodeOptions& options) {
  std::string bad;
  if (!is_file_name(pod.meta().uid)) bad = "uid " + quoted(pod.meta().uid) + " is not allowed";
  if (!is_file_name(pod.meta().ns)) bad = "namespace " + quoted(pod.meta().ns) + " is not allowed";
  if (pod.containers.empty()) bad = "the Pod has no containers";
  std::set<std::string> names;
  for (const ContainerSpec& container : pod.containers) {
    if (!bad.empty()) break;
    bad = refuse_container(container, options);
    if (!names.insert(container.name).second) bad = "two containers are named " + container.name;
  }
  for (const Volume& volume : pod.volumes) {
    if (bad.empty()) bad = refuse_volume(volume);
  }
  if (bad.empty()) return std::nullopt;
  return Refusal{"UnsupportedByNode", bad};
}

References references_of(const NodePod& pod) {
  References out;
  for (const ContainerSpec& container : pod.containers) {
    for (const EnvFrom& from : container.env_from) {
      (from.secret ? out.secrets : out.config_maps).insert(from.object);
    }
    for (const EnvVar& var : container.env) {
      if (var.from == EnvVar::From::kConfigMap) out.config_maps.insert(var.object);
      if (var.from == EnvVar::From::kSecret) out.secrets.insert(var.object);
    }
  }
  for (const Volume& volume : pod.volumes) {
    for (const VolumeSource& source : volume.sources) add_reference(source, out);
  }
  return out;
}

Result<PodPlan> build_plan(const Preparation& p, const VolumePaths& volumes) {
  const ObjectMeta& meta = p.pod.meta();
  PodPlan plan;
  plan.uid = meta.uid;
  plan.ns = meta.ns;
  plan.name = meta.name;
  plan.node = p.node.name;
  plan.hostname = p.pod.host_name();
  if (p.pod.hostname_as_fqdn && !p.pod.subdomain.empty()) {
    plan.hostname += "." + p.pod.subdomain + "." + meta.ns + ".svc." + p.options.cluster_domain;
  }
  plan.address = p.facts.pod_ip;
  plan.restart_policy = p.pod.restart_policy;
  plan.grace_s = p.pod.grace_s;
  plan.active_deadline_s = p.pod.active_deadline_s;
  plan.started_at = p.now;
  plan.devices = p.devices;
  if (p.shared) plan.shared_name = p.shared->text;
  plan.shared_device = p.shared_device;
  plan.requests = p.pod.base.requests;
  plan.backoff_first = p.options.restart_backoff_first;
  plan.backoff_max = p.options.restart_backoff_max;
  plan.log_file_bytes = p.options.log_file_bytes;
  plan.log_files = p.options.log_files;
  plan.namespaces = p.options.namespaces;
  DeviceShares devices(p);
  for (const ContainerSpec& container : p.pod.containers) {
    Result<ContainerPlan> planned = plan_container(p, container, volumes, devices);
    if (!planned) return planned.status();
    plan.containers.push_back(std::move(*planned));
  }
  return plan;
}

}  // namespace k8s::node
