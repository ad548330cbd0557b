// The request that tells a claim without a volume for which node it is to get one. Storage that
// waits for its first consumer is made, or chosen, where that node can reach it; all else ignores
// it.
#pragma once

#include <string>

#include "libk8s/request/request.hpp"

namespace fermi {

k8s::http::Request selected_node(const std::string& ns, const std::string& claim,
                                 const std::string& node);

}  // namespace fermi
