// What becomes of work when the store of the API server is restored from a copy: objects and
// versions go back to what they were, nodes still run what they ran. Against the embedded API
// server, in virtual time.
#include <gtest/gtest.h>

#include "operator/report/metrics.hpp"
#include "scheduler/engine.hpp"
#include "tests/unit/operator/cluster.hpp"

namespace fermi::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr const char* kNode = "zone-a-0";

std::int64_t gpus_used(Cluster& cluster) {
  const auto used = cluster.op().engine().used(kNode);
  return used ? used->extended_amount("nvidia.com/gpu") : -1;
}

// `old` ran when the copy was made; it went, and `next` took its room. With the copy `old` is back
// on the node, and `next` was never started.
void expect_old_is_back(Options options) {
  Cluster cluster({{"zone-a", 1, 8}}, std::move(options));
  cluster.start_operator();
  cluster.run("old", job_for({}));
  cluster.submit("next", job_for({.run_seconds = "30"}));
  ASSERT_TRUE(cluster.wait_phase("next", "Pending"));
  cluster.run_for(seconds(5));
  cluster.server.back_up();
  cluster.remove(std::string(kJobs) + "/old");
  ASSERT_TRUE(cluster.wait_phase("next", "Running", minutes(3)));
  cluster.restore_store();
  EXPECT_TRUE(cluster.wait(minutes(8), [&] {
    return cluster.phase("old") == "Running" && cluster.phase("next") == "Pending" &&
           cluster.message_of("next").find("held by work/old") != std::string::npos;
  })) << cluster.job("next").dump(1);
  cluster.run_for(minutes(1));
  EXPECT_EQ(gpus_used(cluster), 8);
  EXPECT_EQ(cluster.phase("old"), "Running");
  // While a node that still runs what was lost keeps `old` away, `next` may have had its turn.
  for (const Json& pod : cluster.pods_of("next")) {
    const std::string phase = pod["status"].value("phase", "Pending");
    if (phase == "Succeeded" || phase == "Failed") continue;
    EXPECT_EQ(pod["spec"].value("nodeName", ""), "") << "made before that was noticed";
  }
  cluster.remove(std::string(kJobs) + "/old");
  EXPECT_TRUE(cluster.wait_phase("next", "Completed", minutes(5))) << cluster.job("next").dump(1);
  EXPECT_EQ(cluster.invariants.violation().value_or(""), "");
}

TEST(Restore, What_ran_then_runs_again_and_who_took_its_room_since_waits_again) {
  expect_old_is_back(Options{});
}

TEST(Restore, So_it_is_for_one_who_leads_without_a_lease) {
  Options options;
  options.leader_elect = false;
  expect_old_is_back(std::move(options));
}

// The decision for `next` is written to a store that has gone back meanwhile: the room that it
// stands on is taken there. The write is taken, as the job is what it was; no Pod follows it.
TEST(Restore, A_decision_that_was_made_on_what_is_no_more_binds_nothing) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.run("old", job_for({}));
  cluster.submit("next", job_for({.run_seconds = "30"}));
  ASSERT_TRUE(cluster.wait_phase("next", "Pending"));
  cluster.run_for(minutes(1));
  cluster.server.back_up();
  bool restored = false;
  cluster.before_write("/trainingjobs/next/status", "placement", [&] {
    cluster.restore_store();
    restored = true;
  });
  cluster.remove(std::string(kJobs) + "/old");
  ASSERT_TRUE(cluster.wait(minutes(3), [&] { return restored; }));
  cluster.run_for(minutes(2));
  EXPECT_EQ(cluster.invariants.violation().value_or(""), "");
  EXPECT_EQ(cluster.phase("old"), "Running");
  EXPECT_EQ(cluster.phase("next"), "Pending");
  EXPECT_EQ(gpus_used(cluster), 8);
}

// The same for plain Pods: their hold is taken, and no Binding follows.
TEST(Restore, A_hold_of_plain_Pods_that_was_made_on_what_is_no_more_binds_nothing) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.run("old", job_for({}));
  for (const char* name : {"next-0", "next-1"})
    cluster.create(kPods, pod_for(name, {.gang = "next", .size = 2, .gpus = 4}));
  ASSERT_TRUE(cluster.wait(minutes(1), [&] { return !cluster.why_waits("next-1").empty(); }));
  cluster.run_for(minutes(1));
  cluster.server.back_up();
  bool restored = false;
  cluster.before_write("/pods/next-0/status", "nominatedNodeName", [&] {
    cluster.restore_store();
    restored = true;
  });
  cluster.remove(std::string(kJobs) + "/old");
  ASSERT_TRUE(cluster.wait(minutes(3), [&] { return restored; }));
  cluster.run_for(minutes(2));
  EXPECT_EQ(cluster.invariants.violation().value_or(""), "");
  EXPECT_EQ(cluster.phase("old"), "Running");
  EXPECT_EQ(cluster.node_of("next-0") + cluster.node_of("next-1"), "");
}

// It had completed and was in the ledger; with the copy it runs once more, and is there once.
TEST(Restore, What_is_run_again_is_in_the_ledger_once) {
  Cluster cluster({{"zone-a", 1, 8}}, priced());
  cluster.start_operator();
  cluster.run("job", job_for({.run_seconds = "60"}));
  cluster.run_for(seconds(10));
  cluster.server.back_up();
  ASSERT_TRUE(cluster.wait_phase("job", "Completed", minutes(3)));
  cluster.run_for(seconds(30));
  ASSERT_GT(cluster.spent(), 0);
  cluster.restore_store();
  EXPECT_NE(cluster.phase("job"), "Completed");
  ASSERT_TRUE(cluster.wait_phase("job", "Completed", minutes(10))) << cluster.job("job").dump(1);
  cluster.run_for(seconds(30));
  EXPECT_EQ(cluster.spent(), millionths(cluster.job("job")["status"]["costAccumulated"]));
  EXPECT_EQ(cluster.ledger("runs/").begin()->second["runs"].size(), 1U);
  EXPECT_EQ(cluster.job("job")["metadata"].value("finalizers", Json::array()), Json::array());
}

// Only the last moments are lost, in which nobody renewed the lease: it is as it was, and so is all
// that others have written. Soon the versions are beyond what they had been.
TEST(Restore, What_began_in_the_moments_that_are_lost_holds_no_room) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.run_for(minutes(1));
  bool renewed = false;
  cluster.before_write("/leases/", "", [&] { renewed = true; });
  ASSERT_TRUE(cluster.wait(seconds(10), [&] { return renewed; }));
  cluster.run_for(milliseconds(100));
  cluster.server.back_up();
  cluster.submit("lost", job_for({}));
  cluster.run_for(seconds(1));
  ASSERT_EQ(gpus_used(cluster), 8);
  cluster.restore_store();
  cluster.run_for(minutes(1));
  EXPECT_EQ(gpus_used(cluster), 0);
  cluster.submit("next", job_for({.run_seconds = "30"}));
  EXPECT_TRUE(cluster.wait_phase("next", "Completed", minutes(3))) << cluster.job("next").dump(1);
}

// The first record of the ledger is on its way when the store goes back: it says what is no more.
TEST(Restore, A_record_of_the_ledger_that_arrives_late_counts_nothing) {
  Cluster cluster({{"zone-a", 1, 8}}, priced());
  cluster.start_operator();
  cluster.run("job", job_for({.run_seconds = "60"}));
  cluster.run_for(seconds(10));
  cluster.server.back_up();
  bool restored = false;
  cluster.before_write("/configmaps", "", [&] {
    cluster.restore_store();
    restored = true;
  });
  ASSERT_TRUE(cluster.wait(minutes(3), [&] { return restored; }));
  EXPECT_EQ(cluster.phase("job"), "Running");
  ASSERT_TRUE(cluster.wait_phase("job", "Completed", minutes(10))) << cluster.job("job").dump(1);
  cluster.run_for(seconds(30));
  EXPECT_EQ(cluster.spent(), millionths(cluster.job("job")["status"]["costAccumulated"]));
  EXPECT_EQ(cluster.ledger("runs/").begin()->second["runs"].size(), 1U);
}

// A Pod that ended is being told its cost when the store goes back to where it was just bound. It
// runs and ends once more before anybody leads: what it was told then is not said of that.
TEST(Restore, What_a_Pod_is_told_late_does_not_stand_for_its_second_run) {
  Cluster cluster({{"zone-a", 1, 8}}, priced());
  cluster.start_operator();
  cluster.run_for(seconds(20));
  cluster.create(kPods, pod_for("p", {.run_seconds = "10"}));
  while (cluster.node_of("p").empty()) cluster.run_for(milliseconds(10));
  cluster.server.back_up();
  bool restored = false;
  cluster.before_write("/pods/p", "fermi-cluster.com/cost\"", [&] {
    cluster.restore_store();
    restored = true;
  });
  ASSERT_TRUE(cluster.wait(minutes(2), [&] { return restored; }));
  cluster.run_for(milliseconds(100));
  cluster.kill_operator();
  const auto pod = [&] { return cluster.get(std::string(kPods) + "/p"); };
  ASSERT_TRUE(cluster.wait(minutes(1), [&] { return pod()["status"]["phase"] == "Succeeded"; }));
  cluster.start_operator();
  cluster.run_for(minutes(1));
  const std::string told = pod()["metadata"]["annotations"].value("fermi-cluster.com/cost", "");
  EXPECT_GT(cluster.spent(), 0);
  EXPECT_EQ(cluster.spent(), millionths(told));
}

// A Pod that comes to a node which still runs what was lost is rejected there; its gang starts
// anew.
TEST(Restore, A_node_that_still_runs_what_was_lost_takes_nobody_else_and_the_gang_tries_again) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.submit("job", job_for({.run_seconds = "20", .grace_seconds = 60}));
  cluster.patch(std::string(kJobs) + "/job", {{"spec", {{"suspend", true}}}});
  cluster.run_for(seconds(5));
  cluster.run_for(seconds(5));
  cluster.server.back_up();
  cluster.submit("lost", job_for({.grace_seconds = 60}));
  ASSERT_TRUE(cluster.wait_phase("lost", "Running"));
  cluster.restore_store();
  EXPECT_TRUE(cluster.job("lost").is_null());
  cluster.patch(std::string(kJobs) + "/job", {{"spec", {{"suspend", false}}}});
  EXPECT_TRUE(cluster.wait_phase("job", "Completed", minutes(20))) << cluster.job("job").dump(1);
  EXPECT_EQ(cluster.invariants.violation().value_or(""), "");
}

}  // namespace
}  // namespace fermi::testing
