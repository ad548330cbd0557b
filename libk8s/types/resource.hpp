// Resource: one resource type of the API, as it stands in URLs and objects. A value.
#pragma once

#include <string>

namespace k8s {

struct Resource {
  std::string group;    // "" for the core group
  std::string version;  // "v1"
  std::string plural;   // "pods"
  std::string kind;     // "Pod"
  bool namespaced = true;

  std::string api_version() const { return group.empty() ? version : group + "/" + version; }
  friend bool operator==(const Resource&, const Resource&) = default;
};

// The core resources that are used by name here and there.
namespace resources {
Resource pods();
Resource nodes();
Resource services();
Resource secrets();
Resource config_maps();
Resource namespaces();
Resource persistent_volume_claims();
Resource persistent_volumes();
Resource leases();           // coordination.k8s.io/v1
Resource events();           // events.k8s.io/v1
Resource core_events();      // v1
Resource endpoint_slices();  // discovery.k8s.io/v1
}  // namespace resources

}  // namespace k8s
