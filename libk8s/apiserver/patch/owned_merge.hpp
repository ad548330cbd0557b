// The two changes that an apply makes to a value: merging a declaration in, and taking fields out.
// Internal to patch/.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "libk8s/apiserver/patch/field_set.hpp"
#include "libk8s/base/status.hpp"

namespace k8s::apiserver::patch {

// `config` over `live`: objects and keyed lists part by part, everything else as a whole. Elements
// keep the order of the declaration; those it does not name keep their place before the next one
// that it does.
Json owned_merge(const Json& live, const Json& config, const Schema& schema);

// Takes the members of `gone` out of `value`, each with all that is below it, but nothing that
// `kept` has a part of. Structures that become empty go too.
void remove_fields(Json& value, const FieldSet& gone, const FieldSet& kept, const Schema& schema);

// Keyed lists and sets must have their keys, each once. Errors: kInvalid (400).
Status check_lists(const Json& value, const Schema& schema, const std::string& path);

}  // namespace k8s::apiserver::patch
