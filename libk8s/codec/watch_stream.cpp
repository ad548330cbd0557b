#include "libk8s/codec/watch_stream.hpp"

#include <nlohmann/json.hpp>

#include "libk8s/codec/json.hpp"
#include "libk8s/codec/wire.hpp"

namespace k8s {
namespace {

using wire::WireReader;

constexpr std::string_view kInitialEventsEnd = "k8s.io/initial-events-end";

Status malformed(const std::string& why) { return {Code::kMalformed, "watch: " + why}; }

WatchEventType type_named(std::string_view name) {
  if (name == "ADDED") return WatchEventType::kAdded;
  if (name == "MODIFIED") return WatchEventType::kModified;
  if (name == "DELETED") return WatchEventType::kDeleted;
  if (name == "BOOKMARK") return WatchEventType::kBookmark;
  if (name == "ERROR") return WatchEventType::kError;
  return WatchEventType::kUnknown;
}

// What a bookmark says, in either encoding.
struct Bookmark {
  std::string resource_version;
  bool initial_events_end = false;
};

// Any object: metadata 1 {resourceVersion 6, annotations 12 {key 1, value 2}}.
Result<Bookmark> protobuf_bookmark(std::string_view object) {
  Bookmark out;
  WireReader reader(object);
  while (const auto field = reader.next()) {
    if (field->number != 1) continue;
    WireReader meta(field->bytes);
    while (const auto part = meta.next()) {
      if (part->number == 6) out.resource_version = part->bytes;
      if (part->number != 12) continue;
      std::string_view key, value;
      WireReader entry(part->bytes);
      while (const auto side = entry.next()) (side->number == 1 ? key : value) = side->bytes;
      if (key == kInitialEventsEnd) out.initial_events_end = value == "true";
    }
    if (meta.broken()) return malformed("a broken bookmark");
  }
  if (reader.broken()) return malformed("a broken bookmark");
  return out;
}

Result<Bookmark> json_bookmark(const nlohmann::json& object) {
  const auto& meta = object_at(object, "metadata");
  Bookmark out;
  out.resource_version = string_at(meta, "resourceVersion");
  out.initial_events_end = string_at(object_at(meta, "annotations"), kInitialEventsEnd) == "true";
  return out;
}

Status deliver(const Bookmark& bookmark, const WatchStream::OnEvent& on_event) {
  WatchEvent event;
  event.type = WatchEventType::kBookmark;
  event.resource_version = bookmark.resource_version;
  event.initial_events_end = bookmark.initial_events_end;
  return on_event(event);
}

Status protobuf_event(std::string_view frame, const WatchStream::OnEvent& on_event) {
  WatchEvent event;
  std::string_view raw;
  // WatchEvent: type 1, object 2; RawExtension: raw 1.
  WireReader reader(frame);
  while (const auto field = reader.next()) {
    if (field->number == 1) event.type = type_named(field->bytes);
    if (field->number != 2) continue;
    WireReader extension(field->bytes);
    while (const auto part = extension.next()) {
      if (part->number == 1) raw = part->bytes;
    }
    if (extension.broken()) return malformed("a broken frame");
  }
  if (reader.broken()) return malformed("a broken frame");
  const auto object = unwrap(raw);
  if (!object) return object.status();
  event.object = object->message;
  if (event.type == WatchEventType::kBookmark) {
    const auto bookmark = protobuf_bookmark(event.object);
    return bookmark ? deliver(*bookmark, on_event) : bookmark.status();
  }
  if (event.type != WatchEventType::kError) return on_event(event);
  const auto text = status_json(event.object);
  if (!text) return text.status();
  event.object = *text;
  return on_event(event);
}

// Where the value of "object" lies in the text of an event, found without building a tree: the
// object itself is parsed once, by whoever gets it.
struct EventText {
  std::string_view type, object;
};

// The end of the JSON value at the front of `text`; npos when there is none.
std::size_t value_end(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      if (c == '"' && depth == 0) return i + 1;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      if (depth == 0) return i;
      if (--depth == 0) return i + 1;
    } else if (c == ',' && depth == 0) {
      return i;
    }
  }
  return std::string_view::npos;
}

std::string_view without_blanks(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  return first == text.npos ? std::string_view() : text.substr(first);
}

bool take(std::string_view& text, char mark) {
  text = without_blanks(text);
  if (!text.starts_with(mark)) return false;
  text = without_blanks(text.substr(1));
  return true;
}

Result<EventText> split_event(std::string_view line) {
  EventText out;
  std::string_view left = line;
  if (!take(left, '{')) return malformed("a line that is not an object");
  while (!take(left, '}')) {
    const auto key_end = value_end(left);
    if (key_end == left.npos || key_end < 2) return malformed("a line that is not JSON");
    const auto key = left.substr(1, key_end - 2);
    left.remove_prefix(key_end);
    if (!take(left, ':')) return malformed("a line that is not JSON");
    const auto end = value_end(left);
    if (end == left.npos) return malformed("a line that is not JSON");
    if (key == "type" && end >= 2) out.type = left.substr(1, end - 2);
    if (key == "object") out.object = left.substr(0, end);
    left.remove_prefix(end);
    take(left, ',');
  }
  if (!left.empty()) return malformed("more than one event on a line");
  return out;
}

Status json_event(std::string_view line, const WatchStream::OnEvent& on_event) {
  const auto parts = split_event(line);
  if (!parts) return parts.status();
  if (parts->object.empty()) return malformed("an event without an object");
  const WatchEvent event{type_named(parts->type), parts->object, {}, false};
  if (event.type != WatchEventType::kBookmark) return on_event(event);
  const auto object = parse_json(parts->object);
  if (!object) return malformed("a bookmark that is " + object.status().message());
  const auto bookmark = json_bookmark(*object);
  return bookmark ? deliver(*bookmark, on_event) : bookmark.status();
}

}  // namespace

struct WatchStream::Impl {
  Encoding encoding;
  std::size_t limit;
  Status failed;
  std::string cut;           // an event whose end has not come yet
  std::size_t searched = 0;  // JSON: so many bytes of it are known to hold no line end

  // The size of the event at the front of `bytes` with and without its frame; whole is 0 when its
  // end has not come.
  struct Frame {
    std::size_t head = 0, whole = 0;
  };

  Result<Frame> frame(std::string_view bytes) {
    return encoding == Encoding::kJson ? line_frame(bytes) : length_frame(bytes);
  }

  Result<Frame> line_frame(std::string_view bytes) {
    const auto end = bytes.find('\n', std::min(searched, bytes.size()));
    if (end != bytes.npos) {
      searched = 0;
      if (end > limit) return too_large();
      return Frame{0, end + 1};
    }
    if (bytes.size() > limit) return too_large();
    searched = bytes.size();
    return Frame{};
  }

  Result<Frame> length_frame(std::string_view bytes) {
    if (bytes.size() < 4) return Frame{};
    std::size_t length = 0;
    for (std::size_t i = 0; i < 4; ++i) length = length << 8 | static_cast<unsigned char>(bytes[i]);
    if (length > limit) return too_large();
    return bytes.size() < length + 4 ? Frame{} : Frame{4, length + 4};
  }

  Status too_large() const {
    return malformed("an event of more than " + std::to_string(limit) + " bytes");
  }

  // Delivers the whole events at the front of `bytes` and takes them off.
  Status consume(std::string_view& bytes, const OnEvent& on_event) {
    while (!bytes.empty()) {
      const auto found = frame(bytes);
      if (!found) return found.status();
      if (found->whole == 0) return {};
      const auto body = bytes.substr(found->head, found->whole - found->head);
      bytes.remove_prefix(found->whole);
      if (auto status = event(body, on_event); !status) return status;
    }
    return {};
  }

  Status event(std::string_view body, const OnEvent& on_event) const {
    if (encoding == Encoding::kProtobuf) return protobuf_event(body, on_event);
    if (without_blanks(body).empty()) return {};
    return json_event(body, on_event);
  }

  Status feed(std::string_view bytes, const OnEvent& on_event) {
    if (cut.empty()) {
      if (auto status = consume(bytes, on_event); !status) return status;
      cut = bytes;
      return {};
    }
    cut += bytes;
    std::string_view left = cut;
    const auto status = consume(left, on_event);
    cut.erase(0, cut.size() - left.size());
    return status;
  }
};

WatchStream::WatchStream(Encoding encoding, std::size_t event_limit)
    : impl_(new Impl{encoding, event_limit, {}, {}, 0}) {}
WatchStream::~WatchStream() = default;
WatchStream::WatchStream(WatchStream&&) noexcept = default;
WatchStream& WatchStream::operator=(WatchStream&&) noexcept = default;

Status WatchStream::feed(std::string_view bytes, const OnEvent& on_event) {
  if (impl_->failed) impl_->failed = impl_->feed(bytes, on_event);
  return impl_->failed;
}

Status WatchStream::finish() {
  if (impl_->failed && !without_blanks(impl_->cut).empty())
    impl_->failed = malformed("it ended inside an event");
  return impl_->failed;
}

Encoding WatchStream::encoding() const { return impl_->encoding; }

}  // namespace k8s
