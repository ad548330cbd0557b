#include <nlohmann/json.hpp>

#include "libk8s/apiserver/schema/cel_functions.hpp"
#include "libk8s/apiserver/schema/cel_program.hpp"

namespace k8s::apiserver::cel {
namespace {

// What is known of an expression before it runs.
struct Static {
  Kind kind = Kind::kAny;
  const Schema* schema = nullptr;  // of lists, maps and objects; null: not known
};

Static type_of(const Schema& schema) {
  switch (schema.type) {
    case Type::kObject:
    case Type::kMap:
      return {Kind::kMap, &schema};
    case Type::kArray:
      return {Kind::kList, &schema};
    case Type::kString:
      if (schema.format == "date-time" || schema.format == "date")
        return {Kind::kTimestamp, nullptr};
      if (schema.format == "duration") return {Kind::kDuration, nullptr};
      return {Kind::kString, nullptr};
    case Type::kInteger:
      return {Kind::kInt, nullptr};
    case Type::kNumber:
      return {Kind::kDouble, nullptr};
    case Type::kBoolean:
      return {Kind::kBool, nullptr};
    default:
      return {};
  }
}

class Checker {
 public:
  Checker(const Schema& self, Checked& out) : self_(self), out_(out) {}

  Status error;

  Static visit(const Node& node) {
    if (!error.is_ok()) return {};
    switch (node.kind) {
      case NodeKind::kLiteral:
        return {node.value.kind(), nullptr};
      case NodeKind::kIdent:
        return ident(node);
      case NodeKind::kSelect:
        return select(node);
      case NodeKind::kHas:
        select(node);
        return {Kind::kBool, nullptr};
      case NodeKind::kIndex:
        return index(node);
      case NodeKind::kCall:
        return call(node);
      case NodeKind::kAnd:
      case NodeKind::kOr:
        want_bool(*node.args[0]);
        want_bool(*node.args[1]);
        return {Kind::kBool, nullptr};
      case NodeKind::kTernary:
        return ternary(node);
      case NodeKind::kList:
      case NodeKind::kMap:
        for (const NodePtr& arg : node.args) visit(*arg);
        return {node.kind == NodeKind::kList ? Kind::kList : Kind::kMap, nullptr};
      default:
        return comprehension(node);
    }
  }

 private:
  void fail(const Node& node, std::string what) {
    if (!error.is_ok()) return;
    error = Status(Code::kInvalid,
                   "at column " + std::to_string(node.offset + 1) + ": " + std::move(what));
  }

  void want_bool(const Node& node) {
    Kind kind = visit(node).kind;
    if (kind == Kind::kBool || kind == Kind::kAny) return;
    fail(node, "expected a bool, found " + std::string(name(kind)));
  }

  Static ident(const Node& node) {
    for (auto it = variables_.rbegin(); it != variables_.rend(); ++it) {
      if (it->first == node.name) return it->second;
    }
    if (node.name == "oldSelf") out_.uses_old = true;
    if (node.name == "self" || node.name == "oldSelf") return type_of(self_);
    fail(node, "undeclared reference to '" + node.name + "'");
    return {};
  }

  Static select(const Node& node) {
    Static target = visit(*node.args[0]);
    if (target.kind != Kind::kMap && target.kind != Kind::kAny) {
      fail(node, "type '" + std::string(name(target.kind)) + "' does not support field selection");
    }
    if (target.schema == nullptr) return {};
    if (const Field* field = target.schema->field(node.name)) {
      // Of metadata, rules may see what cannot change.
      bool metadata = target.schema->type_name.ends_with(".ObjectMeta");
      if (metadata && node.name != "name" && node.name != "generateName") {
        fail(node, "undefined field '" + node.name + "'");
      }
      return type_of(*field->schema);
    }
    if (target.schema->type == Type::kMap) return type_of(*target.schema->items);
    // What a schema preserves without naming cannot be seen by rules, as in Kubernetes.
    fail(node, "undefined field '" + node.name + "'");
    return {};
  }

  Static index(const Node& node) {
    Static target = visit(*node.args[0]), key = visit(*node.args[1]);
    bool list = target.kind == Kind::kList, map = target.kind == Kind::kMap;
    if (!list && !map && target.kind != Kind::kAny) {
      fail(node, "type '" + std::string(name(target.kind)) + "' cannot be indexed");
    }
    if (list && key.kind != Kind::kInt && key.kind != Kind::kAny) {
      fail(node, "a list is indexed by an int");
    }
    bool typed = target.schema != nullptr && target.schema->items != nullptr;
    return typed ? type_of(*target.schema->items) : Static{};
  }

  Static call(const Node& node) {
    std::vector<Kind> kinds;
    for (const NodePtr& arg : node.args) kinds.push_back(visit(*arg).kind);
    if (!error.is_ok()) return {};
    if (!comparable(node, kinds)) return {Kind::kBool, nullptr};
    Kind result = Kind::kError;
    for_each_fit(node.name, node.member, kinds, [&](const Function& f) {
      // Several overloads with different results: known only at run time.
      result = result == Kind::kError || result == f.result ? f.result : Kind::kAny;
      return false;
    });
    if (result != Kind::kError) return {result, nullptr};
    fail(node, no_overload(node, kinds));
    return {};
  }

  // `==` takes anything, but two kinds that can never be equal are a mistake.
  bool comparable(const Node& node, const std::vector<Kind>& kinds) {
    if (node.name != "_==_" && node.name != "_!=_") return true;
    bool open = kinds[0] == Kind::kAny || kinds[1] == Kind::kAny || kinds[0] == Kind::kNull ||
                kinds[1] == Kind::kNull || kinds[0] == kinds[1];
    if (!open) fail(node, no_overload(node, kinds));
    return open;
  }

  static std::string no_overload(const Node& node, const std::vector<Kind>& kinds) {
    bool known = false;
    for (const Function& f : functions()) known = known || f.name == node.name;
    if (!known) {
      return "undeclared reference to '" + node.name +
             "': this function is not part of the supported subset of CEL";
    }
    std::string list;
    for (Kind kind : kinds) list += (list.empty() ? "" : ", ") + std::string(name(kind));
    return "found no matching overload for '" + node.name + "' applied to '(" + list + ")'";
  }

  Static ternary(const Node& node) {
    want_bool(*node.args[0]);
    Static yes = visit(*node.args[1]), no = visit(*node.args[2]);
    if (yes.kind == no.kind) return yes.schema == no.schema ? yes : Static{yes.kind, nullptr};
    if (yes.kind != Kind::kAny && no.kind != Kind::kAny && yes.kind != Kind::kNull &&
        no.kind != Kind::kNull) {
      fail(node, "the two branches of ?: differ in type");
    }
    return {};
  }

  Static comprehension(const Node& node) {
    Static range = visit(*node.args[0]);
    if (range.kind != Kind::kList && range.kind != Kind::kMap && range.kind != Kind::kAny) {
      fail(node, "expression of type '" + std::string(name(range.kind)) +
                     "' cannot be range of a comprehension");
    }
    if (node.name == "self" || node.name == "oldSelf") {
      fail(node, "'" + node.name + "' cannot be a variable");
    }
    Static element;
    if (range.kind == Kind::kMap) element.kind = Kind::kString;
    bool typed = range.schema != nullptr && range.schema->items != nullptr;
    if (range.kind == Kind::kList && typed) element = type_of(*range.schema->items);
    variables_.emplace_back(node.name, element);
    bool mapping = node.kind == NodeKind::kForMap;
    if (!mapping || node.args.size() == 3) want_bool(*node.args[1]);
    if (mapping) visit(*node.args.back());
    variables_.pop_back();
    if (mapping || (node.kind == NodeKind::kForFilter && range.kind == Kind::kMap)) {
      return {Kind::kList, nullptr};
    }
    return node.kind == NodeKind::kForFilter ? range : Static{Kind::kBool, nullptr};
  }

  const Schema& self_;
  Checked& out_;
  std::vector<std::pair<std::string, Static>> variables_;
};

}  // namespace

Status check(const Node& tree, const Schema& self, Checked& checked) {
  Checker checker(self, checked);
  checked.result = checker.visit(tree).kind;
  return checker.error;
}

}  // namespace k8s::apiserver::cel
