// Who makes room for whom, against the embedded API server, in virtual time.
#include <gtest/gtest.h>

#include "operator/report/metrics.hpp"
#include "tests/unit/operator/cluster.hpp"

namespace fermi::testing {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

Json job_in(const std::string& queue, int nodes, const std::string& run_seconds,
            const std::string& expected) {
  return job_for(
      {.queue = queue, .run_seconds = run_seconds, .expected = expected, .nodes = nodes});
}

TEST(Preemption, A_High_job_makes_a_Low_one_stop_which_waits_at_its_old_place) {
  Cluster cluster({{"zone-a", 2, 8}});
  cluster.start_operator();
  cluster.run("low", job_in("low", 2, "forever", "1h"));
  cluster.submit("other", job_in("low", 1, "5", "1m"));
  const std::string submitted = cluster.job("low")["status"]["submitTime"];
  cluster.run("high", job_in("high", 1, "30", "1m"));
  const Json low = cluster.job("low")["status"];
  EXPECT_EQ(low["phase"], "Pending");
  EXPECT_EQ(low["preemptions"], 1);
  EXPECT_EQ(low["preempted"]["by"], "work/high");
  EXPECT_EQ(low["submitTime"], submitted);
  ASSERT_TRUE(cluster.wait_phase("other", "Completed")) << "it fits beside";
  ASSERT_TRUE(cluster.wait_phase("high", "Completed"));
  ASSERT_TRUE(cluster.wait_phase("low", "Running")) << cluster.job("low").dump(1);
  EXPECT_EQ(cluster.job("low")["status"]["preempted"]["by"], "work/high") << "never overwritten";
}

TEST(Preemption, Who_has_just_written_a_checkpoint_is_asked_first) {
  Cluster cluster({{"zone-a", 2, 8}});
  cluster.start_operator();
  Json saves = job_in("low", 1, "forever", "1h");
  saves["checkpoint"] = {{"path", "/tmp/checkpoint"}, {"interval", "10m"}};
  cluster.run("saves", saves);
  cluster.run_for(minutes(55));
  cluster.run("new", job_in("low", 1, "forever", "1h"));
  cluster.run_for(minutes(8));
  cluster.run("high", job_in("high", 1, "30", "1m"));
  EXPECT_EQ(cluster.phase("new"), "Running") << "it would lose 8 minutes, the other 3";
  EXPECT_EQ(cluster.job("saves")["status"]["preemptions"], 1);
}

TEST(Preemption, A_Medium_job_is_safe_until_its_guarantee_is_over_and_sees_until_when) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.run("medium", job_in("medium", 1, "forever", "10m"));
  EXPECT_TRUE(cluster.job("medium")["status"]["guarantee"].contains("until"));
  cluster.submit("high", job_in("high", 1, "60", "1m"));
  cluster.run_for(minutes(9));
  EXPECT_EQ(cluster.phase("medium"), "Running");
  EXPECT_EQ(cluster.phase("high"), "Pending");
  ASSERT_TRUE(cluster.wait_phase("high", "Running", minutes(3))) << cluster.job("high").dump(1);
  EXPECT_EQ(cluster.job("medium")["status"]["preemptions"], 1);
  ASSERT_TRUE(cluster.wait_phase("high", "Completed"));
  ASSERT_TRUE(cluster.wait_phase("medium", "Running"));
  // Halved: five minutes, and no more.
  cluster.submit("again", job_in("high", 1, "60", "1m"));
  cluster.run_for(minutes(4));
  EXPECT_EQ(cluster.phase("medium"), "Running");
  ASSERT_TRUE(cluster.wait_phase("again", "Running", minutes(3)));
}

TEST(Preemption, A_Medium_job_never_stops_another_Medium_one) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.run("first", job_in("medium", 1, "forever", "1m"));
  cluster.submit("second", job_in("medium", 1, "5", "1m"));
  cluster.run_for(minutes(30));
  EXPECT_EQ(cluster.phase("first"), "Running");
  EXPECT_EQ(cluster.op().metrics().preemptions, 0U);
}

// The guarantee is a promise that the job gave up.
TEST(Preemption, A_Medium_job_that_said_preemptible_yields_to_High_from_its_start) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  Json spec = job_in("medium", 1, "forever", "1h");
  spec["scheduling"]["preemptible"] = true;
  cluster.run("medium", spec);
  cluster.submit("peer", job_in("medium", 1, "5", "1m"));
  cluster.run_for(minutes(5));
  EXPECT_EQ(cluster.phase("medium"), "Running") << "another Medium one does not";
  cluster.submit("high", job_in("high", 1, "30", "1m"));
  ASSERT_TRUE(cluster.wait_phase("high", "Running", seconds(40))) << cluster.job("high").dump(1);
  EXPECT_EQ(cluster.job("medium")["status"]["preempted"]["by"], "work/high");
}

TEST(Preemption, A_High_job_yields_to_High_only_if_it_said_so) {
  Cluster cluster({{"zone-a", 2, 8}});
  cluster.start_operator();
  Json spec = job_in("high", 1, "forever", "1h");
  cluster.submit("firm", spec);
  spec["scheduling"]["preemptible"] = true;
  cluster.submit("yields", spec);
  ASSERT_TRUE(cluster.wait_phase("firm", "Running"));
  ASSERT_TRUE(cluster.wait_phase("yields", "Running"));
  cluster.submit("high", job_in("high", 1, "forever", "1m"));
  ASSERT_TRUE(cluster.wait_phase("high", "Running", seconds(40))) << cluster.job("high").dump(1);
  EXPECT_EQ(cluster.phase("yields"), "Pending");
  cluster.submit("more", job_in("high", 1, "forever", "1m"));
  cluster.run_for(minutes(5));
  EXPECT_EQ(cluster.phase("more"), "Pending") << "nobody is left who said so";
}

TEST(Preemption, Jobs_of_one_queue_take_turns_and_each_stands_behind_the_others_then) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.make_queue("turns", {{"tier", "Low"}, {"strategy", "TimeSlicing"}, {"quantum", "5m"}});
  cluster.start_operator();
  for (const char* name : {"one", "two", "three"}) {
    cluster.submit(name, job_in("turns", 1, "forever", "1h"));
    cluster.run_for(seconds(2));  // the API knows whole seconds
  }
  ASSERT_TRUE(cluster.wait_phase("one", "Running"));
  cluster.run_for(minutes(4));
  EXPECT_EQ(cluster.phase("one"), "Running");
  ASSERT_TRUE(cluster.wait_phase("two", "Running", minutes(2)));
  const Json one = cluster.job("one")["status"];
  EXPECT_EQ(one["preempted"]["reason"], "Rotation");
  EXPECT_EQ(one["preempted"]["by"], "work/two");
  EXPECT_EQ(one["queuePosition"], 2) << one.dump(1);
  // A new leader knows whose turn it is.
  cluster.kill_operator();
  cluster.start_operator();
  ASSERT_TRUE(cluster.wait_phase("three", "Running", minutes(7)));
  ASSERT_TRUE(cluster.wait_phase("one", "Running", minutes(7)));
  EXPECT_EQ(cluster.job("two")["status"]["preemptions"], 1);
}

// The new leader knows whose room is on its way from the victims' statuses, and asks nobody else.
TEST(Preemption, A_new_leader_goes_on_with_what_was_decided) {
  Cluster cluster({{"zone-a", 2, 8}});
  cluster.start_operator();
  for (const char* name : {"one", "two"}) cluster.submit(name, job_in("low", 1, "forever", "1h"));
  ASSERT_TRUE(cluster.wait_phase("one", "Running"));
  ASSERT_TRUE(cluster.wait_phase("two", "Running"));
  cluster.submit("high", job_in("high", 1, "forever", "1h"));
  ASSERT_TRUE(cluster.wait(seconds(20), [&] {
    return cluster.phase("one") == "Stopping" || cluster.phase("two") == "Stopping";
  }));
  cluster.kill_operator();
  cluster.start_operator();
  ASSERT_TRUE(cluster.wait_phase("high", "Running")) << cluster.job("high").dump(1);
  cluster.run_for(minutes(2));
  const auto preemptions = [&](const char* name) {
    return cluster.job(name)["status"].value("preemptions", 0);
  };
  EXPECT_EQ(preemptions("one") + preemptions("two"), 1);
}

}  // namespace
}  // namespace fermi::testing
