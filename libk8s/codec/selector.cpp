#include "libk8s/codec/selector.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "libk8s/codec/json.hpp"

namespace k8s {
namespace {

using Op = LabelRequirement::Op;

bool is_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_name_part(std::string_view text) {
  if (text.empty() || text.size() > 63 || !is_alnum(text.front()) || !is_alnum(text.back()))
    return false;
  return std::ranges::all_of(
      text, [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; });
}

bool is_dns_subdomain(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  char before = '.';
  for (const char c : text) {
    const bool inner = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (!inner && c != '-' && c != '.') return false;
    // A label neither starts nor ends with a dash, and is not empty.
    if ((c == '.' || c == '-') && before == '.') return false;
    if (c == '.' && before == '-') return false;
    before = c;
  }
  return before != '-' && before != '.';
}

Status invalid(std::string_view selector, const std::string& why) {
  return {Code::kInvalid,
          "\"" + std::string(selector.substr(0, 200)) + "\" is not a label selector: " + why};
}

std::optional<std::int64_t> as_int(std::string_view text) {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || text.empty()) return std::nullopt;
  return value;
}

// Says what is wrong with a requirement, or nothing.
std::optional<std::string> fault_in(const LabelRequirement& r) {
  if (!is_qualified_name(r.key)) return "\"" + r.key + "\" is not a label key";
  for (const auto& value : r.values) {
    if (!is_label_value(value)) return "\"" + value + "\" is not a label value";
  }
  const bool set = r.op == Op::kIn || r.op == Op::kNotIn;
  if (set && r.values.empty()) return "\"" + r.key + "\" is compared with an empty set";
  const bool number = r.op == Op::kGreater || r.op == Op::kLess;
  if (number && (r.values.size() != 1 || !as_int(r.values[0])))
    return "\"" + r.key + "\" is compared with something that is not a whole number";
  if (!set && !number && !r.values.empty())
    return "\"" + r.key + "\" takes no values with this operator";
  return std::nullopt;
}

bool holds(const LabelRequirement& r, const std::string* value) {
  switch (r.op) {
    case Op::kExists:
      return value != nullptr;
    case Op::kAbsent:
      return value == nullptr;
    case Op::kIn:
      return value != nullptr && std::ranges::binary_search(r.values, *value);
    case Op::kNotIn:
      return value == nullptr || !std::ranges::binary_search(r.values, *value);
    case Op::kGreater:
    case Op::kLess: {
      const auto number = value == nullptr ? std::nullopt : as_int(*value);
      if (!number) return false;
      const auto bound = *as_int(r.values[0]);
      return r.op == Op::kGreater ? *number > bound : *number < bound;
    }
  }
  return false;
}

// Cuts a selector into words: names, operators, brackets and commas.
class Words {
 public:
  explicit Words(std::string_view text) : left_(text) { next(); }

  // The current word; "" at the end.
  std::string_view word() const { return word_; }
  bool at_name() const { return !word_.empty() && !is_mark(word_[0]); }
  std::string_view take() {
    const auto taken = word_;
    next();
    return taken;
  }

 private:
  static bool is_mark(char c) { return std::string_view("=!(),<>").find(c) != std::string::npos; }
  static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

  void next() {
    while (!left_.empty() && is_blank(left_[0])) left_.remove_prefix(1);
    std::size_t length = 0;
    if (left_.starts_with("==") || left_.starts_with("!=")) {
      length = 2;
    } else if (!left_.empty() && is_mark(left_[0])) {
      length = 1;
    } else {
      while (length < left_.size() && !is_mark(left_[length]) && !is_blank(left_[length])) ++length;
    }
    word_ = left_.substr(0, length);
    left_.remove_prefix(length);
  }

  std::string_view left_, word_;
};

// "(x, y)"; false when it is not that. Empty members are allowed and mean the empty value.
bool read_set(Words& words, std::vector<std::string>& values) {
  if (words.take() != "(") return false;
  while (true) {
    values.emplace_back(words.at_name() ? words.take() : std::string_view());
    const auto after = words.take();
    if (after == ")") return true;
    if (after != ",") return false;
  }
}

std::optional<LabelRequirement> read_requirement(Words& words) {
  LabelRequirement r;
  if (words.word() == "!") {
    words.take();
    r.op = Op::kAbsent;
    if (!words.at_name()) return std::nullopt;
    r.key = words.take();
    return r;
  }
  if (!words.at_name()) return std::nullopt;
  r.key = words.take();
  const auto op = words.word();
  if (op.empty() || op == ",") return r;
  words.take();
  if (op == "in" || op == "notin") {
    r.op = op == "in" ? Op::kIn : Op::kNotIn;
    if (!read_set(words, r.values)) return std::nullopt;
    return r;
  }
  if (op == "=" || op == "==") {
    r.op = Op::kIn;
  } else if (op == "!=") {
    r.op = Op::kNotIn;
  } else if (op == ">" || op == "<") {
    r.op = op == ">" ? Op::kGreater : Op::kLess;
  } else {
    return std::nullopt;
  }
  r.values.emplace_back(words.at_name() ? words.take() : std::string_view());
  return r;
}

void sort_values(LabelRequirement& r) {
  std::ranges::sort(r.values);
  r.values.erase(std::unique(r.values.begin(), r.values.end()), r.values.end());
}

std::optional<Op> op_named(const std::string& name) {
  if (name == "In") return Op::kIn;
  if (name == "NotIn") return Op::kNotIn;
  if (name == "Exists") return Op::kExists;
  if (name == "DoesNotExist") return Op::kAbsent;
  return std::nullopt;
}

std::string joined(const std::vector<std::string>& values) {
  std::string text;
  for (const auto& value : values) text += (text.empty() ? "" : ",") + value;
  return text;
}

std::string text_of(const LabelRequirement& r) {
  switch (r.op) {
    case Op::kExists:
      return r.key;
    case Op::kAbsent:
      return "!" + r.key;
    case Op::kGreater:
      return r.key + ">" + r.values[0];
    case Op::kLess:
      return r.key + "<" + r.values[0];
    case Op::kIn:
      if (r.values.size() == 1) return r.key + "=" + r.values[0];
      return r.key + " in (" + joined(r.values) + ")";
    case Op::kNotIn:
      if (r.values.size() == 1) return r.key + "!=" + r.values[0];
      return r.key + " notin (" + joined(r.values) + ")";
  }
  return {};
}

}  // namespace

bool is_qualified_name(std::string_view key) {
  const auto slash = key.find('/');
  if (slash == key.npos) return is_name_part(key);
  return is_dns_subdomain(key.substr(0, slash)) && is_name_part(key.substr(slash + 1));
}

bool is_label_value(std::string_view value) { return value.empty() || is_name_part(value); }

Result<LabelSelector> LabelSelector::parse(std::string_view text) {
  LabelSelector selector;
  Words words(text);
  if (words.word().empty()) return selector;
  while (true) {
    auto requirement = read_requirement(words);
    if (!requirement)
      return invalid(text, "it cannot be read near \"" + std::string(words.word()) + "\"");
    sort_values(*requirement);
    if (auto fault = fault_in(*requirement)) return invalid(text, *fault);
    selector.requirements_.push_back(std::move(*requirement));
    if (words.word().empty()) return selector;
    if (words.take() != ",") return invalid(text, "a comma is missing");
  }
}

Result<LabelSelector> LabelSelector::from_json(const nlohmann::json& object) {
  LabelSelector selector;
  for (const auto& [key, value] : object_at(object, "matchLabels").items()) {
    if (!value.is_string()) return invalid(key, "matchLabels holds text only");
    selector.requirements_.push_back({key, Op::kIn, {value.get<std::string>()}});
  }
  for (const auto& expression : array_at(object, "matchExpressions")) {
    LabelRequirement r;
    r.key = string_at(expression, "key");
    const auto op = op_named(string_at(expression, "operator"));
    if (!op) return invalid(r.key, "the operator must be In, NotIn, Exists or DoesNotExist");
    r.op = *op;
    for (const auto& value : array_at(expression, "values")) {
      if (!value.is_string()) return invalid(r.key, "values holds text only");
      r.values.push_back(value.get<std::string>());
    }
    sort_values(r);
    selector.requirements_.push_back(std::move(r));
  }
  for (const auto& r : selector.requirements_) {
    if (auto fault = fault_in(r)) return invalid(r.key, *fault);
  }
  return selector;
}

bool LabelSelector::matches(const Lookup& lookup) const {
  return std::ranges::all_of(requirements_, [&](const auto& r) { return holds(r, lookup(r.key)); });
}

bool LabelSelector::matches(const std::map<std::string, std::string>& labels) const {
  return matches([&](const std::string& key) -> const std::string* {
    const auto it = labels.find(key);
    return it == labels.end() ? nullptr : &it->second;
  });
}

bool LabelSelector::matches_json(const nlohmann::json& labels) const {
  return matches([&](const std::string& key) -> const std::string* {
    const nlohmann::json* value = find(labels, {key});
    return value == nullptr || !value->is_string() ? nullptr : value->get_ptr<const std::string*>();
  });
}

std::string LabelSelector::to_string() const {
  std::string text;
  for (const auto& r : requirements_) text += (text.empty() ? "" : ",") + text_of(r);
  return text;
}

}  // namespace k8s
