// The syntax tree of CEL expressions and its parser. Internal to the CEL interpreter.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "libk8s/apiserver/schema/cel_value.hpp"
#include "libk8s/base/status.hpp"

namespace k8s::apiserver::cel {

enum class NodeKind : std::uint8_t {
  kLiteral,   // value
  kIdent,     // name
  kSelect,    // args[0].name
  kHas,       // has(args[0].name)
  kIndex,     // args[0][args[1]]
  kCall,      // name(args...); `member`: args[0].name(...)
  kAnd,       // args[0] && args[1]
  kOr,        // args[0] || args[1]
  kTernary,   // args[0] ? args[1] : args[2]
  kList,      // [args...]
  kMap,       // {args[0]: args[1], ...}
  kForAll,    // args[0].all(name, args[1])
  kForAny,    // args[0].exists(name, args[1])
  kForOne,    // args[0].exists_one(name, args[1])
  kForMap,    // args[0].map(name, args[1]), or with a filter: map(name, args[1], args[2])
  kForFilter  // args[0].filter(name, args[1])
};

struct Node {
  NodeKind kind = NodeKind::kLiteral;
  bool member = false;
  std::size_t offset = 0;  // in the text, for messages
  std::string name;
  Value value;
  std::vector<std::unique_ptr<Node>> args;
};
using NodePtr = std::unique_ptr<Node>;

// Errors: kInvalid, "at column N: ...".
Result<NodePtr> parse(std::string_view text);

inline constexpr std::size_t kMaxTextBytes = 16 * 1024;
inline constexpr int kMaxNesting = 100;

}  // namespace k8s::apiserver::cel
