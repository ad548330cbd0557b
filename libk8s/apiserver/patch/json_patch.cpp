#include <nlohmann/json.hpp>

#include "libk8s/apiserver/patch/patch.hpp"
#include "libk8s/codec/json.hpp"

namespace k8s::apiserver::patch {
namespace {

Status bad(std::string message) {
  return Status(Code::kInvalid, std::move(message)).with_http(400).with_reason("BadRequest");
}

Status unfit(std::string message) {
  return Status(Code::kInvalid, std::move(message)).with_http(422).with_reason("Invalid");
}

// "/a/b~1c" -> {"a", "b/c"}.
Result<std::vector<std::string>> parse_pointer(const std::string& text) {
  std::vector<std::string> parts;
  if (text.empty()) return parts;
  if (text[0] != '/') return bad("a JSON patch path must begin with '/': \"" + text + "\"");
  std::string part;
  for (std::size_t i = 1; i <= text.size(); ++i) {
    if (i == text.size() || text[i] == '/') {
      parts.push_back(std::move(part));
      part.clear();
    } else if (text[i] == '~') {
      char next = i + 1 < text.size() ? text[++i] : '\0';
      if (next != '0' && next != '1') return bad("a broken escape in \"" + text + "\"");
      part += next == '0' ? '~' : '/';
    } else {
      part += text[i];
    }
  }
  if (parts.size() > std::size_t{kMaxDepth}) return bad("a JSON patch path is too deep");
  return parts;
}

// The index that a path part means in a list of `size`; `size` itself for "-" or the end.
std::optional<std::size_t> list_index(const std::string& part, std::size_t size) {
  if (part == "-") return size;
  if (part.empty() || part.size() > 9 || part.find_first_not_of("0123456789") != part.npos) {
    return std::nullopt;
  }
  std::size_t index = std::stoul(part);
  return index <= size ? std::optional(index) : std::nullopt;
}

// What stands at `parts[0..count)`, or null.
Json* locate(Json& document, const std::vector<std::string>& parts, std::size_t count) {
  Json* at = &document;
  for (std::size_t i = 0; i < count; ++i) {
    if (at->is_object()) {
      auto it = at->find(parts[i]);
      if (it == at->end()) return nullptr;
      at = &it.value();
    } else if (at->is_array()) {
      auto index = list_index(parts[i], at->size());
      if (!index || *index >= at->size()) return nullptr;
      at = &(*at)[*index];
    } else {
      return nullptr;
    }
  }
  return at;
}

class Patcher {
 public:
  explicit Patcher(Json document) : document_(std::move(document)) {}
  Json&& take() && { return std::move(document_); }

  Status run(const Json& operation) {
    std::string op = string_at(operation, "op"), path = string_at(operation, "path");
    if (!operation.is_object() || !operation.contains("path")) {
      return bad("a JSON patch operation needs \"op\" and \"path\"");
    }
    Result<std::vector<std::string>> to = parse_pointer(path);
    if (!to) return to.status();
    bool needs_value = op == "add" || op == "replace" || op == "test";
    if (needs_value && !operation.contains("value")) {
      return bad("the JSON patch operation \"" + op + "\" needs a \"value\"");
    }
    if (op == "add") return add(*to, operation["value"], path);
    if (op == "remove") return remove(*to, path);
    if (op == "replace") return replace(*to, operation["value"], path);
    if (op == "test") return test(*to, operation["value"], path);
    if (op == "move" || op == "copy") {
      return transfer(string_at(operation, "from"), *to, path, op == "move");
    }
    return unfit("unknown JSON patch operation \"" + op + "\"");
  }

 private:
  static Status missing(const std::string& op, const std::string& path) {
    return unfit(op + " operation does not apply: doc is missing path: \"" + path +
                 "\": missing value");
  }

  Status add(const std::vector<std::string>& to, Json value, const std::string& path) {
    if (to.empty()) {
      document_ = std::move(value);
      return Status::ok();
    }
    Json* parent = locate(document_, to, to.size() - 1);
    if (parent != nullptr && parent->is_object()) {
      (*parent)[to.back()] = std::move(value);
      return Status::ok();
    }
    if (parent == nullptr || !parent->is_array()) return missing("add", path);
    auto index = list_index(to.back(), parent->size());
    if (!index) return unfit("add operation does not apply: no such index in \"" + path + "\"");
    parent->insert(parent->begin() + static_cast<std::ptrdiff_t>(*index), std::move(value));
    return Status::ok();
  }

  Status remove(const std::vector<std::string>& from, const std::string& path) {
    if (from.empty()) return bad("the whole document cannot be removed");
    Json* parent = locate(document_, from, from.size() - 1);
    if (parent == nullptr || locate(*parent, {from.back()}, 1) == nullptr) {
      return missing("remove", path);
    }
    if (parent->is_object()) {
      parent->erase(from.back());
    } else {
      parent->erase(*list_index(from.back(), parent->size()));
    }
    return Status::ok();
  }

  Status replace(const std::vector<std::string>& at, const Json& value, const std::string& path) {
    Json* target = locate(document_, at, at.size());
    if (target == nullptr) return missing("replace", path);
    *target = value;
    return Status::ok();
  }

  Status test(const std::vector<std::string>& at, const Json& value, const std::string& path) {
    Json* target = locate(document_, at, at.size());
    bool same = target == nullptr ? value.is_null() : *target == value;
    if (same) return Status::ok();
    return unfit("testing value " + path + " failed: test failed");
  }

  Status transfer(const std::string& from_text, const std::vector<std::string>& to,
                  const std::string& path, bool move) {
    Result<std::vector<std::string>> from = parse_pointer(from_text);
    if (!from) return from.status();
    Json* source = locate(document_, *from, from->size());
    if (source == nullptr) return missing(move ? "move" : "copy", from_text);
    Json value = *source;
    if (move) {
      bool into_itself = path.starts_with(from_text + "/");
      if (into_itself) return bad("a value cannot be moved into itself: \"" + path + "\"");
      if (path == from_text) return Status::ok();
      if (Status removed = remove(*from, from_text); !removed) return removed;
    }
    // Repeated copies of a document into itself would grow without bound.
    copied_ += move ? 0 : value.dump(-1, ' ', false, Json::error_handler_t::replace).size();
    if (copied_ > kMaxCopiedBytes) return bad("the JSON patch copies too much");
    return add(to, std::move(value), path);
  }

  static constexpr std::size_t kMaxCopiedBytes = 3 * 1024 * 1024;
  Json document_;
  std::size_t copied_ = 0;
};

}  // namespace

Result<Json> json_patch(const Json& document, const Json& operations) {
  if (!operations.is_array()) return bad("a JSON patch must be a list of operations");
  if (operations.size() > kMaxJsonPatchOperations) {
    return Status(Code::kInvalid, "The allowed maximum operations in a JSON patch is " +
                                      std::to_string(kMaxJsonPatchOperations) + ", got " +
                                      std::to_string(operations.size()))
        .with_http(413)
        .with_reason("RequestEntityTooLarge");
  }
  Patcher patcher(document);
  for (const Json& operation : operations) {
    if (Status status = patcher.run(operation); !status) return status;
  }
  return std::move(patcher).take();
}

}  // namespace k8s::apiserver::patch
