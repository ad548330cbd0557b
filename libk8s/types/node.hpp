// Node: the fields that scheduling reads.
#pragma once

#include <string>
#include <vector>

#include "libk8s/types/meta.hpp"

namespace k8s {

struct Taint {
  std::string key, value, effect;  // effect: NoSchedule, PreferNoSchedule, NoExecute
  friend bool operator==(const Taint&, const Taint&) = default;
};

struct Node {
  ObjectMeta meta;
  bool unschedulable = false;
  std::vector<Taint> taints;
  ResourceList allocatable;
  ResourceList capacity;
  bool ready = false;  // condition Ready is True
  std::string internal_ip;
};

}  // namespace k8s
