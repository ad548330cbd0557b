// Disruption budgets, and victims that take their time, against the embedded API server, in virtual
// time. How Pods are counted against budgets stands first.
#include <gtest/gtest.h>

#include "operator/commit/budgets.hpp"
#include "tests/unit/operator/cluster.hpp"

namespace fermi::testing {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr const char* kBudgets = "/apis/policy/v1/namespaces/work/poddisruptionbudgets";

// --- counting

std::shared_ptr<const k8s::Pod> pod(const std::string& name, bool ready = true) {
  auto out = std::make_shared<k8s::Pod>();
  out->meta.name = name;
  out->meta.ns = "work";
  out->meta.labels["app"] = name.substr(0, 1);
  out->node_name = "node";
  out->phase = k8s::PodPhase::kRunning;
  out->conditions.push_back({"Ready", ready ? "True" : "False", "", ""});
  return out;
}

Json budget(const std::string& name, const std::string& app, int allowed, int healthy = 5,
            int desired = 5) {
  return {{"metadata", {{"name", name}, {"generation", 1}}},
          {"spec", {{"selector", {{"matchLabels", {{"app", app}}}}}}},
          {"status",
           {{"observedGeneration", 1},
            {"disruptionsAllowed", allowed},
            {"currentHealthy", healthy},
            {"desiredHealthy", desired}}}};
}

BudgetCount count_of(const Json& items) { return BudgetCount(read_budgets({{"items", items}})); }

TEST(BudgetCount, A_gang_may_go_when_all_of_it_may_and_what_went_is_counted) {
  BudgetCount count = count_of(Json::array({budget("b", "a", 3)}));
  EXPECT_EQ(count.take({pod("a-0"), pod("a-1")}), "");
  EXPECT_EQ(count.take({pod("a-2"), pod("a-3")}), "disruption budget \"b\" lets 1 of 2 Pods go");
  EXPECT_EQ(count.take({pod("a-2")}), "") << "what was refused was not counted";
  EXPECT_EQ(count.take({pod("x-0")}), "") << "no budget covers it";
}

TEST(BudgetCount, A_Pod_that_is_not_ready_costs_nothing_where_the_others_suffice) {
  const auto unready = pod("a-0", false);
  EXPECT_EQ(count_of(Json::array({budget("b", "a", 0, 5, 5)})).take({unready}), "");
  EXPECT_NE(count_of(Json::array({budget("b", "a", 0, 4, 5)})).take({unready}), "");
  Json always = budget("b", "a", 0, 4, 5);
  always["spec"]["unhealthyPodEvictionPolicy"] = "AlwaysAllow";
  EXPECT_EQ(count_of(Json::array({always})).take({unready}), "");
}

TEST(BudgetCount, Two_budgets_of_one_Pod_and_a_budget_not_counted_yet_let_nobody_go) {
  BudgetCount two = count_of(Json::array({budget("b", "a", 3), budget("c", "a", 3)}));
  EXPECT_EQ(two.take({pod("a-0")}),
            "disruption budgets \"b\" and \"c\" both cover Pod a-0, which cannot be evicted then");
  Json fresh = budget("b", "a", 3);
  fresh["metadata"]["generation"] = 2;
  EXPECT_NE(count_of(Json::array({fresh})).take({pod("a-0")}), "");
  Json none = budget("b", "a", 0);
  none["spec"].erase("selector");
  EXPECT_EQ(count_of(Json::array({none})).take({pod("a-0")}), "") << "it covers nobody";
}

// --- stories

Json job_in(const std::string& queue, int nodes, const std::string& run_seconds,
            int grace_seconds = 2) {
  return job_for(
      {.queue = queue, .run_seconds = run_seconds, .nodes = nodes, .grace_seconds = grace_seconds});
}

// So many Pods of this job are to be there.
void protect(Cluster& cluster, const std::string& job, int pods) {
  cluster.create(kBudgets,
                 {{"apiVersion", "policy/v1"},
                  {"kind", "PodDisruptionBudget"},
                  {"metadata", {{"name", "keep"}, {"namespace", "work"}}},
                  {"spec",
                   {{"minAvailable", pods},
                    {"selector", {{"matchLabels", {{"fermi-cluster.com/name", job}}}}}}}});
}

TEST(Budgets, A_job_that_a_budget_keeps_runs_on_and_everybody_sees_why) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.run("low", job_in("low", 1, "forever"));
  protect(cluster, "low", 1);
  cluster.submit("high", job_in("high", 1, "30"));
  cluster.run_for(minutes(3));
  EXPECT_EQ(cluster.phase("low"), "Running");
  EXPECT_EQ(cluster.job("low")["status"].value("preemptions", 0), 0);
  const Json said = condition(cluster.job("low"), "Preempted");
  EXPECT_EQ(said.value("status", ""), "False");
  EXPECT_EQ(said.value("reason", ""), "DisruptionBudget");
  EXPECT_EQ(
      said.value("message", ""),
      "it was to make room for work/high, but disruption budget \"keep\" lets 0 of 1 Pods go");
  EXPECT_EQ(cluster.phase("high"), "Pending");
  EXPECT_NE(cluster.message_of("high").find(
                "work/low cannot make room: disruption budget \"keep\" lets 0 of 1 Pods go"),
            std::string::npos)
      << cluster.message_of("high");
  EXPECT_EQ(cluster.op().metrics().preemptions, 0U);
  EXPECT_EQ(cluster.op().metrics().preemptions_given_up, 1U);
  // It is looked at again and again, which nobody notices. (After ten minutes the conflict of the
  // two is more severe.)
  cluster.run_for(minutes(11));
  const int writes = cluster.operator_writes();
  cluster.run_for(minutes(10));
  EXPECT_EQ(cluster.operator_writes(), writes);
  cluster.remove(std::string(kBudgets) + "/keep");
  EXPECT_TRUE(cluster.wait_phase("high", "Running")) << cluster.job("high").dump(1);
  EXPECT_EQ(cluster.job("low")["status"]["preemptions"], 1);
}

TEST(Budgets, Whom_a_budget_keeps_is_left_out_and_others_make_room) {
  Cluster cluster({{"zone-a", 2, 8}});
  cluster.start_operator();
  cluster.run("open", job_in("low", 1, "forever"));
  cluster.run_for(minutes(5));
  // It has lost least, so that it would be the first to go.
  cluster.run("kept", job_in("low", 1, "forever"));
  protect(cluster, "kept", 1);
  cluster.run("high", job_in("high", 1, "forever"));
  EXPECT_EQ(cluster.phase("kept"), "Running");
  EXPECT_EQ(cluster.job("kept")["status"].value("preemptions", 0), 0);
  EXPECT_EQ(cluster.job("open")["status"]["preemptions"], 1);
}

// One of its two Pods might go. Half a gang is worth nothing.
TEST(Budgets, A_gang_of_which_not_all_may_go_is_not_begun_with) {
  Cluster cluster({{"zone-a", 2, 8}});
  cluster.start_operator();
  cluster.run("low", job_in("low", 2, "forever"));
  protect(cluster, "low", 1);
  cluster.submit("high", job_in("high", 1, "30"));
  cluster.run_for(minutes(3));
  EXPECT_EQ(cluster.phase("low"), "Running");
  EXPECT_EQ(cluster.job("low")["status"].value("attempt", -1), 0);
  EXPECT_EQ(cluster.pods_of("low").size(), 2U);
  EXPECT_NE(condition(cluster.job("low"), "Preempted").value("message", "").find("1 of 2 Pods"),
            std::string::npos);
}

TEST(Budgets, Where_the_queue_allows_it_they_are_violated_and_that_is_counted_over_restarts) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.patch(std::string(kQueues) + "/low", {{"spec", {{"pdbPolicy", "Violate"}}}});
  cluster.run("low", job_in("low", 1, "forever"));
  protect(cluster, "low", 1);
  cluster.submit("high", job_in("high", 1, "20"));
  ASSERT_TRUE(cluster.wait_phase("high", "Running", seconds(30))) << cluster.job("high").dump(1);
  EXPECT_EQ(cluster.job("low")["status"]["preemptions"], 1);
  EXPECT_EQ(cluster.op().metrics().budget_violations.at("low"), 1U);
  const auto counted = [&] { return cluster.queue_status("low").value("budgetViolations", 0); };
  EXPECT_TRUE(cluster.wait(seconds(10), [&] { return counted() == 1; }));
  cluster.kill_operator();
  cluster.start_operator();
  ASSERT_TRUE(cluster.wait_phase("high", "Completed"));
  ASSERT_TRUE(cluster.wait_phase("low", "Running"));
  EXPECT_EQ(counted(), 1);
  cluster.run_for(seconds(5));
  cluster.run("again", job_in("high", 1, "20"));
  EXPECT_TRUE(cluster.wait(seconds(10), [&] { return counted() == 2; }));
}

TEST(Budgets, Where_none_refuses_nothing_is_violated) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.patch(std::string(kQueues) + "/low", {{"spec", {{"pdbPolicy", "Violate"}}}});
  cluster.run("low", job_in("low", 1, "forever"));
  protect(cluster, "low", 0);
  cluster.run("high", job_in("high", 1, "20"));
  EXPECT_TRUE(cluster.op().metrics().budget_violations.empty());
}

// Who waits no longer needs no room: who was to make it stays.
TEST(Budgets, A_task_that_leaves_while_a_budget_objects_leaves_no_trace) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.run("low", job_in("low", 1, "forever"));
  protect(cluster, "low", 1);
  cluster.submit("high", job_in("high", 1, "30"));
  cluster.run_for(seconds(20));
  cluster.remove("/apis/fermi-cluster.com/v1alpha1/namespaces/work/trainingjobs/high");
  cluster.remove(std::string(kBudgets) + "/keep");
  cluster.run_for(minutes(2));
  EXPECT_EQ(cluster.phase("low"), "Running");
  cluster.submit("other", job_in("high", 1, "30"));
  EXPECT_TRUE(cluster.wait_phase("other", "Running")) << "it may be asked again at once";
}

// --- victims that take their time

TEST(SlowVictims, The_room_of_one_that_ignores_SIGTERM_is_kept_until_its_grace_is_over) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.run("low", job_in("low", 1, "forever", 1200));
  cluster.submit("high", job_in("high", 1, "30"));
  ASSERT_TRUE(cluster.wait(seconds(30), [&] { return cluster.phase("low") == "Stopping"; }));
  cluster.run_for(seconds(5));
  cluster.submit("next", job_in("high", 1, "30"));
  ASSERT_TRUE(cluster.wait_phase("next", "Pending"));
  const auto is_told = [&] {
    const std::string said = cluster.message_of("high");
    return said ==
           "waits until work/low (8 x nvidia.com/gpu) has stopped: its room is kept for this task";
  };
  EXPECT_TRUE(cluster.wait(seconds(30), is_told)) << cluster.message_of("high");
  while (!cluster.pods_of("low").empty()) {
    EXPECT_EQ(cluster.phase("high"), "Pending");
    EXPECT_EQ(cluster.phase("next"), "Pending");
    cluster.run_for(seconds(5));
  }
  EXPECT_TRUE(cluster.wait_phase("high", "Running", seconds(30)));
  EXPECT_EQ(cluster.phase("next"), "Pending") << "the room was kept for another";
}

TEST(SlowVictims, A_finalizer_delays_the_start_and_nothing_else) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.run("low", job_in("low", 1, "forever"));
  const std::string pod = "/api/v1/namespaces/work/pods/low-0-0";
  cluster.patch(pod, {{"metadata", {{"finalizers", Json::array({"example.com/keep"})}}}});
  cluster.submit("high", job_in("high", 1, "30"));
  // Longer than a hold lasts: then it is proved, and held, anew.
  cluster.run_for(minutes(15));
  EXPECT_EQ(cluster.phase("low"), "Stopping");
  EXPECT_EQ(cluster.phase("high"), "Pending");
  EXPECT_EQ(cluster.job("high")["status"]["reason"], "Evicting");
  EXPECT_EQ(cluster.job("low")["status"]["preemptions"], 1);
  cluster.patch(pod, {{"metadata", {{"finalizers", nullptr}}}});
  EXPECT_TRUE(cluster.wait_phase("high", "Running", seconds(30)));
  EXPECT_EQ(cluster.phase("low"), "Pending");
}

}  // namespace
}  // namespace fermi::testing
