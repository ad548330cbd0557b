// NodePod: a Pod with everything that is needed to run it, and Service, as names need it.
//
// k8s::Pod keeps what scheduling reads; here stands the rest of the spec. Values, read from JSON
// leniently: what has a wrong type reads as absent, what cannot be honoured is refused when the Pod
// is prepared (prepare.hpp), in its status.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "libk8s/codec/quantity.hpp"
#include "libk8s/node/records.hpp"
#include "libk8s/types/codec.hpp"
#include "libk8s/watch/codec.hpp"

namespace k8s::node {

// A field of the Pod itself (downward API): "metadata.name", "metadata.labels['x']", ...
// or an amount of a container: {"limits.cpu", container, divisor}.
struct SelfRef {
  std::string field_path;
  std::string resource, container;
  std::string divisor;
  bool is_resource() const { return !resource.empty(); }
};

struct EnvVar {
  enum class From : std::uint8_t { kValue, kSelf, kConfigMap, kSecret } from = From::kValue;
  std::string name, value;
  SelfRef self;
  std::string object, key;  // of a ConfigMap or Secret
  bool optional = false;
};

struct EnvFrom {
  bool secret = false;
  std::string object, prefix;
  bool optional = false;
};

// One source of a volume; a projected volume has several.
struct VolumeSource {
  enum class Kind : std::uint8_t {
    kEmptyDir,
    kHostPath,
    kClaim,
    kConfigMap,
    kSecret,
    kDownward,
    kUnknown,  // `object` names it
  } kind = Kind::kUnknown;
  std::string object;     // claim, ConfigMap, Secret
  std::string path;       // of kHostPath
  std::string path_type;  // of kHostPath: "", "DirectoryOrCreate", "File", ...
  bool optional = false;
  int mode = 0644;
  struct Item {
    std::string key, path;
    SelfRef self;
    std::optional<int> mode;
  };
  std::vector<Item> items;  // none: all keys under their own names
};

struct Volume {
  std::string name;
  bool projected = false;
  bool read_only = false;  // of a claim
  std::vector<VolumeSource> sources;
};

struct VolumeMount {
  std::string volume, path, sub_path, sub_path_expr;
  bool read_only = false;
};

struct ContainerPort {
  std::string name;
  int port = 0;
};

struct ProbeSpec {
  ProbePlan plan;
  std::string port_name;    // when the port is given by name
  std::string unsupported;  // "grpc"; "" when it can be run
};

struct ContainerSpec {
  std::string name, image, cwd;
  ContainerKind kind = ContainerKind::kMain;
  std::vector<std::string> command, args;
  std::vector<EnvVar> env;
  std::vector<EnvFrom> env_from;
  std::vector<VolumeMount> mounts;
  std::vector<ContainerPort> ports;
  std::map<std::string, Quantity> requests, limits;
  std::optional<std::int64_t> run_as_user, run_as_group;
  bool run_as_non_root = false;
  bool has_hooks = false;  // lifecycle: postStart or preStop
  std::optional<ProbeSpec> startup, readiness, liveness;
};

struct NodePod {
  Pod base;
  std::string hostname, subdomain, service_account;
  bool hostname_as_fqdn = false, service_links = true;
  RestartPolicy restart_policy = RestartPolicy::kAlways;
  std::int64_t grace_s = 30;
  std::optional<std::int64_t> active_deadline_s;
  std::vector<Volume> volumes;
  std::vector<ContainerSpec> containers;  // init containers first
  std::vector<std::pair<std::string, std::vector<std::string>>> host_aliases;  // address, names
  std::vector<std::string> readiness_gates;
  std::string qos;  // computed: Guaranteed, Burstable, BestEffort

  const ObjectMeta& meta() const { return base.meta; }
  // What the Pod calls itself: spec.hostname, else its name, cut to 63 characters.
  std::string host_name() const;
};

struct Service {
  ObjectMeta meta;
  StringMap selector;
  bool headless = false;
  bool publish_not_ready = false;
  struct Port {
    std::string name, protocol = "TCP";
    int port = 0;
    int target = 0;           // 0: by name
    std::string target_name;  // of a container's port
  };
  std::vector<Port> ports;
};

// Whether a Service's selector picks this Pod.
bool selects(const Service& service, const Pod& pod);

}  // namespace k8s::node

namespace k8s {

template <>
struct Codec<node::NodePod> : JsonCodec<node::NodePod> {
  static Resource resource() { return resources::pods(); }
  static Result<node::NodePod> from_json(const nlohmann::json& object);
  static const ObjectMeta& meta(const node::NodePod& pod) { return pod.base.meta; }
};

template <>
struct Codec<node::Service> : JsonCodec<node::Service> {
  static Resource resource() { return resources::services(); }
  static Result<node::Service> from_json(const nlohmann::json& object);
};

}  // namespace k8s
