// Label and field selectors: parsing, matching, and writing back.
//
// Label selectors:  a=b, a==b, a!=b, a in (x,y), a notin (x,y), a, !a, a>1, a<9; joined by commas,
//                   all must hold. As in the API, `!=` and `notin` also hold where the label is
//                   absent. The empty selector matches everything.
// Field selectors:  metadata.name=x,spec.nodeName!=y; backslash escapes comma, equals and
// backslash.
//                   Which fields there are is the caller's to say.
//
// Values: copy and compare freely. Errors: kInvalid with a sentence that names the part at fault.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libk8s/base/status.hpp"

namespace k8s {

struct LabelRequirement {
  enum class Op : std::uint8_t { kIn, kNotIn, kExists, kAbsent, kGreater, kLess };
  std::string key;
  Op op = Op::kExists;
  std::vector<std::string> values;  // sorted; one for kGreater and kLess, none for the last two
  friend bool operator==(const LabelRequirement&, const LabelRequirement&) = default;
};

class LabelSelector {
 public:
  // Gives the value of a label or nothing.
  using Lookup = std::function<const std::string*(const std::string& key)>;

  static Result<LabelSelector> parse(std::string_view text);
  // From the API's LabelSelector object ({matchLabels, matchExpressions}).
  static Result<LabelSelector> from_json(const nlohmann::json& object);

  bool matches(const Lookup& lookup) const;
  bool matches(const std::map<std::string, std::string>& labels) const;
  // `labels` is metadata.labels of an object; anything but an object counts as no labels.
  bool matches_json(const nlohmann::json& labels) const;

  bool empty() const { return requirements_.empty(); }
  const std::vector<LabelRequirement>& requirements() const { return requirements_; }
  // The text form, good for a query parameter once it is percent-encoded.
  std::string to_string() const;

 private:
  std::vector<LabelRequirement> requirements_;
};

struct FieldRequirement {
  std::string field, value;
  bool negated = false;
  friend bool operator==(const FieldRequirement&, const FieldRequirement&) = default;
};

class FieldSelector {
 public:
  // The value of a field as text; nothing when there is no such field, which matches only "".
  using Lookup = std::function<std::optional<std::string>(const std::string& field)>;

  static Result<FieldSelector> parse(std::string_view text);
  bool matches(const Lookup& lookup) const;
  bool empty() const { return requirements_.empty(); }
  const std::vector<FieldRequirement>& requirements() const { return requirements_; }

 private:
  std::vector<FieldRequirement> requirements_;
};

// Whether `key` may be a label's or annotation's key: an optional DNS prefix and a slash, then at
// most 63 letters, digits, '-', '_', '.', beginning and ending with a letter or digit.
bool is_qualified_name(std::string_view key);
// Whether `value` may be a label's value: empty, or like the name part of a key.
bool is_label_value(std::string_view value);

}  // namespace k8s
