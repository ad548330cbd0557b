// Preemption by example: who is asked to stop for whom, what is kept for whom, and how long one is
// safe.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "scheduler/audit/audit.hpp"
#include "scheduler/preempt/guarantee.hpp"
#include "scheduler/preempt/holds.hpp"
#include "scheduler/preempt/promise.hpp"
#include "scheduler/preempt/victims.hpp"
#include "scheduler/state/digest.hpp"
#include "tests/unit/scheduler/worlds.hpp"

namespace sched::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::int64_t kHour = 3600 * kSecond;
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();

// --- the guarantee

TEST(Guarantee, Each_preemption_halves_it_down_to_the_floor) {
  const std::int64_t two_hours = 2 * kHour, floor = 60 * kSecond;
  EXPECT_EQ(guarantee_ns(two_hours, 0, floor), two_hours);
  EXPECT_EQ(guarantee_ns(two_hours, 1, floor), kHour);
  EXPECT_EQ(guarantee_ns(two_hours, 6, floor), 112'500'000'000) << "7200 s / 64 = 112.5 s";
  EXPECT_EQ(guarantee_ns(two_hours, 7, floor), floor) << "56.25 s is below the floor";
  EXPECT_EQ(guarantee_ns(two_hours, 62, floor), floor);
}

TEST(Guarantee, It_is_never_longer_than_what_was_stated) {
  EXPECT_EQ(guarantee_ns(30 * kSecond, 0, 60 * kSecond), 30 * kSecond);
  EXPECT_EQ(guarantee_ns(30 * kSecond, 5, 60 * kSecond), 30 * kSecond);
  EXPECT_EQ(guarantee_ns(0, 3, 60 * kSecond), 0);
}

TEST(Guarantee, Halves_are_rounded_down_and_no_floor_lets_them_vanish) {
  EXPECT_EQ(guarantee_ns(7, 1, 0), 3);
  EXPECT_EQ(guarantee_ns(7, 3, 0), 0);
}

TEST(Guarantee, Any_input_has_an_answer) {
  EXPECT_EQ(guarantee_ns(kMost, 0, kMost), kMost);
  EXPECT_EQ(guarantee_ns(kMost, 62, 0), 1) << "2^63 - 1 halved 62 times";
  EXPECT_EQ(guarantee_ns(kMost, 63, 0), 0);
  EXPECT_EQ(guarantee_ns(kMost, kMost, 5), 5);
  EXPECT_EQ(guarantee_ns(kLeast, kLeast, kLeast), 0);
  EXPECT_EQ(guarantee_ns(10, -1, kLeast), 10);
  EXPECT_EQ(later(Time{kMost - 1}, 5), Time{kMost});
  EXPECT_EQ(later(Time{3}, -5), Time{3});
}

// --- a small cluster: queues hi, med and low; n1 and n2 with 8 GPUs each

class Preempt : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"n1", "n2"}) feed(NodeUpsert{node(name)});
    for (const auto& [name, tier] : {std::pair{"hi", Tier::kHigh}, std::pair{"med", Tier::kMedium},
                                     std::pair{"low", Tier::kLow}}) {
      feed(QueueUpsert{queue(name, tier)});
    }
  }
  void feed(const Delta& d) {
    state.apply(d);
    auditor.apply(d);
  }
  // Runs since second `since`, one Pod on each of these nodes.
  void runs(Task t, std::vector<std::string> nodes, std::int64_t since = 0) {
    t.groups[0].count = static_cast<std::int64_t>(nodes.size());
    feed(TaskUpsert{t});
    feed(Assume{t.uid, 0, {std::move(nodes)}});
    feed(Confirm{t.uid, Time{since * kSecond}});
  }
  Task medium(const std::string& uid, std::int64_t gpus, std::int64_t safe_until) {
    Task t = task(uid, "med", 1, gpus);
    t.guarantee_until.ns = safe_until * kSecond;
    return t;
  }
  // The answer for `uid` now; its state and its audit are checked along the way.
  std::optional<Preemption> ask(const std::string& uid) {
    state.advance(now);
    const std::uint64_t before = digest(state);
    std::int64_t looked = 0;
    Overlay overlay(state);
    auto found = find_preemption(state, state.find(uid), now, overlay, looked);
    EXPECT_EQ(digest(state), before);
    if (found) {
      EXPECT_THAT(audit(*found), IsEmpty());
    }
    return found;
  }
  std::vector<std::string> victims(const std::string& uid) {
    const auto found = ask(uid);
    return found ? found->victims : std::vector<std::string>{"(none)"};
  }
  std::vector<std::string> audit(const Preemption& p) {
    Plan plan;
    plan.preemptions = {p};
    return auditor.check(plan, now);
  }
  void wants(const std::string& uid, const std::string& queue, std::int64_t count,
             std::int64_t gpus) {
    feed(TaskUpsert{task(uid, queue, count, gpus)});
  }
  std::int64_t held(const std::string& node) {
    std::int64_t gpus = 0;
    state.advance(now);
    for (const auto& [holder, room] : state.held_rooms) {
      for (const auto& [at, amounts] : room.booked) {
        if (state.cluster.node(at).node.name != node) continue;
        gpus += state.names.resources(amounts).extended_amount("nvidia.com/gpu");
      }
    }
    return gpus;
  }

  State state;
  Auditor auditor;
  Time now{10'000 * kSecond};
};

TEST_F(Preempt, Low_yields_to_medium_and_the_placement_is_named) {
  runs(task("l1", "low", 1, 8), {"n1"});
  runs(task("l2", "low", 1, 8), {"n2"});
  wants("m", "med", 2, 8);
  const auto found = ask("m");
  ASSERT_TRUE(found);
  EXPECT_THAT(found->victims, ElementsAre("l1", "l2"));
  EXPECT_THAT(found->placement.nodes, ElementsAre("n1", "n2"));
}

TEST_F(Preempt, Low_preempts_nobody) {
  runs(task("l1", "low", 1, 8), {"n1"});
  runs(task("l2", "low", 1, 8), {"n2"});
  wants("l3", "low", 1, 8);
  EXPECT_FALSE(ask("l3"));
}

TEST_F(Preempt, Medium_is_safe_for_its_guarantee_and_then_yields_to_high_alone) {
  runs(medium("a", 8, 10'000), {"n1"});
  runs(medium("b", 8, 20'000), {"n2"});
  wants("h", "hi", 1, 8);
  wants("m", "med", 1, 8);
  EXPECT_THAT(victims("h"), ElementsAre("a"));
  EXPECT_FALSE(ask("m"));
  now.ns -= 1;
  EXPECT_FALSE(ask("h")) << "a nanosecond before the guarantee ends";
}

TEST_F(Preempt, Medium_that_starts_or_has_no_end_of_guarantee_recorded_is_safe) {
  runs(medium("a", 8, 0), {"n1"});
  feed(TaskUpsert{medium("b", 8, 1)});
  feed(Assume{"b", 0, {{"n2"}}});
  wants("h", "hi", 1, 8);
  EXPECT_FALSE(ask("h"));
  feed(Confirm{"b", Time{2 * kSecond}});
  EXPECT_THAT(victims("h"), ElementsAre("b"));
}

TEST_F(Preempt, High_is_never_touched_unless_it_said_so) {
  runs(task("a", "hi", 1, 8), {"n1"});
  Task b = task("b", "hi", 1, 8);
  b.preemptible = true;
  runs(b, {"n2"});
  wants("h", "hi", 1, 8);
  EXPECT_THAT(victims("h"), ElementsAre("b"));
  wants("m", "med", 1, 8);
  EXPECT_FALSE(ask("m"));
}

TEST_F(Preempt, Of_two_preemptible_high_tasks_only_the_later_one_yields) {
  Task a = task("a", "hi", 2, 8, 100), b = task("b", "hi", 2, 8, 200);
  a.preemptible = b.preemptible = true;
  runs(a, {"n1", "n2"});
  feed(TaskUpsert{b});
  EXPECT_FALSE(ask("b")) << "else a and b would take turns";
  feed(Reject{"a", "", {}});
  runs(b, {"n1", "n2"});
  EXPECT_THAT(victims("a"), ElementsAre("b"));
}

TEST_F(Preempt, Nobody_but_low_is_preempted_twice_within_the_cooldown) {
  Task a = medium("a", 8, 9'990);
  a.last_preempted.ns = now.ns - 59 * kSecond;  // the queue's cooldown is 60 s
  runs(a, {"n1"});
  wants("h", "hi", 2, 8);
  runs(task("l", "low", 1, 8), {"n2"});
  EXPECT_FALSE(ask("h"));
  now.ns += kSecond;
  EXPECT_THAT(victims("h"), ElementsAre("l", "a"));
}

TEST_F(Preempt, Victims_are_lowest_tier_then_longest_overdue_then_least_work_lost) {
  feed(NodeUpsert{node("n3")});
  runs(medium("just", 8, 9'999), {"n1"});
  runs(medium("long", 8, 5'000), {"n2"});
  runs(task("old", "low", 1, 4), {"n3"}, 1'000);
  runs(task("new", "low", 1, 4), {"n3"}, 9'000);
  wants("h", "hi", 1, 4);
  EXPECT_THAT(victims("h"), ElementsAre("new")) << "4 GPUs x 1,000 s before 4 x 9,000 s";
  wants("h2", "hi", 2, 8);
  EXPECT_THAT(victims("h2"), ElementsAre("new", "old", "long"));
}

TEST_F(Preempt, What_is_in_a_checkpoint_is_not_lost) {
  Task saves = task("saves", "low", 1, 8);
  saves.checkpoint_every_ns = 3'000 * kSecond;
  runs(saves, {"n1"}, 9'100);  // 100 s after its third checkpoint
  runs(task("new", "low", 1, 8), {"n2"}, 200);
  wants("h", "hi", 1, 8);
  EXPECT_THAT(victims("h"), ElementsAre("saves")) << "8 GPUs x 100 s before 8 x 200 s";
}

TEST_F(Preempt, Whoever_is_not_needed_after_all_is_put_back) {
  runs(task("x", "low", 1, 2), {"n1"}, 9'999);  // first in the order
  runs(task("y", "low", 1, 2), {"n2"}, 9'000);
  runs(task("z", "hi", 1, 6), {"n1"});
  wants("h", "hi", 1, 8);
  EXPECT_THAT(victims("h"), ElementsAre("y")) << "n1 has z, which stays";
}

TEST_F(Preempt, A_gang_goes_as_a_whole) {
  runs(task("g", "low", 2, 8), {"n1", "n2"});
  wants("h", "hi", 1, 8);
  EXPECT_THAT(victims("h"), ElementsAre("g"));
}

TEST_F(Preempt, Pods_that_were_seen_leave_as_well_as_those_that_were_not) {
  runs(task("g", "low", 2, 8), {"n1", "n2"});
  feed(PodUpsert{"p0", "n1", amounts(8, 1, 1, 1), "g", 0, 0});
  feed(PodUpsert{"foreign", "n2", amounts(1, 1, 1, 1), "", 0, 0});
  wants("h", "hi", 1, 8);
  const auto found = ask("h");
  ASSERT_TRUE(found);
  EXPECT_THAT(found->placement.nodes, ElementsAre("n1")) << "the foreign Pod stays on n2";
}

TEST_F(Preempt, No_proof_no_eviction) {
  runs(task("l", "low", 1, 8), {"n1"});
  runs(task("z", "hi", 1, 1), {"n2"});
  wants("h", "hi", 2, 8);
  EXPECT_FALSE(ask("h")) << "n2 never has 8";
  Task t = task("c", "hi", 1, 8);
  t.node_selector["disk"] = "ssd";
  feed(TaskUpsert{t});
  EXPECT_FALSE(ask("c"));
}

TEST_F(Preempt, Groups_that_share_a_zone_are_proved_on_the_nodes) {
  runs(task("a", "low", 1, 6), {"n1"});
  runs(task("b", "low", 1, 6), {"n2"});
  Task t = task("h", "hi", 1, 8);
  t.groups.push_back({"", 2, amounts(1, 1, 1, 1)});
  feed(TaskUpsert{t});
  EXPECT_THAT(victims("h"), ElementsAre("a")) << "8 on n1, and 2 x 1 beside b";
}

// --- room on its way, and room that is kept

TEST_F(Preempt, Room_that_is_on_its_way_and_that_nobody_claims_counts) {
  runs(task("l", "low", 1, 8), {"n1"});
  runs(task("k", "low", 1, 8), {"n2"});
  feed(Evict{"l", "somebody who left", now});
  wants("h", "hi", 1, 8);
  const auto found = ask("h");
  ASSERT_TRUE(found);
  EXPECT_THAT(found->victims, IsEmpty());
  EXPECT_THAT(found->placement.nodes, ElementsAre("n1"));
}

TEST_F(Preempt, Room_that_is_on_its_way_to_another_does_not_count) {
  runs(task("l", "low", 1, 8), {"n1"});
  runs(task("k", "low", 1, 8), {"n2"});
  wants("other", "hi", 1, 8);
  feed(Evict{"l", "other", now});
  feed(Hold{"other", {{"n1"}}, later(now, kHour)});
  wants("h", "hi", 1, 8);
  EXPECT_THAT(victims("h"), ElementsAre("k")) << "l is not asked twice";
  wants("h2", "hi", 2, 8);
  EXPECT_FALSE(ask("h2"));
  now = later(now, kHour);
  EXPECT_THAT(victims("h2"), ElementsAre("k")) << "the hold is over";
}

TEST_F(Preempt, A_hold_books_what_its_leaving_victims_do_not_occupy) {
  runs(task("l", "low", 1, 6), {"n1"});
  wants("h", "hi", 1, 8);
  feed(Evict{"l", "h", now});
  feed(Hold{"h", {{"n1"}}, later(now, kHour)});
  EXPECT_EQ(held("n1"), 2) << "8 are needed, 6 are still used by its victim";
  feed(TaskEnd{"l"});
  EXPECT_EQ(held("n1"), 8);
  feed(Assume{"h", 0, {{"n1"}}});
  EXPECT_EQ(held("n1"), 0) << "it started";
}

TEST_F(Preempt, A_holder_starts_in_its_hold_when_the_room_is_there_and_not_before) {
  runs(task("l", "low", 1, 6), {"n1"});
  wants("h", "hi", 1, 8);
  feed(Evict{"l", "h", now});
  feed(Hold{"h", {{"n1"}}, later(now, kHour)});
  const TaskId h = state.find("h");
  {
    Overlay overlay(state);
    EXPECT_FALSE(place_hold(state, h, overlay));
    EXPECT_TRUE(hold_stands(state, h)) << "what is booked to keep its room is no obstacle";
  }
  feed(TaskEnd{"l"});
  {
    Overlay overlay(state);
    const auto gang = place_hold(state, h, overlay);
    ASSERT_TRUE(gang);
    EXPECT_THAT(gang->ranks, ElementsAre(state.cluster.find("n1")));
    EXPECT_EQ(gang->zones, 1);
  }
  feed(NodeRemove{"n1"});
  Overlay overlay(state);
  EXPECT_FALSE(place_hold(state, h, overlay));
  EXPECT_FALSE(hold_stands(state, h)) << "its node has gone: to be asked anew";
}

TEST_F(Preempt, A_hold_of_the_wrong_size_or_on_unknown_nodes_keeps_nothing) {
  wants("h", "hi", 2, 8);
  feed(Hold{"h", {{"n1"}}, later(now, kHour)});
  EXPECT_EQ(held("n1"), 0);
  feed(Hold{"h", {{"n1", "nowhere"}}, later(now, kHour)});
  EXPECT_EQ(held("n1"), 8);
  EXPECT_FALSE(state.apply(Hold{"h", {std::vector<std::string>(100'001, "n1")}, now}));
  feed(Hold{"h", {}, {}});
  EXPECT_EQ(held("n1"), 0);
}

TEST_F(Preempt, What_a_pass_pledged_counts_for_its_next_and_is_gone_after_it) {
  runs(task("l", "low", 1, 8), {"n1"});
  runs(task("k", "low", 1, 8), {"n2"}, 1);
  wants("h1", "hi", 1, 8);
  wants("h2", "hi", 1, 8);
  const auto first = ask("h1");
  ASSERT_TRUE(first);
  EXPECT_THAT(first->victims, ElementsAre("k"));
  const std::uint64_t before = digest(state);
  {
    Pledges pledges(state);
    pledges.add(*first, now, later(now, kHour));
    Overlay overlay(state);
    std::int64_t looked = 0;
    const auto second = find_preemption(state, state.find("h2"), now, overlay, looked);
    ASSERT_TRUE(second);
    EXPECT_THAT(second->victims, ElementsAre("l"));
    Plan both;
    both.preemptions = {*first, *second};
    EXPECT_THAT(auditor.check(both, now), IsEmpty());
  }
  EXPECT_EQ(digest(state), before);
  EXPECT_THAT(victims("h2"), ElementsAre("k"));
}

// --- the auditor finds what is wrong

// A foreign Pod took part of the room that is held: the hold stands no longer, nothing better is
// found, and yet nobody else may count on that room as long as the hold lasts.
TEST(Hold, One_that_stands_no_longer_keeps_its_room_from_others_until_it_lapses) {
  Engine engine;
  Auditor auditor;
  const auto tell = [&](const Delta& delta) {
    engine.apply(delta);
    auditor.apply(delta);
  };
  tell(NodeUpsert{node("n1")});
  for (const char* name : {"high", "other"}) tell(QueueUpsert{queue(name, Tier::kHigh)});
  tell(QueueUpsert{queue("low", Tier::kLow)});
  tell(TaskUpsert{task("l", "low", 1, 4)});
  tell(Assume{"l", 0, {{"n1"}}});
  tell(PodUpsert{"foreign", "n1", amounts(4, 1, 1, 1), "", 0, 0});
  tell(TaskUpsert{task("holder", "high", 1, 8)});
  tell(Hold{"holder", {{"n1"}}, {600 * kSecond}});
  tell(TaskUpsert{task("next", "other", 1, 4, 1)});
  const Plan before = engine.plan({kSecond});
  EXPECT_THAT(before.preemptions, IsEmpty());
  EXPECT_THAT(auditor.check(before, {kSecond}), IsEmpty());
  const Plan after = engine.plan({601 * kSecond});
  ASSERT_EQ(after.preemptions.size(), 1u);
  EXPECT_EQ(after.preemptions[0].task, "next");
  EXPECT_THAT(auditor.check(after, {601 * kSecond}), IsEmpty());
}

TEST_F(Preempt, The_auditor_refuses_what_breaks_a_promise_or_proves_nothing) {
  runs(medium("a", 8, 20'000), {"n1"});
  runs(task("l", "low", 1, 8), {"n2"});
  wants("h", "hi", 1, 8);
  EXPECT_THAT(audit({"h", 0, {{"n2"}}, {"l"}}), IsEmpty());
  EXPECT_THAT(audit({"h", 0, {{"n1"}}, {"a"}}),
              ElementsAre(HasSubstr("preempts a, which is within its guarantee")));
  EXPECT_THAT(audit({"h", 0, {{"n2"}}, {}}), ElementsAre(HasSubstr("would need 16")));
  EXPECT_THAT(audit({"h", 0, {{"n2", "n2"}}, {"l"}}),
              ElementsAre(HasSubstr("without a node for each Pod")));
  EXPECT_THAT(audit({"h", 1, {{"n2"}}, {"l"}}), ElementsAre(HasSubstr("for an attempt")));
  EXPECT_THAT(audit({"h", 0, {{"n2"}}, {"l", "who"}}), ElementsAre(HasSubstr("does not exist")));
  feed(Evict{"l", "another", now});
  EXPECT_THAT(audit({"h", 0, {{"n2"}}, {"l"}}), ElementsAre(HasSubstr("asked to stop already")));
  wants("other", "hi", 1, 8);
  feed(Hold{"other", {{"n2"}}, later(now, kHour)});
  EXPECT_THAT(audit({"h", 0, {{"n2"}}, {}}), ElementsAre(HasSubstr("would need 16")))
      << "the room is on its way, to another";
}

// --- work

// 1,000 nodes of one Low task each; a gang of 64 nodes needs 64 of them. The trials double until
// they suffice (7), halve (6), and put back (64); the rest is one look at each task and a few at
// nodes.
TEST_F(Preempt, Work_follows_what_runs_and_what_is_needed) {
  for (int i = 10; i < 1010; ++i) {
    feed(NodeUpsert{node("n" + std::to_string(i))});
    runs(task("l" + std::to_string(i), "low", 1, 8), {"n" + std::to_string(i)}, i % 50);
  }
  runs(task("x", "hi", 1, 8), {"n1"});
  runs(task("y", "hi", 1, 8), {"n2"});
  wants("h", "hi", 64, 8);
  std::int64_t looked = 0;
  Overlay overlay(state);
  const auto found = find_preemption(state, state.find("h"), now, overlay, looked);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->victims.size(), 64u);
  EXPECT_LT(looked, 1000 + 64 * 4) << "each task once, each needed node a few times";
}

}  // namespace
}  // namespace sched::test
