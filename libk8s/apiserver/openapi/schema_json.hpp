// OpenAPI schemas as JSON, from built-in types and from CRDs. Internal to openapi/.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <string_view>

#include "libk8s/apiserver/schema/schema.hpp"

namespace k8s::apiserver::openapi {

enum class Form { kV2, kV3 };

// "#/definitions/x" or "#/components/schemas/x".
std::string reference(Form form, std::string_view type);

// One named built-in type; the types that it names in turn are added to `named`.
Json type_json(const Schema& type, Form form, std::set<std::string>& named);

// A CRD's schema as it is published: the server's own fields added, and for v2 what that version
// cannot say left out.
Json crd_json(const Json& open_api_v3_schema, Form form);

// "com.example.v1.Thing": the name of a custom type in the documents.
std::string crd_type_name(const std::string& group, const std::string& version,
                          const std::string& kind);

// {"group":..., "version":..., "kind":...}
Json gvk(const std::string& group, const std::string& version, const std::string& kind);

inline constexpr const char* kGvk = "x-kubernetes-group-version-kind";
inline constexpr const char* kObjectMeta = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
inline constexpr const char* kListMeta = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";

}  // namespace k8s::apiserver::openapi
