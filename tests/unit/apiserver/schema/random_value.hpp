// Random values from a seed: of a schema's type, or of no type at all.
#pragma once

#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "libk8s/apiserver/schema/schema.hpp"

namespace k8s::apiserver::test {

class RandomValue {
 public:
  explicit RandomValue(unsigned seed) : engine_(seed) {}

  unsigned below(unsigned n) { return static_cast<unsigned>(engine_() % n); }

  // A value of the schema's type. Objects hold about half of their properties.
  Json of(const Schema& schema, int depth) {
    switch (schema.type) {
      case Type::kObject: {
        Json object = Json::object();
        for (const auto& [key, field] : schema.properties) {
          if (below(2) == 0 && depth < 7) object[key] = of(*field.schema, depth + 1);
        }
        return object;
      }
      case Type::kMap: {
        Json map = Json::object();
        for (unsigned i = 0; i <= below(2); ++i) map[word()] = of(*schema.items, depth + 1);
        return map;
      }
      case Type::kArray: {
        Json list = Json::array();
        for (unsigned i = 0; i <= below(2); ++i) list.push_back(of(*schema.items, depth + 1));
        return list;
      }
      case Type::kInteger:
        return schema.format == "int32" ? std::int64_t{below(1000)} - 500
                                        : static_cast<std::int64_t>(engine_()) * 1000;
      case Type::kNumber:
        return 0.5;
      case Type::kBoolean:
        return below(2) == 0;
      case Type::kIntOrString:
        return below(2) == 0 ? Json(word()) : Json(std::int64_t{below(100)});
      case Type::kAny:
        return Json{{word(), anything(2)}};
      case Type::kString:
        return text(schema.format);
    }
    return nullptr;
  }

  // Any JSON at all.
  Json anything(int depth) {
    switch (below(depth > 0 ? 8 : 6)) {
      case 0:
        return nullptr;
      case 1:
        return below(2) == 0;
      case 2:
        return static_cast<std::int64_t>(engine_()) - (std::int64_t{1} << 31);
      case 3:
        return 1.5 * below(1000);
      case 4:
        return word();
      case 5:
        return std::uint64_t{18446744073709551615ULL};
      case 6: {
        Json list = Json::array();
        for (unsigned i = 0; i < below(4); ++i) list.push_back(anything(depth - 1));
        return list;
      }
      default: {
        Json object = Json::object();
        for (unsigned i = 0; i < below(4); ++i) object[word()] = anything(depth - 1);
        return object;
      }
    }
  }

  std::string word() {
    static const char* const kWords[] = {
        "a",      "name", "spec", "metadata", "containers", "$patch", "x.y",    "delete",
        "labels", "k/é",  "",     "0",        "kind",       "1Gi",    "status", "finalizers"};
    return kWords[below(16)];
  }

 private:
  Json text(const std::string& format) {
    if (format == "quantity") return std::to_string(below(100)) + "m";
    if (format == "date-time") return "2026-01-02T03:04:0" + std::to_string(below(10)) + "Z";
    if (format == "micro-time")
      return "2026-01-02T03:04:05.00000" + std::to_string(below(10)) + "Z";
    if (format == "byte") return below(2) == 0 ? "YWI=" : "YWJj";
    return word();
  }

  std::mt19937 engine_;
};

}  // namespace k8s::apiserver::test
