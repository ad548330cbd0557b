// Few: whether its entries lie inside or beside it makes no difference.
#include "scheduler/state/few.hpp"

#include <gtest/gtest.h>

namespace sched {
namespace {

using List = Few<int, 2>;

List of(std::initializer_list<int> values) { return List(values); }

TEST(Few, Entries_are_put_in_and_taken_out_anywhere_however_many_they_are) {
  List list;
  list.push_back(3);
  list.insert(list.begin(), 1);
  EXPECT_EQ(list, of({1, 3}));
  list.insert(list.begin() + 1, 2);
  EXPECT_EQ(list, of({1, 2, 3}));
  for (int i = 4; i < 20; ++i) list.push_back(i);
  EXPECT_EQ(list.size(), 19u);
  EXPECT_EQ(list.back(), 19);
  while (list.size() > 2) list.erase(list.begin());
  EXPECT_EQ(list, of({18, 19}));
  list.clear();
  EXPECT_TRUE(list.empty());
}

TEST(Few, A_copy_is_its_own_and_who_was_moved_from_is_empty) {
  for (const List& list : {of({1, 2}), of({1, 2, 3, 4})}) {
    List copy = list;
    copy[0] = 7;
    EXPECT_EQ(list[0], 1);
    copy = list;
    EXPECT_EQ(copy, list);
    const List moved = std::move(copy);
    EXPECT_EQ(moved, list);
    copy = of({5});
    EXPECT_EQ(copy, of({5}));
  }
}

TEST(Few, Begins_with_as_many_as_it_is_told) {
  EXPECT_EQ(List(1), of({0}));
  EXPECT_EQ(List(3), of({0, 0, 0}));
}

}  // namespace
}  // namespace sched
