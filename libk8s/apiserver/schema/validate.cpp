#include <re2/re2.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "libk8s/apiserver/schema/walk.hpp"

namespace k8s::apiserver {
namespace {

// One validation: where errors go, and the wording that depends on the sort of type.
class Checker {
 public:
  Checker(Strictness strictness, FieldErrors& errors) : strictness_(strictness), errors_(errors) {}

  void check(const Json& value, const Json* old, const Schema& schema, const Path& path) {
    if (full() || path.depth > kMaxDepth) return;
    if (old != nullptr && *old == value) return;
    if (value.is_null() && (schema.nullable || schema.type == Type::kAny)) return;
    if (strictness_ == Strictness::kCustom && !check_type(value, schema, path)) return;
    check_allowed(value, schema, path);
    if (value.is_string()) check_string(value, schema, path);
    if (value.is_number()) check_number(value, schema, path);
    if (value.is_array()) check_list(value, old, schema, path);
    if (value.is_object()) check_object(value, old, schema, path);
    check_junctors(value, schema, path);
  }

 private:
  bool full() const { return errors_.size() >= kMaxFieldErrors; }
  void add(FieldError error) {
    if (!full()) errors_.push_back(std::move(error));
  }
  // "<path> in body <rest>", as the schema errors of Kubernetes begin.
  void add_body(const Json& value, const Path& path, std::string rest) {
    std::string at = path.text();
    std::string detail = at + " in body " + rest;
    add(field::invalid(std::move(at), value, std::move(detail)));
  }

  bool check_type(const Json& value, const Schema& schema, const Path& path) {
    bool fits = type_fits(value, schema) && fits_width(value, schema);
    if (fits) return true;
    std::string given(json_type(value));
    std::string wanted = type_fits(value, schema) ? schema.format : std::string(name(schema.type));
    std::string at = path.text();
    std::string detail = at + " in body must be of type " + wanted + ": \"" + given + "\"";
    if (type_fits(value, schema)) {
      add(field::invalid(std::move(at), value, std::move(detail)));  // a whole number, too large
      return false;
    }
    add(field::type_invalid(std::move(at), given, std::move(detail)));
    return false;
  }

  static bool fits_width(const Json& value, const Schema& schema) {
    if (schema.format != "int32" || !value.is_number_integer()) return true;
    std::int64_t number = value.get<std::int64_t>();
    bool wraps = value.is_number_unsigned() && value.get<std::uint64_t>() > INT32_MAX;
    return !wraps && number >= INT32_MIN && number <= INT32_MAX;
  }

  void check_allowed(const Json& value, const Schema& schema, const Path& path) {
    if (schema.allowed.empty()) return;
    if (strictness_ == Strictness::kBuiltIn && value == "") return;
    if (std::find(schema.allowed.begin(), schema.allowed.end(), value) != schema.allowed.end()) {
      return;
    }
    std::vector<std::string> allowed;
    for (const Json& a : schema.allowed) {
      allowed.push_back(a.is_string() ? a.get<std::string>() : a.dump());
    }
    add(field::not_supported(path.text(), value, std::move(allowed)));
  }

  void check_string(const Json& value, const Schema& schema, const Path& path) {
    const std::string& text = value.get_ref<const std::string&>();
    // Lengths count characters, not bytes.
    auto length = static_cast<std::int64_t>(std::count_if(text.begin(), text.end(), [](char c) {
      return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    }));
    if (schema.max_length && length > *schema.max_length) {
      add(field::too_long(path.text(), *schema.max_length));
    }
    if (schema.min_length && length < *schema.min_length) {
      add_body(value, path,
               "should be at least " + std::to_string(*schema.min_length) + " chars long");
    }
    if (schema.compiled_regex != nullptr &&
        !re2::RE2::PartialMatch(text, *static_cast<const re2::RE2*>(schema.compiled_regex.get()))) {
      add_body(value, path, "should match '" + schema.pattern + "'");
    }
    check_format(value, text, schema, path);
  }

  void check_format(const Json& value, const std::string& text, const Schema& schema,
                    const Path& path) {
    if (strictness_ == Strictness::kBuiltIn && text.empty()) return;
    if (fits_format(text, schema.format)) return;
    if (strictness_ == Strictness::kCustom) {
      const std::string at = path.text();
      add(field::type_invalid(
          at, value, at + " in body must be of type " + schema.format + ": " + value.dump()));
    } else {
      add(field::invalid(path.text(), value, format_rule(schema.format)));
    }
  }

  void check_number(const Json& value, const Schema& schema, const Path& path) {
    double number = value.get<double>();
    auto bound = [](double b) {
      return Json(b) == Json(std::nearbyint(b)) && std::abs(b) < 1e15
                 ? std::to_string(static_cast<long long>(b))
                 : Json(b).dump();
    };
    if (schema.minimum && schema.exclusive_minimum && number <= *schema.minimum) {
      add_body(value, path, "should be greater than " + bound(*schema.minimum));
    } else if (schema.minimum && number < *schema.minimum) {
      add_body(value, path, "should be greater than or equal to " + bound(*schema.minimum));
    }
    if (schema.maximum && schema.exclusive_maximum && number >= *schema.maximum) {
      add_body(value, path, "should be less than " + bound(*schema.maximum));
    } else if (schema.maximum && number > *schema.maximum) {
      add_body(value, path, "should be less than or equal to " + bound(*schema.maximum));
    }
    if (schema.multiple_of && *schema.multiple_of > 0 &&
        std::abs(std::remainder(number, *schema.multiple_of)) > 1e-9) {
      add_body(value, path, "should be a multiple of " + bound(*schema.multiple_of));
    }
  }

  void check_list(const Json& list, const Json* old, const Schema& schema, const Path& path) {
    auto size = static_cast<std::int64_t>(list.size());
    if (schema.max_items && size > *schema.max_items) {
      return add(field::too_many(path.text(), size, *schema.max_items));
    }
    if (schema.min_items && size < *schema.min_items) {
      add_body(list, path, "should have at least " + std::to_string(*schema.min_items) + " items");
    }
    // Built-in kinds say themselves which of their lists may name something twice (env may).
    if (strictness_ == Strictness::kCustom) check_unique(list, schema, path);
    if (schema.items == nullptr) return;
    bool keyed = schema.list_type == ListType::kMap;
    for (std::size_t i = 0; i < list.size(); ++i) {
      const Json* before = nullptr;
      if (old != nullptr && old->is_array()) {
        before = keyed             ? find_by_keys(*old, list[i], schema.list_keys)
                 : i < old->size() ? &(*old)[i]
                                   : nullptr;
      }
      check(list[i], before, *schema.items, path.at(i));
    }
  }

  void check_unique(const Json& list, const Schema& schema, const Path& path) {
    if (schema.list_type == ListType::kAtomic && !schema.unique_items) return;
    std::set<Json> seen;
    for (std::size_t i = 0; i < list.size() && !full(); ++i) {
      Json identity = list[i];
      if (schema.list_type == ListType::kMap) {
        if (!list[i].is_object()) continue;
        identity = keys_of(list[i], schema);
      }
      if (!seen.insert(identity).second) add(field::duplicate(path.at(i).text(), identity));
    }
  }

  static Json keys_of(const Json& element, const Schema& schema) {
    Json keys = Json::object();
    for (const std::string& key : schema.list_keys) {
      if (auto it = element.find(key); it != element.end()) keys[key] = it.value();
    }
    return keys;
  }

  void check_object(const Json& object, const Json* old, const Schema& schema, const Path& path) {
    auto size = static_cast<std::int64_t>(object.size());
    if (schema.max_properties && size > *schema.max_properties) {
      add(field::too_many(path.text(), size, *schema.max_properties));
    }
    if (schema.min_properties && size < *schema.min_properties) {
      add_body(object, path,
               "should have at least " + std::to_string(*schema.min_properties) + " properties");
    }
    for (const auto& [key, property] : schema.properties) {
      if (property.required && missing(object, key)) {
        add(field::required(path.child(key).text()));
      }
    }
    bool is_map = schema.type == Type::kMap;
    for (const auto& [key, item] : object.items()) {
      const Field* property = schema.field(key);
      const Schema* child = property != nullptr ? property->schema : schema.items;
      if (child == nullptr || (property == nullptr && !is_map)) continue;
      check(item, member(old, key), *child, is_map ? path.entry(key) : path.child(key));
    }
  }

  bool missing(const Json& object, const std::string& key) const {
    auto it = object.find(key);
    if (it == object.end()) return true;
    if (strictness_ == Strictness::kCustom) return false;
    const Json& value = it.value();
    return value.is_null() || value == "" || value == 0 ||
           (value.is_structured() && value.empty() && value.is_array());
  }

  static const Json* member(const Json* object, const std::string& key) {
    if (object == nullptr || !object->is_object()) return nullptr;
    auto it = object->find(key);
    return it == object->end() ? nullptr : &it.value();
  }

  // How many of `options` accept the value; their own errors go nowhere.
  int accepted_by(const Json& value, const std::vector<const Schema*>& options, const Path& path) {
    int count = 0;
    for (const Schema* option : options) {
      FieldErrors unheard;
      Checker(strictness_, unheard).check(value, nullptr, *option, path);
      if (unheard.empty()) ++count;
    }
    return count;
  }

  void check_junctors(const Json& value, const Schema& schema, const Path& path) {
    if (strictness_ == Strictness::kBuiltIn) return;
    for (const Schema* s : schema.all_of) check(value, nullptr, *s, path);
    std::string quoted = "\"" + path.text() + "\"";
    if (!schema.any_of.empty() && accepted_by(value, schema.any_of, path) == 0) {
      add(field::invalid(path.text(), value,
                         quoted + " must validate at least one schema (anyOf)"));
    }
    if (!schema.one_of.empty()) {
      int count = accepted_by(value, schema.one_of, path);
      if (count != 1) {
        add(field::invalid(path.text(), value,
                           quoted + " must validate one and only one schema (oneOf). Found " +
                               (count == 0 ? "none" : std::to_string(count)) + " valid"));
      }
    }
    if (schema.negated != nullptr && accepted_by(value, {schema.negated}, path) == 1) {
      add(field::invalid(path.text(), value, quoted + " must not validate the schema (not)"));
    }
  }

  Strictness strictness_;
  FieldErrors& errors_;
};

}  // namespace

const Json* find_by_keys(const Json& list, const Json& element,
                         const std::vector<std::string>& keys) {
  if (!element.is_object()) return nullptr;
  for (const Json& candidate : list) {
    if (!candidate.is_object()) continue;
    bool same = std::all_of(keys.begin(), keys.end(), [&](const std::string& key) {
      auto a = candidate.find(key), b = element.find(key);
      if (a == candidate.end() || b == element.end()) {
        return a == candidate.end() && b == element.end();
      }
      return a.value() == b.value();
    });
    if (same) return &candidate;
  }
  return nullptr;
}

void check_value(const Json& value, const Json* old, const Schema& schema, const Path& path,
                 Strictness strictness, FieldErrors& errors) {
  Checker(strictness, errors).check(value, old, schema, path);
}

}  // namespace k8s::apiserver
