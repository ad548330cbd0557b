#include <nlohmann/json.hpp>

#include "libk8s/apiserver/schema/cel_functions.hpp"
#include "libk8s/apiserver/schema/cel_program.hpp"

namespace k8s::apiserver::cel {
namespace {

class Evaluator {
 public:
  Evaluator(Value self, Value old_self, std::int64_t& budget)
      : self_(std::move(self)), old_(std::move(old_self)), meter_{budget} {}

  // Recursion is bounded by the depth of the tree, which the parser bounds.
  Value visit(const Node& node) {
    if (!meter_.spend(1)) return Value::error("cost budget exceeded");
    switch (node.kind) {
      case NodeKind::kLiteral:
        return node.value;
      case NodeKind::kIdent:
        return ident(node);
      case NodeKind::kSelect: {
        Value target = visit(*node.args[0]);
        return target.is_error() ? target : target.member(node.name);
      }
      case NodeKind::kHas: {
        Value target = visit(*node.args[0]);
        return target.is_error() ? target : Value::boolean(target.has(node.name));
      }
      case NodeKind::kIndex:
        return index(node);
      case NodeKind::kCall:
        return call(node);
      case NodeKind::kAnd:
        return logical(node, false);
      case NodeKind::kOr:
        return logical(node, true);
      case NodeKind::kTernary: {
        Value condition = visit(*node.args[0]);
        if (condition.is_error()) return condition;
        if (condition.kind() != Kind::kBool) return Value::error("no such overload");
        return visit(*node.args[condition.as_bool() ? 1 : 2]);
      }
      case NodeKind::kList:
        return list(node);
      case NodeKind::kMap:
        return map(node);
      default:
        return comprehension(node);
    }
  }

 private:
  Value ident(const Node& node) {
    for (auto it = variables_.rbegin(); it != variables_.rend(); ++it) {
      if (it->first == node.name) return it->second;
    }
    return node.name == "oldSelf" ? old_ : self_;
  }

  Value index(const Node& node) {
    Value target = visit(*node.args[0]), key = visit(*node.args[1]);
    if (target.is_error()) return target;
    if (key.is_error()) return key;
    if (target.kind() == Kind::kMap) return target.member(key);
    if (target.kind() != Kind::kList || key.kind() != Kind::kInt) {
      return Value::error("no such overload");
    }
    if (key.as_int() < 0) return Value::error("index out of bounds");
    return target.at(static_cast<std::size_t>(key.as_int()));
  }

  Value call(const Node& node) {
    Items args;
    std::vector<Kind> kinds;
    for (const NodePtr& arg : node.args) {
      args.push_back(visit(*arg));
      if (args.back().is_error()) return args.back();
      kinds.push_back(args.back().kind());
    }
    Value result = Value::error("no such overload: " + node.name);
    for_each_fit(node.name, node.member, kinds, [&](const Function& f) {
      result = f.call(args, meter_);
      return true;
    });
    return result;
  }

  // `decides`: the value of one side that settles the whole, whatever the other is, even when the
  // other cannot be evaluated.
  Value logical(const Node& node, bool decides) {
    Value left = visit(*node.args[0]);
    if (left.is(decides)) return left;
    Value right = visit(*node.args[1]);
    if (right.is(decides)) return right;
    if (left.is_error()) return left;
    if (right.is_error()) return right;
    bool bools = left.kind() == Kind::kBool && right.kind() == Kind::kBool;
    return bools ? Value::boolean(!decides) : Value::error("no such overload");
  }

  Value list(const Node& node) {
    Items items;
    for (const NodePtr& arg : node.args) {
      items.push_back(visit(*arg));
      if (items.back().is_error()) return items.back();
    }
    return Value::list(std::move(items));
  }

  Value map(const Node& node) {
    Entries entries;
    for (std::size_t i = 0; i + 1 < node.args.size(); i += 2) {
      Value key = visit(*node.args[i]), value = visit(*node.args[i + 1]);
      if (key.is_error()) return key;
      if (value.is_error()) return value;
      entries.emplace_back(std::move(key), std::move(value));
    }
    return Value::map(std::move(entries));
  }

  Value comprehension(const Node& node) {
    Value range = visit(*node.args[0]);
    if (range.is_error()) return range;
    Items keys;
    bool is_map = range.kind() == Kind::kMap;
    if (!is_map && range.kind() != Kind::kList) return Value::error("no such overload");
    if (is_map) keys = range.keys();
    std::size_t count = is_map ? keys.size() : range.size();
    Loop loop;
    variables_.emplace_back(node.name, Value());
    for (std::size_t i = 0; i < count && !loop.done; ++i) {
      variables_.back().second = is_map ? keys[i] : range.at(i);
      step(node, loop);
    }
    variables_.pop_back();
    return loop_result(node, loop);
  }

  struct Loop {
    Items items;
    std::size_t matches = 0;
    bool done = false;
    Value error;  // the first that no later element made up for
  };

  void step(const Node& node, Loop& loop) {
    bool mapping = node.kind == NodeKind::kForMap;
    if (mapping && node.args.size() == 2) return collect(visit(*node.args[1]), loop);
    Value verdict = visit(*node.args[1]);
    if (verdict.is_error() || verdict.kind() != Kind::kBool) {
      if (!loop.error.is_error()) {
        loop.error = verdict.is_error() ? verdict : Value::error("no such overload");
      }
      // all() and exists() may still be settled by another element.
      loop.done = node.kind != NodeKind::kForAll && node.kind != NodeKind::kForAny;
      return;
    }
    bool yes = verdict.as_bool();
    if (yes) ++loop.matches;
    if (node.kind == NodeKind::kForAll && !yes) loop.done = true;
    if (node.kind == NodeKind::kForAny && yes) loop.done = true;
    if (loop.done) loop.error = Value();
    if (node.kind == NodeKind::kForFilter && yes) loop.items.push_back(variables_.back().second);
    if (mapping && yes) collect(visit(*node.args[2]), loop);
    loop.done = loop.done || meter_.budget < 0;
    if (node.kind == NodeKind::kForAll && !yes) loop.items.push_back(verdict);
  }

  static void collect(Value value, Loop& loop) {
    if (value.is_error()) {
      loop.error = value;
      loop.done = true;
    } else {
      loop.items.push_back(std::move(value));
    }
  }

  static Value loop_result(const Node& node, Loop& loop) {
    if (loop.error.is_error()) return loop.error;
    switch (node.kind) {
      case NodeKind::kForAll:
        return Value::boolean(loop.items.empty());
      case NodeKind::kForAny:
        return Value::boolean(loop.matches > 0);
      case NodeKind::kForOne:
        return Value::boolean(loop.matches == 1);
      default:
        return Value::list(std::move(loop.items));
    }
  }

  Value self_, old_;
  Meter meter_;
  std::vector<std::pair<std::string, Value>> variables_;
};

}  // namespace

Value evaluate(const Node& tree, const Schema& schema, const Json& self, const Json* old_self,
               std::int64_t& budget) {
  Value old = old_self == nullptr ? Value() : Value::view(*old_self, schema);
  return Evaluator(Value::view(self, schema), std::move(old), budget).visit(tree);
}

}  // namespace k8s::apiserver::cel
