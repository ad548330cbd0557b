#include "libk8s/apiserver/patch/field_set.hpp"

#include <nlohmann/json.hpp>

#include "libk8s/codec/json.hpp"

namespace k8s::apiserver::patch {
namespace {

const Schema& untyped() {
  static const Schema any = [] {
    Schema schema;
    schema.preserve_unknown = true;
    return schema;
  }();
  return any;
}

void read(const Json& json, FieldSet& set, int depth) {
  if (!json.is_object() || depth > kMaxDepth) return;
  if (json.empty()) set.self = true;
  for (const auto& [key, child] : json.items()) {
    if (key == ".") {
      set.self = true;
    } else if (key.size() >= 2 && key[1] == ':') {
      read(child, set.children[key], depth + 1);
    }
  }
}

// "k:{"name":"a"}" -> [name="a"], "f:spec" -> .spec
std::string readable(std::string_view key) {
  std::string_view value = key.substr(2);
  if (key[0] == 'f') return "." + std::string(value);
  if (key[0] == 'v') return "[=" + std::string(value) + "]";
  if (key[0] != 'k') return "[" + std::string(value) + "]";
  Json keys = Json::parse(value, nullptr, false);
  std::string text;
  if (!keys.is_object()) return "[" + std::string(value) + "]";
  for (const auto& [name, v] : keys.items()) {
    text += (text.empty() ? "" : ",") + name + "=" + json_text(v);
  }
  return "[" + text + "]";
}

void collect(const FieldSet& set, const std::string& path, std::vector<std::string>& out) {
  if (set.self) out.push_back(path);
  for (const auto& [key, child] : set.children) collect(child, path + readable(key), out);
}

// The elements of a list by their keys, in order; elements without a key are left out.
std::vector<std::pair<std::string, const Json*>> keyed(const Json* list, const Schema& schema) {
  std::vector<std::pair<std::string, const Json*>> all;
  if (list == nullptr) return all;
  for (const Json& element : *list) {
    if (std::string key = element_key(element, schema); !key.empty()) {
      all.emplace_back(std::move(key), &element);
    }
  }
  return all;
}

void fields(const Json& value, const Schema& schema, FieldSet& set, int depth) {
  if (depth > kMaxDepth) return;
  if (is_granular_object(value, schema)) {
    for (const auto& [key, item] : value.items()) {
      FieldSet& child = set.children["f:" + key];
      fields(item, child_of(schema, key), child, depth + 1);
      // Entries of maps are owned as such; fields of objects only through what they hold.
      bool empty = item.is_null() || (item.is_object() && item.empty());
      if (empty || schema.field(key) == nullptr) child.self = true;
    }
  } else if (is_granular_list(value, schema)) {
    for (const auto& [key, element] : keyed(&value, schema)) {
      FieldSet& child = set.children[key];
      child.self = true;
      if (key[0] == 'k') fields(*element, *schema.items, child, depth + 1);
    }
  } else {
    set.self = true;
  }
}

class Comparer {
 public:
  explicit Comparer(Difference& out) : out_(out) {}

  void visit(const Json* a, const Json* b, const Schema& schema,
             const std::vector<std::string>& path) {
    if (static_cast<int>(path.size()) > kMaxDepth) return;
    if (a != nullptr && b != nullptr && *a == *b) return;
    if (both(a, b, schema, is_granular_object) && !(blank(a) && blank(b))) {
      objects(a, b, schema, path);
    } else if (both(a, b, schema, is_granular_list)) {
      lists(a, b, schema, path);
    } else {
      leaf(a, b, path);
    }
  }

 private:
  using Test = bool (*)(const Json&, const Schema&);

  static bool both(const Json* a, const Json* b, const Schema& schema, Test test) {
    return (a == nullptr || test(*a, schema)) && (b == nullptr || test(*b, schema));
  }
  static bool blank(const Json* v) { return v == nullptr || v->empty(); }

  static void insert(FieldSet& set, const std::vector<std::string>& path) {
    FieldSet* at = &set;
    for (const std::string& key : path) at = &at->children[key];
    at->self = true;
  }

  void leaf(const Json* a, const Json* b, const std::vector<std::string>& path) {
    insert(a == nullptr ? out_.added : b == nullptr ? out_.removed : out_.modified, path);
  }

  // A structure that comes or goes is a change of its own, beside its parts. The parts of the
  // object itself ("spec", "status") are always there.
  void whole(const Json* a, const Json* b, const Schema& schema,
             const std::vector<std::string>& path) {
    bool part = path.size() <= 1 && !schema.type_name.empty();
    if (!part && !path.empty() && (a == nullptr || b == nullptr)) leaf(a, b, path);
  }

  void objects(const Json* a, const Json* b, const Schema& schema,
               const std::vector<std::string>& path) {
    whole(a, b, schema, path);
    auto member = [](const Json* object, const std::string& key) -> const Json* {
      if (object == nullptr) return nullptr;
      auto it = object->find(key);
      return it == object->end() ? nullptr : &it.value();
    };
    auto step = [&](const std::string& key, const Json* x, const Json* y) {
      std::vector<std::string> below = path;
      below.push_back("f:" + key);
      visit(x, y, child_of(schema, key), below);
    };
    if (a != nullptr) {
      for (const auto& [key, value] : a->items()) step(key, &value, member(b, key));
    }
    if (b == nullptr) return;
    for (const auto& [key, value] : b->items()) {
      if (member(a, key) == nullptr) step(key, nullptr, &value);
    }
  }

  void lists(const Json* a, const Json* b, const Schema& schema,
             const std::vector<std::string>& path) {
    whole(a, b, schema, path);
    std::map<std::string, std::pair<const Json*, const Json*>> elements;
    for (const auto& [key, element] : keyed(a, schema)) elements[key].first = element;
    for (const auto& [key, element] : keyed(b, schema)) elements[key].second = element;
    for (const auto& [key, pair] : elements) {
      std::vector<std::string> below = path;
      below.push_back(key);
      if (key[0] == 'k') {
        visit(pair.first, pair.second, *schema.items, below);
      } else if (pair.first == nullptr || pair.second == nullptr) {
        leaf(pair.first, pair.second, below);
      }
    }
  }

  Difference& out_;
};

}  // namespace

bool FieldSet::empty() const {
  if (self) return false;
  for (const auto& [key, child] : children) {
    if (!child.empty()) return false;
  }
  return true;
}

void FieldSet::tidy() {
  for (auto it = children.begin(); it != children.end();) {
    it->second.tidy();
    bool bare = !it->second.self && it->second.children.empty();
    it = bare ? children.erase(it) : std::next(it);
  }
}

FieldSet set_union(FieldSet a, const FieldSet& b) {
  a.self = a.self || b.self;
  for (const auto& [key, child] : b.children) {
    a.children[key] = set_union(std::move(a.children[key]), child);
  }
  return a;
}

FieldSet set_difference(FieldSet a, const FieldSet& b) {
  a.self = a.self && !b.self;
  for (auto& [key, child] : a.children) {
    auto it = b.children.find(key);
    if (it != b.children.end()) child = set_difference(std::move(child), it->second);
  }
  a.tidy();
  return a;
}

FieldSet set_intersection(const FieldSet& a, const FieldSet& b) {
  FieldSet common;
  common.self = a.self && b.self;
  for (const auto& [key, child] : a.children) {
    auto it = b.children.find(key);
    if (it != b.children.end()) common.children[key] = set_intersection(child, it->second);
  }
  common.tidy();
  return common;
}

Json to_fields_v1(const FieldSet& set) {
  Json json = Json::object();
  if (set.self && !set.children.empty()) json["."] = Json::object();
  for (const auto& [key, child] : set.children) json[key] = to_fields_v1(child);
  return json;
}

FieldSet from_fields_v1(const Json& json) {
  FieldSet set;
  if (json.is_object() && !json.empty()) read(json, set, 0);
  return set;
}

std::vector<std::string> readable_paths(const FieldSet& set) {
  std::vector<std::string> paths;
  collect(set, "", paths);
  return paths;
}

FieldSet fields_of(const Json& value, const Schema& schema) {
  FieldSet set;
  fields(value, schema, set, 0);
  set.tidy();
  return set;
}

Difference compare(const Json* before, const Json& after, const Schema& schema) {
  Difference difference;
  Comparer(difference).visit(before, &after, schema, {});
  return difference;
}

bool is_granular_object(const Json& value, const Schema& schema) {
  // Free values of built-in kinds are one field; those of custom resources are taken apart.
  bool free = schema.type == Type::kAny && !schema.preserve_unknown && schema.properties.empty();
  return value.is_object() && !schema.atomic_map && !free;
}

bool is_granular_list(const Json& value, const Schema& schema) {
  return value.is_array() && schema.list_type != ListType::kAtomic && schema.items != nullptr;
}

const Schema& child_of(const Schema& schema, std::string_view key) {
  if (const Field* field = schema.field(key)) return *field->schema;
  bool map = schema.type == Type::kMap && schema.items != nullptr;
  return map ? *schema.items : untyped();
}

std::string element_key(const Json& element, const Schema& list) {
  if (list.list_type == ListType::kSet) return "v:" + json_text(element);
  if (!element.is_object()) return "";
  Json keys = Json::object();
  for (const std::string& name : list.list_keys) {
    if (auto it = element.find(name); it != element.end()) {
      keys[name] = it.value();
    } else if (const Field* field = list.items->field(name);
               field != nullptr && field->schema->default_value != nullptr) {
      keys[name] = *field->schema->default_value;
    }
  }
  return keys.empty() ? "" : "k:" + json_text(keys);
}

}  // namespace k8s::apiserver::patch
