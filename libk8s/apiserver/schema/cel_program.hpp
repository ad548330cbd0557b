// A compiled expression, its checker and its evaluator. Internal to the CEL interpreter.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "libk8s/apiserver/schema/cel_ast.hpp"
#include "libk8s/base/status.hpp"

namespace k8s::apiserver {

class CelProgram {
 public:
  cel::NodePtr tree;
  bool uses_old = false;
};

namespace cel {

struct Checked {
  Kind result = Kind::kAny;
  bool uses_old = false;
};

// Names, fields, functions and the kinds of their arguments, as far as the schema tells them.
Status check(const Node& tree, const Schema& self, Checked& checked);

// Lowers `budget` by the cost; below zero the evaluation was cut off and the value means nothing.
Value evaluate(const Node& tree, const Schema& schema, const Json& self, const Json* old_self,
               std::int64_t& budget);

}  // namespace cel
}  // namespace k8s::apiserver
