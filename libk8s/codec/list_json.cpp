// Lists in JSON: a scanner that looks only at brackets, quotes and the keys of the outermost
// object, and cuts the members of "items" out as text. The objects themselves are parsed by whoever
// gets them; a fault inside one is found there.

#include <nlohmann/json.hpp>

#include "libk8s/codec/json.hpp"
#include "libk8s/codec/list_reader.hpp"

namespace k8s {
namespace {

constexpr int kMaxDepth = 200;
// Keys and simple values of the outermost object: kind, apiVersion. Larger ones are not a list.
constexpr std::size_t kMaxOuterValue = 1 << 20;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

class JsonListReader final : public ListStream::Reader {
 public:
  using Reader::Reader;

  Status feed(std::string_view bytes, const ListStream::OnItem& on_item) override {
    // `text_` keeps the start of a value that the last read cut; `start` is where the current value
    // begins in `bytes`, when it begins there.
    std::size_t start = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      if (stage_ == Stage::kValue) {
        i = skip_plain(bytes, i);
        if (i == bytes.size()) break;
        const auto end = value_step(bytes[i]);
        if (end == End::kBroken) return malformed(fault_);
        if (end == End::kNone) continue;
        const std::size_t stop = end == End::kAfter ? i + 1 : i;
        if (auto status = value_done(bytes.substr(start, stop - start), on_item); !status)
          return status;
        if (end == End::kAfter) continue;
      }
      if (is_blank(bytes[i])) continue;
      if (auto status = outer_step(bytes[i]); !status) return status;
      if (stage_ == Stage::kValue) start = i;
    }
    if (stage_ != Stage::kValue) return {};
    text_ += bytes.substr(start);
    return text_.size() > limit() ? too_large() : Status();
  }

  Status finish() override {
    return stage_ == Stage::kEnd ? Status() : malformed("it ended before it was whole");
  }

 private:
  enum class Stage {
    kBegin,        // before the outermost {
    kKey,          // before a key, or }
    kColon,        // after a key
    kMember,       // before the value of a key
    kItem,         // in "items": before an object, or ]
    kValue,        // inside a value (a key, a member or an item)
    kAfterItem,    // after an object in "items"
    kAfterMember,  // after the value of a key
    kEnd,          // after the outermost }
  };
  // What the value being read is.
  enum class Role { kKey, kMember, kItem };
  enum class End { kNone, kAfter, kBefore, kBroken };

  void begin_value(Role role, char c) {
    role_ = role;
    stage_ = Stage::kValue;
    text_.clear();
    depth_ = c == '{' || c == '[' ? 1 : 0;
    in_string_ = c == '"';
    simple_ = depth_ == 0 && !in_string_;
    escaped_ = false;
  }

  // Most bytes of a list lie inside strings: pass over them in one go.
  std::size_t skip_plain(std::string_view bytes, std::size_t i) const {
    if (!in_string_ || escaped_) return i;
    while (i < bytes.size() && bytes[i] != '"' && bytes[i] != '\\') ++i;
    return i;
  }

  // One byte inside a value; says whether the value ends after or before it.
  End value_step(char c) {
    if (in_string_) return string_step(c);
    if (simple_) return c == ',' || c == '}' || c == ']' || is_blank(c) ? End::kBefore : End::kNone;
    if (c == '"') in_string_ = true;
    if (c == '{' || c == '[') {
      fault_ = "nested deeper than 200 levels";
      if (++depth_ > kMaxDepth) return End::kBroken;
    }
    if (c == '}' || c == ']') return --depth_ == 0 ? End::kAfter : End::kNone;
    return End::kNone;
  }

  End string_step(char c) {
    if (escaped_) {
      escaped_ = false;
    } else if (c == '\\') {
      escaped_ = true;
    } else if (c == '"') {
      in_string_ = false;
      if (depth_ == 0) return End::kAfter;
    }
    return End::kNone;
  }

  Status outer_step(char c) {
    switch (stage_) {
      case Stage::kBegin:
        return expect(c == '{', Stage::kKey);
      case Stage::kKey:
        if (c == '}' && !after_comma_) return expect(true, Stage::kEnd);
        if (c != '"') return unexpected();
        begin_value(Role::kKey, c);
        return {};
      case Stage::kColon:
        return expect(c == ':', Stage::kMember);
      case Stage::kMember:
        if (key_ == "items" && c == '[') return expect(true, Stage::kItem);
        begin_value(Role::kMember, c);
        return {};
      case Stage::kItem:
        if (c == ']' && !after_comma_) return expect(true, Stage::kAfterMember);
        if (c != '{') return unexpected();
        begin_value(Role::kItem, c);
        return {};
      case Stage::kAfterItem:
        if (c == ',') return expect_after_comma(Stage::kItem);
        return expect(c == ']', Stage::kAfterMember);
      case Stage::kAfterMember:
        if (c == ',') return expect_after_comma(Stage::kKey);
        return expect(c == '}', Stage::kEnd);
      case Stage::kValue:
      case Stage::kEnd:
        break;
    }
    return unexpected();
  }

  Status expect(bool is_so, Stage next) {
    if (!is_so) return unexpected();
    stage_ = next;
    after_comma_ = false;
    return {};
  }
  Status expect_after_comma(Stage next) {
    stage_ = next;
    after_comma_ = true;
    return {};
  }
  Status unexpected() const { return malformed("it is not the JSON of a list"); }

  // `tail` is the last part of the value; the first ones, if any, are in `text_`.
  Status value_done(std::string_view tail, const ListStream::OnItem& on_item) {
    std::string_view text = tail;
    if (!text_.empty()) {
      text_ += tail;
      text = text_;
    }
    after_comma_ = false;
    if (text.size() > limit()) return too_large();
    if (role_ == Role::kItem) {
      stage_ = Stage::kAfterItem;
      ++items;
      return on_item(text);
    }
    if (role_ == Role::kKey) {
      stage_ = Stage::kColon;
      key_ = text.substr(1, text.size() - 2);
      return {};
    }
    stage_ = Stage::kAfterMember;
    return member(text);
  }

  Status member(std::string_view text) {
    if (text.size() > kMaxOuterValue)
      return malformed("the value of \"" + key_ + "\" is too large");
    // A list without objects may say null.
    if (key_ == "items" && text != "null") return malformed("items is not an array");
    if (key_ != "metadata") return {};
    const auto parsed = parse_json(text);
    if (!parsed) return malformed("its metadata is " + parsed.status().message());
    meta.resource_version = string_at(*parsed, "resourceVersion");
    meta.continue_token = string_at(*parsed, "continue");
    meta.remaining_item_count = int_at(*parsed, "remainingItemCount");
    return {};
  }

  Stage stage_ = Stage::kBegin;
  Role role_ = Role::kKey;
  bool after_comma_ = false;
  std::string key_, text_;
  std::string fault_;
  // Inside a value:
  int depth_ = 0;
  bool in_string_ = false, escaped_ = false, simple_ = false;
};

}  // namespace

std::unique_ptr<ListStream::Reader> make_json_list_reader(std::size_t object_limit) {
  return std::make_unique<JsonListReader>(object_limit);
}

}  // namespace k8s
