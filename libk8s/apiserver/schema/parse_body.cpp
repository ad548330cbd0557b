#include <nlohmann/json.hpp>

#include "libk8s/apiserver/schema/decode.hpp"
#include "libk8s/codec/yaml.hpp"

namespace k8s::apiserver {
namespace {

Status bad_request(std::string message) {
  return Status(Code::kInvalid, std::move(message)).with_http(400).with_reason("BadRequest");
}

// Builds a Json from SAX events: the one way to see keys that come twice. No recursion.
class Builder : public nlohmann::json_sax<Json> {
 public:
  ParsedBody body;
  std::string error;

  bool null() override { return add(nullptr); }
  bool boolean(bool v) override { return add(v); }
  bool number_integer(number_integer_t v) override { return add(v); }
  bool number_unsigned(number_unsigned_t v) override {
    // One kind of integer where it fits, so that equal numbers are equal values.
    if (v <= static_cast<number_unsigned_t>(INT64_MAX)) return add(static_cast<std::int64_t>(v));
    return add(v);
  }
  bool number_float(number_float_t v, const string_t&) override { return add(v); }
  bool string(string_t& v) override { return add(std::move(v)); }
  bool binary(binary_t&) override { return fail("binary value"); }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_array() override { return close(); }

  bool key(string_t& k) override {
    Json& object = *stack_.back().value;
    if (object.contains(k)) body.duplicates.push_back(path_to(k));
    stack_.back().key = std::move(k);
    return true;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    return fail("invalid JSON at byte " + std::to_string(position));
  }

 private:
  struct Open {
    Json* value;
    std::string key;
  };

  bool fail(std::string why) {
    error = std::move(why);
    return false;
  }

  Json* place(Json&& v) {
    if (stack_.empty()) {
      body.value = std::make_shared<Json>(std::move(v));
      return body.value.get();
    }
    Json& parent = *stack_.back().value;
    if (parent.is_array()) {
      parent.push_back(std::move(v));
      return &parent.back();
    }
    return &(parent[stack_.back().key] = std::move(v));
  }

  bool add(Json&& v) {
    place(std::move(v));
    return true;
  }

  bool open(Json&& v) {
    if (stack_.size() >= std::size_t{kMaxDepth}) return fail("nested too deeply");
    stack_.push_back({place(std::move(v)), {}});
    return true;
  }

  bool close() {
    stack_.pop_back();
    return true;
  }

  std::string path_to(std::string_view k) const {
    std::string path;
    for (std::size_t i = 0; i < stack_.size(); ++i) {
      const Open& o = stack_[i];
      bool last = i + 1 == stack_.size();
      if (o.value->is_array()) {
        path += "[" + std::to_string(o.value->size() - 1) + "]";
      } else {
        path += (path.empty() ? "" : ".") + std::string(last ? k : std::string_view(o.key));
      }
    }
    return path;
  }

  std::vector<Open> stack_;
};

}  // namespace

Result<ParsedBody> parse_json(std::string_view text) {
  Builder builder;
  if (!Json::sax_parse(text.begin(), text.end(), &builder) || builder.body.value == nullptr) {
    return bad_request("the body is not valid JSON: " +
                       (builder.error.empty() ? "it is empty" : builder.error));
  }
  return std::move(builder.body);
}

Result<ParsedBody> parse_yaml(std::string_view text) {
  // JSON is YAML, and the usual form of apply bodies; only there keys that come twice are seen.
  if (std::size_t at = text.find_first_not_of(" \t\r\n");
      at != std::string_view::npos && text[at] == '{') {
    if (Result<ParsedBody> json = parse_json(text)) return json;
  }
  // Reading YAML costs some microseconds a value, and everybody else waits: no object of a size
  // that can be stored has this many.
  YamlLimits limits;
  limits.depth = kMaxDepth;
  limits.most_values = 100'000;
  Result<Json> value = k8s::parse_yaml(text, limits);
  if (!value) return bad_request("the body is not valid YAML: " + value.status().message());
  ParsedBody body;
  body.value = std::make_shared<Json>(std::move(*value));
  return body;
}

}  // namespace k8s::apiserver
