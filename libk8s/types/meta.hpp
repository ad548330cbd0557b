// Object metadata and the core kinds in the compact form that controllers need.
//
// These structs keep what schedulers and controllers read; everything else of an object is dropped
// while decoding (managedFields first of all). They are values: copy, compare, move. Writes never
// send them back: writes are built as JSON (request/), with only the fields they mean to change.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libk8s/base/loop.hpp"

namespace k8s {

struct OwnerReference {
  std::string api_version, kind, name, uid;
  bool controller = false;
  friend bool operator==(const OwnerReference&, const OwnerReference&) = default;
};

using StringMap = std::map<std::string, std::string>;

struct ObjectMeta {
  std::string name;
  std::string ns;  // "" for cluster-scoped objects
  std::string uid;
  // Opaque but for equality, and for order where the server promises it (codec/resource_version).
  std::string resource_version;
  std::int64_t generation = 0;
  WallTime creation_time;
  std::optional<WallTime> deletion_time;  // being deleted
  std::int64_t deletion_grace_seconds = 0;
  StringMap labels;
  StringMap annotations;
  std::vector<OwnerReference> owners;
  std::vector<std::string> finalizers;

  bool deleting() const { return deletion_time.has_value(); }
  // The value of a label or annotation, or "".
  std::string_view label(const std::string& key) const;
  std::string_view annotation(const std::string& key) const;
  const OwnerReference* controller() const;
  // "namespace/name", or "name" for cluster-scoped objects: the identity within one kind.
  std::string key() const { return ns.empty() ? name : ns + "/" + name; }
};

// Resource amounts by name, in the base unit of the resource times 1000 for cpu ("cpu" is in
// milli-cores) and plain units otherwise ("memory" in bytes, "nvidia.com/gpu" in devices, "pods").
using ResourceList = std::map<std::string, std::int64_t>;

}  // namespace k8s
