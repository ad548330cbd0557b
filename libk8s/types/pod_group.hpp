// PodGroup: Pods that Kubernetes itself knows as one gang (`spec.schedulingGroup` of a Pod).
//
// Which version of scheduling.k8s.io a server offers, if any, is found by discovery
// (transport/discovery.hpp); what is read here is the same in all of them.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "libk8s/base/status.hpp"
#include "libk8s/types/meta.hpp"
#include "libk8s/types/resource.hpp"

namespace k8s {

struct PodGroup {
  ObjectMeta meta;
  // spec.schedulingPolicy.gang.minCount: so many start together or not at all. 0: the policy is not
  // `gang`, and each Pod is placed by itself.
  std::int64_t min_count = 0;
  friend bool operator==(const PodGroup& a, const PodGroup& b) {
    return a.meta.uid == b.meta.uid && a.min_count == b.min_count;
  }
};

template <class T>
struct Codec;

template <>
struct Codec<PodGroup> {
  static constexpr bool kProtobuf = false;
  using Packed = std::shared_ptr<const PodGroup>;

  // Of the version that is known from the beginning; discovery may find another.
  static Resource resource() {
    return {"scheduling.k8s.io", "v1alpha2", "podgroups", "PodGroup", true};
  }
  static Result<PodGroup> from_json(const nlohmann::json& object);
  static const ObjectMeta& meta(const PodGroup& group) { return group.meta; }
  static Packed pack(const PodGroup& group) { return std::make_shared<const PodGroup>(group); }
  static std::shared_ptr<const PodGroup> unpack(const Packed& packed) { return packed; }
};

}  // namespace k8s
