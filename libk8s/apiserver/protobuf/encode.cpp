#include <nlohmann/json.hpp>

#include "libk8s/apiserver/kinds/kinds.hpp"
#include "libk8s/apiserver/protobuf/message.hpp"
#include "libk8s/apiserver/protobuf/protobuf.hpp"
#include "libk8s/codec/encoding.hpp"
#include "libk8s/codec/json.hpp"
#include "libk8s/codec/rfc3339.hpp"
#include "libk8s/codec/wire.hpp"

namespace k8s::apiserver::protobuf {
namespace {

using wire::append_bytes;

constexpr std::int64_t kSecond = 1'000'000'000;

void append_number(std::string& out, int field, std::uint64_t value) {
  wire::append_varint(out, static_cast<std::uint64_t>(field) << 3);
  wire::append_varint(out, value);
}

// Writes values; the first thing that does not fit its type ends it.
class Writer {
 public:
  Status status;

  std::string message(const Json& object, const Schema& type, int depth) {
    std::string out;
    if (!object.is_object() || depth > kMaxDepth) {
      fail("an object was expected");
      return out;
    }
    for (const auto& [key, value] : object.items()) {
      const Field* field = type.field(key);
      if (field == nullptr || field->number == 0 || value.is_null()) continue;
      add(out, field->number, value, *field->schema, depth);
    }
    for (const Field& part : type.inlined) {
      append_bytes(out, static_cast<std::uint32_t>(part.number),
                   message(object, *part.schema, depth + 1));
    }
    return out;
  }

 private:
  void fail(std::string what) {
    if (status.is_ok()) status = Status(Code::kInvalid, std::move(what));
  }

  void add(std::string& out, int number, const Json& value, const Schema& type, int depth) {
    auto field = static_cast<std::uint32_t>(number);
    switch (type.type) {
      case Type::kArray:
        if (!value.is_array()) return fail("a list was expected");
        for (const Json& item : value) add(out, number, item, *type.items, depth + 1);
        return;
      case Type::kMap:
        if (!value.is_object()) return fail("a map was expected");
        for (const auto& [key, item] : value.items()) {
          std::string entry;
          append_bytes(entry, 1, key);
          if (!item.is_null()) add_map_value(entry, item, *type.items, depth + 1);
          append_bytes(out, field, entry);
        }
        return;
      case Type::kObject:
        return append_bytes(out, field, message(value, type, depth + 1));
      case Type::kInteger:
        if (!value.is_number_integer()) return fail("an integer was expected");
        return append_number(out, number, static_cast<std::uint64_t>(value.get<std::int64_t>()));
      case Type::kBoolean:
        return append_number(out, number, value == true ? 1 : 0);
      case Type::kNumber:
        return fail("numbers with fractions occur in no protobuf kind");
      default:
        return append_bytes(out, field, special(value, type));
    }
  }

  // A list inside of a map is a message of its own: {repeated items = 1}.
  void add_map_value(std::string& entry, const Json& item, const Schema& type, int depth) {
    if (type.type != Type::kArray) return add(entry, 2, item, type, depth);
    std::string list;
    add(list, 1, item, type, depth);
    append_bytes(entry, 2, list);
  }

  // Texts, and the values that are messages of their own in protobuf.
  std::string special(const Json& value, const Schema& type) {
    std::string out;
    if (type.type == Type::kAny) {
      append_bytes(out, 1, json_text(value));
    } else if (type.type == Type::kIntOrString) {
      append_number(out, 1, value.is_string() ? 1 : 0);
      if (value.is_string()) {
        append_bytes(out, 3, value.get_ref<const std::string&>());
      } else if (value.is_number_integer()) {
        append_number(out, 2, static_cast<std::uint64_t>(value.get<std::int64_t>()));
      }
    } else if (!value.is_string()) {
      fail("a string was expected");
    } else {
      return text(value.get_ref<const std::string&>(), type.format);
    }
    return out;
  }

  std::string text(const std::string& value, const std::string& format) {
    std::string out;
    if (format == "quantity") {
      append_bytes(out, 1, value);
    } else if (format == "date-time" || format == "micro-time") {
      Result<WallTime> time = parse_time(value);
      if (!time) fail("a time was expected");
      std::int64_t ns = time ? time->ns : 0;
      std::int64_t seconds = ns / kSecond - (ns % kSecond < 0 ? 1 : 0);
      append_number(out, 1, static_cast<std::uint64_t>(seconds));
      if (ns != seconds * kSecond) {
        append_number(out, 2, static_cast<std::uint64_t>(ns - seconds * kSecond));
      }
    } else if (format == "byte") {
      std::optional<std::string> bytes = from_base64(value);
      if (!bytes) fail("base64 was expected");
      return bytes.value_or("");
    } else {
      return value;
    }
    return out;
  }
};

Status not_encodable(std::string_view api_version, std::string_view kind) {
  return Status(Code::kUnsupported, std::string(api_version) + " " + std::string(kind) +
                                        " cannot be written as protobuf")
      .with_http(406)
      .with_reason("NotAcceptable");
}

Result<std::string> encode_message(const Json& object, const Schema& type) {
  Writer writer;
  std::string message = writer.message(object, type, 0);
  if (!writer.status.is_ok()) return writer.status;
  return message;
}

Result<std::string> list_message(const Json& meta, const std::vector<const Json*>& items,
                                 const Schema& type) {
  std::string out;
  const Schema* list_meta = kinds::type("io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta");
  Result<std::string> head = encode_message(meta.is_object() ? meta : Json::object(), *list_meta);
  if (!head) return head.status();
  append_bytes(out, 1, *head);
  for (const Json* item : items) {
    Result<std::string> message = encode_message(*item, type);
    if (!message) return message.status();
    append_bytes(out, 2, *message);
  }
  return out;
}

}  // namespace

const Schema* message_type(std::string_view api_version, std::string_view kind) {
  if (api_version == "v1" && (kind == "Status" || kind == "DeleteOptions")) {
    return kinds::type("io.k8s.apimachinery.pkg.apis.meta.v1." + std::string(kind));
  }
  const kinds::Kind* known = kinds::find_kind(api_version, kind);
  bool hidden = (api_version == "v1" && kind == "Binding") ||
                (api_version == "policy/v1" && kind == "Eviction") ||
                (api_version == "autoscaling/v1" && kind == "Scale");
  if (!hidden && (known == nullptr || !known->protobuf)) return nullptr;
  TypeRulesRef rules = kinds::rules(api_version, kind);
  return rules == nullptr ? nullptr : &rules->schema();
}

const Schema* list_item_type(std::string_view api_version, std::string_view list_kind) {
  if (!list_kind.ends_with("List")) return nullptr;
  return message_type(api_version, list_kind.substr(0, list_kind.size() - 4));
}

bool encodable(std::string_view api_version, std::string_view kind) {
  return message_type(api_version, kind) != nullptr || list_item_type(api_version, kind) != nullptr;
}

Result<std::string> encode(const Json& object) {
  std::string api_version = string_at(object, "apiVersion"), kind = string_at(object, "kind");
  if (const Schema* type = message_type(api_version, kind)) {
    Result<std::string> message = encode_message(object, *type);
    if (!message) return message.status();
    return wrap(api_version, kind, *message);
  }
  if (list_item_type(api_version, kind) == nullptr) return not_encodable(api_version, kind);
  std::vector<const Json*> items;
  for (const Json& item : array_at(object, "items")) items.push_back(&item);
  return encode_list(api_version, kind, object_at(object, "metadata"), items);
}

Result<std::string> encode_list(std::string_view api_version, std::string_view list_kind,
                                const Json& list_meta, const std::vector<const Json*>& items) {
  const Schema* type = list_item_type(api_version, list_kind);
  if (type == nullptr) return not_encodable(api_version, list_kind);
  Result<std::string> message = list_message(list_meta, items, *type);
  if (!message) return message.status();
  return wrap(api_version, list_kind, *message);
}

Result<std::string> encode_watch_event(std::string_view type, const Json& object) {
  Result<std::string> inner = encode(object);
  if (!inner) return inner.status();
  std::string raw, event;
  append_bytes(raw, 1, *inner);
  append_bytes(event, 1, type);
  append_bytes(event, 2, raw);
  std::string frame;
  for (int shift : {24, 16, 8, 0}) frame += static_cast<char>(event.size() >> shift & 0xFF);
  return frame + event;
}

}  // namespace k8s::apiserver::protobuf
