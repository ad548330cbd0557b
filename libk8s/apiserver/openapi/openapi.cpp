#include "libk8s/apiserver/openapi/openapi.hpp"

#include <openssl/evp.h>

#include <nlohmann/json.hpp>
#include <set>

#include "libk8s/apiserver/kinds/kinds.hpp"
#include "libk8s/apiserver/openapi/gnostic.hpp"
#include "libk8s/apiserver/openapi/paths.hpp"
#include "libk8s/codec/json.hpp"

namespace k8s::apiserver::openapi {
namespace {

constexpr const char* kStatus = "io.k8s.apimachinery.pkg.apis.meta.v1.Status";
constexpr const char* kDeleteOptions = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions";

std::string hash_of(const std::string& text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha256(), nullptr);
  std::string hex;
  for (unsigned i = 0; i < size; ++i) {
    hex += "0123456789ABCDEF"[digest[i] >> 4];
    hex += "0123456789ABCDEF"[digest[i] & 15];
  }
  return hex;
}

std::string package_of(const kinds::Kind& kind) {
  if (kind.group == "apiextensions.k8s.io") {
    return "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions." + kind.version;
  }
  std::string first = kind.group.empty() ? "core" : kind.group.substr(0, kind.group.find('.'));
  return "io.k8s.api." + first + "." + kind.version;
}

// One type with the schema of its objects, when that does not come from the built-in types.
struct Entry {
  Served served;
  Json schema;  // null: built in
};

Entry built_in(const kinds::Kind& kind) {
  Entry entry;
  Served& s = entry.served;
  s.group = kind.group;
  s.version = kind.version;
  s.kind = kind.kind;
  s.list_kind = kind.kind + "List";
  s.plural = kind.plural;
  s.namespaced = kind.namespaced;
  s.review = kind.review;
  s.status = kind.has_status();
  s.verbs = kind.verbs;
  s.type_name = package_of(kind) + "." + kind.kind;
  return entry;
}

void add_custom(const Json& crd, Form form, std::vector<Entry>& entries) {
  const Json& spec = object_at(crd, "spec");
  const Json& names = object_at(spec, "names");
  for (const Json& version : array_at(spec, "versions")) {
    if (!bool_at(version, "served")) continue;
    Entry entry;
    Served& s = entry.served;
    s.custom = true;
    s.group = string_at(spec, "group");
    s.version = string_at(version, "name");
    s.kind = string_at(names, "kind");
    s.list_kind = string_at(names, "listKind", s.kind + "List");
    s.plural = string_at(names, "plural");
    s.namespaced = string_at(spec, "scope") != "Cluster";
    s.status = object_at(version, "subresources").contains("status");
    s.verbs = {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"};
    s.type_name = crd_type_name(s.group, s.version, s.kind);
    entry.schema = crd_json(object_at(object_at(version, "schema"), "openAPIV3Schema"), form);
    entries.push_back(std::move(entry));
  }
}

std::vector<Entry> entries_of(const std::vector<Json>& crds, Form form) {
  std::vector<Entry> entries;
  for (const kinds::Kind& kind : kinds::all()) entries.push_back(built_in(kind));
  for (const Json& crd : crds) add_custom(crd, form, entries);
  return entries;
}

// All schemas of some types, with everything that they name.
class Schemas {
 public:
  explicit Schemas(Form form) : form_(form) { named_ = {kStatus, kDeleteOptions}; }

  void add(const Entry& entry) {
    const Served& s = entry.served;
    Json json = entry.schema;
    if (json.is_null()) {
      const Schema* type = kinds::type(s.type_name);
      if (type == nullptr) return;
      json = type_json(*type, form_, named_);
    } else {
      named_.insert(kObjectMeta);
    }
    json[kGvk] = Json::array({gvk(s.group, s.version, s.kind)});
    all_[s.type_name] = std::move(json);
    if (s.review) return;
    named_.insert(kListMeta);
    all_[list_type_name(s)] = list_json(s, form_);
  }

  Json finish() && {
    while (!named_.empty()) {
      std::string name = *named_.begin();
      named_.erase(named_.begin());
      const Schema* type = kinds::type(name);
      if (!all_.contains(name) && type != nullptr) all_[name] = type_json(*type, form_, named_);
    }
    return std::move(all_);
  }

 private:
  Form form_;
  Json all_ = Json::object();
  std::set<std::string> named_;
};

std::string make_v3(const std::vector<const Entry*>& entries, const std::string& version) {
  Schemas schemas(Form::kV3);
  Json paths = Json::object();
  for (const Entry* entry : entries) {
    schemas.add(*entry);
    add_paths(entry->served, Form::kV3, paths);
  }
  Json document = {{"openapi", "3.0.0"},
                   {"info", {{"title", "Kubernetes"}, {"version", version}}},
                   {"paths", std::move(paths)},
                   {"components", {{"schemas", std::move(schemas).finish()}}}};
  return json_text(document);
}

}  // namespace

Documents::Documents(std::vector<Json> crds, std::string server_version)
    : crds_(std::move(crds)), version_(std::move(server_version)) {}

Documents::~Documents() = default;

void Documents::make_all_v3() {
  if (!v3_.empty()) return;
  std::vector<Entry> entries = entries_of(crds_, Form::kV3);
  std::map<std::string, std::vector<const Entry*>> by_document;
  for (const Entry& entry : entries) by_document[entry.served.document()].push_back(&entry);
  Json paths = Json::object();
  for (const auto& [path, members] : by_document) {
    V3& made = v3_[path];
    made.text = make_v3(members, version_);
    made.hash = hash_of(made.text);
    paths[path] = {{"serverRelativeURL", "/openapi/v3/" + path + "?hash=" + made.hash}};
  }
  index_ = json_text(Json{{"paths", std::move(paths)}});
}

const std::string& Documents::v3_index() {
  make_all_v3();
  return index_;
}

const std::string* Documents::v3(std::string_view path) {
  make_all_v3();
  auto it = v3_.find(path);
  return it == v3_.end() ? nullptr : &it->second.text;
}

std::string Documents::v3_hash(std::string_view path) {
  make_all_v3();
  auto it = v3_.find(path);
  return it == v3_.end() ? "" : it->second.hash;
}

const std::string& Documents::v2_json() {
  if (!v2_json_.empty()) return v2_json_;
  Schemas schemas(Form::kV2);
  Json paths = Json::object();
  for (const Entry& entry : entries_of(crds_, Form::kV2)) {
    schemas.add(entry);
    add_paths(entry.served, Form::kV2, paths);
  }
  Json document = {{"swagger", "2.0"},
                   {"info", {{"title", "Kubernetes"}, {"version", version_}}},
                   {"paths", std::move(paths)},
                   {"definitions", std::move(schemas).finish()}};
  v2_json_ = json_text(document);
  v2_protobuf_ = encode_gnostic(document);
  return v2_json_;
}

const std::string& Documents::v2_protobuf() {
  v2_json();
  return v2_protobuf_;
}

}  // namespace k8s::apiserver::openapi
