#include "libk8s/watch/store.hpp"

#include <gtest/gtest.h>

#include <map>

#include "tests/support/sim_loop.hpp"
#include "tests/unit/watch/widget.hpp"

namespace k8s {
namespace {

Widget named(const std::string& name, const std::string& color) {
  Widget made;
  made.meta.ns = "ns";
  made.meta.name = name;
  made.color = color;
  return made;
}

TEST(Store, Put_gives_what_stood_there_before) {
  Store<Widget> store(1);
  EXPECT_EQ(store.put(named("a", "red")), nullptr);
  EXPECT_EQ(store.put(named("a", "blue"))->color, "red");
  EXPECT_EQ(store.find("ns/a")->color, "blue");
  EXPECT_EQ(store.size(), 1u);
}

TEST(Store, Erase_gives_what_it_took) {
  Store<Widget> store(1);
  store.put(named("a", "red"));
  EXPECT_EQ(store.erase("ns/b"), nullptr);
  EXPECT_EQ(store.erase("ns/a")->color, "red");
  EXPECT_EQ(store.find("ns/a"), nullptr);
  EXPECT_EQ(store.size(), 0u);
}

TEST(Store, An_empty_store_finds_nothing) {
  const Store<Widget> store(1);
  EXPECT_EQ(store.find("ns/a"), nullptr);
}

// The oracle is a std::map; few names, so that the same cells are filled and emptied many times.
TEST(Store, Behaves_as_a_map_over_random_puts_and_erases) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    testing::Random random(seed);
    Store<Widget> store(random.next());
    std::map<std::string, std::string> oracle;
    for (int i = 0; i < 3000; ++i) {
      const std::string name = "w" + std::to_string(random.below(150));
      if (random.chance(550)) {
        const std::string color = std::to_string(i);
        const auto before = store.put(named(name, color));
        ASSERT_EQ(before ? before->color : "", oracle[name]);
        oracle[name] = color;
      } else {
        const auto before = store.erase("ns/" + name);
        ASSERT_EQ(before ? before->color : "", oracle[name]);
        oracle.erase(name);
      }
      std::erase_if(oracle, [](const auto& pair) { return pair.second.empty(); });
      ASSERT_EQ(store.size(), oracle.size());
    }
    for (const auto& [name, color] : oracle) ASSERT_EQ(store.find("ns/" + name)->color, color);
    std::size_t visited = 0;
    store.for_each([&](const auto& object) {
      ++visited;
      EXPECT_EQ(oracle.at(object->meta.name), object->color);
    });
    EXPECT_EQ(visited, oracle.size());
  }
}

TEST(Store, The_salt_changes_where_keys_fall) {
  EXPECT_NE(salted_hash("ns/a", 1), salted_hash("ns/a", 2));
  EXPECT_NE(salted_hash("ns/a", 1), salted_hash("ns/b", 1));
  EXPECT_NE(salted_hash("", 1), salted_hash(std::string_view("\0", 1), 1));
}

}  // namespace
}  // namespace k8s
