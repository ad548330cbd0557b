// YAML as JSON values, read the way Kubernetes' tools read it: YAML 1.1 words for booleans (yes,
// on,
// ...), octal with a leading 0, anchors, aliases and merge keys; quoted scalars are always text.
//
// For kubeconfigs and manifests. Bounded: text size, nesting, and the size of what aliases expand
// to, so that a small text cannot become a large value. Pure functions.
// Errors: kMalformed with line and reason.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string_view>
#include <vector>

#include "libk8s/base/status.hpp"

namespace k8s {

struct YamlLimits {
  std::size_t bytes = std::size_t{4} << 20;            // of text
  std::size_t expanded_bytes = std::size_t{16} << 20;  // of values, 32 for each node and its text
  int depth = 200;
};

// Every document of the text, empty ones left out.
Result<std::vector<nlohmann::json>> parse_yaml_documents(std::string_view text,
                                                         YamlLimits limits = {});
// The one document of the text; null for an empty text, kMalformed when there are several.
Result<nlohmann::json> parse_yaml(std::string_view text, YamlLimits limits = {});

}  // namespace k8s
