#include <nlohmann/json.hpp>

#include "libk8s/apiserver/protobuf/message.hpp"
#include "libk8s/apiserver/protobuf/protobuf.hpp"
#include "libk8s/apiserver/schema/decode.hpp"
#include "libk8s/codec/encoding.hpp"
#include "libk8s/codec/rfc3339.hpp"
#include "libk8s/codec/wire.hpp"

namespace k8s::apiserver::protobuf {
namespace {

class Reader {
 public:
  bool broken = false;

  void message(std::string_view bytes, const Schema& type, Json& object, int depth) {
    if (depth > kMaxDepth) broken = true;
    wire::WireReader reader(bytes);
    while (auto field = broken ? std::nullopt : reader.next()) {
      auto number = static_cast<int>(field->number);
      if (const Field* part = inlined(type, number)) {
        message(field->bytes, *part->schema, object, depth + 1);
      } else if (auto property = by_number(type, number)) {
        add(object[property->first], *field, *property->second.schema, depth);
      }
      // Fields that are not known are passed over, as protobuf wants it.
    }
    broken = broken || reader.broken();
  }

 private:
  using Property = std::pair<const std::string, Field>;

  static const Property* by_number(const Schema& type, int number) {
    for (const Property& property : type.properties) {
      if (property.second.number == number) return &property;
    }
    return nullptr;
  }

  static const Field* inlined(const Schema& type, int number) {
    for (const Field& field : type.inlined) {
      if (field.number == number) return &field;
    }
    return nullptr;
  }

  void add(Json& target, const wire::Field& field, const Schema& type, int depth) {
    if (type.type == Type::kArray) {
      if (!target.is_array()) target = Json::array();
      target.push_back(value(field, *type.items, depth + 1));
    } else if (type.type == Type::kMap) {
      if (!target.is_object()) target = Json::object();
      add_entry(target, field.bytes, *type.items, depth + 1);
    } else if (type.type == Type::kObject) {
      if (!target.is_object()) target = Json::object();
      message(field.bytes, type, target, depth + 1);
    } else {
      target = value(field, type, depth);
    }
  }

  void add_entry(Json& map, std::string_view bytes, const Schema& type, int depth) {
    wire::WireReader reader(bytes);
    std::string key;
    Json item = empty(type);
    while (auto field = reader.next()) {
      if (field->number == 1) key = text(field->bytes);
      if (field->number == 2) item = map_value(*field, type, depth);
    }
    broken = broken || reader.broken();
    map[key] = std::move(item);
  }

  // A list inside of a map is a message of its own: {repeated items = 1}.
  Json map_value(const wire::Field& field, const Schema& type, int depth) {
    if (type.type != Type::kArray) return value(field, type, depth);
    Json list = Json::array();
    wire::WireReader reader(field.bytes);
    while (auto item = reader.next()) {
      if (item->number == 1) list.push_back(value(*item, *type.items, depth + 1));
    }
    broken = broken || reader.broken();
    return list;
  }

  static Json empty(const Schema& type) {
    if (type.type != Type::kString) return nullptr;
    if (type.format == "quantity") return "0";
    return type.format.empty() ? Json("") : Json();
  }

  Json value(const wire::Field& field, const Schema& type, int depth) {
    switch (type.type) {
      case Type::kInteger:
        return static_cast<std::int64_t>(field.value);
      case Type::kBoolean:
        return field.value != 0;
      case Type::kIntOrString:
        return int_or_string(field.bytes);
      case Type::kAny:
        return free_value(field.bytes);
      case Type::kObject: {
        Json object = Json::object();
        message(field.bytes, type, object, depth + 1);
        return object;
      }
      case Type::kString:
        return string(field.bytes, type.format);
      default:
        return nullptr;
    }
  }

  std::string text(std::string_view bytes) {
    // JSON holds UTF-8 only.
    Json probe = std::string(bytes);
    std::string checked = probe.dump(-1, ' ', false, Json::error_handler_t::replace);
    broken = broken || checked != probe.dump(-1, ' ', false, Json::error_handler_t::ignore);
    return std::string(bytes);
  }

  Json int_or_string(std::string_view bytes) {
    wire::WireReader reader(bytes);
    bool is_text = false;
    std::int64_t number = 0;
    std::string string;
    while (auto field = reader.next()) {
      if (field->number == 1) is_text = field->value == 1;
      if (field->number == 2) number = static_cast<std::int64_t>(field->value);
      if (field->number == 3) string = text(field->bytes);
    }
    broken = broken || reader.broken();
    return is_text ? Json(string) : Json(number);
  }

  Json free_value(std::string_view bytes) {
    wire::WireReader reader(bytes);
    Json value;
    while (auto field = reader.next()) {
      if (field->number != 1) continue;
      Result<ParsedBody> parsed = parse_json(field->bytes);
      broken = broken || !parsed;
      if (parsed) value = std::move(*parsed->value);
    }
    broken = broken || reader.broken();
    return value;
  }

  Json string(std::string_view bytes, const std::string& format) {
    if (format == "byte") return to_base64(bytes);
    bool time = format == "date-time" || format == "micro-time";
    if (!time && format != "quantity") return text(bytes);
    wire::WireReader reader(bytes);
    Json value = format == "quantity" ? Json("0") : Json();
    std::int64_t seconds = 0, nanos = 0;
    while (auto field = reader.next()) {
      if (format == "quantity" && field->number == 1) value = text(field->bytes);
      if (time && field->number == 1) seconds = static_cast<std::int64_t>(field->value);
      if (time && field->number == 2) nanos = static_cast<std::int64_t>(field->value);
    }
    broken = broken || reader.broken();
    constexpr std::int64_t kFurthest = 9'000'000'000;
    if (!time) return value;
    // An empty Time message is no time at all.
    if (bytes.empty() || seconds > kFurthest || seconds < -kFurthest) return nullptr;
    WallTime at{seconds * 1'000'000'000 + nanos % 1'000'000'000};
    return format == "micro-time" ? format_micro_time(at) : format_time(at);
  }
};

}  // namespace

Result<Json> decode(std::string_view bytes) {
  auto bad = [](const std::string& why) {
    return Status(Code::kInvalid, "the body is not valid protobuf: " + why)
        .with_http(400)
        .with_reason("BadRequest");
  };
  Result<Unwrapped> envelope = unwrap(bytes);
  if (!envelope) return bad(envelope.status().message());
  const Schema* type = message_type(envelope->api_version, envelope->kind);
  if (type == nullptr) {
    return Status(Code::kUnsupported, std::string(envelope->kind) + " cannot be read as protobuf")
        .with_http(415)
        .with_reason("UnsupportedMediaType");
  }
  Json object = {{"apiVersion", envelope->api_version}, {"kind", envelope->kind}};
  Reader reader;
  reader.message(envelope->message, *type, object, 0);
  if (reader.broken) return bad("a message is cut off or malformed");
  return object;
}

}  // namespace k8s::apiserver::protobuf
