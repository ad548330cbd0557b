// The words of a CEL expression. Internal to the CEL interpreter.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "libk8s/base/status.hpp"

namespace k8s::apiserver::cel {

struct Token {
  enum class Kind : std::uint8_t { kEnd, kName, kInt, kDouble, kString, kSymbol } kind;
  std::string text;  // of names and symbols; the contents of strings; the digits of numbers
  std::size_t offset = 0;
};

// Always ends in kEnd. Errors: kInvalid, with the column.
Result<std::vector<Token>> tokenize(std::string_view text);

}  // namespace k8s::apiserver::cel
