// Resources: exact integer amounts of what a Pod asks for and a node has.
//
// Units: milli-cores, bytes, Pods, and whole devices for extended resources ("nvidia.com/gpu").
// No floating point, no strings as numbers: the boundary converts (rounding requests up).
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace sched {

struct Resources {
  std::int64_t cpu_milli = 0;
  std::int64_t memory_bytes = 0;
  std::int64_t ephemeral_bytes = 0;
  std::int64_t pods = 0;
  // Extended resources by name, sorted by name, each name once, none zero.
  std::vector<std::pair<std::string, std::int64_t>> extended;

  std::int64_t extended_amount(const std::string& name) const;
  void set_extended(const std::string& name, std::int64_t amount);

  friend bool operator==(const Resources&, const Resources&) = default;
};

}  // namespace sched
