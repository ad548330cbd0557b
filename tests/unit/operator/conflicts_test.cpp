// Conflicts between tasks, as a queue's status tells them, and what an administrator does about
// one, against the embedded API server, in virtual time.
#include <gtest/gtest.h>

#include "operator/report/metrics.hpp"
#include "operator/translate/conflicts.hpp"
#include "tests/unit/operator/cluster.hpp"

namespace fermi::testing {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr const char* kQueues = "/apis/fermi-cluster.com/v1alpha1/taskqueues/";

Json job_in(const std::string& queue, const std::string& run_seconds, const std::string& expected,
            int priority = 0) {
  return {{"nodes", 1},
          {"gpusPerNode", 8},
          {"scheduling",
           {{"queue", queue}, {"expectedDuration", expected}, {"priorityValue", priority}}},
          {"podTemplate", {{"metadata", {{"annotations", {{"sim/run-seconds", run_seconds}}}}}}}};
}

Json status_of(Cluster& cluster, const std::string& queue) {
  return cluster.get(kQueues + queue).value("status", Json::object());
}

// The first conflict that the queue's status shows, or null.
Json conflict_in(Cluster& cluster, const std::string& queue) {
  return status_of(cluster, queue).value("/conflicts/0"_json_pointer, Json());
}

bool wait_conflict(Cluster& cluster, const std::string& queue, const std::string& type) {
  return cluster.wait(seconds(30), [&] {
    const Json found = conflict_in(cluster, queue);
    return found.is_object() && found["type"] == type;
  });
}

void annotate(Cluster& cluster, const std::string& queue, const std::string& wish) {
  cluster.patch(kQueues + queue,
                {{"metadata", {{"annotations", {{"fermi-cluster.com/resolve-conflict", wish}}}}}});
}

// The answer to the wish, once the annotation has been taken off.
Json answer(Cluster& cluster, const std::string& queue) {
  EXPECT_TRUE(cluster.wait(seconds(30), [&] {
    const Json object = cluster.get(kQueues + queue);
    const Json& all = object["status"].value("resolutions", Json::array());
    const std::string wish =
        object.value("/metadata/annotations/fermi-cluster.com~1resolve-conflict"_json_pointer, "");
    return !all.empty() && !all.back().contains("request") && wish.empty();
  })) << cluster.get(kQueues + queue).dump(1);
  const Json all = status_of(cluster, queue).value("resolutions", Json::array());
  return all.empty() ? Json::object() : all.back();
}

TEST(Conflicts, A_High_job_that_waits_for_a_Medium_one_is_told_until_the_guarantee_is_over) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.submit("medium", job_in("medium", "forever", "20m"));
  ASSERT_TRUE(cluster.wait_phase("medium", "Running"));
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
  EXPECT_EQ(status_of(cluster, "high")["conflictCounts"]["high"], 1);
  const auto& open = cluster.op().metrics().open_conflicts;
  EXPECT_EQ(open.at({"PriorityConflict", "High"}), 1);
  ASSERT_TRUE(cluster.wait_phase("high", "Running", minutes(22)));
  ASSERT_TRUE(wait_conflict(cluster, "medium", "ResourceCompetition"))
      << "now it waits for the other";
  EXPECT_TRUE(cluster.wait(seconds(10), [&] { return conflict_in(cluster, "high").is_null(); }));
  EXPECT_FALSE(status_of(cluster, "high").contains("conflictCounts"));
  ASSERT_TRUE(cluster.wait_phase("medium", "Running", minutes(3)));
  EXPECT_TRUE(cluster.wait(seconds(10), [&] { return conflict_in(cluster, "medium").is_null(); }));
}

TEST(Conflicts, Time_alone_writes_nothing_but_a_new_severity) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.submit("first", job_in("medium", "forever", "2h"));
  ASSERT_TRUE(cluster.wait_phase("first", "Running"));
  cluster.submit("second", job_in("medium", "60", "1h"));
  ASSERT_TRUE(wait_conflict(cluster, "medium", "ResourceCompetition"));
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
  cluster.start_operator();
  cluster.submit("first", job_in("medium", "forever", "2h"));
  ASSERT_TRUE(cluster.wait_phase("first", "Running"));
  cluster.submit("second", job_in("medium", "60", "1h"));
  ASSERT_TRUE(wait_conflict(cluster, "medium", "ResourceCompetition"));
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
  cluster.start_operator();
  cluster.submit("behind", job_in("low", "forever", "1h"));
  ASSERT_TRUE(cluster.wait_phase("behind", "Running"));
  cluster.submit("before", job_in("low", "forever", "1h", 5));
  ASSERT_TRUE(wait_conflict(cluster, "low", "ResourceCompetition"));
  const std::string id = conflict_in(cluster, "low")["id"];
  cluster.run_for(minutes(5));
  EXPECT_EQ(cluster.phase("before"), "Pending") << "Low preempts nobody";
  annotate(cluster, "low", id + "=ByPriority");
  ASSERT_TRUE(cluster.wait_phase("before", "Running")) << cluster.job("before").dump(1);
  const Json said = answer(cluster, "low");
  EXPECT_EQ(said["outcome"], "Accepted");
  EXPECT_EQ(said["message"], "work/behind was asked to stop for work/before");
  EXPECT_EQ(said["strategy"], "ByPriority");
  EXPECT_EQ(said["conflict"], id);
  const Json behind = cluster.job("behind")["status"];
  EXPECT_EQ(behind["phase"], "Pending");
  EXPECT_EQ(behind["preempted"]["by"], "work/before");
  EXPECT_EQ(cluster.op().metrics().resolutions, 1U);
  EXPECT_TRUE(cluster.wait(seconds(10), [&] {
    const Json now = conflict_in(cluster, "low");
    return now.is_object() && now["waiting"]["name"] == "behind" && now["id"] != id;
  })) << "the other way round it is another conflict";
}

TEST(Conflicts, What_would_break_a_promise_or_is_not_understood_is_refused_in_one_sentence) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.submit("holds", job_in("medium", "forever", "10m"));
  ASSERT_TRUE(cluster.wait_phase("holds", "Running"));
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
            "FairShare, TimeSlice");
  EXPECT_EQ(refusal("medium", "please"),
            "fermi-cluster.com/resolve-conflict: \"please\" is not CONFLICT=STRATEGY, such as "
            "pc-0123456789abcdef=ByPriority");
  EXPECT_EQ(refusal("medium", "rc-1=ByPriority"),
            "no conflict rc-1 is open in queue medium; status.conflicts has those that are");
  EXPECT_EQ(refusal("high", id + "=ByPriority"),
            "no conflict " + id + " is open in queue high; status.conflicts has those that are");
  EXPECT_NE(refusal("medium", std::string(100'000, 'x')), "");
  EXPECT_EQ(cluster.phase("holds"), "Running");
  EXPECT_EQ(status_of(cluster, "medium")["resolutions"].size(), 5U);
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
    cluster.start_operator();
    cluster.submit("behind", job_in("low", "forever", "1h"));
    ASSERT_TRUE(cluster.wait_phase("behind", "Running"));
    cluster.submit("before", job_in("low", "forever", "1h", 5));
    ASSERT_TRUE(wait_conflict(cluster, "low", "ResourceCompetition"));
    const std::string id = conflict_in(cluster, "low")["id"];
    cluster.run_for(seconds(3));
    annotate(cluster, "low", id + "=ByPriority");
    cluster.run_for(std::chrono::milliseconds(delay_ms));
    cluster.kill_operator();
    cluster.start_operator();
    answer(cluster, "low");
    ASSERT_TRUE(cluster.wait_phase("before", "Running", minutes(3)));
    cluster.run_for(minutes(1));
    EXPECT_EQ(cluster.job("behind")["status"]["preemptions"], 1);
    EXPECT_EQ(cluster.phase("before"), "Running");
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
