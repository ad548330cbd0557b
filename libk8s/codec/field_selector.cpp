#include <algorithm>

#include "libk8s/codec/selector.hpp"

namespace k8s {
namespace {

Status invalid(std::string_view text, const std::string& why) {
  return {Code::kInvalid,
          "\"" + std::string(text.substr(0, 200)) + "\" is not a field selector: " + why};
}

// Cuts at commas that no backslash protects.
std::vector<std::string_view> terms_of(std::string_view text) {
  std::vector<std::string_view> terms;
  std::size_t start = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == ',') {
      terms.push_back(text.substr(start, i - start));
      start = i + 1;
    }
  }
  terms.push_back(text.substr(start));
  return terms;
}

std::optional<std::string> unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '=' || text[i] == ',') return std::nullopt;
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    if (++i == text.size()) return std::nullopt;
    if (text[i] != ',' && text[i] != '=' && text[i] != '\\') return std::nullopt;
    out += text[i];
  }
  return out;
}

std::optional<FieldRequirement> read_term(std::string_view term) {
  FieldRequirement r;
  const auto equals = term.find('=');
  if (equals == term.npos) return std::nullopt;
  auto field = term.substr(0, equals);
  auto value = term.substr(equals + 1);
  if (field.ends_with('!')) {
    r.negated = true;
    field.remove_suffix(1);
  } else if (value.starts_with('=')) {
    value.remove_prefix(1);
  }
  auto plain = unescaped(value);
  if (!plain || field.empty()) return std::nullopt;
  r.field = field;
  r.value = std::move(*plain);
  return r;
}

}  // namespace

Result<FieldSelector> FieldSelector::parse(std::string_view text) {
  FieldSelector selector;
  for (const auto term : terms_of(text)) {
    if (term.empty()) continue;  // the API allows stray commas here
    auto requirement = read_term(term);
    if (!requirement)
      return invalid(text, "\"" + std::string(term) + "\" must be field=value or field!=value");
    selector.requirements_.push_back(std::move(*requirement));
  }
  return selector;
}

bool FieldSelector::matches(const Lookup& lookup) const {
  return std::ranges::all_of(requirements_, [&](const auto& r) {
    return (lookup(r.field).value_or("") == r.value) != r.negated;
  });
}

}  // namespace k8s
