// JsonPath: the part of kubectl's JSONPath that printer columns use. Here, below table/, because
// the paths of a CRD are checked when it is applied.
//
// `.spec.x`, `.metadata.labels['a.b/c']`, `.items[0]`, `[-1]`, `[*]`, `[1:3]`, `..name` and
// `.conditions[?(@.type=="Ready")].status` (==, !=, <, <=, >, >=). Pure, bounded.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "libk8s/apiserver/schema/schema.hpp"
#include "libk8s/base/status.hpp"

namespace k8s::apiserver {

class JsonPath {
 public:
  // Errors: kInvalid, saying where the path cannot be read.
  static Result<JsonPath> parse(std::string_view text);

  // Every value that the path reaches, in document order; pointers into `root`.
  std::vector<const Json*> find(const Json& root) const;

  struct Step {
    enum class Kind : std::uint8_t { kChild, kWildcard, kIndex, kSlice, kDescend, kFilter } kind;
    std::string name;  // kChild, kDescend
    std::int64_t from = 0, to = 0;
    bool open_end = true;     // kSlice without an end
    std::vector<Step> left;   // kFilter: the path after @
    std::string op, literal;  // kFilter: "" op: the path exists
    bool literal_is_string = false;
  };

 private:
  std::vector<Step> steps_;
};

}  // namespace k8s::apiserver
