#include "libk8s/apiserver/schema/type_text.hpp"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "libk8s/apiserver/schema/arena.hpp"

namespace k8s::apiserver {
namespace {

[[noreturn]] void broken(std::string_view what, std::string_view line) {
  std::fprintf(stderr, "type text: %.*s in: %.*s\n", static_cast<int>(what.size()), what.data(),
               static_cast<int>(line.size()), line.data());
  std::abort();
}

std::string_view take_word(std::string_view& rest) {
  std::size_t start = rest.find_first_not_of(' ');
  if (start == std::string_view::npos) return rest = {};
  rest.remove_prefix(start);
  std::size_t end = rest.find(' ');
  std::string_view word = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end);
  return word;
}

std::vector<std::string> split(std::string_view text, char by) {
  std::vector<std::string> parts;
  while (true) {
    std::size_t at = text.find(by);
    parts.emplace_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (text.substr(0, prefix.size()) != prefix) return false;
  text.remove_prefix(prefix.size());
  return true;
}

struct Scalar {
  Type type;
  std::string_view format;
};

const std::unordered_map<std::string_view, Scalar>& scalars() {
  static const std::unordered_map<std::string_view, Scalar> table = {
      {"string", {Type::kString, ""}},
      {"int32", {Type::kInteger, "int32"}},
      {"int64", {Type::kInteger, "int64"}},
      {"bool", {Type::kBoolean, ""}},
      {"double", {Type::kNumber, "double"}},
      {"bytes", {Type::kString, "byte"}},
      {"quantity", {Type::kString, "quantity"}},
      {"intstr", {Type::kIntOrString, "int-or-string"}},
      {"time", {Type::kString, "date-time"}},
      {"microtime", {Type::kString, "micro-time"}},
      {"duration", {Type::kString, "duration"}},
      {"raw", {Type::kAny, "raw"}},
      {"any", {Type::kAny, ""}},
  };
  return table;
}

class Reader {
 public:
  using Types = std::map<std::string, const Schema*, std::less<>>;
  Reader(SchemaArena& arena, Types& types) : arena_(arena), types_(types) {}

  // Two passes, so that types may be named before their text comes.
  void declare(std::string_view text) {
    for_each_line(text, [&](std::string_view line) {
      if (take_prefix(line, "package ")) {
        std::string alias(take_word(line));
        package_ = std::string(take_word(line));
        packages_[alias] = package_;
      } else if (take_prefix(line, "type ")) {
        Schema& node = arena_.make();
        node.type = Type::kObject;
        node.type_name = package_ + "." + std::string(take_word(line));
        if (!types_.emplace(node.type_name, &node).second) broken("type comes twice", line);
        own_[node.type_name] = &node;
      }
    });
  }

  void define(std::string_view text) {
    for_each_line(text, [&](std::string_view line) {
      if (take_prefix(line, "package ")) {
        take_word(line);
        package_ = std::string(take_word(line));
      } else if (take_prefix(line, "type ")) {
        open_type(line);
      } else {
        add_field(line);
      }
    });
  }

  // Copies the fields of inlined types into the objects that hold them, and makes the copies of
  // types that one field alone wants atomic. Runs when every type is whole.
  void finish() {
    for (auto& [parent, inlined] : inlines_) {
      for (const auto& [key, field] : inlined->properties) {
        Field copy = field;
        copy.number = 0;
        parent->properties.emplace(key, copy);
      }
    }
    for (auto& [parent, key] : atomics_) {
      Field& field = parent->properties.find(key)->second;
      Schema& copy = arena_.make(*field.schema);
      copy.atomic_map = true;
      field.schema = &copy;
    }
  }

 private:
  template <class Fn>
  static void for_each_line(std::string_view text, Fn fn) {
    while (!text.empty()) {
      std::size_t end = text.find('\n');
      std::string_view line = text.substr(0, end);
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
      if (!line.empty()) fn(line);
    }
  }

  void open_type(std::string_view line) {
    current_ = own_.at(package_ + "." + std::string(take_word(line)));
    for (std::string_view word = take_word(line); !word.empty(); word = take_word(line)) {
      if (word == "atomic") current_->atomic_map = true;
      if (word == "#") {
        current_->description = line.substr(1);
        return;
      }
    }
  }

  void add_field(std::string_view line) {
    std::string_view rest = line;
    std::string_view name = take_word(rest);
    bool inlined = take_prefix(name, "~");
    std::string_view number = take_word(rest), type = take_word(rest);
    Field field;
    if (std::from_chars(number.data(), number.data() + number.size(), field.number).ec !=
        std::errc()) {
      broken("no number", line);
    }
    field.required = type.ends_with('!');
    field.listed = type.ends_with('+');
    if (field.required || field.listed) type.remove_suffix(1);
    field.schema = &resolve(type, line);
    if (inlined) {
      current_->inlined.push_back(field);
      inlines_.emplace_back(current_, field.schema);
      return;
    }
    add_options(field, name, rest);
    current_->properties.emplace(std::string(name), field);
  }

  void add_options(Field& field, std::string_view name, std::string_view rest) {
    for (std::string_view word = take_word(rest); !word.empty(); word = take_word(rest)) {
      if (word == "#") {
        field.description = rest.substr(1);
        return;
      }
      if (word == "retain") {
        field.retain_keys = true;
      } else if (word == "atomic" && field.schema->type == Type::kObject) {
        atomics_.emplace_back(current_, std::string(name));
      } else {
        add_to_copy(field, word);
      }
    }
  }

  // Options that belong to this one use of a type: they go into a copy of its node.
  void add_to_copy(Field& field, std::string_view word) {
    Schema& node = arena_.make(*field.schema);
    field.schema = &node;
    if (word == "set") {
      node.list_type = ListType::kSet;
    } else if (word == "atomic") {
      node.atomic_map = true;
    } else if (take_prefix(word, "map=")) {
      node.list_type = ListType::kMap;
      node.list_keys = split(word, ',');
    } else if (take_prefix(word, "merge")) {
      node.merge_list = true;
      if (take_prefix(word, "=")) node.merge_key = word;
    } else if (take_prefix(word, "{")) {
      add_enum(node, word.substr(0, word.size() - 1));
    } else if (take_prefix(word, "=")) {
      node.default_value = std::make_shared<const Json>(literal(node, word));
    } else {
      broken("unknown option", word);
    }
  }

  void add_enum(Schema& node, std::string_view words) {
    Schema* target = &node;
    if (node.type == Type::kArray) {
      target = &arena_.make(*node.items);
      node.items = target;
    }
    for (std::string& word : split(words, '|')) target->allowed.emplace_back(std::move(word));
  }

  static Json literal(const Schema& node, std::string_view word) {
    if (node.type == Type::kString) return std::string(word);
    return Json::parse(word);
  }

  const Schema& resolve(std::string_view type, std::string_view line) {
    if (take_prefix(type, "[]")) return list_of(Type::kArray, resolve(type, line));
    if (take_prefix(type, "map[")) {
      return list_of(Type::kMap, resolve(type.substr(0, type.size() - 1), line));
    }
    if (type.ends_with("|bool")) {
      Schema& node = arena_.make();
      node.any_of = {&resolve(type.substr(0, type.size() - 5), line)};
      return node;
    }
    if (auto it = scalars().find(type); it != scalars().end()) return scalar(it->second);
    std::size_t dot = type.find('.');
    std::string full = dot == std::string_view::npos ? package_ + "." + std::string(type)
                                                     : packages_[std::string(type.substr(0, dot))] +
                                                           std::string(type.substr(dot));
    auto it = types_.find(full);
    if (it == types_.end()) broken("unknown type " + full, line);
    return *it->second;
  }

  const Schema& list_of(Type type, const Schema& items) {
    Schema& node = arena_.make();
    node.type = type;
    node.items = &items;
    return node;
  }

  const Schema& scalar(const Scalar& s) {
    const Schema*& known = scalars_[std::string(s.format) + std::to_string(int(s.type))];
    if (known == nullptr) {
      Schema& node = arena_.make();
      node.type = s.type;
      node.format = s.format;
      known = &node;
    }
    return *known;
  }

  SchemaArena& arena_;
  Types& types_;
  std::map<std::string, Schema*, std::less<>> own_;
  std::map<std::string, std::string, std::less<>> packages_;
  std::map<std::string, const Schema*> scalars_;
  std::vector<std::pair<Schema*, const Schema*>> inlines_;
  std::vector<std::pair<Schema*, std::string>> atomics_;
  std::string package_;
  Schema* current_ = nullptr;
};

}  // namespace

TypeLibrary::TypeLibrary(const std::vector<std::string_view>& texts)
    : arena_(std::make_shared<SchemaArena>()) {
  Reader reader(*arena_, types_);
  for (std::string_view text : texts) reader.declare(text);
  for (std::string_view text : texts) reader.define(text);
  reader.finish();
}

const Schema* TypeLibrary::find(std::string_view full_name) const {
  auto it = types_.find(full_name);
  return it == types_.end() ? nullptr : it->second;
}

std::vector<std::string> TypeLibrary::names() const {
  std::vector<std::string> names;
  for (const auto& [name, node] : types_) names.push_back(name);
  return names;
}

SchemaRef TypeLibrary::ref(const Schema& node) const { return arena_->ref(node); }

const TypeLibrary& meta_types() {
  static const TypeLibrary library({meta_types_text()});
  return library;
}

}  // namespace k8s::apiserver
