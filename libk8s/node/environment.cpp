#include "libk8s/node/environment.hpp"

#include <algorithm>
#include <cctype>

namespace k8s::node {
namespace {

// "metadata.labels['a/b']" -> a/b, for that prefix; nothing when it is not that.
std::optional<std::string> subscript(std::string_view path, std::string_view of) {
  if (!path.starts_with(of) || !path.substr(of.size()).starts_with("['") || !path.ends_with("']")) {
    return std::nullopt;
  }
  path.remove_prefix(of.size() + 2);
  path.remove_suffix(2);
  return std::string(path);
}

std::string value_or_empty(const StringMap& map, const std::string& key) {
  const auto it = map.find(key);
  return it == map.end() ? "" : it->second;
}

// All labels or annotations, as a downward volume shows them: key="value", one a line.
std::string all_entries(const StringMap& map) {
  std::string out;
  for (const auto& [key, value] : map) {
    std::string escaped;
    for (const char c : value) {
      if (c == '"' || c == '\\') escaped += '\\';
      escaped += c == '\n' ? std::string("\\n") : std::string(1, c);
    }
    out += (out.empty() ? "" : "\n") + key + "=\"" + escaped + "\"";
  }
  return out;
}

Result<std::string> resolve_field(const std::string& path, const NodePod& pod,
                                  const PodFacts& facts) {
  const ObjectMeta& meta = pod.meta();
  if (path == "metadata.name") return meta.name;
  if (path == "metadata.namespace") return meta.ns;
  if (path == "metadata.uid") return meta.uid;
  if (path == "metadata.labels") return all_entries(meta.labels);
  if (path == "metadata.annotations") return all_entries(meta.annotations);
  if (path == "spec.nodeName") return facts.node_name;
  if (path == "spec.serviceAccountName") return pod.service_account;
  if (path == "status.podIP" || path == "status.podIPs") return facts.pod_ip;
  if (path == "status.hostIP" || path == "status.hostIPs") return facts.host_ip;
  if (const auto key = subscript(path, "metadata.labels")) return value_or_empty(meta.labels, *key);
  if (const auto key = subscript(path, "metadata.annotations")) {
    return value_or_empty(meta.annotations, *key);
  }
  return Status(Code::kInvalid, "fieldPath \"" + path + "\" is not supported");
}

// The amount in whole divisors, rounded up.
std::string divided(Quantity amount, const std::string& divisor) {
  Quantity::Nano by = Quantity::Nano{1'000'000'000};
  const Result<Quantity> given = Quantity::parse(divisor.empty() ? "1" : divisor);
  if (given && given->nano() > 0) by = given->nano();
  return std::to_string(static_cast<std::int64_t>((amount.nano() + by - 1) / by));
}

Result<std::string> resolve_resource(const SelfRef& ref, const NodePod& pod,
                                     const ContainerSpec* container, const PodFacts& facts) {
  if (!ref.container.empty()) {
    const auto named = std::find_if(pod.containers.begin(), pod.containers.end(),
                                    [&](const auto& c) { return c.name == ref.container; });
    container = named == pod.containers.end() ? nullptr : &*named;
  }
  const std::size_t dot = ref.resource.find('.');
  const std::string list = ref.resource.substr(0, dot);
  if (container == nullptr || dot == std::string::npos ||
      (list != "limits" && list != "requests")) {
    return Status(Code::kInvalid, "resourceFieldRef \"" + ref.resource + "\" of container \"" +
                                      ref.container + "\" is not supported");
  }
  const std::string name = ref.resource.substr(dot + 1);
  const auto& amounts = list == "limits" ? container->limits : container->requests;
  if (const auto own = amounts.find(name); own != amounts.end()) {
    return divided(own->second, ref.divisor);
  }
  const auto node = facts.allocatable.find(name);
  if (list == "requests" || node == facts.allocatable.end()) return std::string("0");
  const Quantity::Nano unit = name == "cpu" ? 1'000'000 : 1'000'000'000;
  return divided(Quantity::from_nano(Quantity::Nano{node->second} * unit), ref.divisor);
}

// The data of an object, or why it cannot be had; null when it is missing and may be.
Result<const StringMap*> data_of(const DataObjects& objects, const char* kind,
                                 const std::string& name, bool optional) {
  const auto it = objects.find(name);
  if (it != objects.end() && it->second) return &*it->second;
  if (optional) return nullptr;
  return Status(Code::kNotFound, std::string(kind) + " \"" + name + "\" not found");
}

Status add_env_from(const EnvFrom& from, const Objects& objects, Environment& env) {
  const char* kind = from.secret ? "secret" : "configmap";
  const Result<const StringMap*> data = data_of(from.secret ? objects.secrets : objects.config_maps,
                                                kind, from.object, from.optional);
  if (!data) return data.status();
  if (*data == nullptr) return Status::ok();
  for (const auto& [key, value] : **data) {
    // A variable's name can hold anything but these.
    if (key.empty() || key.find('=') != std::string::npos) continue;
    env.set(from.prefix + key, value);
  }
  return Status::ok();
}

// The value of one variable; nothing when it comes from something optional that is not there.
Result<std::optional<std::string>> value_of(const EnvVar& var, const NodePod& pod,
                                            const ContainerSpec& container, const PodFacts& facts,
                                            const Objects& objects, const StringMap& known) {
  if (var.from == EnvVar::From::kValue) return std::optional(expand(var.value, known));
  if (var.from == EnvVar::From::kSelf) {
    Result<std::string> value = resolve_self(var.self, pod, &container, facts);
    if (!value) return value.status();
    return std::optional(std::move(*value));
  }
  const bool secret = var.from == EnvVar::From::kSecret;
  const char* kind = secret ? "secret" : "configmap";
  const Result<const StringMap*> data =
      data_of(secret ? objects.secrets : objects.config_maps, kind, var.object, var.optional);
  if (!data) return data.status();
  if (*data == nullptr) return std::optional<std::string>();
  const auto entry = (*data)->find(var.key);
  if (entry != (*data)->end()) return std::optional(entry->second);
  if (var.optional) return std::optional<std::string>();
  return Status(Code::kNotFound, "couldn't find key " + var.key + " in " + kind + " " +
                                     pod.meta().ns + "/" + var.object);
}

std::string variable_name(std::string name) {
  for (char& c : name) {
    c = c == '-' || c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace

std::string expand(std::string_view text, const StringMap& values) {
  std::string out;
  while (!text.empty()) {
    const std::size_t dollar = text.find('$');
    out += text.substr(0, dollar);
    if (dollar == std::string_view::npos) return out;
    text.remove_prefix(dollar);
    if (text.starts_with("$$")) {
      out += '$';
      text.remove_prefix(2);
      continue;
    }
    const std::size_t close = text.starts_with("$(") ? text.find(')') : std::string_view::npos;
    if (close == std::string_view::npos) {
      out += '$';
      text.remove_prefix(1);
      continue;
    }
    const auto value = values.find(std::string(text.substr(2, close - 2)));
    out += value == values.end() ? std::string(text.substr(0, close + 1)) : value->second;
    text.remove_prefix(close + 1);
  }
  return out;
}

Result<std::string> resolve_self(const SelfRef& ref, const NodePod& pod,
                                 const ContainerSpec* container, const PodFacts& facts) {
  return ref.is_resource() ? resolve_resource(ref, pod, container, facts)
                           : resolve_field(ref.field_path, pod, facts);
}

void Environment::set(const std::string& name, std::string value) {
  if (!values_.contains(name)) order_.push_back(name);
  values_[name] = std::move(value);
}

std::vector<std::string> Environment::entries() const {
  std::vector<std::string> out;
  for (const std::string& name : order_) out.push_back(name + "=" + values_.at(name));
  return out;
}

Result<Environment> resolve_environment(const NodePod& pod, const ContainerSpec& container,
                                        const PodFacts& facts, const Objects& objects,
                                        const StringMap& services) {
  Environment env;
  for (const auto& [name, value] : services) env.set(name, value);
  for (const EnvFrom& from : container.env_from) {
    if (Status bad = add_env_from(from, objects, env); !bad) return bad;
  }
  for (const EnvVar& var : container.env) {
    Result<std::optional<std::string>> value =
        value_of(var, pod, container, facts, objects, env.values());
    if (!value) return value.status();
    if (*value) env.set(var.name, std::move(**value));
  }
  return env;
}

int target_port(const Service::Port& port, const NodePod& pod) {
  if (port.target > 0) return port.target;
  for (const ContainerSpec& container : pod.containers) {
    for (const ContainerPort& own : container.ports) {
      if (!own.name.empty() && own.name == port.target_name) return own.port;
    }
  }
  return 0;
}

StringMap service_environment(const std::vector<Backend>& backends) {
  StringMap env;
  for (const Backend& backend : backends) {
    const Service& service = *backend.service;
    if (service.headless || service.ports.empty()) continue;
    const std::string name = variable_name(service.meta.name);
    env[name + "_SERVICE_HOST"] = backend.address;
    for (const Service::Port& port : service.ports) {
      const std::string target = std::to_string(target_port(port, *backend.pod));
      const std::string protocol = lower(port.protocol);
      const std::string url = protocol + "://" + backend.address + ":" + target;
      if (&port == &service.ports.front()) {
        env[name + "_SERVICE_PORT"] = target;
        env[name + "_PORT"] = url;
      }
      if (!port.name.empty()) env[name + "_SERVICE_PORT_" + variable_name(port.name)] = target;
      const std::string prefix =
          name + "_PORT_" + std::to_string(port.port) + "_" + variable_name(port.protocol);
      env[prefix] = url;
      env[prefix + "_PROTO"] = protocol;
      env[prefix + "_PORT"] = target;
      env[prefix + "_ADDR"] = backend.address;
    }
  }
  return env;
}

}  // namespace k8s::node
