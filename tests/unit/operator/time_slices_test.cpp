// A conflict that is resolved by time slice goes on by itself, turn after turn, against the
// embedded API server, in virtual time.
#include <gtest/gtest.h>

#include "libk8s/codec/rfc3339.hpp"
#include "operator/loop/time_slices.hpp"
#include "tests/unit/operator/conflict_steps.hpp"

namespace fermi::testing {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

// The last answer of a queue that speaks of turns.
Json turns_in(Cluster& cluster, const std::string& queue) {
  Json out = Json::object();
  for (const Json& one : cluster.queue_status(queue).value("resolutions", Json::array()))
    if (one.contains("turns")) out = one;
  return out;
}

int taken(Cluster& cluster, const std::string& queue) {
  return turns_in(cluster, queue).value("/turns/taken"_json_pointer, 0);
}

bool goes_on(Cluster& cluster, const std::string& queue) {
  return turns_in(cluster, queue).value("/turns/between"_json_pointer, Json()).is_array();
}

int preemptions(Cluster& cluster, const std::string& job) {
  return cluster.job(job)["status"].value("preemptions", 0);
}

// Two jobs without an end in a Low queue; the floor of the queue, a minute, is their slice.
std::string low_pair(Cluster& cluster) {
  const Json spec = job_for({.queue = "low", .grace_seconds = 2});
  return two_compete(cluster, spec, spec);
}

void take_turns(Cluster& cluster, const std::string& queue, const std::string& id) {
  annotate(cluster, queue, id + "=TimeSlice");
  ASSERT_EQ(answer(cluster, queue)["outcome"], "Accepted");
  ASSERT_TRUE(goes_on(cluster, queue)) << cluster.queue_status(queue).dump(1);
}

TEST(TimeSlices, Two_jobs_take_turns_until_one_of_them_is_gone) {
  Cluster cluster({{"zone-a", 1, 8}});
  const std::string id = low_pair(cluster);
  cluster.run_for(minutes(2));
  take_turns(cluster, "low", id);
  cluster.run_for(minutes(10));
  const int turns = taken(cluster, "low");
  EXPECT_GE(turns, 7) << "a minute each, and some seconds to stop and start";
  EXPECT_LE(turns, 11);
  EXPECT_NEAR(preemptions(cluster, "first"), preemptions(cluster, "second"), 1);
  EXPECT_EQ(preemptions(cluster, "first") + preemptions(cluster, "second"), turns);
  cluster.remove(std::string(kJobs) + "/second");
  ASSERT_TRUE(cluster.wait(minutes(3), [&] { return !goes_on(cluster, "low"); }));
  EXPECT_NE(turns_in(cluster, "low")["message"].get<std::string>().find(
                "fewer than two of the tasks are left"),
            std::string::npos);
  const int over = taken(cluster, "low");
  ASSERT_TRUE(cluster.wait_phase("first", "Running"));
  cluster.run_for(minutes(1));
  const int writes = cluster.operator_writes();
  cluster.run_for(minutes(10));
  EXPECT_EQ(cluster.operator_writes(), writes) << "nothing goes on";
  EXPECT_EQ(taken(cluster, "low"), over);
}

TEST(TimeSlices, The_next_leader_goes_on_with_them) {
  Cluster cluster({{"zone-a", 1, 8}});
  const std::string id = low_pair(cluster);
  cluster.run_for(minutes(2));
  take_turns(cluster, "low", id);
  cluster.run_for(minutes(3));
  const int before = taken(cluster, "low");
  cluster.kill_operator();
  cluster.run_for(seconds(20));
  cluster.start_operator();
  cluster.run_for(minutes(5));
  EXPECT_GE(taken(cluster, "low"), before + 3);
  EXPECT_TRUE(goes_on(cluster, "low"));
}

TEST(TimeSlices, An_administrator_ends_them) {
  Cluster cluster({{"zone-a", 1, 8}});
  const std::string id = low_pair(cluster);
  cluster.run_for(minutes(2));
  annotate(cluster, "low", id + "=Stop");
  Json said = answer(cluster, "low");
  EXPECT_EQ(said["outcome"], "Refused");
  EXPECT_EQ(said["message"], "no tasks of " + id + " take turns in queue low");
  take_turns(cluster, "low", id);
  cluster.run_for(minutes(3));
  annotate(cluster, "low", "work/first=Stop");
  said = answer(cluster, "low");
  EXPECT_EQ(said["outcome"], "Accepted");
  ASSERT_TRUE(cluster.wait(seconds(10), [&] { return !goes_on(cluster, "low"); }));
  const int turns = taken(cluster, "low");
  cluster.run_for(minutes(5));
  EXPECT_EQ(taken(cluster, "low"), turns);
  EXPECT_NE(
      turns_in(cluster, "low")["message"].get<std::string>().find("an administrator ended them"),
      std::string::npos);
}

// Four minutes of guarantee, halved with each turn down to the floor of a minute.
TEST(TimeSlices, No_turn_begins_within_a_guarantee) {
  Cluster cluster({{"zone-a", 1, 8}});
  std::map<std::string, std::pair<std::string, std::int64_t>> guarded;  // until, by job
  int broken = 0;
  cluster.truth.on_change([&](const std::string& kind, const Json*, const Json* after) {
    if (kind != "jobs" || after == nullptr) return;
    const Json status = after->value("status", Json::object());
    const std::string name = (*after)["metadata"]["name"];
    auto& [until, count] = guarded[name];
    const std::int64_t stopped = status.value("preemptions", 0);
    if (stopped > count) {
      count = stopped;
      const std::string at = status.value("/preempted/at"_json_pointer, "");
      broken += until.empty() || at < until ? 1 : 0;
    }
    if (status.value("phase", "") == "Running")
      until = status.value("/guarantee/until"_json_pointer, "");
  });
  const std::string id =
      two_compete(cluster, job_in("medium", "forever", "4m"), job_in("medium", "forever", "4m"));
  annotate(cluster, "medium", id + "=TimeSlice");
  EXPECT_EQ(answer(cluster, "medium")["outcome"], "Refused") << "it is within its guarantee";
  cluster.run_for(minutes(5));
  take_turns(cluster, "medium", id);
  cluster.run_for(minutes(30));
  EXPECT_GE(taken(cluster, "medium"), 5);
  EXPECT_EQ(broken, 0);
}

// The one that got the room is of a higher tier now, and yields to none below.
TEST(TimeSlices, They_end_where_a_promise_stands_in_the_way_for_good) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.make_queue("mixed", {{"tier", "Medium"}, {"defaults", {{"expectedDuration", "1h"}}}});
  Json low = job_in("mixed", "forever", "1h");
  low["scheduling"]["priority"] = "Low";
  const std::string id = two_compete(cluster, low, low);
  cluster.run_for(minutes(2));
  take_turns(cluster, "mixed", id);
  ASSERT_TRUE(cluster.wait_phase("second", "Running"));
  cluster.patch(std::string(kJobs) + "/first",
                {{"spec", {{"scheduling", {{"priority", "Medium"}}}}}});
  // As its tier says, it takes the room back at once, and keeps it.
  ASSERT_TRUE(cluster.wait_phase("first", "Running", minutes(3)));
  ASSERT_TRUE(cluster.wait(minutes(3), [&] { return !goes_on(cluster, "mixed"); }));
  EXPECT_NE(turns_in(cluster, "mixed")["message"].get<std::string>().find(
                "work/first is of a higher tier than work/second"),
            std::string::npos)
      << turns_in(cluster, "mixed").dump(1);
}

TEST(TimeSlices, They_end_when_all_have_room) {
  Cluster cluster({{"zone-a", 1, 8}});
  const std::string id = low_pair(cluster);
  cluster.run_for(minutes(2));
  take_turns(cluster, "low", id);
  cluster.run_for(seconds(30));
  cluster.add_node("zone-a-1", "zone-a", 8);
  ASSERT_TRUE(cluster.wait(minutes(3), [&] { return !goes_on(cluster, "low"); }));
  EXPECT_NE(
      turns_in(cluster, "low")["message"].get<std::string>().find("all of the tasks have room"),
      std::string::npos);
  EXPECT_EQ(cluster.phase("first"), "Running");
  EXPECT_EQ(cluster.phase("second"), "Running");
}

TEST(TimeSlices, What_is_written_of_them_is_read_back) {
  QueueResolution said{"rc-1", "TimeSlice", "Accepted", "why", {}, ""};
  said.between = {{"TrainingJob", "work", "a", "u1"}, {"TrainingJob", "work", "b", "u2"}};
  said.turns = 7;
  said.turned_at = {1'700'000'000'000'000'000};
  EXPECT_EQ(decode_resolution(encode(said)), said);
  said.between.clear();
  EXPECT_EQ(decode_resolution(encode(said)), said);
}

}  // namespace
}  // namespace fermi::testing
