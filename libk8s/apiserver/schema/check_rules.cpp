#include <nlohmann/json.hpp>

#include "libk8s/apiserver/schema/cel.hpp"
#include "libk8s/apiserver/schema/walk.hpp"

namespace k8s::apiserver {
namespace {

FieldErrorType type_of(const std::string& reason) {
  if (reason == "FieldValueForbidden") return FieldErrorType::kForbidden;
  if (reason == "FieldValueRequired") return FieldErrorType::kRequired;
  if (reason == "FieldValueDuplicate") return FieldErrorType::kDuplicate;
  return FieldErrorType::kInvalid;
}

// ".spec.x" under `path`.
std::string below(std::string path, std::string_view field_path) {
  if (field_path.starts_with('.') && path.empty()) field_path.remove_prefix(1);
  return path.append(field_path);
}

class RuleChecker {
 public:
  explicit RuleChecker(FieldErrors& errors) : errors_(errors) {}

  void visit(const Json& value, const Json* old, const Schema& schema, const Path& path) {
    if (path.depth > kMaxDepth || budget_ < 0 || errors_.size() >= kMaxFieldErrors) return;
    if (value.is_null()) return;
    bool changed = old == nullptr || *old != value;
    for (const Rule& rule : schema.rules) {
      // A transition rule looks at changes; the others too, for what is stored was once accepted.
      if (changed && !(rule.uses_old && old == nullptr)) apply(rule, value, old, schema, path);
    }
    if (!changed) return;
    if (value.is_object()) visit_object(value, old, schema, path);
    if (value.is_array() && schema.items != nullptr) visit_list(value, old, schema, path);
  }

 private:
  void visit_object(const Json& object, const Json* old, const Schema& schema, const Path& path) {
    bool map = schema.type == Type::kMap;
    for (const auto& [key, item] : object.items()) {
      const Field* field = schema.field(key);
      const Schema* child = field != nullptr ? field->schema : map ? schema.items : nullptr;
      if (child == nullptr) continue;
      const Json* before = nullptr;
      if (old != nullptr && old->is_object()) {
        if (auto it = old->find(key); it != old->end()) before = &it.value();
      }
      visit(item, before, *child, map ? path.entry(key) : path.child(key));
    }
  }

  // Only elements that have a key can be found again in the old list.
  void visit_list(const Json& list, const Json* old, const Schema& schema, const Path& path) {
    bool keyed = schema.list_type == ListType::kMap && old != nullptr && old->is_array();
    for (std::size_t i = 0; i < list.size(); ++i) {
      const Json* before = keyed ? find_by_keys(*old, list[i], schema.list_keys) : nullptr;
      visit(list[i], before, *schema.items, path.at(i));
    }
  }

  void apply(const Rule& rule, const Json& value, const Json* old, const Schema& schema,
             const Path& path) {
    if (rule.program == nullptr) return;
    Result<bool> holds = evaluate_rule(*rule.program, schema, value, old, budget_);
    if (holds && *holds) return;
    std::string message = rule.message.empty() ? "failed rule: " + rule.text : rule.message;
    if (!holds) message = holds.status().message() + " evaluating rule: " + rule.text;
    if (holds && rule.message_program != nullptr) {
      Result<std::string> text = evaluate_text(*rule.message_program, schema, value, old, budget_);
      if (text && !text->empty()) message = *text;
    }
    report(rule, value, path, message);
  }

  void report(const Rule& rule, const Json& value, const Path& path, const std::string& message) {
    std::string at = below(path.text(), rule.field_path);
    FieldErrorType type = type_of(rule.reason);
    switch (type) {
      case FieldErrorType::kForbidden:
        errors_.push_back(field::forbidden(at, message));
        break;
      case FieldErrorType::kRequired:
        errors_.push_back(field::required(at, message));
        break;
      default: {
        // Whole objects are named by their type: they would drown the message.
        Json shown = value.is_structured() ? Json(json_type(value)) : value;
        FieldError error = field::invalid(at, shown, message);
        error.type = type;
        errors_.push_back(std::move(error));
      }
    }
  }

  FieldErrors& errors_;
  std::int64_t budget_ = kCelObjectBudget;
};

}  // namespace

void check_rules(const Json& value, const Json* old, const Schema& schema, FieldErrors& errors) {
  RuleChecker(errors).visit(value, old, schema, Path{});
}

}  // namespace k8s::apiserver
