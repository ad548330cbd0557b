#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "libk8s/codec/json.hpp"
#include "libk8s/codec/yaml.hpp"

namespace k8s {
namespace {

using nlohmann::json;

TEST(Json, Nesting_deeper_than_the_limit_is_refused_before_parsing) {
  const std::string deep(100'000, '[');
  EXPECT_EQ(parse_json(deep).status().code(), Code::kMalformed);
  const std::string allowed = std::string(200, '[') + std::string(200, ']');
  EXPECT_TRUE(parse_json(allowed).is_ok());
  const std::string one_more = std::string(201, '[') + std::string(201, ']');
  EXPECT_FALSE(parse_json(one_more).is_ok());
  EXPECT_TRUE(parse_json("\"" + deep + "\"").is_ok());
}

TEST(Json, Bad_text_is_an_error_that_does_not_repeat_it) {
  for (const std::string_view text :
       {"", "{", "{\"a\":}", "nul", "[1,]", "\"\xff\"", "1e999", "{} {}"})
    EXPECT_EQ(parse_json(text).status().code(), Code::kMalformed) << text;
  EXPECT_EQ(parse_json("{\"password\": hunter2}").status().message().find("hunter"),
            std::string::npos);
}

TEST(Json, Too_many_bytes_are_refused) {
  EXPECT_FALSE(parse_json("[1,2,3]", {.bytes = 6}).is_ok());
}

TEST(Json, A_wrong_type_reads_as_absent) {
  const json object = json::parse(
      R"({"s":"x","i":7,"f":1.5,"w":2.0,"b":true,"o":{"k":1},"a":[1],"big":18446744073709551615,"n":null})");
  EXPECT_EQ(string_at(object, "s"), "x");
  EXPECT_EQ(string_at(object, "i", "none"), "none");
  EXPECT_EQ(int_at(object, "i"), 7);
  EXPECT_EQ(int_at(object, "f", -1), -1);
  EXPECT_EQ(int_at(object, "w", -1), 2);
  EXPECT_EQ(int_at(object, "big", -1), -1);
  EXPECT_EQ(int_at(object, "s", -1), -1);
  EXPECT_TRUE(bool_at(object, "b"));
  EXPECT_FALSE(bool_at(object, "i"));
  EXPECT_EQ(object_at(object, "o").size(), 1U);
  EXPECT_EQ(object_at(object, "a").size(), 0U);
  EXPECT_EQ(array_at(object, "a").size(), 1U);
  EXPECT_TRUE(array_at(json("text"), "a").empty());
  EXPECT_TRUE(has(object, "n"));
  EXPECT_FALSE(has(object, "zz"));
  ASSERT_NE(find(object, {"o", "k"}), nullptr);
  EXPECT_EQ(find(object, {"s", "k"}), nullptr);
}

json yaml(std::string_view text) {
  auto parsed = parse_yaml(text);
  EXPECT_TRUE(parsed.is_ok()) << parsed.status().to_string();
  return parsed ? *parsed : json();
}

TEST(Yaml, Plain_words_get_types_and_quoted_ones_stay_text) {
  EXPECT_EQ(
      yaml("{a: 1, b: '1', c: true, d: \"true\", e: yes, f: ~, g: , h: 1.5, i: 0644, j: 0x10}"),
      json::parse(
          R"({"a":1,"b":"1","c":true,"d":"true","e":true,"f":null,"g":null,"h":1.5,"i":420,"j":16})"));
  EXPECT_EQ(yaml("a: 1_000")["a"], 1000);
  EXPECT_EQ(yaml("a: v1.2")["a"], "v1.2");
  EXPECT_EQ(yaml("a: 1.2.3")["a"], "1.2.3");
  EXPECT_EQ(yaml("a: -5")["a"], -5);
  EXPECT_EQ(yaml("a: 1e3")["a"], 1000.0);
  EXPECT_EQ(yaml("a: .inf")["a"], ".inf");
  EXPECT_EQ(yaml("a: 2026-01-01")["a"], "2026-01-01");
  EXPECT_EQ(yaml("a: !!str 5")["a"], "5");
  EXPECT_EQ(yaml("a: 100m")["a"], "100m");
  EXPECT_EQ(yaml("a: |\n  two\n  lines\n")["a"], "two\nlines\n");
}

TEST(Yaml, Aliases_and_merge_keys_are_followed) {
  EXPECT_EQ(yaml("base: &b {x: 1, y: 2}\nmine: {<<: *b, y: 3}\n")["mine"],
            json::parse(R"({"x":1,"y":3})"));
}

TEST(Yaml, Several_documents_come_in_order_and_empty_ones_are_left_out) {
  const auto documents = parse_yaml_documents("---\na: 1\n---\n# nothing\n---\nb: 2\n");
  ASSERT_TRUE(documents.is_ok());
  EXPECT_EQ(documents->size(), 2U);
  EXPECT_FALSE(parse_yaml("a: 1\n---\nb: 2\n").is_ok());
  EXPECT_TRUE(parse_yaml("")->is_null());
}

TEST(Yaml, Own_keys_win_over_merged_ones_whichever_are_more) {
  EXPECT_EQ(yaml("b: &b {x: 1, y: 2, z: 3}\nm: {<<: *b, y: 9}\n")["m"],
            json::parse(R"({"x":1,"y":9,"z":3})"));
  EXPECT_EQ(yaml("b: &b {y: 2}\nm: {<<: *b, x: 1, y: 9, z: 3}\n")["m"],
            json::parse(R"({"x":1,"y":9,"z":3})"));
  EXPECT_EQ(yaml("a: &a {x: 1}\nb: &b {x: 2, y: 2}\nm: {<<: [*a, *b]}\n")["m"],
            json::parse(R"({"x":1,"y":2})"));
}

// `levels` lists of ten aliases of the list before.
std::string alias_bomb(int levels) {
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < levels; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int k = 0; k < 10; ++k) bomb += (k > 0 ? "," : "") + before;
    bomb += "]\n";
  }
  return bomb;
}

TEST(Yaml, A_small_text_whose_aliases_multiply_is_refused_before_anything_is_built) {
  EXPECT_TRUE(parse_yaml(alias_bomb(3)).is_ok());
  for (const int levels : {5, 6, 9, 60}) {
    const Status refused = parse_yaml(alias_bomb(levels)).status();
    EXPECT_EQ(refused.code(), Code::kMalformed) << levels;
    EXPECT_NE(refused.message().find("with its aliases written out it comes to more than"),
              std::string::npos)
        << refused.message();
  }
  // A bound that does not grow with the text.
  std::string items;
  for (int i = 0; i < 300; ++i) items += "a,";
  const std::string many = "[" + items + "]";
  EXPECT_TRUE(parse_yaml(many, {.most_values = 301}).is_ok());
  EXPECT_EQ(parse_yaml(many, {.most_values = 300}).status().code(), Code::kMalformed);
  // The same with few values and much text.
  std::string wide = "a: &a \"" + std::string(10'000, 'x') + "\"\nb: [";
  for (int i = 0; i < 1000; ++i) wide += "*a, ";
  EXPECT_EQ(parse_yaml(wide + "]").status().code(), Code::kMalformed);
}

TEST(Yaml, An_alias_of_what_it_stands_in_is_refused) {
  for (const char* text : {"&a [*a]", "a: &a {b: [*a]}", "&a {<<: *a}"})
    EXPECT_EQ(parse_yaml(text).status().code(), Code::kMalformed) << text;
}

TEST(Yaml, A_large_text_is_read_with_and_without_aliases) {
  std::string text = "base: &base {cpu: 1, memory: 2Gi}\nitems:\n";
  for (int i = 0; i < 4'000; ++i) text += "- {name: n" + std::to_string(i) + ", size: 12}\n";
  for (int i = 0; i < 500; ++i) text += "- {resources: *base}\n";
  const auto parsed = parse_yaml(text);
  ASSERT_TRUE(parsed.is_ok()) << parsed.status().message();
  EXPECT_EQ((*parsed)["items"].size(), 4'500u);
  EXPECT_EQ((*parsed)["items"].back()["resources"]["memory"], "2Gi");
}

TEST(Yaml, Deep_nesting_and_bad_text_are_refused) {
  for (const int depth : {201, 5'000, 200'000})
    EXPECT_EQ(parse_yaml(std::string(static_cast<std::size_t>(depth), '[')).status().code(),
              Code::kMalformed);
  for (const std::string_view text :
       {"a: [1", "a: 'x", "? [1]: 2", "a: *none", "a: 1\na: 2", "\t- x"})
    EXPECT_EQ(parse_yaml(text).status().code(), Code::kMalformed) << text;
  std::string blocks;
  for (std::size_t i = 0; i < 3000; ++i) blocks += std::string(i, ' ') + "a:\n";
  EXPECT_EQ(parse_yaml(blocks).status().code(), Code::kMalformed);
}

TEST(Yaml, A_text_before_which_the_parser_stands_still_is_refused) {
  for (const char* text : {",", "a\n---\n,", ", ,"}) {
    EXPECT_EQ(parse_yaml_documents(text).status().code(), Code::kMalformed) << text;
  }
  EXPECT_EQ(parse_yaml_documents("a: 1\n---\nb: 2\n...\n---\nc: 3\n")->size(), 3u);
}

}  // namespace
}  // namespace k8s
