// The environment and the command of a container, resolved as a kubelet resolves them.
//
// Pure: objects that are referred to come in already read. Errors are kInvalid or kNotFound with
// the sentence for the container's `waiting.message`.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "libk8s/node/node_pod.hpp"

namespace k8s::node {

// Replaces $(NAME) by its value. $$ stands for one $, a name that is not known stays as it is
// written, and nothing is expanded twice.
std::string expand(std::string_view text, const StringMap& values);

// The data of ConfigMaps and Secrets of one namespace, by name; no value: there is no such object.
// Values are bytes (base64 undone).
using DataObjects = std::map<std::string, std::optional<StringMap>>;

struct Objects {
  DataObjects config_maps, secrets;
};

// What the downward API can say beyond the Pod itself.
struct PodFacts {
  std::string node_name, pod_ip, host_ip;
  ResourceList allocatable;  // of the node: the limit of containers that have none
};

Result<std::string> resolve_self(const SelfRef& ref, const NodePod& pod,
                                 const ContainerSpec* container, const PodFacts& facts);

// The variables the Pod asks for (env, envFrom, Services), in the order in which they were defined,
// each name once, with the last value.
class Environment {
 public:
  void set(const std::string& name, std::string value);
  const StringMap& values() const { return values_; }
  std::vector<std::string> entries() const;  // "NAME=value"

 private:
  std::vector<std::string> order_;
  StringMap values_;
};

// `services` comes below everything of the Pod's own, and can be referred to by it.
Result<Environment> resolve_environment(const NodePod& pod, const ContainerSpec& container,
                                        const PodFacts& facts, const Objects& objects,
                                        const StringMap& services);

// <NAME>_SERVICE_HOST, <NAME>_SERVICE_PORT and the older forms, for Services of one namespace that
// have a Pod behind them. There is no proxy for a cluster address here: HOST is the address of one
// Pod behind the Service and PORT its target port.
struct Backend {
  const Service* service = nullptr;
  const NodePod* pod = nullptr;
  std::string address;
};
StringMap service_environment(const std::vector<Backend>& backends);

// The target port in that Pod; 0 when the name is not known there.
int target_port(const Service::Port& port, const NodePod& pod);

}  // namespace k8s::node
