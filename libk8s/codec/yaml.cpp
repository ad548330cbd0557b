#include "libk8s/codec/yaml.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>

namespace k8s {
namespace {

using nlohmann::json;

bool one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::ranges::find(words, text) != words.end();
}

std::optional<bool> as_bool(std::string_view text) {
  if (one_of(text, {"true", "True", "TRUE", "yes", "Yes", "YES", "y", "Y", "on", "On", "ON"}))
    return true;
  if (one_of(text, {"false", "False", "FALSE", "no", "No", "NO", "n", "N", "off", "Off", "OFF"}))
    return false;
  return std::nullopt;
}

template <class Int>
std::optional<Int> all_of_it(std::string_view text, int base) {
  Int value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  if (error != std::errc() || stop != end || text.empty()) return std::nullopt;
  return value;
}

// Decimal, 0x, 0b, 0o and the old octal form with a leading zero.
std::optional<json> as_integer(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text.empty() || text[0] < '0' || text[0] > '9') return std::nullopt;
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0b") || text.starts_with("0o")) {
    base = text[1] == 'x' ? 16 : text[1] == 'b' ? 2 : 8;
    text.remove_prefix(2);
  } else if (text.size() > 1 && text[0] == '0') {
    base = 8;
  }
  const std::string digits = (negative ? "-" : "") + std::string(text);
  if (auto value = all_of_it<std::int64_t>(digits, base)) return json(*value);
  if (negative) return std::nullopt;
  if (auto value = all_of_it<std::uint64_t>(text, base)) return json(*value);
  return std::nullopt;
}

std::optional<json> as_float(std::string_view text) {
  // from_chars would also take "inf" and "nan", which JSON cannot carry.
  const auto allowed = [](char c) {
    return (c >= '0' && c <= '9') || one_of({&c, 1}, {".", "e", "E", "+", "-"});
  };
  if (!std::ranges::all_of(text, allowed)) return std::nullopt;
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || text.empty()) return std::nullopt;
  return json(value);
}

// What a plain scalar means.
json resolved(const std::string& text) {
  if (one_of(text, {"", "~", "null", "Null", "NULL"})) return nullptr;
  if (auto flag = as_bool(text)) return *flag;
  std::string number = text;
  // Underscores may part the digits of a number.
  if (!text.starts_with('_')) std::erase(number, '_');
  if (auto value = as_integer(number)) return *value;
  if (auto value = as_float(number)) return *value;
  return text;
}

// Carries a document over. What it comes to is known to be bounded (Reading, below).
class Converter {
 public:
  explicit Converter(int most_levels) : most_levels_(most_levels) {}

  json convert(const YAML::Node& node, int depth) {
    if (failed_ || !allowed(node, depth)) return nullptr;
    switch (node.Type()) {
      case YAML::NodeType::Scalar:
        return scalar(node);
      case YAML::NodeType::Sequence:
        return sequence(node, depth);
      case YAML::NodeType::Map:
        return mapping(node, depth);
      case YAML::NodeType::Null:
      case YAML::NodeType::Undefined:
        return nullptr;
    }
    return nullptr;
  }

  const std::optional<Status>& failed() const { return failed_; }

 private:
  bool allowed(const YAML::Node& node, int depth) {
    if (depth <= most_levels_) return true;
    return fail(node, "nested deeper than " + std::to_string(most_levels_) + " levels");
  }

  bool fail(const YAML::Node& node, const std::string& why) {
    if (!failed_)
      failed_ = Status(Code::kMalformed,
                       "YAML line " + std::to_string(node.Mark().line + 1) + ": " + why);
    return false;
  }

  static json scalar(const YAML::Node& node) {
    // "?" marks a plain scalar; quoted ones and those tagged as text are text.
    return node.Tag() == "?" || node.Tag().empty() ? resolved(node.Scalar()) : json(node.Scalar());
  }

  json sequence(const YAML::Node& node, int depth) {
    json out = json::array();
    for (const auto& item : node) out.push_back(convert(item, depth + 1));
    return out;
  }

  json mapping(const YAML::Node& node, int depth) {
    json out = json::object(), merged = json::object();
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) {
        fail(entry.first, "a key must be text");
        return nullptr;
      }
      const std::string& key = entry.first.Scalar();
      json value = convert(entry.second, depth + 1);
      if (key == "<<" && entry.first.Tag() == "?") {
        merge(merged, std::move(value));
      } else if (!out.emplace(key, std::move(value)).second) {
        fail(entry.first, "the key \"" + key.substr(0, 80) + "\" is there twice");
      }
    }
    merge(out, std::move(merged));
    return out;
  }

  // Adds what is not there yet; a list of mappings is merged in turn.
  static void merge(json& into, json from) {
    if (from.is_object()) add_absent(into, std::move(from));
    if (!from.is_array()) return;
    for (auto& part : from) {
      if (part.is_object()) add_absent(into, std::move(part));
    }
  }

  // Moves the smaller side: mappings that are merged level by level cost no more than their size.
  static void add_absent(json& into, json from) {
    auto& kept = into.get_ref<json::object_t&>();
    auto& added = from.get_ref<json::object_t&>();
    if (kept.size() >= added.size()) return kept.merge(added);
    for (auto& [key, value] : kept) added[key] = std::move(value);
    kept.swap(added);
  }

  int most_levels_;
  std::optional<Status> failed_;
};

// How much stands below a node, as if every alias were written out.
struct Extent {
  std::size_t values = 0, scalar_bytes = 0;

  // Counts stop far above every limit, instead of running over.
  static std::size_t sum(std::size_t a, std::size_t b) {
    return std::min(a + b, std::numeric_limits<std::size_t>::max() / 4);
  }
  void add(const Extent& other) {
    values = sum(values, other.values);
    scalar_bytes = sum(scalar_bytes, other.scalar_bytes);
  }
};

// Goes over a text without building anything, and finds what would make it unbounded:
// - aliases that multiply: the extent of each anchor is known when an alias names it;
// - documents without end. Before some tokens that no document can begin with, such as a lone ",",
//   yaml-cpp's parser stands still and gives empty documents for ever. A text cannot hold more
//   documents than it has separators, so more than that is such a text.
class Reading : public YAML::EventHandler {
 public:
  Reading(const std::string& text, const YamlLimits& limits)
      : most_{std::min(Extent::sum(limits.values, text.size()), limits.most_values),
              Extent::sum(limits.scalar_bytes, text.size() * 2)},
        most_documents_(separators(text) + 1) {}

  // Throws what the parser throws, and YAML::Exception when a bound is broken.
  void run(const std::string& text) {
    std::istringstream in(text);
    YAML::Parser parser(in);
    while (parser.HandleNextDocument(*this)) {
    }
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > most_documents_)
      throw YAML::Exception(mark, "there is something that no document can begin with");
    anchors_.clear();
    open_.clear();
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { leaf(mark, anchor, 0); }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                const std::string& value) override {
    leaf(mark, anchor, value.size());
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto named = anchors_.find(anchor);
    if (named == anchors_.end()) throw YAML::Exception(mark, "an alias of what it stands in");
    count(mark, named->second);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    begin(mark, anchor);
  }
  void OnSequenceEnd() override { end(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    begin(mark, anchor);
  }
  void OnMapEnd() override { end(); }

 private:
  // An anchored collection whose end has not come, and what was counted before it.
  struct Open {
    YAML::anchor_t anchor;
    Extent before;
  };

  static std::size_t separators(const std::string& text) {
    std::size_t count = 0;
    for (const char* separator : {"---", "..."}) {
      for (auto at = text.find(separator); at != text.npos; at = text.find(separator, at + 3))
        ++count;
    }
    return count;
  }

  void count(const YAML::Mark& mark, const Extent& extent) {
    total_.add(extent);
    if (total_.values > most_.values) refuse(mark, most_.values, " values");
    if (total_.scalar_bytes > most_.scalar_bytes) refuse(mark, most_.scalar_bytes, " bytes");
  }
  [[noreturn]] static void refuse(const YAML::Mark& mark, std::size_t most, const char* of_what) {
    throw YAML::Exception(mark, "with its aliases written out it comes to more than " +
                                    std::to_string(most) + of_what);
  }
  void leaf(const YAML::Mark& mark, YAML::anchor_t anchor, std::size_t bytes) {
    const Extent extent{1, bytes};
    if (anchor != YAML::NullAnchor) anchors_[anchor] = extent;
    count(mark, extent);
  }
  void begin(const YAML::Mark& mark, YAML::anchor_t anchor) {
    open_.push_back({anchor, total_});
    count(mark, {1, 0});
  }
  void end() {
    const Open ended = open_.back();
    open_.pop_back();
    if (ended.anchor == YAML::NullAnchor) return;
    anchors_[ended.anchor] = {total_.values - ended.before.values,
                              total_.scalar_bytes - ended.before.scalar_bytes};
  }

  Extent most_, total_;
  std::size_t most_documents_, documents_ = 0;
  std::map<YAML::anchor_t, Extent> anchors_;  // of this document
  std::vector<Open> open_;
};

}  // namespace

Result<std::vector<json>> parse_yaml_documents(std::string_view text, YamlLimits limits) {
  if (text.size() > limits.bytes)
    return Status(Code::kMalformed, "YAML of " + std::to_string(text.size()) + " bytes; at most " +
                                        std::to_string(limits.bytes) + " are read");
  std::vector<json> documents;
  try {
    Converter converter(limits.depth);
    const std::string copy(text);
    Reading(copy, limits).run(copy);
    for (const auto& node : YAML::LoadAll(copy)) {
      json document = converter.convert(node, 1);
      if (converter.failed()) return *converter.failed();
      if (!document.is_null()) documents.push_back(std::move(document));
    }
  } catch (const YAML::Exception& error) {
    return Status(Code::kMalformed,
                  "YAML line " + std::to_string(error.mark.line + 1) + ": " + error.msg);
  } catch (const json::exception& error) {
    return Status(Code::kMalformed, std::string("YAML: ") + error.what());
  }
  return documents;
}

Result<json> parse_yaml(std::string_view text, YamlLimits limits) {
  auto documents = parse_yaml_documents(text, limits);
  if (!documents) return documents.status();
  if (documents->empty()) return json(nullptr);
  if (documents->size() > 1)
    return Status(Code::kMalformed,
                  "YAML: one document is wanted, there are " + std::to_string(documents->size()));
  return std::move(documents->front());
}

}  // namespace k8s
