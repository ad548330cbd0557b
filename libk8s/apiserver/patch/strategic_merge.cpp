#include <algorithm>
#include <nlohmann/json.hpp>

#include "libk8s/apiserver/patch/patch.hpp"
#include "libk8s/codec/json.hpp"

namespace k8s::apiserver::patch {
namespace {

constexpr std::string_view kPatch = "$patch";
constexpr std::string_view kRetainKeys = "$retainKeys";
constexpr std::string_view kDeleteFrom = "$deleteFromPrimitiveList/";
constexpr std::string_view kElementOrder = "$setElementOrder/";

Status bad(std::string message) {
  return Status(Code::kInvalid, std::move(message)).with_http(400).with_reason("BadRequest");
}

bool is_directive(std::string_view key) {
  return key == kPatch || key == kRetainKeys || key.starts_with(kDeleteFrom) ||
         key.starts_with(kElementOrder);
}

const Schema& untyped() {
  static const Schema any;
  return any;
}

// The schema of the value under `key`; untyped where nothing is known.
const Schema& child_schema(const Schema& schema, const std::string& key) {
  if (const Field* field = schema.field(key)) return *field->schema;
  bool map = schema.type == Type::kMap && schema.items != nullptr;
  return map ? *schema.items : untyped();
}

// Where an element stands in a list: by its merge key, or by its whole value. -1: nowhere.
std::ptrdiff_t position(const Json& list, const Json& element, const std::string& key) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    bool same = key.empty() ? list[i] == element
                            : list[i].is_object() && element.is_object() && list[i].contains(key) &&
                                  element.contains(key) && list[i][key] == element[key];
    if (same) return static_cast<std::ptrdiff_t>(i);
  }
  return -1;
}

class Merger {
 public:
  Status object(Json& target, const Json& patch, const Schema& schema, int depth) {
    if (depth > kMaxDepth) return bad("the patch is nested too deeply");
    if (!target.is_object()) target = Json::object();
    std::string directive = string_at(patch, kPatch);
    if (directive == "delete" || directive == "replace") target = Json::object();
    if (directive == "delete") return Status::ok();
    if (patch.contains(kPatch) && directive != "replace" && directive != "merge") {
      return bad("Wrong patch type: \"" + directive + "\", expected delete, merge or replace");
    }
    retain_keys(target, patch);
    if (Status s = delete_primitives(target, patch); !s) return s;
    for (const auto& [key, value] : patch.items()) {
      if (is_directive(key)) continue;
      if (value.is_null()) {
        target.erase(key);
        continue;
      }
      const Schema& child = child_schema(schema, key);
      std::string order_key = std::string(kElementOrder) + key;
      const Json* order = patch.contains(order_key) ? &patch[order_key] : nullptr;
      if (Status s = member(target[key], value, child, order, depth); !s) return s;
    }
    return reorder_unpatched(target, patch, schema);
  }

 private:
  Status member(Json& target, const Json& value, const Schema& schema, const Json* order,
                int depth) {
    if (value.is_object()) return object(target, value, schema, depth + 1);
    if (!value.is_array() || !schema.merge_list) {
      target = value;
      return Status::ok();
    }
    if (!target.is_array()) target = Json::array();
    Json before = target;
    Status status = schema.merge_key.empty() ? primitives(target, value)
                                             : elements(target, value, schema, depth);
    if (!status) return status;
    if (order != nullptr) sort_by(target, *order, before, schema.merge_key);
    return Status::ok();
  }

  static void retain_keys(Json& target, const Json& patch) {
    if (!patch.contains(kRetainKeys)) return;
    const Json& kept = array_at(patch, kRetainKeys);
    for (auto it = target.begin(); it != target.end();) {
      bool keep = std::find(kept.begin(), kept.end(), Json(it.key())) != kept.end();
      it = keep ? std::next(it) : target.erase(it);
    }
  }

  static Status delete_primitives(Json& target, const Json& patch) {
    for (const auto& [key, value] : patch.items()) {
      if (!std::string_view(key).starts_with(kDeleteFrom)) continue;
      std::string list = key.substr(kDeleteFrom.size());
      if (!value.is_array()) return bad("\"" + key + "\" must be a list");
      if (!target.contains(list) || !target[list].is_array()) continue;
      Json kept = Json::array();
      for (const Json& item : target[list]) {
        if (std::find(value.begin(), value.end(), item) == value.end()) kept.push_back(item);
      }
      target[list] = std::move(kept);
    }
    return Status::ok();
  }

  static Status primitives(Json& target, const Json& patch) {
    for (const Json& item : patch) {
      if (item.is_structured()) return bad("a list of scalars was given an object or a list");
      if (position(target, item, "") < 0) target.push_back(item);
    }
    return Status::ok();
  }

  Status elements(Json& target, const Json& patch, const Schema& schema, int depth) {
    bool replace = std::any_of(patch.begin(), patch.end(), [](const Json& item) {
      return string_at(item, kPatch) == "replace";
    });
    if (replace) target = Json::array();
    for (const Json& item : patch) {
      std::string directive = string_at(item, kPatch);
      if (directive == "replace" && item.size() == 1) continue;
      if (!item.is_object() || !item.contains(schema.merge_key)) {
        return bad("an element does not contain declared merge key: " + schema.merge_key);
      }
      std::ptrdiff_t at = position(target, item, schema.merge_key);
      if (directive == "delete") {
        while (at >= 0) {
          target.erase(static_cast<std::size_t>(at));
          at = position(target, item, schema.merge_key);
        }
        continue;
      }
      if (at < 0) {
        target.push_back(Json::object());
        at = static_cast<std::ptrdiff_t>(target.size()) - 1;
      }
      Json& element = target[static_cast<std::size_t>(at)];
      if (Status s = object(element, item, *schema.items, depth + 1); !s) return s;
    }
    return Status::ok();
  }

  // A list may be put in order without any of its elements being patched.
  static Status reorder_unpatched(Json& target, const Json& patch, const Schema& schema) {
    for (const auto& [key, order] : patch.items()) {
      if (!std::string_view(key).starts_with(kElementOrder)) continue;
      std::string list = key.substr(kElementOrder.size());
      if (!order.is_array()) return bad("\"" + key + "\" must be a list");
      if (patch.contains(list) || !target.contains(list) || !target[list].is_array()) continue;
      const Schema& child = child_schema(schema, list);
      if (!child.merge_list) continue;
      Json before = target[list];
      sort_by(target[list], order, before, child.merge_key);
    }
    return Status::ok();
  }

  // Elements that `order` names come in its order. The others keep their place among those: one
  // comes before a named element when it stood before it in the old list.
  static void sort_by(Json& list, const Json& order, const Json& before, const std::string& key) {
    Json named = Json::array(), others = Json::array(), sorted = Json::array();
    for (const Json& item : list)
      (position(order, item, key) >= 0 ? named : others).push_back(item);
    std::stable_sort(named.begin(), named.end(), [&](const Json& a, const Json& b) {
      return position(order, a, key) < position(order, b, key);
    });
    std::size_t n = 0, o = 0;
    while (n < named.size() || o < others.size()) {
      bool take_other = n == named.size();
      if (!take_other && o < others.size()) {
        std::ptrdiff_t a = position(before, others[o], key), b = position(before, named[n], key);
        take_other = a >= 0 && b >= 0 && a < b;
      }
      sorted.push_back(take_other ? others[o++] : named[n++]);
    }
    list = std::move(sorted);
  }
};

}  // namespace

Result<Json> strategic_merge(const Json& document, const Json& patch, const Schema& schema) {
  if (!patch.is_object()) return bad("a strategic merge patch must be an object");
  Json result = document;
  if (Status status = Merger().object(result, patch, schema, 0); !status) return status;
  return result;
}

}  // namespace k8s::apiserver::patch
