#include "libk8s/codec/yaml.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <charconv>
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

// Carries a document over, with a budget against aliases that multiply.
class Converter {
 public:
  explicit Converter(YamlLimits limits) : limits_(limits), left_(limits.expanded_bytes) {}

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
    if (depth > limits_.depth)
      return fail(node, "nested deeper than " + std::to_string(limits_.depth) + " levels");
    const std::size_t cost = 32 + (node.IsScalar() ? node.Scalar().size() : 0);
    if (cost > left_)
      return fail(node,
                  "expands to more than " + std::to_string(limits_.expanded_bytes) + " bytes");
    left_ -= cost;
    return true;
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
        merge(merged, value);
      } else if (!out.emplace(key, std::move(value)).second) {
        fail(entry.first, "the key \"" + key.substr(0, 80) + "\" is there twice");
      }
    }
    merge(out, merged);
    return out;
  }

  // Adds what is not there yet; a list of mappings is merged in turn.
  static void merge(json& into, const json& from) {
    if (from.is_object()) into.insert(from.begin(), from.end());
    if (!from.is_array()) return;
    for (const auto& part : from) {
      if (part.is_object()) into.insert(part.begin(), part.end());
    }
  }

  YamlLimits limits_;
  std::size_t left_;
  std::optional<Status> failed_;
};

// Hears of documents and of nothing else.
class DocumentCounter : public YAML::EventHandler {
 public:
  std::size_t count = 0;
  void OnDocumentStart(const YAML::Mark&) override { ++count; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

// Before some tokens that no document can begin with, such as a lone ",", yaml-cpp's parser stands
// still and gives empty documents for ever. A text cannot hold more documents than it has
// separators, so more than that is such a text.
bool has_endless_documents(const std::string& text) {
  std::size_t most = 1;
  for (const char* separator : {"---", "..."}) {
    for (auto at = text.find(separator); at != text.npos; at = text.find(separator, at + 3)) ++most;
  }
  std::istringstream in(text);
  YAML::Parser parser(in);
  DocumentCounter counter;
  while (counter.count <= most && parser.HandleNextDocument(counter)) {
  }
  return counter.count > most;
}

}  // namespace

Result<std::vector<json>> parse_yaml_documents(std::string_view text, YamlLimits limits) {
  if (text.size() > limits.bytes)
    return Status(Code::kMalformed, "YAML of " + std::to_string(text.size()) + " bytes; at most " +
                                        std::to_string(limits.bytes) + " are read");
  std::vector<json> documents;
  try {
    Converter converter(limits);
    const std::string copy(text);
    if (has_endless_documents(copy)) {
      return Status(Code::kMalformed, "YAML: there is something that no document can begin with");
    }
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
