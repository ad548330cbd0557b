// Node objects of an earlier start that this machine does not play any more.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "libk8s/base/status.hpp"
#include "libk8s/transport/client.hpp"

namespace fermi {

// Deletes every Node whose name is not in `kept`, so that nothing is placed on one that nobody
// runs. `done` is called once, with the first failure if there was one. `client` outlives the call.
void remove_stale_nodes(k8s::Client& client, std::set<std::string> kept,
                        std::function<void(k8s::Status)> done);

}  // namespace fermi
