// Promises that are kept: room for blocked tasks, from pass to pass.
#include <gtest/gtest.h>

#include <algorithm>

#include "scheduler/audit/audit.hpp"
#include "scheduler/journal/journal.hpp"
#include "scheduler/reason.hpp"
#include "tests/unit/scheduler/worlds.hpp"

namespace sched {
namespace {

using test::kSecond;
constexpr std::int64_t kHour = 3600 * kSecond;

// Two nodes of 8 GPUs, one Backfill queue.
class Kept : public ::testing::Test {
 protected:
  Kept() {
    config_.keep_promises = true;
    config_.reservations = 256;
    tell(config_);
    tell(NodeUpsert{test::node("a")});
    tell(NodeUpsert{test::node("b")});
    tell(QueueUpsert{test::queue("q")});
  }

  void tell(const Delta& delta) {
    engine_.apply(delta);
    auditor_.apply(delta);
  }
  void submit(const std::string& uid, std::int64_t nodes, std::int64_t gpus, std::int64_t hours,
              const std::string& queue = "q") {
    Task task = test::task(uid, queue, nodes, gpus, serial_++);
    task.expected_duration_ns = hours * kHour;
    tell(TaskUpsert{task});
  }
  // It runs since `now_`, on the node.
  void run(const std::string& uid, const std::string& node) {
    tell(Assume{uid, 0, {{node}}, now_});
    tell(Confirm{uid, now_});
  }
  // What starts, all of it sound.
  std::vector<std::string> plan() {
    const Plan plan = engine_.plan(now_);
    EXPECT_EQ(auditor_.check(plan, now_), std::vector<std::string>{});
    std::vector<std::string> started;
    for (const Start& start : plan.starts) {
      started.push_back(start.task);
      tell(Assume{start.task, start.attempt, start.placement, now_});
      tell(Confirm{start.task, now_});
    }
    return started;
  }
  // Until there is nothing to do.
  void tend() {
    for (int i = 0; i < 100; ++i) {
      const Tending tending = engine_.tend(now_);
      for (const Promise& promise : tending.promises) tell(promise);
      if (tending.promises.empty() && !tending.unsettled) return;
    }
    FAIL() << "tending goes on for ever";
  }
  const Promise* promise(const std::string& uid) {
    promises_ = engine_.promises();
    const auto found = std::find_if(promises_.begin(), promises_.end(),
                                    [&](const Promise& p) { return p.task == uid; });
    return found == promises_.end() ? nullptr : &*found;
  }
  using Names = std::vector<std::string>;

  ConfigUpdate config_;
  Engine engine_;
  Auditor auditor_;
  Time now_{1'000 * kHour};
  std::int64_t serial_ = 1;
  std::vector<Promise> promises_;
};

TEST_F(Kept, Nobody_passes_a_blocked_head_before_it_was_promised_something) {
  submit("runs", 1, 8, 2);
  run("runs", "a");
  submit("head", 2, 8, 1);
  submit("short", 1, 8, 1);
  EXPECT_EQ(plan(), Names{});
  EXPECT_EQ(sentence(engine_.explain("short", now_)),
            "waits behind team/head: nobody passes it until it is known when there is room for it");
  tend();
  ASSERT_NE(promise("head"), nullptr);
  EXPECT_EQ(promise("head")->at.ns, now_.ns + 2 * kHour);
  EXPECT_EQ(plan(), Names{"short"});
}

TEST_F(Kept, A_promise_stays_from_pass_to_pass_and_keeps_long_tasks_away) {
  submit("runs", 1, 8, 2);
  run("runs", "a");
  submit("head", 2, 8, 1);
  plan();
  tend();
  submit("long", 1, 8, 3);
  EXPECT_EQ(plan(), Names{});
  const Reason why = engine_.explain("long", now_);
  EXPECT_EQ(why.code, ReasonCode::kReserved);
  EXPECT_EQ(why.until.ns, now_.ns + 2 * kHour);
  EXPECT_EQ(engine_.explain("head", now_).predicted.ns, now_.ns + 2 * kHour);
  now_.ns += 2 * kHour;
  tell(TaskEnd{"runs", now_});
  EXPECT_EQ(plan(), Names{"head"});
  EXPECT_EQ(promise("head"), nullptr);
}

TEST_F(Kept, A_node_that_is_cordoned_breaks_what_was_promised_on_it) {
  tell(NodeUpsert{test::node("c")});
  for (const std::string node : {"a", "b", "c"}) {
    submit("on-" + node, 1, 8, node == "c" ? 5 : 2);
    run("on-" + node, node);
  }
  submit("head", 2, 8, 1);
  plan();
  tend();
  EXPECT_EQ(promise("head")->placement.nodes, (Names{"a", "b"}));
  Node b = test::node("b");
  b.unschedulable = true;
  tell(NodeUpsert{b});
  EXPECT_EQ(promise("head"), nullptr);
  tend();
  EXPECT_EQ(promise("head")->placement.nodes, (Names{"a", "c"}));
  EXPECT_EQ(promise("head")->at.ns, now_.ns + 5 * kHour);
}

TEST_F(Kept, An_end_that_comes_early_betters_it) {
  submit("x", 1, 8, 2);
  run("x", "a");
  submit("y", 1, 8, 5);
  run("y", "b");
  submit("z", 1, 8, 9);
  tell(NodeUpsert{test::node("c")});
  run("z", "c");
  submit("head", 2, 8, 1);
  plan();
  tend();
  EXPECT_EQ(promise("head")->at.ns, now_.ns + 5 * kHour);
  tell(TaskEnd{"y", now_});
  EXPECT_EQ(plan(), Names{});
  tend();
  EXPECT_EQ(promise("head")->at.ns, now_.ns + 2 * kHour);
}

TEST_F(Kept, An_end_that_does_not_come_breaks_it) {
  submit("late", 1, 8, 2);
  run("late", "a");
  submit("head", 2, 8, 1);
  plan();
  tend();
  EXPECT_EQ(engine_.next_time(now_), (Time{now_.ns + 2 * kHour}));
  now_.ns += 2 * kHour;
  plan();
  tend();
  EXPECT_EQ(promise("head")->at.ns, now_.ns + 2 * kHour) << "it lasts as long again";
}

// It stated 2 h: at 2 h it is taken to last 4 h, at 4 h 8 h, at 8 h 16 h. Only the last matters to
// a promise that counts on the end of another at 10 h.
TEST_F(Kept, An_estimate_that_is_outlived_breaks_it_before_its_moment_comes) {
  const Time begin = now_;
  submit("late", 1, 8, 2);
  run("late", "a");
  submit("long", 1, 8, 10);
  run("long", "b");
  submit("head", 2, 8, 1);
  plan();
  tend();
  for (const std::int64_t hours : {2, 4, 6}) {
    now_.ns = begin.ns + hours * kHour;
    plan();
    tend();
    EXPECT_EQ(promise("head")->at.ns, begin.ns + 10 * kHour) << "after " << hours << " h";
  }
  now_.ns = begin.ns + 8 * kHour;
  plan();
  tend();
  EXPECT_EQ(promise("head")->at.ns, begin.ns + 16 * kHour);
}

// a has 4 GPUs of a Medium and 4 of a Low task, until 2 h. Who would have the Low one stop to run
// for 3 h would leave the head the other 4 alone.
TEST_F(Kept, Nobody_is_asked_to_stop_on_whose_end_a_promise_counts) {
  for (const std::string name : {"busy", "r"}) tell(QueueUpsert{test::queue(name)});
  tell(QueueUpsert{test::queue("low", Tier::kLow)});
  submit("fixed", 1, 8, 100, "busy");
  run("fixed", "b");
  submit("half", 1, 4, 2, "busy");
  run("half", "a");
  submit("victim", 1, 4, 2, "low");
  run("victim", "a");
  submit("head", 1, 8, 1);
  plan();
  tend();
  ASSERT_EQ(promise("head")->at.ns, now_.ns + 2 * kHour);
  submit("asks", 1, 4, 3, "r");
  EXPECT_TRUE(engine_.plan(now_).preemptions.empty());
  // For an hour it takes nothing that the head counts on.
  Task task = *engine_.task("asks");
  task.expected_duration_ns = kHour;
  tell(TaskUpsert{task});
  const Plan asked = engine_.plan(now_);
  ASSERT_EQ(asked.preemptions.size(), 1u);
  EXPECT_EQ(asked.preemptions[0].victims, Names{"victim"});
  EXPECT_EQ(auditor_.check(asked, now_), Names{});
}

// The head may not start while its queue runs all the tasks that it may: its room is not given
// away.
TEST_F(Kept, An_elastic_gang_does_not_grow_into_promised_room) {
  Queue queue = test::queue("q");
  queue.max_running = 2;
  tell(QueueUpsert{queue});
  Queue busy = test::queue("busy");
  busy.cooldown_ns = 0;
  tell(QueueUpsert{busy});
  Task gang = test::task("gang", "busy", 1, 8, serial_++);
  gang.groups[0].most = 2;
  gang.expected_duration_ns = 2 * kHour;
  tell(TaskUpsert{gang});
  run("gang", "a");
  submit("first", 1, 0, 9);
  run("first", "b");
  submit("head", 2, 8, 1);
  plan();
  tend();
  ASSERT_EQ(promise("head")->placement.nodes, (Names{"a", "b"}));
  submit("second", 1, 0, 9);
  run("second", "b");
  EXPECT_TRUE(engine_.plan(now_).grows.empty());
  const Resize grow{"gang", 0, {{"a", "b"}, {}}};
  Plan wrong;
  wrong.grows.push_back(grow);
  EXPECT_EQ(auditor_.check(wrong, now_), Names{"gang: grows onto b, for which others wait"});
  tend();
  ASSERT_NE(promise("head"), nullptr) << "it waits for an end of its queue, and for this room";
  tell(TaskRemove{"head"});
  const Plan plan = engine_.plan(now_);
  EXPECT_EQ(plan.grows, std::vector<Resize>{grow});
  EXPECT_EQ(auditor_.check(plan, now_), Names{});
}

//   a  r and p have 4 each until 2 h    promised to x (5) from 2 h on
//   b  u has 1 until 3 h, v 3 until 9   promised to y (8) from 9 h on
//   c  w has 8 until 1 h                promised to one (4) from 1 h on, for 10 h
// Once p and v have ended, x may start on b; one and two may not on b for y, nor on a as long as x
// counts on a. When x starts it does not any more, and then it is one's turn, not that of its twin.
TEST_F(Kept, Room_that_a_promise_leaves_goes_to_who_was_refused_for_it) {
  tell(NodeUpsert{test::node("c")});
  Queue queue = test::queue("q");
  queue.passing = Passing::kConservative;
  queue.depth = 10;
  tell(QueueUpsert{queue});
  tell(QueueUpsert{test::queue("busy")});
  const auto occupy = [&](const std::string& uid, std::int64_t gpus, std::int64_t hours,
                          const std::string& node) {
    submit(uid, 1, gpus, hours, "busy");
    run(uid, node);
  };
  occupy("r", 4, 2, "a");
  occupy("p", 4, 2, "a");
  occupy("u", 1, 3, "b");
  occupy("v", 3, 9, "b");
  occupy("w", 8, 1, "c");
  Task y = test::task("y", "q", 1, 8, serial_++);
  y.excluded_nodes = {"a", "c"};
  y.expected_duration_ns = kHour;
  tell(TaskUpsert{y});
  submit("one", 1, 4, 10);
  submit("x", 1, 5, 1);
  EXPECT_EQ(plan(), Names{});
  tend();
  EXPECT_EQ(promise("y")->placement.nodes, Names{"b"});
  EXPECT_EQ(promise("one")->placement.nodes, Names{"c"});
  EXPECT_EQ(promise("x")->placement.nodes, Names{"a"});
  tell(TaskEnd{"p", now_});
  tell(TaskEnd{"v", now_});
  submit("two", 1, 4, 10);
  EXPECT_EQ(plan(), Names{"x"});
  EXPECT_EQ(plan(), Names{"one"});
}

// At 2 h x and y have room, and z from the end of x on: that x starts takes nothing from y.
TEST_F(Kept, What_starts_gives_its_room_back_in_time_for_others_of_the_same_pass) {
  Queue queue = test::queue("q");
  queue.passing = Passing::kConservative;
  queue.depth = 10;
  tell(QueueUpsert{queue});
  tell(QueueUpsert{test::queue("busy")});
  submit("fixed", 1, 8, 100, "busy");
  run("fixed", "b");
  submit("runs", 1, 8, 2, "busy");
  run("runs", "a");
  const Time begin = now_;
  submit("x", 1, 4, 2);
  submit("y", 1, 4, 9);
  submit("z", 1, 4, 1);
  EXPECT_EQ(plan(), Names{});
  tend();
  EXPECT_EQ(promise("y")->at.ns, begin.ns + 2 * kHour);
  EXPECT_EQ(promise("z")->at.ns, begin.ns + 4 * kHour);
  now_.ns += 2 * kHour;
  tell(TaskEnd{"runs", now_});
  EXPECT_EQ(plan(), (Names{"x", "y"}));
}

//   a  runs has 8 until 2 h            promised to x (4) and y (4) from 2 h on
//   b  fixed has 8 until 100 h         promised to head (8 on both) from 100 h on
// Who passes somebody leaves alone what a start of the same pass was promised, as far as it did not
// get it: x starts where it was promised room, so that nothing is left of that beside y.
TEST_F(Kept, Who_starts_where_it_was_promised_room_keeps_nothing_more) {
  Queue queue = test::queue("q");
  queue.passing = Passing::kConservative;
  queue.depth = 10;
  tell(QueueUpsert{queue});
  tell(QueueUpsert{test::queue("busy")});
  submit("fixed", 1, 8, 100, "busy");
  run("fixed", "b");
  submit("runs", 1, 8, 2, "busy");
  run("runs", "a");
  const Time begin = now_;
  submit("head", 2, 8, 1);
  submit("long", 1, 4, 200);
  submit("x", 1, 4, 1);
  submit("y", 1, 4, 1);
  EXPECT_EQ(plan(), Names{});
  tend();
  EXPECT_EQ(promise("x")->at.ns, begin.ns + 2 * kHour);
  EXPECT_EQ(promise("y")->at.ns, begin.ns + 2 * kHour);
  now_.ns += 2 * kHour;
  tell(TaskEnd{"runs", now_});
  EXPECT_EQ(plan(), (Names{"x", "y"}));
}

// Both nodes are told to be free an hour later; tending gets to the first of two promises alone,
// and then the second node is to be free as before.
TEST_F(Kept, A_promise_that_is_found_again_where_it_was_is_not_told_again) {
  const Time begin = now_;
  for (const std::string node : {"a", "b"}) {
    submit("on-" + node, 1, 8, 2);
    run("on-" + node, node);
    tell(QueueUpsert{test::queue("queue-" + node)});
  }
  for (const std::string node : {"a", "b"}) {
    Task task = test::task("for-" + node, "queue-" + node, 1, 8, serial_++);
    task.excluded_nodes = {node == "a" ? "b" : "a"};
    task.expected_duration_ns = kHour;
    tell(TaskUpsert{task});
  }
  plan();
  tend();
  for (const std::string node : {"a", "b"}) tell(Confirm{"on-" + node, {begin.ns + kHour}});
  const Tending tending = engine_.tend(now_, 1);
  ASSERT_EQ(tending.promises.size(), 1u);
  ASSERT_EQ(tending.promises[0].task, "for-a");
  tell(tending.promises[0]);
  tell(Confirm{"on-b", begin});
  for (int i = 0; i < 5; ++i) {
    for (const Promise& promise : engine_.tend(now_, 1).promises) {
      EXPECT_TRUE(engine_.apply(promise)) << promise.task;
    }
  }
  EXPECT_EQ(promise("for-a")->at.ns, begin.ns + 3 * kHour);
  EXPECT_EQ(promise("for-b")->at.ns, begin.ns + 2 * kHour);
}

// The head waits for all of 32 nodes, the last of which comes free at 30 h. A piece may look at one
// end, or at eight where a search was thrown away before; and something happens after each piece.
TEST_F(Kept, A_search_that_is_interrupted_all_the_time_is_given_up_and_made_once_it_is_quiet) {
  const Time begin = now_;
  tell(QueueUpsert{test::queue("busy")});
  for (int i = 1; i <= 30; ++i) {
    const std::string number = std::to_string(i);
    tell(NodeUpsert{test::node("n" + number)});
    submit("runs-" + number, 1, 8, i, "busy");
    run("runs-" + number, "n" + number);
  }
  submit("head", 32, 8, 1);
  EXPECT_EQ(plan(), Names{});
  Queue other = test::queue("other");
  for (int i = 0; i < 40 && promise("head") == nullptr; ++i) {
    const Tending tending = engine_.tend(now_, 1);
    EXPECT_LE(tending.looked, 10) << i;
    for (const Promise& promise : tending.promises) tell(promise);
    other.weight = 1 + (i + 1) % 2;
    tell(QueueUpsert{other});
  }
  ASSERT_NE(promise("head"), nullptr);
  EXPECT_TRUE(promise("head")->placement.nodes.empty());
  for (int i = 0; i < 100; ++i) {
    const Tending tending = engine_.tend(now_, 1);
    EXPECT_LE(tending.looked, 80) << "the room itself takes 32 nodes";
    for (const Promise& promise : tending.promises) tell(promise);
  }
  ASSERT_EQ(promise("head")->placement.nodes.size(), 32u);
  EXPECT_EQ(promise("head")->at.ns, begin.ns + 30 * kHour);
}

// Promised two Pods in each of two zones; since then a third zone came, and 2, 2, 0 is not even.
TEST_F(Kept, A_gang_that_is_to_be_even_over_zones_starts_as_is_even_then) {
  tell(NodeUpsert{test::node("b", "zone-b")});
  for (const std::string node : {"a", "b"}) {
    submit("on-" + node, 1, 8, 2);
    run("on-" + node, node);
  }
  Task even = test::task("even", "q", 4, 4, serial_++);
  even.zone_policy = ZonePolicy::kSpread;
  even.expected_duration_ns = kHour;
  tell(TaskUpsert{even});
  plan();
  tend();
  ASSERT_NE(promise("even"), nullptr);
  ASSERT_EQ(promise("even")->placement.nodes, (Names{"a", "a", "b", "b"}));
  tell(NodeUpsert{test::node("c", "zone-c")});
  now_.ns += 2 * kHour;
  for (const std::string node : {"a", "b"}) tell(TaskEnd{"on-" + node, now_});
  EXPECT_EQ(plan(), Names{"even"});
}

// Who has none may be passed: nothing can be promised to it.
TEST_F(Kept, Who_waits_for_what_never_ends_is_promised_nothing_and_passed) {
  submit("endless", 1, 8, 0);
  run("endless", "a");
  submit("head", 2, 8, 1);
  submit("other", 1, 8, 3);
  plan();
  tend();
  ASSERT_NE(promise("head"), nullptr);
  EXPECT_TRUE(promise("head")->placement.nodes.empty());
  EXPECT_EQ(plan(), Names{"other"});
}

TEST_F(Kept, Of_more_than_may_be_held_the_oldest_are) {
  config_.reservations = 2;
  tell(config_);
  for (const std::string node : {"a", "b"}) {
    submit("on-" + node, 1, 8, 2);
    run("on-" + node, node);
  }
  for (const std::string name : {"one", "two", "three"}) {
    tell(QueueUpsert{test::queue(name)});
    submit("head-" + name, 1, 8, 1, name);
  }
  plan();
  tend();
  EXPECT_FALSE(promise("head-one")->placement.nodes.empty());
  EXPECT_FALSE(promise("head-two")->placement.nodes.empty());
  EXPECT_TRUE(promise("head-three")->placement.nodes.empty());
  EXPECT_EQ(engine_.forecast(now_).reservations.size(), 2u);
}

TEST_F(Kept, A_high_task_takes_no_notice_of_what_was_promised_to_a_lower_tier) {
  submit("runs", 1, 8, 2);
  run("runs", "a");
  submit("head", 2, 8, 1);
  plan();
  tend();
  tell(QueueUpsert{test::queue("high", Tier::kHigh)});
  submit("urgent", 1, 8, 9, "high");
  EXPECT_EQ(plan(), Names{"urgent"});
  tend();
  EXPECT_EQ(promise("head")->at.ns, now_.ns + 9 * kHour) << "broken, and made anew";
}

TEST_F(Kept, The_audit_finds_a_start_that_takes_promised_room) {
  submit("runs", 1, 8, 2);
  run("runs", "a");
  submit("head", 2, 8, 1);
  submit("long", 1, 8, 3);
  plan();
  tend();
  Plan plan;
  plan.starts.push_back({"long", 0, {{"b"}}, 1, 0});
  EXPECT_EQ(auditor_.check(plan, now_),
            Names{"long: takes nvidia.com/gpu of node b that is promised to head"});
}

TEST_F(Kept, A_new_leader_begins_without_promises_and_has_them_made_anew) {
  submit("runs", 1, 8, 2);
  run("runs", "a");
  submit("head", 2, 8, 1);
  submit("long", 1, 8, 3);
  plan();
  tend();
  const Promise before = *promise("head");
  tell(Promise{"head", {}, {}});
  EXPECT_EQ(promise("head"), nullptr);
  EXPECT_EQ(plan(), Names{}) << "nobody passes it in between";
  tend();
  EXPECT_EQ(*promise("head"), before);
}

TEST_F(Kept, A_promise_is_a_line_of_the_journal) {
  const Delta promise = Promise{"head", {{"a", "b"}, {0, -1}}, {7}};
  const DecodedLine line = decode(encode(promise));
  ASSERT_TRUE(line.record) << line.error;
  EXPECT_EQ(std::get<Delta>(*line.record), promise);
}

TEST_F(Kept, What_does_not_name_a_node_for_each_pod_is_no_promise) {
  submit("head", 2, 8, 1);
  EXPECT_FALSE(engine_.apply(Promise{"head", {{"a"}, {}}, {1}}));
  EXPECT_FALSE(engine_.apply(Promise{"head", {{"a", "nowhere"}, {}}, {1}}));
  EXPECT_FALSE(engine_.apply(Promise{"nobody", {{"a", "b"}, {}}, {1}}));
  EXPECT_FALSE(engine_.apply(Promise{"head", {}, {}})) << "there is none to be taken back";
  EXPECT_TRUE(engine_.apply(Promise{"head", {{"a", "b"}, {}}, {1}}));
}

}  // namespace
}  // namespace sched
