// Reading: get one object, list many (with pages and resource versions), as B.1 of Kubernetes'
// API conventions has it: a list without resourceVersion is the most recent one; "0" may be old but
// never is here; Exact and the pages of one list are answered from history.
#pragma once

#include "libk8s/apiserver/core/call.hpp"

namespace k8s::apiserver {

Reply get_object(Core& core, const Call& call);
Reply list_objects(Core& core, const Call& call);

// Parses a resourceVersion parameter: "" is nullopt. 400 for what is no number.
Outcome<std::optional<std::uint64_t>> parse_version(const std::string& text);
// Checks the combination of resourceVersion and resourceVersionMatch for a list.
Check check_version_match(const Query& query);

}  // namespace k8s::apiserver
