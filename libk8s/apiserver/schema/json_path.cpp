#include "libk8s/apiserver/schema/json_path.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

namespace k8s::apiserver {
namespace {

using Step = JsonPath::Step;
using Kind = JsonPath::Step::Kind;

constexpr std::size_t kMaxSteps = 64;
constexpr int kMaxFilters = 8;
constexpr std::size_t kMaxFound = 10'000;

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Status error;

  std::vector<Step> steps(bool in_filter) {
    std::vector<Step> steps;
    while (at_ < text_.size() && error.is_ok()) {
      if (in_filter && std::string_view(" =!<>)").find(text_[at_]) != std::string_view::npos) break;
      if (steps.size() >= kMaxSteps) fail("too many steps");
      steps.push_back(step());
    }
    return steps;
  }

 private:
  void fail(const std::string& what) {
    if (error.is_ok()) {
      error = Status(Code::kInvalid, what + " at character " + std::to_string(at_ + 1));
    }
  }

  bool take(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  static Step make(Kind kind, std::string name = "") {
    Step step;
    step.kind = kind;
    step.name = std::move(name);
    return step;
  }

  Step step() {
    if (take("..")) return make(Kind::kDescend, name());
    if (take("[")) return bracket();
    if (!take(".")) fail("expected '.' or '['");
    if (take("*")) return make(Kind::kWildcard);
    if (take("[")) return bracket();
    return make(Kind::kChild, name());
  }

  std::string name() {
    std::string name;
    while (at_ < text_.size() &&
           std::string_view(".[]()=!<> \"'@").find(text_[at_]) == std::string_view::npos) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      name += text_[at_++];
    }
    if (name.empty()) fail("expected a name");
    return name;
  }

  std::string quoted() {
    char quote = text_[at_++];
    std::size_t end = text_.find(quote, at_);
    if (end == std::string_view::npos) {
      fail("a quote is not closed");
      return "";
    }
    std::string value(text_.substr(at_, end - at_));
    at_ = end + 1;
    return value;
  }

  bool at_quote() const { return at_ < text_.size() && (text_[at_] == '\'' || text_[at_] == '"'); }

  Step bracket() {
    Step result;
    if (take("*")) {
      result = make(Kind::kWildcard);
    } else if (take("?(@")) {
      return filter();
    } else if (at_quote()) {
      result = make(Kind::kChild, quoted());
    } else {
      result = numbers();
    }
    if (!take("]")) fail("expected ']'");
    return result;
  }

  bool number(std::int64_t& value) {
    const char* begin = text_.data() + at_;
    auto [end, ec] = std::from_chars(begin, text_.data() + text_.size(), value);
    if (ec != std::errc()) return false;
    at_ += static_cast<std::size_t>(end - begin);
    return true;
  }

  Step numbers() {
    Step step = make(Kind::kIndex);
    bool first = number(step.from);
    if (!take(":")) {
      if (!first) fail("expected an index");
      return step;
    }
    step.kind = Kind::kSlice;
    step.open_end = !number(step.to);
    return step;
  }

  void blanks() {
    while (take(" ")) {
    }
  }

  // After "[?(@": a path, and perhaps a comparison with a literal.
  Step filter() {
    Step step = make(Kind::kFilter);
    if (++filters_ > kMaxFilters) {
      fail("too many filters");
      return step;
    }
    step.left = steps(true);
    blanks();
    for (const char* op : {"==", "!=", "<=", ">=", "<", ">"}) {
      if (take(op)) {
        step.op = op;
        break;
      }
    }
    blanks();
    if (!step.op.empty() && at_quote()) {
      step.literal_is_string = true;
      step.literal = quoted();
    } else if (!step.op.empty()) {
      while (at_ < text_.size() && text_[at_] != ')' && text_[at_] != ' ') {
        step.literal += text_[at_++];
      }
    }
    blanks();
    if (!take(")]")) fail("expected ')]'");
    return step;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int filters_ = 0;
};

using Found = std::vector<const Json*>;

bool holds(const std::string& op, int order) {
  if (op == "==") return order == 0;
  if (op == "!=") return order != 0;
  if (op == "<") return order < 0;
  if (op == "<=") return order <= 0;
  if (op == ">") return order > 0;
  return order >= 0;
}

bool compares(const Json& value, const Step& filter) {
  if (value.is_number() && !filter.literal_is_string) {
    double literal = 0;
    std::from_chars(filter.literal.data(), filter.literal.data() + filter.literal.size(), literal);
    double number = value.get<double>();
    return holds(filter.op, number < literal ? -1 : number > literal ? 1 : 0);
  }
  std::string text = value.is_string()    ? value.get<std::string>()
                     : value.is_boolean() ? (value.get<bool>() ? "true" : "false")
                                          : "";
  return holds(filter.op, text.compare(filter.literal));
}

Found walk(const std::vector<Step>& steps, const Json& root);

bool passes(const Json& item, const Step& filter) {
  Found found = walk(filter.left, item);
  if (filter.op.empty()) return !found.empty();
  return std::any_of(found.begin(), found.end(),
                     [&](const Json* value) { return compares(*value, filter); });
}

void children(const Json& value, Found& out) {
  if (value.is_structured()) {
    for (const Json& item : value) out.push_back(&item);
  }
}

void descend(const Json& value, const std::string& name, int depth, Found& out) {
  if (depth > kMaxDepth || out.size() > kMaxFound || !value.is_structured()) return;
  if (value.is_object()) {
    if (auto it = value.find(name); it != value.end()) out.push_back(&it.value());
  }
  for (const Json& item : value) descend(item, name, depth + 1, out);
}

void slice(const Json& list, const Step& step, Found& out) {
  auto size = static_cast<std::int64_t>(list.size());
  auto clamp = [&](std::int64_t i) {
    return std::clamp(i < 0 ? i + size : i, std::int64_t{0}, size);
  };
  for (std::int64_t i = clamp(step.from); i < (step.open_end ? size : clamp(step.to)); ++i) {
    out.push_back(&list[static_cast<std::size_t>(i)]);
  }
}

void take_step(const Json& value, const Step& step, Found& out) {
  switch (step.kind) {
    case Kind::kChild:
      if (value.is_object()) {
        if (auto it = value.find(step.name); it != value.end()) out.push_back(&it.value());
      }
      return;
    case Kind::kWildcard:
      return children(value, out);
    case Kind::kDescend:
      return descend(value, step.name, 0, out);
    case Kind::kIndex: {
      auto size = value.is_array() ? static_cast<std::int64_t>(value.size()) : 0;
      std::int64_t i = step.from < 0 ? step.from + size : step.from;
      if (i >= 0 && i < size) out.push_back(&value[static_cast<std::size_t>(i)]);
      return;
    }
    case Kind::kSlice:
      if (value.is_array()) slice(value, step, out);
      return;
    case Kind::kFilter:
      if (!value.is_array()) return;
      for (const Json& item : value) {
        if (passes(item, step)) out.push_back(&item);
      }
      return;
  }
}

Found walk(const std::vector<Step>& steps, const Json& root) {
  Found current = {&root};
  for (const Step& step : steps) {
    Found next;
    for (const Json* value : current) {
      if (next.size() > kMaxFound) break;
      take_step(*value, step, next);
    }
    current = std::move(next);
  }
  return current;
}

}  // namespace

Result<JsonPath> JsonPath::parse(std::string_view text) {
  // kubectl writes paths in braces; both forms are read.
  if (text.starts_with('{') && text.ends_with('}')) text = text.substr(1, text.size() - 2);
  if (text.starts_with('$')) text.remove_prefix(1);
  Reader reader(text);
  JsonPath path;
  path.steps_ = reader.steps(false);
  if (path.steps_.empty() && reader.error.is_ok() && text != "") {
    return Status(Code::kInvalid, "empty path");
  }
  if (!reader.error.is_ok()) return reader.error;
  return path;
}

std::vector<const Json*> JsonPath::find(const Json& root) const { return walk(steps_, root); }

}  // namespace k8s::apiserver
