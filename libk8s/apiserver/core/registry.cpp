#include "libk8s/apiserver/core/registry.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>

#include "libk8s/base/log.hpp"
#include "libk8s/codec/json.hpp"

namespace k8s::apiserver {
namespace {

std::string storage_name(std::string_view group, std::string_view plural) {
  return group.empty() ? std::string(plural) : std::string(plural) + "." + std::string(group);
}

std::string path_key(std::string_view group, std::string_view version, std::string_view plural) {
  return std::string(group) + "/" + std::string(version) + "/" + std::string(plural);
}

// "v1/events" (kinds.hpp) to the resource name "events" and its apiVersion "v1".
void set_storage(ResourceType& type, const kinds::Kind& kind) {
  type.storage = storage_name(kind.group, kind.plural);
  type.stored_api_version = kind.api_version();
  const std::size_t slash = kind.stored_as.rfind('/');
  if (slash == std::string::npos) return;
  const std::string api_version = kind.stored_as.substr(0, slash);
  const std::size_t group_end = api_version.find('/');
  const std::string group =
      group_end == std::string::npos ? std::string() : api_version.substr(0, group_end);
  type.storage = storage_name(group, kind.stored_as.substr(slash + 1));
  type.stored_api_version = api_version;
}

TypeRef make_builtin(const kinds::Kind& kind) {
  auto type = std::make_shared<ResourceType>();
  type->group = kind.group;
  type->version = kind.version;
  type->plural = kind.plural;
  type->singular = kind.singular;
  type->kind = kind.kind;
  type->list_kind = kind.kind + "List";
  type->namespaced = kind.namespaced;
  type->review = kind.review;
  type->short_names = kind.short_names;
  type->categories = kind.categories;
  type->verbs = kind.verbs;
  type->subresources = kind.subresources;
  type->selectable_fields = kind.selectable_fields;
  type->protobuf = kind.protobuf;
  type->unconditional_update = kind.unconditional_update;
  type->create_on_update = kind.create_on_update;
  type->rules = kinds::rules(kind);
  type->printer = table::printer(kind);
  set_storage(*type, kind);
  return type;
}

kinds::Subresource status_subresource() {
  return {"status", "", "", "", {"get", "patch", "update"}};
}
kinds::Subresource scale_subresource() {
  return {"scale", "autoscaling", "v1", "Scale", {"get", "patch", "update"}};
}

std::shared_ptr<ResourceType> make_custom(const CompiledCrd& crd, const CrdVersion& version,
                                          std::string stored_api_version) {
  auto type = std::make_shared<ResourceType>();
  type->group = crd.group;
  type->version = version.name;
  type->plural = crd.plural;
  type->singular = crd.singular;
  type->kind = crd.kind;
  type->list_kind = crd.list_kind;
  type->namespaced = crd.namespaced;
  type->short_names = crd.short_names;
  type->categories = crd.categories;
  type->verbs = {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"};
  if (version.status_subresource) type->subresources.push_back(status_subresource());
  if (version.scale) type->subresources.push_back(scale_subresource());
  type->selectable_fields = version.selectable_fields;
  type->storage = storage_name(crd.group, crd.plural);
  type->stored_api_version = std::move(stored_api_version);
  type->rules = version.rules;
  type->printer = table::printer(version);
  type->custom = true;
  type->scale = version.scale;
  if (version.deprecated) type->warning = version.deprecation_warning;
  return type;
}

bool established(const nlohmann::json& crd) {
  const auto& conditions = array_at(object_at(crd, "status"), "conditions");
  return std::ranges::any_of(conditions, [](const nlohmann::json& condition) {
    return string_at(condition, "type") == "Established" &&
           string_at(condition, "status") == "True";
  });
}

// GA before beta before alpha, higher numbers first: v2, v1, v1beta2, v1alpha1, then the rest.
std::tuple<int, long, long, std::string> version_rank(const std::string& version) {
  long major = 0;
  long minor = 0;
  char stage[16] = {};
  int used = 0;
  if (std::sscanf(version.c_str(), "v%ld%n", &major, &used) == 1 &&
      static_cast<std::size_t>(used) == version.size()) {
    return {0, -major, 0, version};
  }
  if (std::sscanf(version.c_str(), "v%ld%15[a-z]%ld%n", &major, stage, &minor, &used) == 3 &&
      static_cast<std::size_t>(used) == version.size()) {
    const std::string_view name = stage;
    if (name == "beta") return {1, -major, -minor, version};
    if (name == "alpha") return {2, -major, -minor, version};
  }
  return {3, 0, 0, version};
}

}  // namespace

const kinds::Subresource* ResourceType::subresource(std::string_view name) const {
  const auto found = std::ranges::find(subresources, name, &kinds::Subresource::name);
  return found == subresources.end() ? nullptr : &*found;
}

// A compiled CRD and what it was compiled from.
struct Registry::Known {
  std::int64_t generation = 0;
  std::string uid;
  std::uint64_t revision = 0;
  CompiledCrd compiled;
};

Registry::Registry(std::string server_version) : server_version_(std::move(server_version)) {
  for (const kinds::Kind& kind : kinds::all()) builtin_.push_back(make_builtin(kind));
}

void Registry::refresh(const Store& store) {
  ++generation_;
  openapi_.reset();
  groups_.clear();
  by_path_.clear();
  by_kind_.clear();
  by_storage_.clear();
  crds_.clear();
  for (const TypeRef& type : builtin_) add(type);
  const Objects& crds = store.all(kCrdStorage);
  for (const auto& [key, crd] : crds) add_custom(crd->json(), crd->revision());
  std::erase_if(known_, [&](const auto& entry) { return !crds.contains({"", entry.first}); });
  for (Group& group : groups_) {
    std::ranges::stable_sort(group.versions, {},
                             [](const Version& v) { return version_rank(v.name); });
  }
}

void Registry::add(TypeRef type) {
  auto group = std::ranges::find(groups_, type->group, &Group::name);
  if (group == groups_.end()) group = groups_.insert(groups_.end(), Group{type->group, {}});
  auto version = std::ranges::find(group->versions, type->version, &Version::name);
  if (version == group->versions.end()) {
    version = group->versions.insert(group->versions.end(), Version{type->version, {}});
  }
  version->types.push_back(type);
  by_path_[path_key(type->group, type->version, type->plural)] = type;
  by_kind_[type->api_version() + "/" + type->kind] = type;
  if (!type->review && type->api_version() == type->stored_api_version) {
    by_storage_[type->storage] = type;
  }
}

void Registry::add_custom(const nlohmann::json& crd, std::uint64_t revision) {
  const auto& meta = object_at(crd, "metadata");
  const std::string name = string_at(meta, "name");
  if (!established(crd)) return;
  auto& known = known_[name];
  const std::int64_t generation = int_at(meta, "generation");
  if (!known || known->generation != generation || known->uid != string_at(meta, "uid")) {
    Result<CompiledCrd> compiled = compile_crd(crd);
    if (!compiled) {
      log::error("a stored CRD is not served",
                 {{"crd", name}, {"why", compiled.status().message()}});
      known_.erase(name);
      return;
    }
    known = std::make_shared<Known>(
        Known{generation, string_at(meta, "uid"), revision, std::move(compiled).value()});
  }
  const CompiledCrd& compiled = known->compiled;
  std::string stored_version;
  for (const CrdVersion& version : compiled.versions) {
    if (version.storage) stored_version = compiled.group + "/" + version.name;
  }
  for (const CrdVersion& version : compiled.versions) {
    if (!version.served) continue;
    auto type = make_custom(compiled, version, stored_version);
    type->terminating = has(meta, "deletionTimestamp");
    type->schema_revision = known->revision;
    // A storage version that is not served still names the stored form.
    by_storage_.try_emplace(type->storage, type);
    add(std::move(type));
  }
  crds_.push_back(crd);
}

TypeRef Registry::find(std::string_view group, std::string_view version,
                       std::string_view plural) const {
  const auto found = by_path_.find(path_key(group, version, plural));
  return found == by_path_.end() ? nullptr : found->second;
}

TypeRef Registry::find_kind(std::string_view api_version, std::string_view kind) const {
  const auto found = by_kind_.find(std::string(api_version) + "/" + std::string(kind));
  return found == by_kind_.end() ? nullptr : found->second;
}

TypeRef Registry::find_storage(std::string_view storage) const {
  const auto found = by_storage_.find(storage);
  return found == by_storage_.end() ? nullptr : found->second;
}

openapi::Documents& Registry::openapi() {
  if (!openapi_) openapi_ = std::make_unique<openapi::Documents>(crds_, server_version_);
  return *openapi_;
}

}  // namespace k8s::apiserver
