// Preparing a Pod: from its spec and what it refers to, to the plan for its shim.
//
//   refuse            what can never run here, at once
//   references_of     which ConfigMaps, Secrets and claims have to be read first
//   prepare_volumes   folders and files on disk
//   build_plan        pure: every container's command, environment, mounts
//
// Errors are sentences for the Pod's status; kNotFound ones may mend themselves and are tried
// again.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "libk8s/node/environment.hpp"
#include "libk8s/node/node_pod.hpp"
#include "libk8s/node/node_runtime.hpp"
#include "libk8s/node/pools.hpp"
#include "libk8s/node/shared_devices.hpp"

namespace k8s::node {

// Why this Pod cannot run on a node of this kind, ever: a container without a command, an image
// whose runner is not there, names that are no names, a probe or a volume of an unknown kind.
std::optional<Refusal> refuse(const NodePod& pod, const NodeOptions& options);

// Whether a rule says what this image is.
bool is_mapped(const std::string& image, const std::vector<ImageRule>& rules);

struct References {
  std::set<std::string> config_maps, secrets, claims;
};
References references_of(const NodePod& pod);

// Everything that build_plan takes into account. `pod` and `node` must outlive the call only.
struct Preparation {
  const NodePod& pod;
  const NodeOptions& options;
  const NodeSpec& node;
  std::string folder;  // the Pod's own
  PodFacts facts;
  Objects objects;
  StringMap services;
  // Inherited from the runtime's own environment: below all that the Pod says.
  StringMap inherited;
  std::map<std::string, std::vector<std::string>> devices;
  WallTime now;
  // Of which it has a part.
  std::optional<SharedName> shared{};
  std::string shared_device{};
};

// Where each volume is on the host, by its name.
using VolumePaths = std::map<std::string, std::string>;
Result<VolumePaths> prepare_volumes(const Preparation& preparation);

Result<PodPlan> build_plan(const Preparation& preparation, const VolumePaths& volumes);

// A name that can be a file's: letters, digits, '-', '_', '.', not beginning with a dot.
bool is_file_name(std::string_view name);

}  // namespace k8s::node
