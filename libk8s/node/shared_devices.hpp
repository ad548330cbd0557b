// Devices of which several Pods have a part.
//
// An annotation of the Pod (NodeOptions::shared_device_annotation) names one: "nvidia.com/gpu#2" is
// the node's shared GPU number 2. Pods of one node that say the same name share one device. Which
// one that is, is found out when the first of them comes; it is theirs until the last has gone, and
// counts like one device that a single Pod asked for. How much of it each may use is between them.
// Values in memory, as in pools.hpp.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "libk8s/types/meta.hpp"

namespace k8s::node {

struct SharedName {
  std::string text;  // "nvidia.com/gpu#2"
  std::string resource;
  std::int64_t number = 0;
  // Nothing for what is not RESOURCE#NUMBER, the number from 0 to 4095.
  static std::optional<SharedName> parse(std::string_view text);
};

class SharedDevices {
 public:
  // The device behind the name; nothing while nobody has it.
  std::optional<std::string> device(const std::string& node, const SharedName& name) const;
  void join(const std::string& node, const SharedName& name, const std::string& device,
            const std::string& owner);
  // The name that the owner had there, if he was the last.
  std::optional<SharedName> leave(const std::string& node, const std::string& owner);
  // Devices that somebody shares, by resource.
  ResourceList used(const std::string& node) const;

 private:
  struct Seat {
    SharedName name;
    std::string device;
    std::set<std::string> owners;  // never empty
  };
  std::map<std::string, std::map<std::string, Seat>> seats_;  // by node, then name
};

}  // namespace k8s::node
