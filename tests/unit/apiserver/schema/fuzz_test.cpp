// Random input never crashes anything, and what must hold for every input holds. A failure prints
// the seed that makes it again.
#include <gtest/gtest.h>

#include "libk8s/apiserver/openapi/openapi.hpp"
#include "libk8s/apiserver/patch/apply.hpp"
#include "libk8s/apiserver/patch/patch.hpp"
#include "libk8s/apiserver/protobuf/protobuf.hpp"
#include "libk8s/apiserver/schema/cel.hpp"
#include "libk8s/apiserver/schema/decode.hpp"
#include "libk8s/apiserver/schema/json_path.hpp"
#include "libk8s/apiserver/table/table.hpp"
#include "tests/unit/apiserver/schema/random_value.hpp"
#include "tests/unit/apiserver/schema/worked.hpp"

namespace k8s::apiserver::test {
namespace {

constexpr unsigned kSeeds = 300;

// A value of the type with some parts put out of shape.
Json bent(RandomValue& random, const Schema& schema) {
  Json value = random.of(schema, 0);
  for (unsigned i = 0; i < 3; ++i) {
    Json* at = &value;
    while (at->is_structured() && !at->empty() && random.below(4) != 0) {
      auto it = at->begin();
      std::advance(it, random.below(static_cast<unsigned>(at->size())));
      at = &*it;
    }
    if (at != &value) *at = random.anything(3);
  }
  return value;
}

TEST(Fuzz, Built_in_rules_take_or_refuse_anything) {
  for (unsigned seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomValue random(seed);
    const kinds::Kind& kind = kinds::all()[seed % kinds::all().size()];
    TypeRulesRef rules = kinds::rules(kind);
    Json object = bent(random, rules->schema()), old = random.of(rules->schema(), 0);
    Notes notes;
    if (!rules->decode(object, &notes).is_ok()) continue;
    rules->prepare(object, random.below(2) == 0 ? nullptr : &old, Part::kMain);
    rules->set_defaults(object);
    Json again = object;
    rules->set_defaults(again);
    EXPECT_EQ(again, object);
    (void)rules->validate(object, nullptr, Part::kMain);
    (void)rules->validate(object, &old, Part::kStatus);
    (void)table::table(*table::printer(kind), {&object, &old}, Json(), table::Include::kMetadata,
                       WallTime{});
    if (kind.protobuf) (void)protobuf::encode(object);
  }
}

TEST(Fuzz, Patches_take_or_refuse_anything) {
  const Schema& pod = kinds::rules("v1", "Pod")->schema();
  for (unsigned seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomValue random(seed);
    Json object = random.of(pod, 0), change = bent(random, pod);
    (void)patch::merge_patch(object, change);
    Result<Json> merged = patch::strategic_merge(object, change, pod);
    (void)patch::json_patch(object, random.anything(4));
    (void)patch::strategic_merge(random.anything(4), random.anything(4), pod);
    (void)patch::apply(&object, change, pod, {"m", "v1", "", "t"}, random.below(2) == 0);
    Json fresh = merged ? *merged : change;
    patch::track_update(&object, fresh, pod, {"m", "v1", "", "t"});
  }
}

TEST(Fuzz, An_apply_is_idempotent_and_a_merge_with_itself_changes_nothing) {
  const Schema& pod = kinds::rules("v1", "Pod")->schema();
  for (unsigned seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomValue random(seed);
    Json config = random.of(pod, 0);
    config["metadata"]["name"] = "a";
    config["metadata"].erase("managedFields");
    Result<patch::Applied> once = patch::apply(nullptr, config, pod, {"m", "v1", "", "1"}, true);
    if (!once) continue;  // a list with a key twice
    Result<patch::Applied> twice =
        patch::apply(once->object.get(), config, pod, {"m", "v1", "", "2"}, false);
    ASSERT_TRUE(twice.is_ok());
    ASSERT_NE(twice->object, nullptr);
    EXPECT_EQ(*twice->object, *once->object);
  }
}

TEST(Fuzz, Definitions_are_compiled_or_refused) {
  const Schema& crd = kinds::rules("apiextensions.k8s.io/v1", "CustomResourceDefinition")->schema();
  for (unsigned seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomValue random(seed);
    Json object = bent(random, crd);
    (void)crd_errors(object, nullptr);
    (void)compile_crd(object);
    (void)crd_status(object, "now", "");
    if (seed % 20 == 0) (void)openapi::Documents(std::vector<Json>{object}).v2_protobuf();
  }
}

TEST(Fuzz, Texts_of_every_sort_are_read_or_refused) {
  static constexpr std::string_view kPieces[] = {
      "self", ".",   "(", ")",  "[",    "]",    "all", ",",   "x",   "==",     "&&", "1",
      "'a'",  "has", "?", ":",  "in",   "{",    "}",   "-",   "!",   "\"",     "\\", "..",
      "[?(@", ")]",  "*", "\n", "size", "true", "n",   "map", "1.5", "$patch", "%",  "||"};
  static const Schema any;
  for (unsigned seed = 1; seed <= 3000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomValue random(seed);
    std::string text;
    for (unsigned i = 0; i < 1 + random.below(14); ++i) text += kPieces[random.below(34)];
    if (Result<JsonPath> path = JsonPath::parse(text)) (void)path->find(random.anything(4));
    (void)parse_json(text);
    (void)parse_yaml(text);
    Result<CelProgramRef> program = compile_cel(text, any);
    if (!program) continue;
    std::int64_t budget = 10'000;
    Json self = random.anything(4);
    (void)evaluate_rule(**program, any, self, nullptr, budget);
  }
}

}  // namespace
}  // namespace k8s::apiserver::test
