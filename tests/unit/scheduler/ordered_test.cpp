#include "scheduler/state/ordered.hpp"

#include <gtest/gtest.h>

#include <set>

namespace sched {
namespace {

TEST(Ordered, Agrees_with_a_sorted_set_over_many_inserts_and_erases) {
  Ordered<int> list;
  std::set<int> model;
  std::uint64_t state = 7;
  const auto random = [&] {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return static_cast<int>(state >> 33) % 5000;
  };
  for (int i = 0; i < 20'000; ++i) {
    const int value = random();
    const bool grow = i < 8000 || i % 3 == 0;
    if (grow && model.insert(value).second) list.insert(value, std::less<>());
    if (!grow) {
      EXPECT_EQ(list.erase(value, std::less<>()), model.erase(value) == 1);
    }
  }
  ASSERT_EQ(list.size(), model.size());
  auto at = list.begin();
  std::size_t rank = 0;
  for (const int value : model) {
    ASSERT_FALSE(list.at_end(at));
    EXPECT_EQ(list.get(at), value);
    EXPECT_EQ(list.rank(at), rank++);
    at = list.next(at);
  }
  EXPECT_TRUE(list.at_end(at));
}

TEST(Ordered, An_empty_list_takes_its_first_entry_and_becomes_empty_again) {
  Ordered<int> list;
  EXPECT_TRUE(list.at_end(list.begin()));
  EXPECT_FALSE(list.erase(3, std::less<>()));
  list.insert(3, std::less<>());
  EXPECT_EQ(list.front(), 3);
  EXPECT_TRUE(list.erase(3, std::less<>()));
  EXPECT_TRUE(list.empty());
  EXPECT_TRUE(list.at_end(list.lower_bound([](int) { return true; })));
}

}  // namespace
}  // namespace sched
