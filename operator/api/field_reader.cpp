#include "operator/api/field_reader.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "libk8s/codec/json.hpp"
#include "libk8s/codec/quantity.hpp"
#include "operator/api/duration.hpp"
#include "scheduler/limits.hpp"

namespace fermi {
namespace {

using Json = nlohmann::json;

const Json& empty_object() {
  static const Json empty = Json::object();
  return empty;
}

std::string kind_of(const Json& value) {
  if (value.is_string()) return "text";
  if (value.is_boolean()) return "true or false";
  if (value.is_number()) return "a number";
  if (value.is_array()) return "a list";
  return value.is_object() ? "an object" : "null";
}

// Characters, not bytes: lengths in a schema count code points.
std::size_t characters(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

std::string sentence_of(const IntRange& range) {
  return "a whole number from " + std::to_string(range.min) + " to " + std::to_string(range.max);
}

// A whole number within 64 bits.
std::optional<std::int64_t> whole(const Json& value) {
  if (!value.is_number()) return std::nullopt;
  const Json holder = {{"n", value}};
  constexpr std::int64_t kA = 0, kB = 1;  // two fallbacks tell a real value from an absent one
  const std::int64_t a = k8s::int_at(holder, "n", kA);
  return a == kA && k8s::int_at(holder, "n", kB) == kB ? std::nullopt : std::optional(a);
}

}  // namespace

void add_problem(Problems& problems, std::string_view path, std::string_view sentence) {
  if (problems.size() < kMaxProblems)
    problems.push_back(std::string(path) + ": " + std::string(sentence));
}

std::string shown(const Json& value) {
  if (value.is_object() || value.is_array()) return kind_of(value);
  std::string text = k8s::json_text(value);
  if (text.size() > 60) {
    std::size_t end = 57;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
    text = text.substr(0, end) + "...";
  }
  return text;
}

std::int64_t most_of_pod(std::string_view resource) {
  return resource == "cpu" ? 1'000'000'000 : sched::kAmountMax;
}

FieldReader::FieldReader(const Json& object, std::string path, Problems& problems)
    : object_(&object), path_(std::move(path)), problems_(&problems) {
  if (object.is_object()) return;
  if (!object.is_null()) add_problem(problems, path_, shown(object) + " is not allowed; an object");
  object_ = &empty_object();
}

bool FieldReader::has(std::string_view key) const { return !raw(key).is_null(); }

const Json& FieldReader::raw(std::string_view key) const {
  static const Json null;
  const auto at = object_->find(key);
  return at == object_->end() ? null : *at;
}

std::string FieldReader::path(std::string_view key) const {
  if (key.empty()) return path_;
  return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
}

void FieldReader::problem(std::string_view key, std::string_view sentence) {
  add_problem(*problems_, path(key), sentence);
}

void FieldReader::refuse(std::string_view key, std::string_view allowed) {
  problem(key, shown(raw(key)) + " is not allowed; " + std::string(allowed));
}

void FieldReader::require(std::string_view key) {
  if (!has(key)) problem(key, "is missing");
}

bool FieldReader::check_text(std::string_view key, const Json& value, TextRule rule) {
  const bool good = value.is_string() && [&] {
    const std::size_t n = characters(value.get_ref<const std::string&>());
    return n >= rule.min_length && n <= rule.max_length;
  }();
  if (good) return true;
  problem(key, shown(value) + " is not allowed; text of " + std::to_string(rule.min_length) +
                   " to " + std::to_string(rule.max_length) + " characters");
  return false;
}

std::string FieldReader::text(std::string_view key, TextRule rule, std::string_view fallback) {
  if (!has(key) || !check_text(key, raw(key), rule)) return std::string(fallback);
  return raw(key).get<std::string>();
}

std::int64_t FieldReader::integer(std::string_view key, std::int64_t fallback, IntRange range) {
  return maybe_integer(key, range).value_or(fallback);
}

std::optional<std::int64_t> FieldReader::maybe_integer(std::string_view key, IntRange range) {
  if (!has(key)) return std::nullopt;
  const auto value = whole(raw(key));
  if (value && *value >= range.min && *value <= range.max) return value;
  refuse(key, sentence_of(range));
  return std::nullopt;
}

bool FieldReader::boolean(std::string_view key, bool fallback) {
  if (!has(key)) return fallback;
  if (raw(key).is_boolean()) return raw(key).get<bool>();
  refuse(key, "true or false");
  return fallback;
}

std::string FieldReader::choice(std::string_view key, std::string_view fallback,
                                std::initializer_list<std::string_view> allowed) {
  if (!has(key)) return std::string(fallback);
  std::string list;
  for (const std::string_view one : allowed) {
    if (raw(key).is_string() && raw(key).get_ref<const std::string&>() == one)
      return std::string(one);
    list += (list.empty() ? "" : ", ") + std::string(one);
  }
  refuse(key, "one of " + list);
  return std::string(fallback);
}

std::optional<std::int64_t> FieldReader::duration_ns(std::string_view key, std::int64_t least) {
  if (!has(key)) return std::nullopt;
  if (!raw(key).is_string()) {
    refuse(key, "a duration such as 1h30m");
    return std::nullopt;
  }
  auto parsed = parse_duration_ns(raw(key).get_ref<const std::string&>());
  if (parsed && *parsed >= least) return *parsed;
  if (parsed) {
    refuse(key, "at least " + (least < kNsPerSecond ? "1ms" : format_duration(least)));
  } else {
    problem(key, parsed.status().message());
  }
  return std::nullopt;
}

std::optional<std::int64_t> FieldReader::amount(std::string_view key, std::string_view resource,
                                                std::int64_t most) {
  if (!has(key)) return std::nullopt;
  const Json& value = raw(key);
  const bool readable = value.is_string() || whole(value).has_value();
  auto quantity = k8s::Quantity::parse(value.is_string() ? value.get<std::string>()
                                       : readable        ? value.dump()
                                                         : "");
  if (quantity && !quantity->negative()) {
    const std::int64_t amount = k8s::resource_amount(resource, *quantity);
    if (amount <= most) return amount;
  }
  refuse(key, "an amount such as 4, 500m or 16Gi, from 0 to " + k8s::format_amount(resource, most));
  return std::nullopt;
}

std::vector<std::string> FieldReader::texts(std::string_view key, std::size_t max_items,
                                            TextRule rule) {
  std::vector<std::string> out;
  if (!has(key)) return out;
  if (!raw(key).is_array() || raw(key).size() > max_items) {
    refuse(key, "a list of at most " + std::to_string(max_items) + " texts");
    return out;
  }
  for (const Json& item : raw(key)) {
    const std::string at = std::string(key) + "[" + std::to_string(out.size()) + "]";
    if (!check_text(at, item, rule)) break;
    out.push_back(item.get<std::string>());
  }
  return out;
}

k8s::StringMap FieldReader::text_map(std::string_view key, std::size_t max_items, TextRule rule,
                                     bool numbers) {
  k8s::StringMap out;
  if (!has(key)) return out;
  if (!raw(key).is_object() || raw(key).size() > max_items) {
    refuse(key, "an object of at most " + std::to_string(max_items) + " texts");
    return out;
  }
  for (const auto& [name, value] : raw(key).items()) {
    if (numbers && whole(value)) {
      out[name] = value.dump();
    } else if (check_text(std::string(key) + "." + name.substr(0, 60), value, rule)) {
      out[name] = value.get<std::string>();
    }
  }
  return out;
}

FieldReader FieldReader::child(std::string_view key) { return {raw(key), path(key), *problems_}; }

void FieldReader::each(std::string_view key, std::size_t max_items,
                       const std::function<void(FieldReader&)>& visit) {
  if (!has(key)) return;
  if (!raw(key).is_array() || raw(key).size() > max_items) {
    refuse(key, "a list of at most " + std::to_string(max_items) + " objects");
    return;
  }
  std::size_t index = 0;
  for (const Json& item : raw(key)) {
    const std::string at = path(key) + "[" + std::to_string(index++) + "]";
    if (item.is_null()) add_problem(*problems_, at, "null is not allowed; an object");
    FieldReader reader(item, at, *problems_);
    visit(reader);
  }
}

}  // namespace fermi
