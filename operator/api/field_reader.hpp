// FieldReader: reads one JSON object field by field and notes in words what is wrong with it.
//
// Every getter gives a usable value whatever stands there (the fallback when it is wrong) and adds
// one sentence to the list of problems that names the field, what was given and what is allowed:
//   "spec.nodes: 0 is not allowed; a whole number from 1 to 4096"
// So one bad field never hides another, and no input stops the reader. At most `kMaxProblems` are
// kept. Fields that nobody asks for are not looked at.
// The object must outlive the reader.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libk8s/types/meta.hpp"

namespace fermi {

using Problems = std::vector<std::string>;
inline constexpr std::size_t kMaxProblems = 20;

// Adds "<path>: <sentence>" unless the list is full.
void add_problem(Problems& problems, std::string_view path, std::string_view sentence);
// A value as it may be shown to people: cut to 60 characters.
std::string shown(const nlohmann::json& value);

// The most that one Pod may ask for of a resource: 1M cores, and of all else what the engine tells
// apart (64Ti of memory).
std::int64_t most_of_pod(std::string_view resource);

struct IntRange {
  std::int64_t min, max;
};
struct TextRule {
  std::size_t min_length = 0, max_length = 4096;
};

class FieldReader {
 public:
  // `path` is "" for a whole object, else such as "spec.scheduling".
  FieldReader(const nlohmann::json& object, std::string path, Problems& problems);

  bool has(std::string_view key) const;  // there and not null
  const nlohmann::json& raw(std::string_view key) const;
  const nlohmann::json& object() const { return *object_; }
  std::string path(std::string_view key) const;
  void problem(std::string_view key, std::string_view sentence);
  // "<given> is not allowed; <allowed>"
  void refuse(std::string_view key, std::string_view allowed);
  void require(std::string_view key);

  std::string text(std::string_view key, TextRule rule = {}, std::string_view fallback = {});
  std::int64_t integer(std::string_view key, std::int64_t fallback, IntRange range);
  std::optional<std::int64_t> maybe_integer(std::string_view key, IntRange range);
  bool boolean(std::string_view key, bool fallback);
  std::string choice(std::string_view key, std::string_view fallback,
                     std::initializer_list<std::string_view> allowed);
  // Not below `least`.
  std::optional<std::int64_t> duration_ns(std::string_view key, std::int64_t least = 0);
  // A resource amount, as `resource` is counted (milli-cores for "cpu"), from 0 to `most`.
  std::optional<std::int64_t> amount(std::string_view key, std::string_view resource,
                                     std::int64_t most);
  std::vector<std::string> texts(std::string_view key, std::size_t max_items, TextRule rule);
  // Values may be text or, with `numbers`, whole numbers (kept as text).
  k8s::StringMap text_map(std::string_view key, std::size_t max_items, TextRule rule,
                          bool numbers = false);

  // The object under `key`; an empty one when it is absent or something else.
  FieldReader child(std::string_view key);
  // Visits the objects of an array: "spec.volumes[2]".
  void each(std::string_view key, std::size_t max_items,
            const std::function<void(FieldReader&)>& visit);

 private:
  bool check_text(std::string_view key, const nlohmann::json& value, TextRule rule);

  const nlohmann::json* object_;
  std::string path_;
  Problems* problems_;
};

}  // namespace fermi
