#include "libk8s/apiserver/schema/cel_value.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "libk8s/apiserver/schema/go_duration.hpp"
#include "libk8s/codec/rfc3339.hpp"

namespace k8s::apiserver::cel {
namespace {

const Schema& untyped() {
  static const Schema any;
  return any;
}

const Schema& items_of(const Schema* schema) {
  return schema != nullptr && schema->items != nullptr ? *schema->items : untyped();
}

const Schema& property_of(const Schema* schema, std::string_view key) {
  if (schema == nullptr) return untyped();
  if (const Field* field = schema->field(key)) return *field->schema;
  return schema->type == Type::kMap ? items_of(schema) : untyped();
}

Value view_text(const std::string& text, const Schema& schema) {
  if (schema.format == "date-time") {
    if (auto time = parse_time(text)) return Value::timestamp(time->ns);
  } else if (schema.format == "date") {
    if (auto time = parse_time(text + "T00:00:00Z")) return Value::timestamp(time->ns);
  } else if (schema.format == "duration") {
    if (auto ns = parse_go_duration(text)) return Value::duration(*ns);
  }
  return Value::text_view(text);
}

}  // namespace

std::string_view name(Kind kind) {
  switch (kind) {
    case Kind::kAny:
      return "dyn";
    case Kind::kError:
      return "error";
    case Kind::kNull:
      return "null";
    case Kind::kBool:
      return "bool";
    case Kind::kInt:
      return "int";
    case Kind::kDouble:
      return "double";
    case Kind::kString:
      return "string";
    case Kind::kList:
      return "list";
    case Kind::kMap:
      return "map";
    case Kind::kDuration:
      return "google.protobuf.Duration";
    case Kind::kTimestamp:
      return "google.protobuf.Timestamp";
    case Kind::kQuantity:
      return "kubernetes.Quantity";
  }
  return "dyn";
}

Value Value::error(std::string message) {
  Value v = text(std::move(message));
  v.kind_ = Kind::kError;
  return v;
}
Value Value::boolean(bool b) {
  Value v(Kind::kBool);
  v.number_ = b ? 1 : 0;
  return v;
}
Value Value::integer(std::int64_t i) {
  Value v(Kind::kInt);
  v.number_ = i;
  return v;
}
Value Value::real(double d) {
  Value v(Kind::kDouble);
  v.real_ = d;
  return v;
}
Value Value::text(std::string owned) {
  Value v(Kind::kString);
  v.owned_ = std::make_shared<const std::string>(std::move(owned));
  v.view_ = *v.owned_;
  return v;
}
Value Value::text_view(std::string_view view) {
  Value v(Kind::kString);
  v.view_ = view;
  return v;
}
Value Value::list(Items items) {
  Value v(Kind::kList);
  v.items_ = std::make_shared<const Items>(std::move(items));
  return v;
}
Value Value::map(Entries entries) {
  Value v(Kind::kMap);
  v.entries_ = std::make_shared<const Entries>(std::move(entries));
  return v;
}
Value Value::duration(std::int64_t ns) {
  Value v(Kind::kDuration);
  v.number_ = ns;
  return v;
}
Value Value::timestamp(std::int64_t ns) {
  Value v(Kind::kTimestamp);
  v.number_ = ns;
  return v;
}
Value Value::quantity(Quantity quantity) {
  Value v(Kind::kQuantity);
  v.quantity_ = quantity;
  return v;
}

Value Value::view(const Json& json, const Schema& schema) {
  if (json.is_null()) return Value();
  if (json.is_boolean()) return boolean(json.get<bool>());
  if (json.is_number_float() || (json.is_number() && schema.type == Type::kNumber)) {
    return real(json.get<double>());
  }
  if (json.is_number()) return integer(json.get<std::int64_t>());
  if (json.is_string()) return view_text(json.get_ref<const std::string&>(), schema);
  Value v(json.is_array() ? Kind::kList : Kind::kMap);
  v.json_ = &json;
  v.schema_ = &schema;
  return v;
}

std::size_t Value::size() const {
  if (kind_ == Kind::kString) {
    return static_cast<std::size_t>(std::count_if(view_.begin(), view_.end(), [](char c) {
      return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    }));
  }
  if (json_ != nullptr) return json_->size();
  if (items_ != nullptr) return items_->size();
  return entries_ != nullptr ? entries_->size() : 0;
}

Value Value::at(std::size_t i) const {
  if (i >= size()) return error("index out of bounds: " + std::to_string(i));
  return json_ != nullptr ? view((*json_)[i], items_of(schema_)) : (*items_)[i];
}

Items Value::keys() const {
  Items keys;
  if (json_ != nullptr) {
    for (auto it = json_->begin(); it != json_->end(); ++it) keys.push_back(text_view(it.key()));
  } else if (entries_ != nullptr) {
    for (const auto& entry : *entries_) keys.push_back(entry.first);
  }
  return keys;
}

Value Value::member(std::string_view key) const {
  if (json_ != nullptr) {
    auto it = json_->find(key);
    if (it != json_->end()) return view(it.value(), property_of(schema_, key));
  } else if (entries_ != nullptr) {
    for (const auto& [k, v] : *entries_) {
      if (k.kind() == Kind::kString && k.as_text() == key) return v;
    }
  }
  return error("no such key: " + std::string(key));
}

Value Value::member(const Value& key) const {
  if (key.kind() == Kind::kString) return member(key.as_text());
  if (entries_ != nullptr) {
    for (const auto& [k, v] : *entries_) {
      if (k.kind() == key.kind() && k.as_int() == key.as_int()) return v;
    }
  }
  return error("no such key");
}

bool Value::has(std::string_view key) const {
  if (json_ == nullptr) return !member(key).is_error();
  return json_->find(key) != json_->end();
}

bool unordered(const Value& list) {
  return list.schema_ != nullptr && list.schema_->list_type != ListType::kAtomic;
}

std::string unescaped(std::string_view name) {
  static constexpr std::pair<std::string_view, std::string_view> kEscapes[] = {
      {"__underscores__", "__"}, {"__dot__", "."}, {"__dash__", "-"}, {"__slash__", "/"}};
  std::string out;
  while (!name.empty()) {
    auto escape = std::find_if(std::begin(kEscapes), std::end(kEscapes),
                               [&](const auto& e) { return name.starts_with(e.first); });
    if (escape != std::end(kEscapes)) {
      out += escape->second;
      name.remove_prefix(escape->first.size());
    } else {
      out += name[0];
      name.remove_prefix(1);
    }
  }
  // A keyword of the language stands between double underscores.
  bool keyword = out.size() > 4 && out.starts_with("__") && out.ends_with("__");
  return keyword ? out.substr(2, out.size() - 4) : out;
}

}  // namespace k8s::apiserver::cel
