// What is learned of finished tasks, and the order that follows from it.
#include "scheduler/learn/predictor.hpp"

#include <gtest/gtest.h>

#include "scheduler/engine.hpp"
#include "scheduler/learn/order.hpp"
#include "scheduler/limits.hpp"

namespace sched {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000, kHour = 3600 * kSecond;

// One after another.
void learn(Predictor& predictor, std::int64_t size, std::int64_t stated, std::int64_t ran) {
  static std::int64_t ended = 0;
  predictor.finished({{++ended}, ran, stated, size});
}

TEST(Predictor, Who_knows_nothing_believes_what_is_stated) {
  const Predictor predictor;
  EXPECT_EQ(predictor.predict(8, kHour), kHour);
  EXPECT_EQ(predictor.predict(8, 0), 0);
}

TEST(Predictor, Tasks_of_one_size_and_statement_are_judged_by_their_like) {
  Predictor predictor;
  for (int i = 0; i < 3; ++i) learn(predictor, 8, kHour, kHour / 4);
  for (int i = 0; i < 3; ++i) learn(predictor, 1, kHour, kHour / 2);
  EXPECT_EQ(predictor.predict(8, kHour), kHour / 4);
  EXPECT_EQ(predictor.predict(1, kHour), kHour / 2);
}

TEST(Predictor, Of_ten_the_seventh_shortest_counts) {
  Predictor predictor;
  for (int i = 1; i <= 10; ++i) learn(predictor, 1, 1024, i * 100);
  EXPECT_EQ(predictor.predict(1, 1024), 700);
}

TEST(Predictor, Only_the_last_sixteen_count) {
  Predictor predictor;
  for (int i = 0; i < 16; ++i) learn(predictor, 1, kHour, kHour);
  for (int i = 0; i < 16; ++i) learn(predictor, 1, kHour, kHour / 2);
  EXPECT_EQ(predictor.predict(1, kHour), kHour / 2);
}

TEST(Predictor, What_was_never_seen_is_judged_by_what_is_most_like_it) {
  Predictor predictor;
  for (int i = 0; i < 2; ++i) learn(predictor, 8, kHour, kHour / 2);
  EXPECT_EQ(predictor.predict(9, kHour), kHour / 2) << "about the same size";
  EXPECT_EQ(predictor.predict(500, kHour), kHour / 2) << "the same statement";
  EXPECT_EQ(predictor.predict(500, 40 * kHour), 20 * kHour) << "anything";
}

TEST(Predictor, One_alone_is_no_likeness) {
  Predictor predictor;
  learn(predictor, 8, kHour, kHour / 2);
  EXPECT_EQ(predictor.predict(8, kHour), kHour);
}

TEST(Predictor, No_prediction_is_nothing_or_longer_than_stated) {
  Predictor predictor;
  for (int i = 0; i < 2; ++i) learn(predictor, 1, kHour, 0);
  EXPECT_EQ(predictor.predict(1, kHour), 1);
  for (int i = 0; i < 16; ++i) learn(predictor, 1, kHour, 9 * kHour);
  EXPECT_EQ(predictor.predict(1, kHour), kHour);
  const std::int64_t huge = std::int64_t{1} << 62;
  for (int i = 0; i < 2; ++i) learn(predictor, huge, huge, huge);
  EXPECT_EQ(predictor.predict(huge, huge), huge);
}

TEST(Predictor, It_is_a_function_of_what_was_told_and_not_forgotten) {
  const auto run = [](std::int64_t ended, std::int64_t ran) {
    return PastRuns::Run{{ended}, ran, kHour, 8};
  };
  Predictor forwards, backwards;
  for (std::int64_t i = 1; i <= 20; ++i) forwards.finished(run(i, i * kHour / 20));
  for (std::int64_t i = 20; i >= 1; --i) backwards.finished(run(i, i * kHour / 20));
  EXPECT_EQ(forwards.predict(8, kHour), backwards.predict(8, kHour)) << "the last sixteen";
  for (std::int64_t i = 11; i <= 20; ++i) forwards.forget(run(i, i * kHour / 20));
  Predictor fewer;
  for (std::int64_t i = 1; i <= 10; ++i) fewer.finished(run(i, i * kHour / 20));
  EXPECT_EQ(forwards.predict(8, kHour), fewer.predict(8, kHour)) << "older ones count again";
  for (std::int64_t i = 1; i <= 10; ++i) forwards.forget(run(i, i * kHour / 20));
  EXPECT_EQ(forwards.predict(8, kHour), kHour);
}

TEST(BackfillStep, Short_goes_before_long_and_wide_before_narrow) {
  EXPECT_LT(backfill_step(1, kHour), backfill_step(1, 2 * kHour));
  EXPECT_LT(backfill_step(8, kHour), backfill_step(1, kHour));
  EXPECT_EQ(backfill_step(1, kHour), backfill_step(1, kHour + kSecond)) << "about the same";
  EXPECT_LT(backfill_step(1, std::int64_t{1} << 62), backfill_step(1, 0)) << "not stated is last";
}

// Two nodes of one GPU; `big` waits for both, and what lasts long by what it says may not pass it.
class LearningQueue : public testing::Test {
 protected:
  void begin(bool learned) {
    for (const char* name : {"n1", "n2"}) {
      Node node;
      node.name = name;
      node.zone = "z";
      node.allocatable = {1000, std::int64_t{1} << 40, 0, 100, {}};
      node.allocatable.set_extended("nvidia.com/gpu", 1);
      engine.apply(NodeUpsert{node});
    }
    Queue queue;
    queue.name = "q";
    queue.learned = learned;
    engine.apply(QueueUpsert{queue});
  }
  void submit(const std::string& uid, std::int64_t pods, std::int64_t stated, std::int64_t at) {
    Task task;
    task.uid = task.name = uid;
    task.queue = "q";
    task.submitted = {at};
    task.expected_duration_ns = stated;
    PodGroup group{"", pods, {}};
    group.requests.pods = 1;
    group.requests.set_extended("nvidia.com/gpu", 1);
    task.groups.push_back(group);
    engine.apply(TaskUpsert{task});
  }
  std::string start(std::int64_t at) {
    std::string all;
    for (const Start& s : engine.plan({at}).starts) {
      engine.apply(Assume{s.task, s.attempt, s.placement, {at}});
      engine.apply(Confirm{s.task, {at}});
      all += s.task;
    }
    return all;
  }
  void end(const std::string& uid, std::int64_t at) {
    const Task task = *engine.task(uid);
    for (const Engine::Placed& placed : engine.placed({at})) {
      if (placed.task != uid) continue;
      const PastRuns::Run run{
          {at}, at - placed.since.ns, task.expected_duration_ns, task.groups[0].count};
      engine.apply(PastRuns{"q", "", "", "", {run}, {}});
    }
    engine.apply(TaskEnd{uid, {at}});
    engine.apply(TaskRemove{uid, {at}});
  }
  // Four tasks say ten hours and run for one; somebody waits two days.
  void past() {
    submit("w", 1, kHour, 0);
    for (const char* uid : {"a", "b", "c", "d"}) {
      submit(uid, 1, 10 * kHour, 48 * kHour);
    }
    EXPECT_EQ(start(48 * kHour), "wa");
    end("w", 49 * kHour);
    end("a", 49 * kHour);
    EXPECT_EQ(start(49 * kHour), "bc");
    end("b", 50 * kHour);
    end("c", 50 * kHour);
    EXPECT_EQ(start(50 * kHour), "d");
    end("d", 51 * kHour);
  }
  // `x` has one node until 64 h by what it says; `big` waits for it, and `e` would have the other
  // until 70 h by what it says, but for an hour by what is known of the past.
  std::string who_passes() {
    submit("x", 1, 4 * kHour, 60 * kHour);
    EXPECT_EQ(start(60 * kHour), "x");
    submit("big", 2, kHour, 60 * kHour);
    submit("e", 1, 10 * kHour, 60 * kHour);
    return start(60 * kHour);
  }

  Engine engine;
};

TEST_F(LearningQueue, Who_says_too_long_passes_a_blocked_head_once_that_is_known) {
  for (const bool learned : {false, true}) {
    engine = Engine();
    begin(learned);
    past();
    EXPECT_EQ(who_passes(), learned ? "e" : "");
  }
}

TEST_F(LearningQueue, A_head_that_has_waited_long_is_passed_by_no_prediction) {
  begin(true);
  past();
  submit("x", 1, 40 * kHour, 60 * kHour);
  EXPECT_EQ(start(60 * kHour), "x");
  submit("big", 2, kHour, 60 * kHour);
  submit("e", 1, 10 * kHour, 76 * kHour);  // may last until 86 h; half the longest wait is 24 h
  EXPECT_EQ(start(76 * kHour), "e") << "ends before the head's time by what it says";
  end("e", 77 * kHour);
  submit("f", 1, 30 * kHour, 77 * kHour);
  EXPECT_EQ(start(77 * kHour), "");
}

// A queue that begins to learn knows its past at once.
TEST_F(LearningQueue, Learning_begins_with_what_is_known) {
  begin(false);
  past();
  Queue queue = *engine.queue("q");
  queue.learned = true;
  engine.apply(QueueUpsert{queue});
  EXPECT_EQ(who_passes(), "e");
}

TEST_F(LearningQueue, A_new_leader_that_is_told_the_past_decides_the_same) {
  begin(true);
  past();
  const std::vector<PastRuns> told = engine.past_runs("q");
  const std::vector<Served> served = engine.served("q");
  const std::uint64_t digest = engine.digest();
  engine = Engine();
  begin(true);
  for (const Served& had : served) engine.apply(had);
  for (const PastRuns& runs : told) EXPECT_TRUE(engine.apply(runs));
  EXPECT_EQ(engine.past_runs("q"), told);
  EXPECT_EQ(engine.digest(), digest);
  EXPECT_EQ(who_passes(), "e");
}

TEST_F(LearningQueue, What_was_learned_is_in_the_digest) {
  begin(true);
  past();
  const std::uint64_t before = engine.digest();
  submit("e", 1, 10 * kHour, 60 * kHour);
  EXPECT_EQ(start(60 * kHour), "e");
  end("e", 65 * kHour);
  EXPECT_NE(engine.digest(), before);
}

}  // namespace
}  // namespace sched
