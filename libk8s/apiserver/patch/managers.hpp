// Managers: the entries of metadata.managedFields. Internal to patch/.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "libk8s/apiserver/patch/field_set.hpp"

namespace k8s::apiserver::patch {

struct Manager {
  std::string name, operation, api_version, subresource, time;
  FieldSet fields;

  // The same manager, as far as ownership goes: appliers keep their entry over versions.
  bool is(const Manager& other) const {
    bool versions = operation == "Apply" || api_version == other.api_version;
    return name == other.name && operation == other.operation && subresource == other.subresource &&
           versions;
  }
};
using Managers = std::vector<Manager>;

// Reads the managedFields of an object; none when there are none or they are broken.
Managers read_managers(const Json* object);
// Writes them, sorted; removes the field when there are none.
void write_managers(const Managers& managers, Json& object);

// The entry like `key`, or null.
Manager* find_manager(Managers& managers, const Manager& key);
// `"kubectl" using v1`, as conflicts name it.
std::string readable_manager(const Manager& manager);

// Writers by update beyond this number: the oldest are put together into one.
inline constexpr std::size_t kMaxUpdaters = 10;
void cap_updaters(Managers& managers);

}  // namespace k8s::apiserver::patch
