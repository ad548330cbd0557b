#include "libk8s/apiserver/schema/cel.hpp"

#include <nlohmann/json.hpp>

#include "libk8s/apiserver/schema/cel_ast.hpp"
#include "libk8s/apiserver/schema/cel_program.hpp"

namespace k8s::apiserver {

Result<CelProgramRef> compile_cel(std::string_view text, const Schema& self, CelResult wanted) {
  Result<cel::NodePtr> tree = cel::parse(text);
  if (!tree) return tree.status();
  cel::Checked checked;
  if (Status status = cel::check(**tree, self, checked); !status) return status;
  cel::Kind kind = wanted == CelResult::kBool ? cel::Kind::kBool : cel::Kind::kString;
  if (checked.result != kind && checked.result != cel::Kind::kAny) {
    return Status(Code::kInvalid, "must evaluate to a " + std::string(name(kind)) + ", not to " +
                                      std::string(name(checked.result)));
  }
  return std::make_shared<const CelProgram>(CelProgram{std::move(*tree), checked.uses_old});
}

bool uses_old_self(const CelProgram& program) { return program.uses_old; }

namespace {

Result<cel::Value> run(const CelProgram& program, const Schema& schema, const Json& self,
                       const Json* old_self, std::int64_t& budget) {
  std::int64_t call = std::min(budget, kCelCallBudget);
  std::int64_t before = call;
  cel::Value value = cel::evaluate(*program.tree, schema, self, old_self, call);
  budget -= before - call;
  if (call < 0) {
    return Status(Code::kInvalid,
                  "validation failed due to running out of cost budget, no further validation "
                  "rules will be run");
  }
  if (value.is_error()) return Status(Code::kInvalid, std::string(value.as_text()));
  return value;
}

}  // namespace

Result<bool> evaluate_rule(const CelProgram& program, const Schema& schema, const Json& self,
                           const Json* old_self, std::int64_t& budget) {
  Result<cel::Value> value = run(program, schema, self, old_self, budget);
  if (!value) return value.status();
  if (value->kind() == cel::Kind::kBool) return value->as_bool();
  return Status(Code::kInvalid, "the rule did not evaluate to a bool");
}

Result<std::string> evaluate_text(const CelProgram& program, const Schema& schema, const Json& self,
                                  const Json* old_self, std::int64_t& budget) {
  Result<cel::Value> value = run(program, schema, self, old_self, budget);
  if (!value) return value.status();
  if (value->kind() == cel::Kind::kString) return std::string(value->as_text());
  return Status(Code::kInvalid, "the expression did not evaluate to a string");
}

}  // namespace k8s::apiserver
