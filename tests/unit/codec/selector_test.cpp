#include "libk8s/codec/selector.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace k8s {
namespace {

using Labels = std::map<std::string, std::string>;

bool matches(std::string_view selector, const Labels& labels) {
  auto parsed = LabelSelector::parse(selector);
  EXPECT_TRUE(parsed.is_ok()) << selector << ": " << parsed.status().to_string();
  return parsed && parsed->matches(labels);
}

TEST(LabelSelector, Every_operator_matches_as_the_API_does) {
  const Labels labels = {{"app", "web"}, {"tier", "front"}, {"rank", "7"}, {"empty", ""}};
  EXPECT_TRUE(matches("", labels));
  EXPECT_TRUE(matches("app=web", labels));
  EXPECT_TRUE(matches("app==web,tier=front", labels));
  EXPECT_FALSE(matches("app=web,tier=back", labels));
  EXPECT_TRUE(matches("app!=db", labels));
  EXPECT_TRUE(matches("app in (db, web)", labels));
  EXPECT_FALSE(matches("app notin (db,web)", labels));
  EXPECT_TRUE(matches("app", labels));
  EXPECT_FALSE(matches("!app", labels));
  EXPECT_TRUE(matches("!absent", labels));
  EXPECT_TRUE(matches("rank>6,rank<8", labels));
  EXPECT_FALSE(matches("rank>7", labels));
  EXPECT_TRUE(matches("empty=", labels));
  EXPECT_TRUE(matches("in in (x,y)", {{"in", "y"}}));
  EXPECT_TRUE(matches("example.com/a-b_c.d=v1.2", {{"example.com/a-b_c.d", "v1.2"}}));
}

TEST(LabelSelector, Not_equal_and_notin_hold_where_the_label_is_absent) {
  EXPECT_TRUE(matches("app!=web", {}));
  EXPECT_TRUE(matches("app notin (web)", {}));
  EXPECT_FALSE(matches("app in (web)", {}));
  EXPECT_FALSE(matches("rank>1", {{"rank", "many"}}));
}

TEST(LabelSelector, What_cannot_be_read_is_refused) {
  for (const std::string_view text :
       {"a=b,", ",a", "a in", "a in (", "a in (x", "a in x", "a=b c", "=b", "!", "a>x", "a=-b",
        "-a=b", "a/b/c=d", "UPPER.com/x=1", "a=b=c", "a in (x y)", "a<>b"})
    EXPECT_EQ(LabelSelector::parse(text).status().code(), Code::kInvalid) << text;
}

TEST(LabelSelector, The_text_form_reads_back_as_the_same_selector) {
  for (const std::string_view text :
       {"a=b", "a!=b", "a in (b,c)", "a notin (b,c)", "a", "!a", "a>5", "a<5", "a=,b"}) {
    const auto first = *LabelSelector::parse(text);
    EXPECT_EQ(LabelSelector::parse(first.to_string())->requirements(), first.requirements())
        << text;
  }
}

TEST(LabelSelector, The_object_form_means_the_same) {
  const auto selector = LabelSelector::from_json(nlohmann::json::parse(R"({
    "matchLabels": {"app": "web"},
    "matchExpressions": [{"key": "zone", "operator": "In", "values": ["b", "a"]},
                         {"key": "old", "operator": "DoesNotExist"}]})"));
  ASSERT_TRUE(selector.is_ok());
  EXPECT_TRUE(selector->matches({{"app", "web"}, {"zone", "a"}}));
  EXPECT_FALSE(selector->matches({{"app", "web"}, {"zone", "a"}, {"old", ""}}));
  EXPECT_TRUE(selector->matches_json({{"app", "web"}, {"zone", "b"}}));
  EXPECT_FALSE(selector->matches_json(nlohmann::json("text")));
  EXPECT_FALSE(
      LabelSelector::from_json(
          nlohmann::json::parse(R"({"matchExpressions": [{"key": "a", "operator": "Near"}]})"))
          .is_ok());
  EXPECT_FALSE(LabelSelector::from_json(
                   nlohmann::json::parse(
                       R"({"matchExpressions": [{"key": "a", "operator": "In", "values": []}]})"))
                   .is_ok());
}

TEST(FieldSelector, Terms_are_compared_and_escapes_undone) {
  const auto selector =
      FieldSelector::parse("metadata.name=a\\,b,spec.nodeName!=n1,status.phase==Running");
  ASSERT_TRUE(selector.is_ok());
  const std::vector<FieldRequirement> expected = {{"metadata.name", "a,b", false},
                                                  {"spec.nodeName", "n1", true},
                                                  {"status.phase", "Running", false}};
  EXPECT_EQ(selector->requirements(), expected);
  const auto object = [](const std::string& field) -> std::optional<std::string> {
    if (field == "metadata.name") return "a,b";
    if (field == "status.phase") return "Running";
    return std::nullopt;
  };
  EXPECT_TRUE(selector->matches(object));
  EXPECT_FALSE(FieldSelector::parse("spec.nodeName=n1")->matches(object));
  EXPECT_TRUE(FieldSelector::parse("spec.nodeName=")->matches(object));
}

TEST(FieldSelector, What_cannot_be_read_is_refused) {
  for (const std::string_view text : {"a", "=b", "!=b", "a=b=c", "a=b\\", "a=\\x"})
    EXPECT_EQ(FieldSelector::parse(text).status().code(), Code::kInvalid) << text;
}

}  // namespace
}  // namespace k8s
