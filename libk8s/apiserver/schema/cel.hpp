// CEL: the part of the Common Expression Language that validation rules use (README says which).
//
// A rule is compiled once, when its CRD is applied: what lies outside of the subset is refused
// there, by name, never at run time. Evaluation is bounded: every visited node costs one unit.
// Pure; a compiled program is immutable and may be used from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "libk8s/apiserver/schema/schema.hpp"
#include "libk8s/base/status.hpp"

namespace k8s::apiserver {

// Units that one evaluation of one rule, and all rules of one object together, may cost.
inline constexpr std::int64_t kCelCallBudget = 1'000'000;
inline constexpr std::int64_t kCelObjectBudget = 10'000'000;

class CelProgram;
using CelProgramRef = std::shared_ptr<const CelProgram>;

enum class CelResult : std::uint8_t { kBool, kText };

// Parses and checks one expression over `self` (of type `self`) and `oldSelf`. Errors: kInvalid;
// the message names what is not understood and where.
Result<CelProgramRef> compile_cel(std::string_view text, const Schema& self,
                                  CelResult wanted = CelResult::kBool);
bool uses_old_self(const CelProgram& program);

// Evaluates to a bool (a rule) or a string (a message expression). `old_self` may be null.
// `budget` is lowered by the cost. Errors: kInvalid when evaluation fails (missing key, index out
// of range, overflow, division by zero) or the budget is used up: a rule then counts as broken.
Result<bool> evaluate_rule(const CelProgram& program, const Schema& schema, const Json& self,
                           const Json* old_self, std::int64_t& budget);
Result<std::string> evaluate_text(const CelProgram& program, const Schema& schema, const Json& self,
                                  const Json* old_self, std::int64_t& budget);

}  // namespace k8s::apiserver
