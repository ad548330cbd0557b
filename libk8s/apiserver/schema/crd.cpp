#include "libk8s/apiserver/schema/crd.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "libk8s/apiserver/schema/crd_schema.hpp"
#include "libk8s/apiserver/schema/custom_rules.hpp"
#include "libk8s/apiserver/schema/json_path.hpp"
#include "libk8s/codec/json.hpp"

namespace k8s::apiserver {
namespace {

constexpr const char* kSchemaKey = "openAPIV3Schema";

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

std::vector<std::string> texts(const Json& list) {
  std::vector<std::string> all;
  for (const Json& item : list) {
    if (item.is_string()) all.push_back(item.get<std::string>());
  }
  return all;
}

// ".spec.replicas" -> "spec.replicas".
std::string without_dot(std::string path) {
  if (path.starts_with('.')) path.erase(0, 1);
  return path;
}

void check_name(const Json& names, const char* key, FieldErrors& errors) {
  std::string value = string_at(names, key);
  if (value.empty()) return;  // required ones are reported by the schema of CRDs
  if (std::string wrong = dns1035_label(value); !wrong.empty()) {
    errors.push_back(field::invalid(std::string("spec.names.") + key, value, wrong));
  }
}

void check_names(const Json& crd, FieldErrors& errors) {
  const Json& spec = object_at(crd, "spec");
  const Json& names = object_at(spec, "names");
  std::string group = string_at(spec, "group"), plural = string_at(names, "plural");
  if (std::string wrong = dns1123_subdomain(group); !wrong.empty()) {
    errors.push_back(field::invalid("spec.group", group, wrong));
  } else if (group.find('.') == std::string::npos) {
    errors.push_back(
        field::invalid("spec.group", group, "should be a domain with at least one dot"));
  }
  std::string name = string_at(object_at(crd, "metadata"), "name");
  if (name != plural + "." + group) {
    errors.push_back(
        field::invalid("metadata.name", name, "must be spec.names.plural+\".\"+spec.group"));
  }
  for (const char* key : {"plural", "singular"}) check_name(names, key, errors);
  for (const char* key : {"kind", "listKind"}) {
    std::string value = lower(string_at(names, key));
    if (std::string wrong = dns1035_label(value); !value.empty() && !wrong.empty()) {
      errors.push_back(field::invalid(std::string("spec.names.") + key, names[key],
                                      "may have mixed case, but should otherwise match: " + wrong));
    }
  }
  if (string_at(names, "kind") == string_at(names, "listKind")) {
    errors.push_back(field::invalid("spec.names.listKind", string_at(names, "listKind"),
                                    "kind and listKind may not be the same"));
  }
  for (const char* key : {"shortNames", "categories"}) {
    const Json& list = array_at(names, key);
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (!list[i].is_string()) continue;
      if (std::string wrong = dns1035_label(list[i].get_ref<const std::string&>());
          !wrong.empty()) {
        errors.push_back(
            field::invalid(field::index(std::string("spec.names.") + key, i), list[i], wrong));
      }
    }
  }
}

void check_columns(const Json& version, const std::string& path, FieldErrors& errors) {
  static const std::set<std::string> kTypes = {"boolean", "date", "integer", "number", "string"};
  const Json& columns = array_at(version, "additionalPrinterColumns");
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::string at = field::index(path + ".additionalPrinterColumns", i);
    std::string type = string_at(columns[i], "type"), json_path = string_at(columns[i], "jsonPath");
    if (!kTypes.contains(type)) {
      errors.push_back(field::not_supported(at + ".type", type, {kTypes.begin(), kTypes.end()}));
    }
    Result<JsonPath> parsed = JsonPath::parse(json_path);
    if (!parsed || !json_path.starts_with('.')) {
      errors.push_back(field::invalid(
          at + ".jsonPath", json_path,
          "is an invalid path: " + (parsed ? "must start with '.'" : parsed.status().message())));
    }
  }
}

bool plain_path(const std::string& path, std::string_view root) {
  return path.starts_with(root) && path.size() > root.size() &&
         path.find_first_of("[]*@?") == std::string::npos;
}

void check_subresources(const Json& version, const std::string& path, FieldErrors& errors) {
  const Json& sub = object_at(version, "subresources");
  if (!sub.contains("scale")) return;
  const std::string at = path + ".subresources.scale";
  const Json& scale = sub["scale"];
  struct Wanted {
    const char* key;
    const char* root;
  };
  for (const Wanted& w :
       {Wanted{"specReplicasPath", ".spec."}, Wanted{"statusReplicasPath", ".status."},
        Wanted{"labelSelectorPath", "."}}) {
    std::string value = string_at(scale, w.key);
    if (value.empty() && std::string_view(w.root) == ".") continue;
    if (plain_path(value, w.root)) continue;
    errors.push_back(field::invalid(field::child(at, w.key), value,
                                    std::string("should be a json path under ") + w.root));
  }
}

// The schema of one version, compiled. Null when something was wrong.
SchemaRef read_schema(const Json& json, const std::string& path, FieldErrors& errors) {
  auto arena = std::make_shared<SchemaArena>();
  std::size_t before = errors.size();
  const Schema& root = read_crd_schema(json, path, *arena, errors);
  if (errors.size() == before) finish_crd_schema(root, *arena, path, errors);
  return errors.size() == before ? arena->ref(root) : nullptr;
}

void check_version(const Json& version, const std::string& path, const Json* before,
                   FieldErrors& errors) {
  std::string name = string_at(version, "name");
  if (std::string wrong = dns1035_label(name); !wrong.empty()) {
    errors.push_back(field::invalid(path + ".name", name, wrong));
  }
  check_columns(version, path, errors);
  check_subresources(version, path, errors);
  const std::string at = path + ".schema." + kSchemaKey;
  const Json& schema = object_at(version, "schema");
  if (!schema.contains(kSchemaKey)) {
    errors.push_back(field::required(at, "schemas are required"));
  } else if (before == nullptr || object_at(*before, "schema") != schema) {
    read_schema(schema[kSchemaKey], at, errors);
  }
}

void check_versions(const Json& crd, const Json* old, FieldErrors& errors) {
  const Json& versions = array_at(object_at(crd, "spec"), "versions");
  std::set<std::string> names;
  std::int64_t storage = 0;
  for (std::size_t i = 0; i < versions.size(); ++i) {
    const std::string path = field::index("spec.versions", i);
    std::string name = string_at(versions[i], "name");
    if (!names.insert(name).second) errors.push_back(field::duplicate(path + ".name", name));
    storage += bool_at(versions[i], "storage") ? 1 : 0;
    const Json* before = nullptr;
    if (old != nullptr) {
      for (const Json& v : array_at(object_at(*old, "spec"), "versions")) {
        if (string_at(v, "name") == name) before = &v;
      }
    }
    check_version(versions[i], path, before, errors);
  }
  if (storage != 1) {
    errors.push_back(field::invalid("spec.versions", std::to_string(versions.size()) + " versions",
                                    "must have exactly one version marked as storage version"));
  }
  const Json& stored = array_at(object_at(crd, "status"), "storedVersions");
  for (std::size_t i = 0; i < stored.size(); ++i) {
    if (stored[i].is_string() && !names.contains(stored[i].get<std::string>())) {
      errors.push_back(field::invalid(
          field::index("status.storedVersions", i), stored[i],
          "missing from spec.versions; " + stored[i].get<std::string>() +
              " was previously a storage version, and must remain in spec.versions until a storage "
              "migration ensures no data remains persisted in it and removes it from "
              "status.storedVersions"));
    }
  }
}

void check_unchanged(const Json& crd, const Json& old, FieldErrors& errors) {
  const Json& now = object_at(crd, "spec");
  const Json& before = object_at(old, "spec");
  for (const char* key : {"group", "scope"}) {
    if (string_at(now, key) == string_at(before, key)) continue;
    errors.push_back(
        field::invalid(std::string("spec.") + key, string_at(now, key), "field is immutable"));
  }
  for (const char* key : {"kind", "plural"}) {
    std::string a = string_at(object_at(now, "names"), key);
    if (a == string_at(object_at(before, "names"), key)) continue;
    errors.push_back(field::invalid(std::string("spec.names.") + key, a, "field is immutable"));
  }
}

CrdVersion compile_version(const Json& json, SchemaRef schema, const CompiledCrd& crd) {
  CrdVersion version;
  version.name = string_at(json, "name");
  version.served = bool_at(json, "served");
  version.storage = bool_at(json, "storage");
  version.deprecated = bool_at(json, "deprecated");
  version.deprecation_warning = string_at(json, "deprecationWarning");
  if (version.deprecated && version.deprecation_warning.empty()) {
    version.deprecation_warning =
        crd.group + "/" + version.name + " " + crd.kind + " is deprecated";
  }
  const Json& sub = object_at(json, "subresources");
  version.status_subresource = sub.contains("status");
  if (sub.contains("scale")) {
    const Json& scale = sub["scale"];
    version.scale = ScalePaths{without_dot(string_at(scale, "specReplicasPath")),
                               without_dot(string_at(scale, "statusReplicasPath")),
                               without_dot(string_at(scale, "labelSelectorPath"))};
  }
  for (const Json& column : array_at(json, "additionalPrinterColumns")) {
    version.columns.push_back({string_at(column, "name"), string_at(column, "type"),
                               string_at(column, "format"), string_at(column, "description"),
                               string_at(column, "jsonPath"),
                               static_cast<int>(int_at(column, "priority"))});
  }
  for (const Json& selectable : array_at(json, "selectableFields")) {
    version.selectable_fields.push_back(without_dot(string_at(selectable, "jsonPath")));
  }
  version.rules = make_custom_rules(
      std::move(schema),
      {crd.group, version.name, crd.kind, crd.namespaced, version.status_subresource});
  return version;
}

Json condition(const Json& old_status, const char* type, bool status, const char* reason,
               const std::string& message, const std::string& now) {
  Json made = {{"type", type},
               {"status", status ? "True" : "False"},
               {"lastTransitionTime", now},
               {"reason", reason},
               {"message", message}};
  for (const Json& old : array_at(old_status, "conditions")) {
    bool same = string_at(old, "type") == type && Json(string_at(old, "status")) == made["status"];
    if (same && old.contains("lastTransitionTime")) {
      made["lastTransitionTime"] = old["lastTransitionTime"];
    }
  }
  return made;
}

}  // namespace

FieldErrors crd_errors(const Json& crd, const Json* old) {
  FieldErrors errors;
  const Json& spec = object_at(crd, "spec");
  check_names(crd, errors);
  if (array_at(spec, "versions").empty()) errors.push_back(field::required("spec.versions"));
  check_versions(crd, old, errors);
  if (bool_at(spec, "preserveUnknownFields")) {
    errors.push_back(field::invalid("spec.preserveUnknownFields", true, "must be false"));
  }
  std::string strategy = string_at(object_at(spec, "conversion"), "strategy");
  if (!strategy.empty() && strategy != "None") {
    errors.push_back(field::not_supported("spec.conversion.strategy", strategy, {"None"}));
  }
  if (old != nullptr) check_unchanged(crd, *old, errors);
  return errors;
}

Result<CompiledCrd> compile_crd(const Json& crd) {
  CompiledCrd compiled;
  const Json& spec = object_at(crd, "spec");
  const Json& names = object_at(spec, "names");
  compiled.group = string_at(spec, "group");
  compiled.plural = string_at(names, "plural");
  compiled.kind = string_at(names, "kind");
  compiled.singular = string_at(names, "singular", lower(compiled.kind));
  compiled.list_kind = string_at(names, "listKind", compiled.kind + "List");
  compiled.short_names = texts(array_at(names, "shortNames"));
  compiled.categories = texts(array_at(names, "categories"));
  compiled.namespaced = string_at(spec, "scope") != "Cluster";
  const Json& versions = array_at(spec, "versions");
  for (std::size_t i = 0; i < versions.size(); ++i) {
    FieldErrors errors;
    const Json& json = object_at(object_at(versions[i], "schema"), kSchemaKey);
    const std::string path = field::index("spec.versions", i) + ".schema." + kSchemaKey;
    SchemaRef schema = read_schema(json, path, errors);
    if (schema == nullptr) return Status(Code::kInvalid, errors.front().message());
    compiled.versions.push_back(compile_version(versions[i], std::move(schema), compiled));
  }
  return compiled;
}

Result<TypeRulesRef> compile_schema(const Json& schema, const std::string& group,
                                    const std::string& version, const std::string& kind,
                                    bool namespaced, bool status_subresource) {
  FieldErrors errors;
  SchemaRef compiled = read_schema(schema, kSchemaKey, errors);
  if (compiled == nullptr) return Status(Code::kInvalid, errors.front().message());
  return make_custom_rules(std::move(compiled),
                           {group, version, kind, namespaced, status_subresource});
}

Json crd_status(const Json& crd, const std::string& now, const std::string& conflict) {
  const Json& old = object_at(crd, "status");
  const Json& spec = object_at(crd, "spec");
  Json status = old;
  bool accepted = conflict.empty();
  if (accepted) status["acceptedNames"] = object_at(spec, "names");
  Json stored = array_at(old, "storedVersions");
  if (!stored.is_array()) stored = Json::array();
  for (const Json& version : array_at(spec, "versions")) {
    bool known =
        std::find(stored.begin(), stored.end(), Json(string_at(version, "name"))) != stored.end();
    if (bool_at(version, "storage") && !known) stored.push_back(string_at(version, "name"));
  }
  status["storedVersions"] = std::move(stored);
  Json conditions = Json::array();
  conditions.push_back(
      accepted ? condition(old, "NamesAccepted", true, "NoConflicts", "no conflicts found", now)
               : condition(old, "NamesAccepted", false, "NamesConflict", conflict, now));
  conditions.push_back(accepted ? condition(old, "Established", true, "InitialNamesAccepted",
                                            "the initial names have been accepted", now)
                                : condition(old, "Established", false, "NotAccepted",
                                            "not all names are accepted", now));
  for (const Json& other : array_at(old, "conditions")) {
    std::string type = string_at(other, "type");
    if (type != "NamesAccepted" && type != "Established") conditions.push_back(other);
  }
  status["conditions"] = std::move(conditions);
  return status;
}

}  // namespace k8s::apiserver
