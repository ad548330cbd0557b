// Conflicts between tasks, as a queue's status tells them, and what an administrator does about
// one, against the embedded API server, in virtual time.
#include <gtest/gtest.h>

#include "operator/report/metrics.hpp"
#include "operator/translate/conflicts.hpp"
#include "tests/unit/operator/conflict_steps.hpp"

namespace fermi::testing {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

TEST(Conflicts, A_High_job_that_waits_for_a_Medium_one_is_told_until_the_guarantee_is_over) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.run("medium", job_in("medium", "forever", "20m"));
  cluster.submit("high", job_in("high", "60", "1m"));
  ASSERT_TRUE(wait_conflict(cluster, "high", "PriorityConflict"));
  const Json found = conflict_in(cluster, "high");
  EXPECT_EQ(found["severity"], "High") << "4 for the tier, 1 for 8 GPUs";
  EXPECT_EQ(found["waiting"]["name"], "high");
  EXPECT_EQ(found["waiting"]["namespace"], "work");
  ASSERT_EQ(found["others"].size(), 1U);
  EXPECT_EQ(found["others"][0]["name"], "medium");
  EXPECT_EQ(found["otherCount"], 1);
  EXPECT_EQ(found["needs"], "8 x nvidia.com/gpu");
  EXPECT_EQ(found["zone"], "zone-a");
  EXPECT_EQ(found["resolutionAt"], cluster.job("medium")["status"]["guarantee"]["until"]);
  EXPECT_EQ(cluster.queue_status("high")["conflictCounts"]["high"], 1);
  const auto& open = cluster.op().metrics().open_conflicts;
  EXPECT_EQ(open.at({"PriorityConflict", "High"}), 1);
  ASSERT_TRUE(cluster.wait_phase("high", "Running", minutes(22)));
  ASSERT_TRUE(wait_conflict(cluster, "medium", "ResourceCompetition"))
      << "now it waits for the other";
  EXPECT_TRUE(cluster.wait(seconds(10), [&] { return conflict_in(cluster, "high").is_null(); }));
  EXPECT_FALSE(cluster.queue_status("high").contains("conflictCounts"));
  ASSERT_TRUE(cluster.wait_phase("medium", "Running", minutes(3)));
  EXPECT_TRUE(cluster.wait(seconds(10), [&] { return conflict_in(cluster, "medium").is_null(); }));
}

TEST(Conflicts, Time_alone_writes_nothing_but_a_new_severity) {
  Cluster cluster({{"zone-a", 1, 8}});
  two_compete(cluster, job_in("medium", "forever", "2h"), job_in("medium", "60", "1h"));
  EXPECT_EQ(conflict_in(cluster, "medium")["severity"], "Medium") << "2 for the tier, 1 for 8 GPUs";
  cluster.run_for(minutes(1));
  const int before = cluster.operator_writes();
  cluster.run_for(minutes(8));
  EXPECT_EQ(cluster.operator_writes(), before);
  cluster.run_for(minutes(2));
  EXPECT_EQ(conflict_in(cluster, "medium")["severity"], "High") << "1 more for ten minutes";
}

TEST(Conflicts, A_new_leader_knows_since_when) {
  Cluster cluster({{"zone-a", 1, 8}});
  two_compete(cluster, job_in("medium", "forever", "2h"), job_in("medium", "60", "1h"));
  const Json before = conflict_in(cluster, "medium");
  cluster.run_for(minutes(1));
  cluster.kill_operator();
  cluster.run_for(minutes(1));
  cluster.start_operator();
  cluster.run_for(minutes(2));
  EXPECT_EQ(conflict_in(cluster, "medium"), before);
}

TEST(Conflicts, An_administrator_resolves_one_and_the_answer_stands_in_the_status) {
  Cluster cluster({{"zone-a", 1, 8}});
  const std::string id =
      two_compete(cluster, job_in("low", "forever", "1h"), job_in("low", "forever", "1h", 5));
  cluster.run_for(minutes(5));
  EXPECT_EQ(cluster.phase("second"), "Pending") << "Low preempts nobody";
  annotate(cluster, "low", id + "=ByPriority");
  ASSERT_TRUE(cluster.wait_phase("second", "Running")) << cluster.job("second").dump(1);
  const Json said = answer(cluster, "low");
  EXPECT_EQ(said["outcome"], "Accepted");
  EXPECT_EQ(said["message"], "work/first was asked to stop for work/second");
  EXPECT_EQ(said["strategy"], "ByPriority");
  EXPECT_EQ(said["conflict"], id);
  const Json first = cluster.job("first")["status"];
  EXPECT_EQ(first["phase"], "Pending");
  EXPECT_EQ(first["preempted"]["by"], "work/second");
  EXPECT_EQ(cluster.op().metrics().resolutions, 1U);
  EXPECT_TRUE(cluster.wait(seconds(10), [&] {
    const Json now = conflict_in(cluster, "low");
    return now.is_object() && now["waiting"]["name"] == "first" && now["id"] != id;
  })) << "the other way round it is another conflict";
}

TEST(Conflicts, What_would_break_a_promise_or_is_not_understood_is_refused_in_one_sentence) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.run("holds", job_in("medium", "forever", "10m"));
  const std::string until = cluster.job("holds")["status"]["guarantee"]["until"];
  cluster.submit("waits", job_in("medium", "60", "1h", 7));
  ASSERT_TRUE(wait_conflict(cluster, "medium", "ResourceCompetition"));
  const std::string id = conflict_in(cluster, "medium")["id"];
  const auto refusal = [&](const std::string& queue, const std::string& wish) {
    annotate(cluster, queue, wish);
    const Json said = answer(cluster, queue);
    EXPECT_EQ(said["outcome"], "Refused") << said.dump();
    return said.value("message", "");
  };
  const std::string clock = until.substr(0, 10) + " " + until.substr(11, 8) + " UTC";
  EXPECT_EQ(refusal("medium", id + "=ByPriority"),
            "work/holds is within its guarantee until " + clock);
  EXPECT_EQ(refusal("medium", id + "=ByForce"),
            "fermi-cluster.com/resolve-conflict: \"ByForce\" is no strategy; one of ByPriority, "
            "FairShare, TimeSlice, Stop");
  EXPECT_EQ(refusal("medium", "please"),
            "fermi-cluster.com/resolve-conflict: \"please\" is not CONFLICT=STRATEGY, such as "
            "pc-0123456789abcdef=ByPriority");
  EXPECT_EQ(refusal("medium", "rc-1=ByPriority"),
            "no conflict rc-1 is open in queue medium; status.conflicts has those that are");
  EXPECT_EQ(refusal("high", id + "=ByPriority"),
            "no conflict " + id + " is open in queue high; status.conflicts has those that are");
  EXPECT_NE(refusal("medium", std::string(100'000, 'x')), "");
  EXPECT_EQ(cluster.phase("holds"), "Running");
  EXPECT_EQ(cluster.queue_status("medium")["resolutions"].size(), 5U);
  // Past the guarantee the same wish is granted.
  cluster.run_for(minutes(11));
  annotate(cluster, "medium", id + "=ByPriority");
  EXPECT_EQ(answer(cluster, "medium")["outcome"], "Accepted");
  EXPECT_TRUE(cluster.wait_phase("waits", "Running"));
}

// The answer is written before the annotation goes: whoever takes over in between asks nobody
// twice.
TEST(Conflicts, A_leader_that_dies_at_any_moment_of_a_resolution_asks_nobody_twice) {
  for (int delay_ms = 0; delay_ms < 1500; delay_ms += 300) {
    SCOPED_TRACE(delay_ms);
    Cluster cluster({{"zone-a", 1, 8}});
    const std::string id =
        two_compete(cluster, job_in("low", "forever", "1h"), job_in("low", "forever", "1h", 5));
    cluster.run_for(seconds(3));
    annotate(cluster, "low", id + "=ByPriority");
    cluster.run_for(std::chrono::milliseconds(delay_ms));
    cluster.kill_operator();
    cluster.start_operator();
    answer(cluster, "low");
    ASSERT_TRUE(cluster.wait_phase("second", "Running", minutes(3)));
    cluster.run_for(minutes(1));
    EXPECT_EQ(cluster.job("first")["status"]["preemptions"], 1);
    EXPECT_EQ(cluster.phase("second"), "Running");
  }
}

TEST(ConflictStatus, What_is_written_is_read_back) {
  sched::Conflict c;
  c.id = "pc-1";
  c.type = sched::ConflictType::kPriority;
  c.severity = sched::Severity::kCritical;
  c.waits.name = "work/a";
  for (int i = 0; i < 12; ++i) {
    c.others.emplace_back();
    c.others.back().name = "work/b" + std::to_string(i);
  }
  c.resource = "cpu";
  c.needed = 1500;
  c.began = {1'700'000'000'000'000'000};
  const QueueConflict shown = to_status(c);
  EXPECT_EQ(shown.needs, "1.5 cores");
  EXPECT_EQ(shown.others.size(), kShownParties);
  EXPECT_EQ(shown.other_count, 12);
  EXPECT_EQ(decode_conflict(encode(shown)), shown);
  const QueueResolution resolution{"pc-1", "TimeSlice", "Refused", "why", {}, "pc-1=TimeSlice"};
  EXPECT_EQ(decode_resolution(encode(resolution)), resolution);
}

}  // namespace
}  // namespace fermi::testing
