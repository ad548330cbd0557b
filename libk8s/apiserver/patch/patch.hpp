// Patches: a stored object and a patch give a new object. Pure functions; nothing is checked
// against a schema but what merging itself needs (the caller then runs TypeRules over the result).
// Errors: kInvalid with HTTP 400 (the patch makes no sense), 422 (it does not fit the object), 413.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "libk8s/apiserver/schema/schema.hpp"
#include "libk8s/base/status.hpp"

namespace k8s::apiserver::patch {

inline constexpr std::size_t kMaxJsonPatchOperations = 10'000;

// application/json-patch+json (RFC 6902). A failed "test" is 422. All or nothing.
Result<Json> json_patch(const Json& document, const Json& operations);

// application/merge-patch+json (RFC 7386).
Result<Json> merge_patch(const Json& document, const Json& patch);

// application/strategic-merge-patch+json: merges lists by the keys of `schema`; understands $patch
// (delete, replace, merge), $deleteFromPrimitiveList, $setElementOrder and $retainKeys. Directives
// never stay in the result.
Result<Json> strategic_merge(const Json& document, const Json& patch, const Schema& schema);

}  // namespace k8s::apiserver::patch
