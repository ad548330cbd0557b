#include "libk8s/apiserver/kinds/kinds.hpp"

#include <map>
#include <nlohmann/json.hpp>

#include "libk8s/apiserver/kinds/builtin.hpp"
#include "libk8s/apiserver/kinds/table_text.hpp"
#include "libk8s/apiserver/schema/type_text.hpp"
#include "libk8s/apiserver/schema/walk.hpp"

namespace k8s::apiserver::kinds {
namespace {

std::vector<std::string> split(std::string_view text, char by) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    std::size_t at = text.find(by);
    parts.emplace_back(text.substr(0, at));
    if (at == std::string_view::npos) break;
    text.remove_prefix(at + 1);
  }
  return parts;
}

// "coordination.k8s.io/v1" -> group and version; "v1" -> "" and "v1".
void set_version(std::string_view api_version, std::string& group, std::string& version) {
  std::size_t slash = api_version.find('/');
  group = slash == std::string_view::npos ? "" : std::string(api_version.substr(0, slash));
  version = slash == std::string_view::npos ? std::string(api_version)
                                            : std::string(api_version.substr(slash + 1));
}

// "eviction/policy/v1/Eviction:create", "log:get", "status".
Subresource parse_subresource(std::string_view text) {
  Subresource sub;
  std::size_t colon = text.find(':');
  sub.verbs = colon == std::string_view::npos ? std::vector<std::string>{"get", "patch", "update"}
                                              : split(text.substr(colon + 1), '+');
  text = text.substr(0, colon);
  std::size_t slash = text.find('/');
  sub.name = std::string(text.substr(0, slash));
  if (slash == std::string_view::npos) return sub;
  std::size_t last = text.rfind('/');
  sub.kind = std::string(text.substr(last + 1));
  set_version(text.substr(slash + 1, last - slash - 1), sub.group, sub.version);
  return sub;
}

struct Entry {
  Kind kind;
  bool hidden = false, generation = false;
};

void add_option(Entry& entry, std::string_view word) {
  Kind& kind = entry.kind;
  std::size_t equals = word.find('=');
  std::string_view key = word.substr(0, equals);
  std::string_view value = equals == std::string_view::npos ? "" : word.substr(equals + 1);
  if (key == "short") kind.short_names = split(value, ',');
  if (key == "cat") kind.categories = split(value, ',');
  if (key == "fields") kind.selectable_fields = split(value, ',');
  if (key == "verbs") kind.verbs = split(value, ',');
  if (key == "as") kind.stored_as = std::string(value);
  if (key == "proto") kind.protobuf = true;
  if (key == "uncond") kind.unconditional_update = true;
  if (key == "upsert") kind.create_on_update = true;
  if (key == "gen") entry.generation = true;
  if (key == "review") kind.review = true;
  if (key == "hidden") entry.hidden = true;
  if (key != "sub") return;
  for (const std::string& text : split(value, ';')) {
    kind.subresources.push_back(parse_subresource(text));
  }
}

Entry parse_line(std::string_view line) {
  std::vector<std::string> words = split(line, ' ');
  Entry entry;
  set_version(words.at(0), entry.kind.group, entry.kind.version);
  entry.kind.kind = words.at(1);
  entry.kind.plural = words.at(2);
  entry.kind.namespaced = words.at(3) == "ns";
  for (char c : entry.kind.kind) {
    entry.kind.singular += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  for (std::size_t i = 4; i < words.size(); ++i) add_option(entry, words[i]);
  if (!entry.kind.verbs.empty()) return entry;
  entry.kind.verbs =
      entry.kind.review ? std::vector<std::string>{"create"}
                        : std::vector<std::string>{"create", "delete", "deletecollection", "get",
                                                   "list",   "patch",  "update",           "watch"};
  return entry;
}

const std::vector<Entry>& entries() {
  static const std::vector<Entry> table = [] {
    std::vector<Entry> parsed;
    for (const std::string& line : split(kTableText, '\n')) {
      if (!line.empty()) parsed.push_back(parse_line(line));
    }
    return parsed;
  }();
  return table;
}

const TypeLibrary& library() {
  static const TypeLibrary types = [] {
    std::vector<std::string_view> texts = {meta_types_text()};
    texts.insert(texts.end(), kTypeTexts, kTypeTexts + kTypeTextCount);
    return TypeLibrary(texts);
  }();
  return types;
}

// Where the types of a group stand.
std::string package_of(const std::string& group, const std::string& version) {
  if (group == "apiextensions.k8s.io") {
    return "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions." + version;
  }
  std::string first = group.empty() ? "core" : group.substr(0, group.find('.'));
  return "io.k8s.api." + first + "." + version;
}

// The rules of one built-in type.
class BuiltInRules : public TypeRules {
 public:
  BuiltInRules(SchemaRef schema, Kind kind, bool generation)
      : kind_(std::move(kind)), hooks_(hooks(kind_.kind)) {
    ref_ = std::move(schema);
    prepare_.has_status = kind_.has_status();
    prepare_.has_generation = generation;
    prepare_.created_with_status = kind_.kind == "Node";
  }

  const Schema& schema() const override { return *ref_; }

  Status decode(Json& object, Notes* notes) const override {
    FieldErrors errors;
    decode_typed(object, *ref_, Path{}, notes, errors);
    if (errors.empty()) return Status::ok();
    std::string sentence = kind_.kind + " in version \"" + kind_.version +
                           "\" cannot be handled as a " + kind_.kind + ": ";
    for (std::size_t i = 0; i < errors.size(); ++i) {
      sentence += (i == 0 ? "" : ", ") + errors[i].message();
    }
    return Status(Code::kInvalid, sentence).with_http(400).with_reason("BadRequest");
  }

  void set_defaults(Json& object) const override {
    fill_defaults(object, *ref_);
    if (hooks_.defaults != nullptr) hooks_.defaults(object);
  }

  void prepare(Json& object, const Json* old, Part part) const override {
    prepare_object(object, old, part == Part::kStatus, prepare_);
    if (old == nullptr && hooks_.on_create != nullptr) hooks_.on_create(object);
  }

  FieldErrors validate(const Json& object, const Json* old, Part part) const override {
    FieldErrors errors;
    auto before = old == nullptr              ? nullptr
                  : old->contains("metadata") ? &(*old)["metadata"]
                                              : nullptr;
    if (!kind_.review && object.contains("metadata")) {
      check_metadata(object["metadata"], before,
                     {kind_.namespaced, hooks_.name, kind_.group.empty()}, errors);
    }
    check_value(object, old, *ref_, Path{}, Strictness::kBuiltIn, errors);
    // Rules over several fields may assume that each field alone is right.
    if (errors.empty() && hooks_.check != nullptr) hooks_.check(object, old, part, errors);
    return errors;
  }

 private:
  Kind kind_;
  Hooks hooks_;
  PrepareRules prepare_;
};

TypeRulesRef make_rules(const Entry& entry) {
  const Kind& kind = entry.kind;
  std::string full = package_of(kind.group, kind.version) + "." + kind.kind;
  const Schema* schema = library().find(full);
  if (schema == nullptr) return nullptr;
  return std::make_shared<BuiltInRules>(library().ref(*schema), kind, entry.generation);
}

const std::map<std::string, TypeRulesRef, std::less<>>& all_rules() {
  static const std::map<std::string, TypeRulesRef, std::less<>> table = [] {
    std::map<std::string, TypeRulesRef, std::less<>> made;
    for (const Entry& entry : entries()) {
      made[entry.kind.api_version() + "/" + entry.kind.kind] = make_rules(entry);
    }
    Entry options;
    options.kind.version = "v1";
    options.kind.kind = "DeleteOptions";
    options.kind.review = true;
    const Schema* schema = library().find("io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions");
    made["v1/DeleteOptions"] =
        std::make_shared<BuiltInRules>(library().ref(*schema), options.kind, false);
    return made;
  }();
  return table;
}

}  // namespace

const Subresource* Kind::subresource(std::string_view wanted) const {
  for (const Subresource& sub : subresources) {
    if (sub.name == wanted) return &sub;
  }
  return nullptr;
}

const std::vector<Kind>& all() {
  static const std::vector<Kind> kinds = [] {
    std::vector<Kind> shown;
    for (const Entry& entry : entries()) {
      if (!entry.hidden) shown.push_back(entry.kind);
    }
    return shown;
  }();
  return kinds;
}

const Kind* find(std::string_view group, std::string_view version, std::string_view plural) {
  for (const Kind& kind : all()) {
    if (kind.group == group && kind.version == version && kind.plural == plural) return &kind;
  }
  return nullptr;
}

const Kind* find_kind(std::string_view api_version, std::string_view name) {
  for (const Kind& kind : all()) {
    if (kind.kind == name && kind.api_version() == api_version) return &kind;
  }
  return nullptr;
}

TypeRulesRef rules(const Kind& kind) { return rules(kind.api_version(), kind.kind); }

TypeRulesRef rules(std::string_view api_version, std::string_view kind) {
  auto it = all_rules().find(std::string(api_version) + "/" + std::string(kind));
  return it == all_rules().end() ? nullptr : it->second;
}

const Schema* type(std::string_view full_name) { return library().find(full_name); }
std::vector<std::string> type_names() { return library().names(); }

}  // namespace k8s::apiserver::kinds
