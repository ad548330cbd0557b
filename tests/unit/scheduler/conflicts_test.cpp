// Conflicts by example: the rule of severity, ids, bounds, the book's memory, and what the auditor
// says of a resolution.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scheduler/audit/audit.hpp"
#include "scheduler/conflicts/book.hpp"
#include "scheduler/conflicts/words.hpp"
#include "scheduler/limits.hpp"
#include "tests/unit/scheduler/worlds.hpp"

namespace sched::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr std::int64_t kHour = 3600 * kSecond;

TEST(Severity, Is_the_sum_of_tier_waiting_time_and_size) {
  EXPECT_EQ(severity_of(Tier::kLow, 0, 1), Severity::kLow) << "0";
  EXPECT_EQ(severity_of(Tier::kLow, 599 * kSecond, 8), Severity::kLow) << "0 + 0 + 1";
  EXPECT_EQ(severity_of(Tier::kLow, 600 * kSecond, 8), Severity::kMedium) << "0 + 1 + 1";
  EXPECT_EQ(severity_of(Tier::kMedium, 0, 7), Severity::kMedium) << "2";
  EXPECT_EQ(severity_of(Tier::kMedium, kHour, 1), Severity::kHigh) << "2 + 2";
  EXPECT_EQ(severity_of(Tier::kMedium, 6 * kHour, 8), Severity::kCritical) << "2 + 3 + 1";
  EXPECT_EQ(severity_of(Tier::kHigh, 0, 8), Severity::kHigh) << "4 + 0 + 1";
  EXPECT_EQ(severity_of(Tier::kHigh, 0, 64), Severity::kCritical) << "4 + 0 + 2";
  EXPECT_EQ(severity_of(Tier::kHigh, 100 * kHour, 1000), Severity::kCritical) << "4 + 3 + 2";
  EXPECT_EQ(severity_of(Tier::kLow, -5, -5), Severity::kLow) << "any input has an answer";
}

TEST(Severity, Its_next_change_is_known) {
  EXPECT_EQ(next_severity({kSecond}, {kSecond}), Time{601 * kSecond});
  EXPECT_EQ(next_severity({0}, {600 * kSecond}), Time{kHour});
  EXPECT_EQ(next_severity({0}, {6 * kHour}), std::nullopt);
}

TEST(ConflictId, Depends_on_the_type_and_the_task_alone) {
  const std::string id = conflict_id(ConflictType::kPriority, "a");
  EXPECT_EQ(id, conflict_id(ConflictType::kPriority, "a"));
  EXPECT_EQ(id.substr(0, 3), "pc-");
  EXPECT_EQ(id.size(), 19U);
  EXPECT_NE(id.substr(3), conflict_id(ConflictType::kSchedule, "a").substr(3));
  EXPECT_NE(id, conflict_id(ConflictType::kPriority, "b"));
}

TEST(Words, Times_are_dates_to_the_second) {
  EXPECT_EQ(utc({0}), "1970-01-01 00:00:00 UTC");
  EXPECT_EQ(utc({-1}), "1969-12-31 23:59:59 UTC");
  EXPECT_EQ(utc({std::int64_t{951'782'399} * kSecond}), "2000-02-28 23:59:59 UTC");
  EXPECT_EQ(utc({std::int64_t{951'782'400} * kSecond}), "2000-02-29 00:00:00 UTC");
  EXPECT_EQ(utc({std::int64_t{1'772'373'905} * kSecond + 999}), "2026-03-01 14:05:05 UTC");
}

TEST(Words, Every_word_is_read_back) {
  for (const auto by : {Settlement::kByPriority, Settlement::kFairShare, Settlement::kTimeSlice}) {
    EXPECT_EQ(settlement(name(by)), by);
  }
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(severity(name(static_cast<Severity>(i))), static_cast<Severity>(i));
  }
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(conflict_type(name(static_cast<ConflictType>(i))), static_cast<ConflictType>(i));
  }
  EXPECT_EQ(settlement("byPriority"), std::nullopt);
}

// 100 queues with 20 tasks each wait for one that has all.
TEST(Survey, Looks_at_eight_of_a_queue_and_sixty_four_in_all) {
  Engine engine;
  engine.apply(NodeUpsert{node("n")});
  engine.apply(QueueUpsert{queue("top", Tier::kHigh)});
  engine.apply(TaskUpsert{task("all", "top", 1, 8)});
  step(engine);
  for (int q = 0; q < 100; ++q) {
    const std::string name = "q" + std::to_string(q);
    engine.apply(QueueUpsert{queue(name)});
    for (int i = 0; i < 20; ++i) {
      engine.apply(TaskUpsert{task(name + "-" + std::to_string(i), name, 1, 1, i)});
    }
  }
  EXPECT_THAT(engine.conflicts({kSecond}).conflicts, SizeIs(kConflictWaiters));
  for (int q = 1; q < 100; ++q)
    engine.apply(QueueUpsert{[&] {
      Queue closed = queue("q" + std::to_string(q));
      closed.closed = true;
      return closed;
    }()});
  for (int q = 5; q < 100; ++q) {
    for (int i = 0; i < 20; ++i) {
      engine.apply(TaskRemove{"q" + std::to_string(q) + "-" + std::to_string(i)});
    }
  }
  EXPECT_THAT(engine.conflicts({kSecond}).conflicts, SizeIs(kConflictHeads)) << "one queue is open";
}

TEST(Book, Remembers_since_when_and_keeps_an_estimate_that_hardly_moves) {
  Book book;
  book.restore("rc-1", {5 * kSecond});
  Conflict c;
  c.id = "rc-1";
  c.ending = Ending::kHolderEnds;
  c.ends_with = "work/b";
  c.ends_at = {1000 * kSecond};
  auto changes = book.update({{c}, {}}, {100 * kSecond});
  ASSERT_THAT(changes.begun, SizeIs(1));
  EXPECT_EQ(changes.begun[0].began, Time{5 * kSecond});
  c.ends_at = {1080 * kSecond};  // 80 s of 900 s
  EXPECT_THAT(book.update({{c}, {}}, {100 * kSecond}).changed, SizeIs(0));
  c.ends_at = {1100 * kSecond};  // 100 s of 900 s
  EXPECT_THAT(book.update({{c}, {}}, {100 * kSecond}).changed, SizeIs(1));
  EXPECT_EQ(book.find("rc-1")->ends_at, Time{1100 * kSecond});
  EXPECT_THAT(book.update({}, {101 * kSecond}).over, SizeIs(1));
  EXPECT_EQ(book.find("rc-1"), nullptr);
  c.began = {};
  EXPECT_EQ(book.update({{c}, {}}, {200 * kSecond}).begun[0].began, Time{200 * kSecond});
}

// --- the auditor

// Two Low tasks want one node; `holds` has it. The plan that takes it for `waits`.
struct Resolved {
  Resolved() {
    apply(NodeUpsert{node("n")});
    apply(QueueUpsert{queue("low", Tier::kLow)});
    apply(QueueUpsert{queue("med")});
    apply(TaskUpsert{task("holds", "low", 1, 8, 1)});
    apply(Assume{"holds", 0, {{"n"}}});
    apply(Confirm{"holds", {kSecond}});
    Task waits = task("waits", "low", 1, 8, 2);
    waits.priority_value = 5;
    apply(TaskUpsert{waits});
    plan.preemptions.push_back({"waits", 0, {{"n"}}, {"holds"}, PreemptionKind::kResolution});
  }
  void apply(const Delta& delta) {
    engine.apply(delta);
    auditor.apply(delta);
  }
  std::string says(Time now = {100 * kSecond}) const {
    const auto violations = auditor.check(plan, now);
    return violations.empty() ? "" : violations.front();
  }
  Engine engine;
  Auditor auditor;
  Plan plan;
};

TEST(ResolutionAudit, Nothing_is_taken_without_a_wish_that_names_it) {
  Resolved world;
  EXPECT_THAT(world.says(), HasSubstr("nobody wished to stop"));
  world.apply(Resolve{"waits", {"somebody"}, Settlement::kByPriority, {}});
  EXPECT_THAT(world.says(), HasSubstr("the wish does not name"));
  world.apply(Resolve{"waits", {"holds"}, Settlement::kByPriority, {}});
  EXPECT_EQ(world.says(), "");
  world.apply(Resolve{"waits", {}, Settlement::kByPriority, {}});
  EXPECT_THAT(world.says(), HasSubstr("nobody wished to stop"));
}

TEST(ResolutionAudit, A_wish_whose_rule_is_not_met_is_found) {
  Resolved world;
  Task first = task("holds", "low", 1, 8, 1);
  first.priority_value = 6;
  world.apply(TaskUpsert{first});
  world.apply(Resolve{"waits", {"holds"}, Settlement::kByPriority, {}});
  EXPECT_THAT(world.says(), HasSubstr("comes before it"));
  world.apply(Resolve{"waits", {"holds"}, Settlement::kTimeSlice, {}});
  EXPECT_THAT(world.says({60 * kSecond}), HasSubstr("has not run for its slice"));
  EXPECT_EQ(world.says({61 * kSecond}), "") << "the floor of its queue, 60 s";
  Task other = task("waits", "med", 1, 8, 2);
  world.apply(TaskUpsert{other});
  world.apply(Resolve{"waits", {"holds"}, Settlement::kFairShare, {}});
  EXPECT_EQ(world.says(), "") << "its queue has nothing";
}

TEST(ResolutionAudit, High_and_who_is_within_its_guarantee_never_yield) {
  Resolved world;
  world.apply(Resolve{"waits", {"holds"}, Settlement::kByPriority, {}});
  Task medium = task("holds", "med", 1, 8, 3);
  medium.guarantee_until = {200 * kSecond};
  world.apply(TaskUpsert{medium});
  EXPECT_THAT(world.says(), HasSubstr("is of a higher tier"));
  world.apply(TaskUpsert{task("waits", "med", 1, 8, 2)});
  EXPECT_THAT(world.says(), HasSubstr("is within its guarantee"));
  EXPECT_EQ(world.says({200 * kSecond}), "");
  medium.last_preempted = {190 * kSecond};
  world.apply(TaskUpsert{medium});
  EXPECT_THAT(world.says({200 * kSecond}), HasSubstr("was preempted a moment ago"));
  world.apply(QueueUpsert{queue("med", Tier::kHigh)});
  EXPECT_THAT(world.says({900 * kSecond}), HasSubstr("is High"));
}

// In a strict queue the one that made room stands first again, and is not waited for.
TEST(Resolution, Room_that_is_kept_is_used_though_another_stands_before_it) {
  Engine engine;
  engine.apply(NodeUpsert{node("n")});
  engine.apply(QueueUpsert{queue("fifo", Tier::kLow, Strategy::kFifo)});
  engine.apply(TaskUpsert{task("first", "fifo", 1, 8, 1)});
  EXPECT_THAT(step(engine), ElementsAre("first"));
  engine.apply(Confirm{"first", {kSecond}});
  engine.apply(TaskUpsert{task("second", "fifo", 1, 8, 2)});
  const Time now{100 * kSecond};
  const Resolve wish{"second", {"first"}, Settlement::kTimeSlice, now};
  ASSERT_EQ(engine.rule(wish, now).verdict, Verdict::kGranted);
  engine.apply(wish);
  const Plan plan = engine.plan(now);
  ASSERT_THAT(plan.preemptions, SizeIs(1));
  engine.apply(Evict{"first", "second", now});
  engine.apply(Hold{"second", plan.preemptions[0].placement, {1000 * kSecond}});
  EXPECT_FALSE(engine.apply(Resolve{"second", {}, wish.by, now})) << "it is done";
  engine.apply(Reject{"first", "preempted", {}, now});
  EXPECT_THAT(step(engine, now), ElementsAre("second"));
}

}  // namespace
}  // namespace sched::test
