// CustomResourceDefinitions: from the object to the types that it serves.
//
// `crd_errors` is the admission of a CRD (structural schema, names, versions, CEL inside the
// subset, printer columns, defaults that fit their own schema); `compile_crd` then makes the served
// types. `crd_status` gives the names and conditions that the server writes into its status.
// Pure; the caller keeps what was compiled until the CRD changes.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "libk8s/apiserver/schema/rules.hpp"
#include "libk8s/base/status.hpp"

namespace k8s::apiserver {

// One `additionalPrinterColumns` entry.
struct PrinterColumn {
  std::string name, type, format, description, json_path;
  int priority = 0;
};

// A scale subresource; the paths are dotted, without the leading dot.
struct ScalePaths {
  std::string spec_replicas, status_replicas, label_selector;
};

struct CrdVersion {
  std::string name;  // "v1alpha1"
  bool served = false, storage = false, deprecated = false;
  std::string deprecation_warning;
  bool status_subresource = false;
  std::optional<ScalePaths> scale;
  std::vector<PrinterColumn> columns;          // as given; may be empty
  std::vector<std::string> selectable_fields;  // dotted, without the leading dot
  TypeRulesRef rules;                          // never null
};

struct CompiledCrd {
  std::string group, plural, singular, kind, list_kind;
  std::vector<std::string> short_names, categories;
  bool namespaced = true;
  std::vector<CrdVersion> versions;  // in the CRD's order
};

// What is wrong with a CRD; `old` is null on create. The CRD has gone through decode/set_defaults
// of its own kind. This is what `TypeRules::validate` of CustomResourceDefinition calls.
FieldErrors crd_errors(const Json& crd, const Json* old);

// The served types of a valid CRD. Errors: kInvalid, when it is not valid after all (an object
// stored by an older build).
Result<CompiledCrd> compile_crd(const Json& crd);

// The rules of one open API v3 schema (`openAPIV3Schema`) on its own, for tests and tools that
// check custom resources against a CRD file.
Result<TypeRulesRef> compile_schema(const Json& open_api_v3_schema, const std::string& group,
                                    const std::string& version, const std::string& kind,
                                    bool namespaced, bool status_subresource);

// A CRD's `status` once its names are accepted: acceptedNames, storedVersions, conditions
// NamesAccepted and Established. `conflict` non-empty: NamesAccepted=False with that sentence.
// `now` is RFC 3339; condition times are kept where nothing changed.
Json crd_status(const Json& crd, const std::string& now, const std::string& conflict);

}  // namespace k8s::apiserver
