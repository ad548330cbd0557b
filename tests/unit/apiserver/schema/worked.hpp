// What the worked examples of the API server's pure half share: objects written as YAML.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "libk8s/apiserver/kinds/kinds.hpp"
#include "libk8s/apiserver/schema/crd.hpp"
#include "libk8s/codec/yaml.hpp"

namespace k8s::apiserver::test {

inline Json yaml(std::string_view text) {
  Result<Json> value = k8s::parse_yaml(text);
  EXPECT_TRUE(value.is_ok()) << value.status().to_string() << "\n" << text;
  return value ? *value : Json();
}

// The sentences of errors, as a person reads them.
inline std::vector<std::string> sentences(const FieldErrors& errors) {
  std::vector<std::string> all;
  for (const FieldError& e : errors) all.push_back(e.message());
  return all;
}

inline TypeRulesRef rules_of(const Json& object) {
  return kinds::rules(object.value("apiVersion", ""), object.value("kind", ""));
}

// An object as the server stores it after a create.
inline Json created(std::string_view text) {
  Json object = yaml(text);
  TypeRulesRef rules = rules_of(object);
  EXPECT_TRUE(rules->decode(object, nullptr).is_ok());
  rules->prepare(object, nullptr, Part::kMain);
  rules->set_defaults(object);
  return object;
}

// What is wrong with a new object of a built-in kind.
inline std::vector<std::string> refusals(std::string_view text) {
  Json object = created(text);
  return sentences(rules_of(object)->validate(object, nullptr, Part::kMain));
}

// Rules of a custom resource from the schema of its spec and status.
inline TypeRulesRef custom(std::string_view schema, bool namespaced = true) {
  Result<TypeRulesRef> rules =
      compile_schema(yaml(schema), "example.com", "v1", "Thing", namespaced, true);
  EXPECT_TRUE(rules.is_ok()) << rules.status().to_string();
  return rules ? *rules : nullptr;
}

inline Json thing(std::string_view spec) {
  return {{"apiVersion", "example.com/v1"},
          {"kind", "Thing"},
          {"metadata", {{"name", "a"}, {"namespace", "default"}}},
          {"spec", yaml(spec)}};
}

}  // namespace k8s::apiserver::test
