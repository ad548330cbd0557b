// Registry: every resource type that is served right now, built in or defined by a CRD.
//
// The closed table of kinds/ is fixed; custom types follow the CRDs in the store: `refresh` reads
// them anew after each change of a CRD, so that discovery, OpenAPI and the routes change at once.
// Custom resources have one storage form: their versions differ by `apiVersion` alone (conversion
// strategy None).
//
// Ownership: a TypeRef stays valid after its CRD has gone. Threads: one.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libk8s/apiserver/kinds/kinds.hpp"
#include "libk8s/apiserver/openapi/openapi.hpp"
#include "libk8s/apiserver/schema/crd.hpp"
#include "libk8s/apiserver/schema/rules.hpp"
#include "libk8s/apiserver/store/store.hpp"
#include "libk8s/apiserver/table/table.hpp"
#include "libk8s/apiserver/wire/error.hpp"

namespace k8s::apiserver {

// One resource in one version.
struct ResourceType {
  std::string group, version, plural, singular, kind, list_kind;
  bool namespaced = true;
  bool review = false;  // POST only, never stored
  std::vector<std::string> short_names, categories, verbs;
  std::vector<kinds::Subresource> subresources;
  std::vector<std::string> selectable_fields;
  bool protobuf = false, unconditional_update = false, create_on_update = false;

  std::string storage;             // the resource it is stored under
  std::string stored_api_version;  // of the stored objects
  TypeRulesRef rules;              // null for reviews
  table::PrinterRef printer;
  bool custom = false;
  bool terminating = false;           // its CRD is being deleted: nothing can be created
  std::uint64_t schema_revision = 0;  // objects stored before it may lack defaults
  std::optional<ScalePaths> scale;
  std::string warning;  // "version is deprecated", for a Warning header

  std::string api_version() const { return group.empty() ? version : group + "/" + version; }
  const kinds::Subresource* subresource(std::string_view name) const;
  Subject subject(std::string name = {}) const { return {group, plural, kind, std::move(name)}; }
};
using TypeRef = std::shared_ptr<const ResourceType>;

// Where CustomResourceDefinitions are stored.
inline constexpr std::string_view kCrdStorage = "customresourcedefinitions.apiextensions.k8s.io";

class Registry {
 public:
  explicit Registry(std::string server_version);

  // Reads the CRDs again.
  void refresh(const Store& store);
  // Grows with each refresh.
  std::uint64_t generation() const { return generation_; }

  TypeRef find(std::string_view group, std::string_view version, std::string_view plural) const;
  TypeRef find_kind(std::string_view api_version, std::string_view kind) const;
  // The type whose form the stored objects have; null when it is no longer served.
  TypeRef find_storage(std::string_view storage) const;

  // In discovery order: groups, their versions (best first), their types.
  struct Version {
    std::string name;
    std::vector<TypeRef> types;
  };
  struct Group {
    std::string name;
    std::vector<Version> versions;
  };
  const std::vector<Group>& groups() const { return groups_; }

  openapi::Documents& openapi();

 private:
  void add(TypeRef type);
  void add_custom(const nlohmann::json& crd, std::uint64_t revision);

  std::string server_version_;
  std::uint64_t generation_ = 0;
  std::vector<TypeRef> builtin_;
  std::vector<Group> groups_;
  std::map<std::string, TypeRef, std::less<>> by_path_, by_kind_, by_storage_;
  std::vector<nlohmann::json> crds_;
  std::unique_ptr<openapi::Documents> openapi_;  // made when first asked for
  struct Known;
  std::map<std::string, std::shared_ptr<const Known>> known_;  // compiled CRDs by name
};

}  // namespace k8s::apiserver
