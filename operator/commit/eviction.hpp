// Asks a Pod to stop through the Eviction API: it gets its grace period, and disruption budgets may
// object (429: to be tried again). Names the uid, so that a Pod of the same name that came later is
// left alone.
#pragma once

#include <string>

#include "libk8s/request/request.hpp"

namespace fermi {

k8s::http::Request eviction(const std::string& ns, const std::string& name, const std::string& uid);

}  // namespace fermi
