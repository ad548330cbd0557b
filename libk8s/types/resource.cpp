#include "libk8s/types/resource.hpp"

namespace k8s::resources {

Resource pods() { return {"", "v1", "pods", "Pod", true}; }
Resource nodes() { return {"", "v1", "nodes", "Node", false}; }
Resource services() { return {"", "v1", "services", "Service", true}; }
Resource secrets() { return {"", "v1", "secrets", "Secret", true}; }
Resource config_maps() { return {"", "v1", "configmaps", "ConfigMap", true}; }
Resource namespaces() { return {"", "v1", "namespaces", "Namespace", false}; }
Resource persistent_volume_claims() {
  return {"", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", true};
}
Resource persistent_volumes() { return {"", "v1", "persistentvolumes", "PersistentVolume", false}; }
Resource leases() { return {"coordination.k8s.io", "v1", "leases", "Lease", true}; }
Resource events() { return {"events.k8s.io", "v1", "events", "Event", true}; }
Resource core_events() { return {"", "v1", "events", "Event", true}; }
Resource endpoint_slices() {
  return {"discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", true};
}

}  // namespace k8s::resources
