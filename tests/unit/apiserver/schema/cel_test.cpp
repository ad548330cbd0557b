#include "libk8s/apiserver/schema/cel.hpp"

#include <gmock/gmock.h>

#include "libk8s/apiserver/schema/json_path.hpp"
#include "tests/unit/apiserver/schema/worked.hpp"

namespace k8s::apiserver::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Of the type of `spec` in the examples below.
const TypeRulesRef& rules() {
  static const TypeRulesRef made = custom(R"(
type: object
properties:
  spec:
    type: object
    properties:
      n: {type: integer}
      d: {type: number}
      s: {type: string}
      b: {type: boolean}
      mem: {type: string}
      t: {type: string, format: duration}
      any: {x-kubernetes-int-or-string: true}
      list: {type: array, items: {type: string}}
      set: {type: array, x-kubernetes-list-type: set, items: {type: string}}
      nums: {type: array, items: {type: integer}}
      map: {type: object, additionalProperties: {type: integer}}
      dashed-name: {type: integer}
      parts: {type: array, items: {type: object, properties: {w: {type: integer}}}}
)");
  return made;
}
const Schema& spec_schema() { return *rules()->schema().field("spec")->schema; }

Json spec() {
  return yaml(R"({n: 5, d: 2.5, s: hello, b: true, mem: 1Gi, t: 1h30m, any: 7, list: [a, b, c],
    set: [x, w], nums: [1, 2, 3], map: {a: 1, b: 2}, dashed-name: 4, parts: [{w: 1}, {w: 2}, {}]})");
}

class Holds : public testing::TestWithParam<const char*> {};

TEST_P(Holds, for_the_example) {
  Result<CelProgramRef> program = compile_cel(GetParam(), spec_schema());
  ASSERT_TRUE(program.is_ok()) << program.status().message();
  std::int64_t budget = kCelObjectBudget;
  Json value = spec();
  Result<bool> verdict = evaluate_rule(**program, spec_schema(), value, nullptr, budget);
  ASSERT_TRUE(verdict.is_ok()) << verdict.status().message();
  EXPECT_TRUE(*verdict);
}

INSTANTIATE_TEST_SUITE_P(
    Expressions, Holds,
    testing::Values(
        "self.n == 5", "self.n != 4 && self.n > 4 && self.n >= 5 && self.n < 6 && self.n <= 5",
        "self.n + 2 * 3 == 11", "(self.n + 2) * 3 == 21", "self.n % 2 == 1", "-self.n == -5",
        "self.n / 2 == 2", "self.d * 2.0 == 5.0", "double(self.n) == 5.0", "int(self.d) == 2",
        "int('12') == 12", "string(self.n) == '5'", "string(self.b) == 'true'",
        "self.s + ' world' == \"hello world\"", "self.s.startsWith('he')", "self.s.endsWith('lo')",
        "self.s.contains('ell')", "self.s.matches('^h.*o$')", "!self.s.matches('^x')",
        "size(self.s) == 5 && self.s.size() == 5", "self.s.upperAscii() == 'HELLO'",
        "self.s.substring(1, 3) == 'el'", "self.s.indexOf('l') == 2",
        "'a,b'.split(',') == ['a', 'b']", "['a', 'b'].join('-') == 'a-b'",
        "self.s.replace('l', 'L') == 'heLLo'", "'  x '.trim() == 'x'", "has(self.s)",
        "!has(self.parts[2].w)", "has(self.s) ? self.n == 5 : false", "'b' in self.list",
        "!('z' in self.list)", "'a' in self.map", "self.map['b'] == 2", "self.map.b == 2",
        "self.list[0] == 'a'", "size(self.list) == 3", "self.list == ['a', 'b', 'c']",
        "self.set == ['w', 'x']", "self.nums.all(x, x > 0)", "self.nums.exists(x, x == 2)",
        "self.nums.exists_one(x, x > 2)", "self.nums.map(x, x * 2) == [2, 4, 6]",
        "self.nums.map(x, x > 1, x * 2) == [4, 6]", "self.nums.filter(x, x != 2) == [1, 3]",
        "self.map.all(k, self.map[k] > 0)", "self.nums.sum() == 6", "self.nums.max() == 3",
        "self.nums.isSorted()", "self.parts.all(p, !has(p.w) || p.w > 0)",
        "self.parts.filter(p, has(p.w)).map(p, p.w).sum() == 3", "isQuantity(self.mem)",
        "!isQuantity('x')", "quantity(self.mem).compareTo(quantity('1024Mi')) == 0",
        "quantity(self.mem).isGreaterThan(quantity('1M'))",
        "quantity('1').isLessThan(quantity('2'))",
        "quantity('1500m').add(quantity('500m')).asInteger() == 2", "self.t == duration('90m')",
        "self.t > duration('1h')", "self.t.getMinutes() == 90",
        "timestamp('2026-01-01T00:00:00Z') + duration('1h') > timestamp('2026-01-01T00:30:00Z')",
        "self.any == 7", "self.dashed__dash__name == 4", "{'a': 1}['a'] == 1",
        "[1, 2] + [3] == [1, 2, 3]", "1 in [1, 2]", "true || self.list[9] == ''",
        "self.list[9] == '' || true", "'\\u00e9'.size() == 1", "r'\\d' == '\\\\d'", "0x10 == 16",
        "self.n > 1 // a comment"));

class Fails : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(Fails, to_be_evaluated_with_a_reason) {
  Result<CelProgramRef> program = compile_cel(GetParam().first, spec_schema());
  ASSERT_TRUE(program.is_ok()) << program.status().message();
  std::int64_t budget = kCelObjectBudget;
  Json value = spec();
  Result<bool> verdict = evaluate_rule(**program, spec_schema(), value, nullptr, budget);
  ASSERT_FALSE(verdict.is_ok());
  EXPECT_THAT(verdict.status().message(), HasSubstr(GetParam().second));
}

INSTANTIATE_TEST_SUITE_P(
    Expressions, Fails,
    testing::Values(std::pair{"self.list[3] == ''", "index out of bounds"},
                    std::pair{"self.map['z'] == 1", "no such key: z"},
                    std::pair{"self.parts[2].w == 1", "no such key: w"},
                    std::pair{"self.n / 0 == 1", "division by zero"},
                    std::pair{"9223372036854775807 + self.n > 0", "integer overflow"},
                    std::pair{"quantity(self.s) == quantity('1')", "no quantity"},
                    std::pair{"int(self.s) == 1", "no integer"},
                    std::pair{"self.s.matches('[')", "invalid pattern"}));

class Refused : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(Refused, when_it_is_compiled) {
  Result<CelProgramRef> program = compile_cel(GetParam().first, spec_schema());
  ASSERT_FALSE(program.is_ok());
  EXPECT_THAT(program.status().message(), HasSubstr(GetParam().second));
}

INSTANTIATE_TEST_SUITE_P(
    Expressions, Refused,
    testing::Values(
        std::pair{"self.nope == 1", "at column 6: undefined field 'nope'"},
        std::pair{"other == 1", "undeclared reference to 'other'"},
        std::pair{"self.n == 'x'",
                  "found no matching overload for '_==_' applied to '(int, string)'"},
        std::pair{"self.n.startsWith('x')",
                  "found no matching overload for 'startsWith' applied to '(int, string)'"},
        std::pair{"self.n", "must evaluate to a bool, not to int"},
        std::pair{"self.s.format([1])", "this function is not part of the supported subset of CEL"},
        std::pair{"self.n && true", "expected a bool, found int"},
        std::pair{"self.n ==", "unexpected end"}, std::pair{"(self.n == 1", "expected ')'"},
        std::pair{"self.?n == 1", "optional selection is not supported"},
        std::pair{"b'x' == b'x'", "bytes literals are not supported"},
        std::pair{"has(self)", "has() needs a field selection"},
        std::pair{"'x", "a string is not closed"}, std::pair{"self.n = 1", "unexpected character"},
        std::pair{"self.n.all(x, true)", "cannot be range of a comprehension"},
        std::pair{"self.nums.all(self, true)", "cannot be a variable"}));

TEST(Cel, Metadata_shows_only_its_names) {
  EXPECT_TRUE(compile_cel("self.metadata.name != ''", rules()->schema()).is_ok());
  EXPECT_THAT(compile_cel("has(self.metadata.labels)", rules()->schema()).status().message(),
              HasSubstr("undefined field 'labels'"));
}

TEST(Cel, Nesting_without_end_is_refused_not_followed) {
  EXPECT_FALSE(compile_cel(std::string(5000, '('), spec_schema()).is_ok());
  EXPECT_FALSE(compile_cel(std::string(5000, '!') + "true", spec_schema()).is_ok());
  EXPECT_FALSE(compile_cel(std::string(20000, ' ') + "true", spec_schema()).is_ok());
}

TEST(Cel, An_expression_that_costs_too_much_is_cut_off) {
  Json value = spec();
  value["nums"] = Json::array();
  for (int i = 0; i < 2000; ++i) value["nums"].push_back(i);
  Result<CelProgramRef> program =
      compile_cel("self.nums.all(x, self.nums.all(y, x + y >= 0))", spec_schema());
  ASSERT_TRUE(program.is_ok());
  std::int64_t budget = kCelObjectBudget;
  Result<bool> verdict = evaluate_rule(**program, spec_schema(), value, nullptr, budget);
  ASSERT_FALSE(verdict.is_ok());
  EXPECT_THAT(verdict.status().message(), HasSubstr("running out of cost budget"));
  EXPECT_LT(budget, kCelObjectBudget - kCelCallBudget / 2);
}

std::vector<std::string> judge(const char* schema, Json object, const Json* old = nullptr) {
  TypeRulesRef made = custom(schema);
  made->set_defaults(object);
  return sentences(made->validate(object, old, Part::kMain));
}

constexpr const char* kRuled = R"yaml(
type: object
properties:
  spec:
    type: object
    x-kubernetes-validations:
    - rule: self.min <= self.max
      messageExpression: "'min ' + string(self.min) + ' is above max'"
    - rule: "!has(self.a) || !has(self.b)"
      message: only one of a and b
      reason: FieldValueForbidden
      fieldPath: .b
    properties:
      min: {type: integer, default: 0}
      max: {type: integer, default: 9}
      a: {type: string}
      b: {type: string}
      fixed:
        type: string
        x-kubernetes-validations: [{rule: self == oldSelf, message: cannot change}]
)yaml";

TEST(Rules, A_broken_rule_is_reported_with_its_message_reason_and_place) {
  EXPECT_THAT(judge(kRuled, thing("{min: 10}")),
              ElementsAre("spec: Invalid value: \"object\": min 10 is above max"));
  EXPECT_THAT(judge(kRuled, thing("{a: x, b: z}")),
              ElementsAre("spec.b: Forbidden: only one of a and b"));
  EXPECT_THAT(judge(kRuled, thing("{a: x}")), IsEmpty());
}

TEST(Rules, Transition_rules_look_only_at_changes) {
  Json old = thing("{min: 0, max: 9, fixed: x}");
  EXPECT_THAT(judge(kRuled, thing("{fixed: anything}")), IsEmpty());
  EXPECT_THAT(judge(kRuled, thing("{fixed: x, a: z}"), &old), IsEmpty());
  EXPECT_THAT(judge(kRuled, thing("{fixed: z}"), &old),
              ElementsAre("spec.fixed: Invalid value: \"z\": cannot change"));
}

TEST(Rules, A_rule_that_cannot_be_evaluated_counts_as_broken) {
  EXPECT_THAT(judge(R"(
type: object
properties:
  spec:
    type: object
    x-kubernetes-validations: [{rule: self.a == 'x'}]
    properties: {a: {type: string}}
)",
                    thing("{}")),
              ElementsAre("spec: Invalid value: \"object\": no such key: a evaluating rule: "
                          "self.a == 'x'"));
}

TEST(JsonPaths, Reach_what_printer_columns_ask_for) {
  Json object = yaml(R"({a: {b: [{t: x, v: 1}, {t: w, v: 2}]}, m: {"k.k/k": z}})");
  auto find = [&](const char* text) {
    Json all = Json::array();
    Result<JsonPath> path = JsonPath::parse(text);
    EXPECT_TRUE(path.is_ok()) << text;
    for (const Json* v : path->find(object)) all.push_back(*v);
    return all;
  };
  EXPECT_EQ(find(".a.b[0].v"), Json::array({1}));
  EXPECT_EQ(find(".a.b[-1].v"), Json::array({2}));
  EXPECT_EQ(find(".a.b[*].v"), Json::array({1, 2}));
  EXPECT_EQ(find(".a.b[0:1].v"), Json::array({1}));
  EXPECT_EQ(find(".a.b[?(@.t==\"w\")].v"), Json::array({2}));
  EXPECT_EQ(find(".a.b[?(@.v>1)].t"), Json::array({"w"}));
  EXPECT_EQ(find(".m['k.k/k']"), Json::array({"z"}));
  EXPECT_EQ(find(".m.k\\.k/k"), Json::array({"z"}));
  EXPECT_EQ(find("..v"), Json::array({1, 2}));
  EXPECT_EQ(find("{.a.none}"), Json::array());
  EXPECT_FALSE(JsonPath::parse(".a[").is_ok());
  EXPECT_FALSE(JsonPath::parse("a").is_ok());
}

}  // namespace
}  // namespace k8s::apiserver::test
