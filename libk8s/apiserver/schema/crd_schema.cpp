#include "libk8s/apiserver/schema/crd_schema.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <set>

#include "libk8s/apiserver/schema/cel.hpp"
#include "libk8s/apiserver/schema/type_text.hpp"
#include "libk8s/apiserver/schema/walk.hpp"
#include "libk8s/codec/json.hpp"

namespace k8s::apiserver {
namespace {

constexpr const char* kIntOrString = "x-kubernetes-int-or-string";
constexpr const char* kPreserve = "x-kubernetes-preserve-unknown-fields";
constexpr const char* kEmbedded = "x-kubernetes-embedded-resource";
constexpr const char* kListType = "x-kubernetes-list-type";
constexpr const char* kListKeys = "x-kubernetes-list-map-keys";
constexpr const char* kMapType = "x-kubernetes-map-type";
constexpr const char* kRules = "x-kubernetes-validations";

// Where a node stands: what it may say depends on it.
enum class Place { kRoot, kProperty, kItem, kJunctor };

class Reader {
 public:
  Reader(SchemaArena& arena, FieldErrors& errors) : arena_(arena), errors_(errors) {}

  Schema& read(const Json& json, const std::string& path, Place place, int depth) {
    Schema& node = arena_.make();
    if (!json.is_object()) {
      add(field::required(path, "must be a schema"));
      return node;
    }
    if (++nodes_ > kMaxSchemaNodes || depth > kMaxDepth) {
      add(field::forbidden(path, "the schema is too large or too deep"));
      return node;
    }
    refuse_unstructural(json, path);
    node.title = string_at(json, "title");
    node.description = string_at(json, "description");
    node.format = string_at(json, "format");
    node.nullable = bool_at(json, "nullable");
    node.preserve_unknown = bool_at(json, kPreserve);
    node.embedded_resource = bool_at(json, kEmbedded);
    read_type(json, node, path, place);
    read_bounds(json, node, path);
    read_children(json, node, path, place, depth);
    read_list_type(json, node, path);
    read_junctors(json, node, path, depth);
    if (place == Place::kJunctor) {
      refuse_in_junctor(json, path);
    } else {
      read_rules(json, node, path);
    }
    if (json.contains("default") && !json["default"].is_null()) {
      node.default_value = std::make_shared<const Json>(json["default"]);
    }
    return node;
  }

 private:
  void add(FieldError error) {
    if (errors_.size() < kMaxFieldErrors) errors_.push_back(std::move(error));
  }

  void refuse_unstructural(const Json& json, const std::string& path) {
    for (const char* key : {"$ref", "definitions", "dependencies", "patternProperties",
                            "additionalItems", "id", "$schema"}) {
      if (json.contains(key)) {
        add(field::forbidden(field::child(path, key), std::string(key) + " is not supported"));
      }
    }
    if (bool_at(json, "uniqueItems")) {
      add(field::forbidden(field::child(path, "uniqueItems"),
                           "uniqueItems cannot be set to true since the runtime complexity becomes "
                           "quadratic"));
    }
  }

  void refuse_in_junctor(const Json& json, const std::string& path) {
    for (const char* key : {"description", "default", "additionalProperties", "nullable", kPreserve,
                            kEmbedded, kIntOrString, kListType, kListKeys, kMapType, kRules}) {
      if (json.contains(key)) {
        add(field::forbidden(field::child(path, key), "must be empty to be structural"));
      }
    }
  }

  void read_type(const Json& json, Schema& node, const std::string& path, Place place) {
    static constexpr std::pair<std::string_view, Type> kTypes[] = {
        {"object", Type::kObject},   {"array", Type::kArray},   {"string", Type::kString},
        {"integer", Type::kInteger}, {"number", Type::kNumber}, {"boolean", Type::kBoolean}};
    std::string type = string_at(json, "type");
    bool int_or_string = bool_at(json, kIntOrString);
    if (int_or_string) {
      node.type = Type::kIntOrString;
      node.format = "int-or-string";
      if (!type.empty()) {
        add(field::forbidden(path + ".type",
                             "must be empty if x-kubernetes-int-or-string is true"));
      }
      return;
    }
    auto known = std::find_if(std::begin(kTypes), std::end(kTypes),
                              [&](const auto& t) { return t.first == type; });
    if (known != std::end(kTypes)) node.type = known->second;
    if (!type.empty() && known == std::end(kTypes)) {
      add(field::not_supported(path + ".type", type,
                               {"array", "boolean", "integer", "number", "object", "string"}));
    }
    if (place == Place::kJunctor) return;
    if (place == Place::kRoot && !type.empty() && type != "object") {
      add(field::invalid(path + ".type", type, "must be object at the root"));
    }
    if (!type.empty() || (node.preserve_unknown && place != Place::kRoot)) return;
    add(field::required(path + ".type", place == Place::kRoot ? "must not be empty at the root"
                                        : place == Place::kItem
                                            ? "must not be empty for specified array items"
                                            : "must not be empty for specified object fields"));
  }

  static std::optional<std::int64_t> whole(const Json& json, const char* key) {
    if (!json.contains(key) || !json[key].is_number()) return std::nullopt;
    return int_at(json, key);
  }

  static std::optional<double> real(const Json& json, const char* key) {
    if (!json.contains(key) || !json[key].is_number()) return std::nullopt;
    return number_at(json, key);
  }

  void read_bounds(const Json& json, Schema& node, const std::string& path) {
    node.minimum = real(json, "minimum");
    node.maximum = real(json, "maximum");
    node.multiple_of = real(json, "multipleOf");
    node.exclusive_minimum = bool_at(json, "exclusiveMinimum");
    node.exclusive_maximum = bool_at(json, "exclusiveMaximum");
    node.min_length = whole(json, "minLength");
    node.max_length = whole(json, "maxLength");
    node.min_items = whole(json, "minItems");
    node.max_items = whole(json, "maxItems");
    node.min_properties = whole(json, "minProperties");
    node.max_properties = whole(json, "maxProperties");
    for (const Json& value : array_at(json, "enum")) node.allowed.push_back(value);
    node.pattern = string_at(json, "pattern");
    if (node.pattern.empty()) return;
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(1 << 20);
    auto regex = std::make_shared<const re2::RE2>(node.pattern, options);
    if (!regex->ok()) {
      add(field::invalid(path + ".pattern", node.pattern,
                         "must be a valid regular expression, but isn't: " + regex->error()));
      return;
    }
    node.compiled_regex = regex;
  }

  // Of the metadata a schema may say something about the names only.
  void check_root_metadata(const Json& json, const std::string& path) {
    Json rest = json;
    for (const char* name : {"name", "generateName"}) {
      if (rest.contains("properties") && rest["properties"].is_object())
        rest["properties"].erase(name);
    }
    if (rest.contains("properties") && rest["properties"].empty()) rest.erase("properties");
    for (const char* key : {"type", "description"}) rest.erase(key);
    if (rest.empty()) return;
    add(field::forbidden(field::keyed(field::child(path, "properties"), "metadata"),
                         "must not specify anything other than name and generateName, but "
                         "metadata is implicitly specified"));
  }

  void read_children(const Json& json, Schema& node, const std::string& path, Place place,
                     int depth) {
    Place below = place == Place::kJunctor ? Place::kJunctor : Place::kProperty;
    for (const auto& [key, property] : object_at(json, "properties").items()) {
      // What stands in a root's metadata and type is the server's business.
      bool own =
          place == Place::kRoot && (key == "metadata" || key == "apiVersion" || key == "kind");
      if (own && key == "metadata") check_root_metadata(property, path);
      if (own) continue;
      const std::string at = field::keyed(field::child(path, "properties"), key);
      Schema& child = read(property, at, below, depth + 1);
      Field entry;
      entry.schema = &child;
      entry.description = child.description;
      node.properties.emplace(key, entry);
    }
    for (const Json& name : array_at(json, "required")) {
      if (!name.is_string()) continue;
      Field& entry = node.properties[name.get<std::string>()];
      if (entry.schema == nullptr) entry.schema = &arena_.make();
      entry.required = true;
      // A name that no property has is a demand on unknown fields.
    }
    read_additional(json, node, path, depth);
    read_items(json, node, path, place, depth);
    if (place == Place::kRoot || node.embedded_resource) add_object_fields(node);
    if (node.embedded_resource && node.properties.size() <= 3 && !node.preserve_unknown) {
      add(field::required(path + ".properties",
                          "must not be empty if x-kubernetes-embedded-resource is true without "
                          "x-kubernetes-preserve-unknown-fields"));
    }
  }

  void read_additional(const Json& json, Schema& node, const std::string& path, int depth) {
    if (!json.contains("additionalProperties")) return;
    const Json& additional = json["additionalProperties"];
    const std::string at = path + ".additionalProperties";
    if (json.contains("properties")) {
      add(field::forbidden(at, "additionalProperties and properties are mutual exclusive"));
      return;
    }
    if (additional == false) {
      add(field::forbidden(at, "additionalProperties cannot be set to false"));
      return;
    }
    node.type = Type::kMap;
    if (additional == true) {
      Schema& any = arena_.make();
      any.preserve_unknown = true;
      node.items = &any;
    } else {
      node.items = &read(additional, at, Place::kProperty, depth + 1);
    }
  }

  void read_items(const Json& json, Schema& node, const std::string& path, Place place, int depth) {
    if (json.contains("items")) {
      Place below = place == Place::kJunctor ? Place::kJunctor : Place::kItem;
      node.items = &read(json["items"], path + ".items", below, depth + 1);
    } else if (node.type == Type::kArray && place != Place::kJunctor) {
      add(field::required(path + ".items", "must be specified"));
      node.items = &arena_.make();
    }
  }

  void add_object_fields(Schema& node) {
    Schema& text = arena_.make();
    text.type = Type::kString;
    for (const char* key : {"apiVersion", "kind"}) {
      Field entry;
      entry.schema = &text;
      entry.required = node.embedded_resource;
      node.properties.emplace(key, entry);
    }
    Field metadata;
    metadata.schema = meta_types().find("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta");
    node.properties.emplace("metadata", metadata);
  }

  void read_list_type(const Json& json, Schema& node, const std::string& path) {
    node.atomic_map = string_at(json, kMapType) == "atomic";
    std::string type = string_at(json, kListType);
    if (type.empty()) return;
    const std::string at = field::child(path, kListType);
    if (node.type != Type::kArray) {
      add(field::invalid(at, type, "must be an array if x-kubernetes-list-type is specified"));
      return;
    }
    if (type == "set") {
      node.list_type = ListType::kSet;
      if (node.items->type == Type::kObject && !node.items->atomic_map) {
        add(field::invalid(at, type, "items of sets must be atomic"));
      }
    } else if (type == "map") {
      node.list_type = ListType::kMap;
      read_list_keys(json, node, path);
    } else if (type != "atomic") {
      add(field::not_supported(at, type, {"atomic", "map", "set"}));
    }
  }

  void read_list_keys(const Json& json, Schema& node, const std::string& path) {
    const std::string at = field::child(path, kListKeys);
    for (const Json& key : array_at(json, kListKeys)) {
      if (!key.is_string()) continue;
      node.list_keys.push_back(key.get<std::string>());
      const Field* entry = node.items->field(node.list_keys.back());
      if (entry == nullptr) {
        add(field::invalid(at, key, "entry for each list map key must be a property of the items"));
      } else if (!entry->required && entry->schema->default_value == nullptr) {
        add(field::required(
            field::keyed(path + ".items.properties", node.list_keys.back()) + ".default",
            "this property is in x-kubernetes-list-map-keys, so it must have a "
            "default or be a required property"));
      }
    }
    if (node.list_keys.empty()) {
      add(field::required(at, "must not be empty if x-kubernetes-list-type is map"));
    }
  }

  void read_junctors(const Json& json, Schema& node, const std::string& path, int depth) {
    std::pair<const char*, std::vector<const Schema*>*> lists[] = {
        {"allOf", &node.all_of}, {"anyOf", &node.any_of}, {"oneOf", &node.one_of}};
    for (auto& [key, into] : lists) {
      const Json& options = array_at(json, key);
      for (std::size_t i = 0; i < options.size(); ++i) {
        const std::string at = field::index(field::child(path, key), i);
        // The one type that junctors may name: the two halves of int-or-string.
        bool half = node.type == Type::kIntOrString && options[i].is_object() &&
                    options[i].size() == 1 && options[i].contains("type");
        if (half) continue;
        into->push_back(&read(options[i], at, Place::kJunctor, depth + 1));
        if (options[i].is_object() && options[i].contains("type")) {
          add(field::forbidden(at + ".type", "must be empty to be structural"));
        }
      }
    }
    if (json.contains("not")) {
      node.negated = &read(json["not"], path + ".not", Place::kJunctor, depth + 1);
    }
  }

  void read_rules(const Json& json, Schema& node, const std::string& path) {
    const Json& rules = array_at(json, kRules);
    for (std::size_t i = 0; i < rules.size(); ++i) {
      const std::string at = field::index(field::child(path, kRules), i);
      Rule rule;
      rule.text = string_at(rules[i], "rule");
      rule.message = string_at(rules[i], "message");
      rule.reason = string_at(rules[i], "reason");
      rule.field_path = string_at(rules[i], "fieldPath");
      if (rule.text.find_first_not_of(" \t\n") == std::string::npos) {
        add(field::required(at + ".rule", "rule is not specified"));
      }
      if (rule.message.find('\n') != std::string::npos) {
        add(field::invalid(at + ".message", rule.message, "message must not contain line breaks"));
      }
      if (bool_at(rules[i], "optionalOldSelf")) {
        add(field::forbidden(at + ".optionalOldSelf", "optional values are not supported"));
      }
      rule.message_text = string_at(rules[i], "messageExpression");
      node.rules.push_back(std::move(rule));
    }
  }

  SchemaArena& arena_;
  FieldErrors& errors_;
  std::size_t nodes_ = 0;
};

// The second pass: over every node once.
class Finisher {
 public:
  Finisher(SchemaArena& arena, FieldErrors& errors) : arena_(arena), errors_(errors) {}

  void visit(const Schema& node, const std::string& path) {
    // ObjectMeta and its parts are no part of the CRD.
    if (!node.type_name.empty() || errors_.size() >= kMaxFieldErrors) return;
    compile_rules(node, path);
    check_default(node, path);
    for (const auto& [key, entry] : node.properties) {
      visit(*entry.schema, field::keyed(field::child(path, "properties"), key));
    }
    if (node.items != nullptr) {
      visit(*node.items, path + (node.type == Type::kMap ? ".additionalProperties" : ".items"));
    }
  }

 private:
  void compile_rules(const Schema& node, const std::string& path) {
    if (node.rules.empty()) return;
    Schema& own = arena_.writable(node);
    for (std::size_t i = 0; i < own.rules.size(); ++i) {
      Rule& rule = own.rules[i];
      const std::string at = field::index(field::child(path, kRules), i);
      Result<CelProgramRef> program = compile_cel(rule.text, node);
      if (!program) {
        errors_.push_back(field::invalid(at + ".rule", rule.text,
                                         "compilation failed: " + program.status().message()));
        continue;
      }
      rule.program = *program;
      rule.uses_old = uses_old_self(**program);
      if (rule.message_text.empty()) continue;
      Result<CelProgramRef> message = compile_cel(rule.message_text, node, CelResult::kText);
      if (!message) {
        errors_.push_back(field::invalid(at + ".messageExpression", rule.message_text,
                                         "compilation failed: " + message.status().message()));
        continue;
      }
      rule.message_program = *message;
    }
  }

  void check_default(const Schema& node, const std::string& path) {
    if (node.default_value == nullptr) return;
    Json value = *node.default_value;
    Notes notes;
    FieldErrors wrong;
    prune(value, node, Path{}, &notes);
    fill_defaults(value, node);
    check_value(value, nullptr, node, Path{}, Strictness::kCustom, wrong);
    if (!notes.unknown.empty()) {
      errors_.push_back(
          field::invalid(path + ".default", *node.default_value, "must not have unknown fields"));
    }
    for (FieldError& e : wrong) {
      e.path = e.path.empty() ? path + ".default" : field::child(path + ".default", e.path);
      errors_.push_back(std::move(e));
    }
  }

  SchemaArena& arena_;
  FieldErrors& errors_;
};

}  // namespace

const Schema& read_crd_schema(const Json& json, const std::string& path, SchemaArena& arena,
                              FieldErrors& errors) {
  return Reader(arena, errors).read(json, path, Place::kRoot, 0);
}

void finish_crd_schema(const Schema& root, SchemaArena& arena, const std::string& path,
                       FieldErrors& errors) {
  Finisher(arena, errors).visit(root, path);
}

}  // namespace k8s::apiserver
