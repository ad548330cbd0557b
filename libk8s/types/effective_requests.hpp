// Effective requests: what a Pod takes from its node, per resource.
//
//   largest of:  the largest over init containers i of (i's own + restartable ones before i)
//                the sum of regular containers and of all restartable init containers
//   + what its resource claims take of the node's allocatable
//   pod-level requests, where set, replace that for cpu, memory and hugepages
//   + overhead
//
// While a Pod is resized in place, a container (and the Pod level) counts as the largest of what is
// asked for (spec), allocated and actuated; a resize that was found infeasible leaves spec out.
//
// The sum is exact (billionths in 128 bits) and rounded up once, at the end. Amounts that cannot be
// read count as 2^63 - 1, so that such a Pod fits nowhere rather than everywhere. Pure.
#pragma once

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "libk8s/codec/quantity.hpp"
#include "libk8s/types/meta.hpp"

namespace k8s {

// Amounts by resource name. Names point into the object that is being read.
using Amounts = std::vector<std::pair<std::string_view, Quantity>>;

// Reads one amount; see above for what cannot be read. "" is zero.
Quantity amount_or_max(std::string_view text);

struct ContainerFootprint {
  std::string_view name;
  Amounts requests;
  bool restartable = false;  // an init container that runs along with the others
};

// What the status says of a container's or the Pod's resources.
struct ActualFootprint {
  std::string_view name;
  Amounts actuated;   // status.resources.requests
  Amounts allocated;  // status.allocatedResources
};

struct PodFootprint {
  std::vector<ContainerFootprint> init_containers, containers;
  // Only those whose status has `resources`.
  std::vector<ActualFootprint> statuses;
  Amounts pod_level;
  std::optional<ActualFootprint> pod_status;
  Amounts overhead;
  std::vector<Amounts> claims;
  bool resize_infeasible = false;
};

// In the units of ResourceList.
ResourceList effective_requests(const PodFootprint& pod);

}  // namespace k8s
