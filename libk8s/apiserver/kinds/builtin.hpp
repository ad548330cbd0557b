// What each built-in kind has beyond its fields' schema: computed defaults and rules that span
// fields. Internal to kinds/.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "libk8s/apiserver/schema/field_error.hpp"
#include "libk8s/apiserver/schema/names.hpp"
#include "libk8s/apiserver/schema/rules.hpp"

namespace k8s::apiserver::kinds {

using FillDefaults = void (*)(Json& object);
using Check = void (*)(const Json& object, const Json* old, Part part, FieldErrors& errors);

struct Hooks {
  NameRule name = dns1123_subdomain;
  FillDefaults defaults = nullptr;
  Check check = nullptr;
  FillDefaults on_create = nullptr;  // part of `prepare`, without an old object
};

// By kind name; the default Hooks for kinds that have none.
const Hooks& hooks(std::string_view kind);

void pod_defaults(Json& pod);
void check_pod(const Json& pod, const Json* old, Part part, FieldErrors& errors);
// The spec of a Pod at `path`; also for templates.
void check_pod_spec(const Json& spec, const std::string& path, FieldErrors& errors);
// resources of one container: requests within limits, whole numbers of devices.
void check_resources(const Json& resources, const std::string& path, FieldErrors& errors);
void check_affinity(const Json& affinity, const std::string& path, FieldErrors& errors);

void service_defaults(Json& service);
void check_service(const Json& service, const Json* old, Part part, FieldErrors& errors);

void secret_defaults(Json& secret);
void check_secret(const Json& secret, const Json* old, Part part, FieldErrors& errors);
void check_config_map(const Json& map, const Json* old, Part part, FieldErrors& errors);

}  // namespace k8s::apiserver::kinds
