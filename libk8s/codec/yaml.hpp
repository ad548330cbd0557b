// YAML as JSON values, read the way Kubernetes' tools read it: YAML 1.1 words for booleans (yes, on
// and so forth), octal with a leading 0, anchors, aliases and merge keys; quoted scalars are text.
//
// For kubeconfigs, manifests and request bodies, also hostile ones. Bounded: text size, nesting,
// and what aliases expand to. The last bound grows with the text, because a text without aliases
// cannot expand at all: so a large manifest is read, and a small text cannot become a large value.
// It is kept by counting, before any value is built. Pure functions. Errors: kMalformed with line
// and reason.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string_view>
#include <vector>

#include "libk8s/base/status.hpp"

namespace k8s {

struct YamlLimits {
  std::size_t bytes = std::size_t{4} << 20;  // of text
  // What a text may expand to: so many values and one more for each byte of it; so many bytes of
  // scalars and twice its own size more (an escape may become longer than it was written). Without
  // aliases it never comes to that.
  std::size_t values = 10'000;
  std::size_t scalar_bytes = std::size_t{1} << 20;
  // Values at most, however large the text: for readers that must stay quick.
  std::size_t most_values = std::size_t{4} << 20;
  int depth = 200;
};

// Every document of the text, empty ones left out.
Result<std::vector<nlohmann::json>> parse_yaml_documents(std::string_view text,
                                                         YamlLimits limits = {});
// The one document of the text; null for an empty text, kMalformed when there are several.
Result<nlohmann::json> parse_yaml(std::string_view text, YamlLimits limits = {});

}  // namespace k8s
