// Manifests: the ones that the program carries inside, and those in files.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "libk8s/base/status.hpp"

namespace fermi {

// The CRDs and the queues that come with an installation (crds/, manifests/queues/), compiled in,
// so that `fermi up` needs no file beside itself.
std::vector<nlohmann::json> builtin_manifests();

// Every document of a YAML or JSON file, or of the *.yaml, *.yml and *.json files of a folder in
// the order of their names (kustomization files left out). The error names the file.
k8s::Result<std::vector<nlohmann::json>> read_manifests(const std::string& path);

}  // namespace fermi
