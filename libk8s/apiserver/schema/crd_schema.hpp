// From a CRD's openAPIV3Schema to a Schema, and everything that is not structural about it.
// Internal.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "libk8s/apiserver/schema/arena.hpp"
#include "libk8s/apiserver/schema/field_error.hpp"
#include "libk8s/apiserver/schema/schema.hpp"

namespace k8s::apiserver {

inline constexpr std::size_t kMaxSchemaNodes = 50'000;

// Reads `json` into `arena`; what is wrong goes to `errors`, with paths under `path`. The result is
// usable only when nothing was wrong. The root gets apiVersion, kind and metadata.
const Schema& read_crd_schema(const Json& json, const std::string& path, SchemaArena& arena,
                              FieldErrors& errors);

// Compiles the rules of all nodes of a schema read without errors, and checks its defaults.
// Done apart, because both need the whole schema.
void finish_crd_schema(const Schema& root, SchemaArena& arena, const std::string& path,
                       FieldErrors& errors);

}  // namespace k8s::apiserver
