// What a queue's status and plain Pods tell of costs, how strategies do, and how Fermi lets go of
// everything, against the embedded API server, in virtual time.
#include <gtest/gtest.h>

#include <sstream>

#include "libk8s/transport/client.hpp"
#include "operator/commit/let_go.hpp"
#include "operator/ledger/live_costs.hpp"
#include "operator/ledger/outcomes.hpp"
#include "operator/report/statistics.hpp"
#include "tests/unit/operator/cluster.hpp"

namespace fermi::testing {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

Json job_of(int gpus, const std::string& run_seconds, const std::string& exit_code = "0") {
  return {{"gpusPerNode", gpus},
          {"retry", {{"limit", 0}}},
          {"podTemplate",
           {{"metadata",
             {{"annotations", {{"sim/run-seconds", run_seconds}, {"sim/exit", exit_code}}}}}}}};
}

Json plain_pod(const std::string& name, int gpus, const std::string& run_seconds) {
  return pod_for(name, {.queue = "default", .gpus = gpus, .run_seconds = run_seconds});
}

Json annotations(Cluster& cluster, const std::string& pod) {
  return cluster.get(std::string(kPods) + "/" + pod)
      .value("/metadata/annotations"_json_pointer, Json::object());
}

TEST(PlainCost, A_plain_Pod_says_what_it_costs_and_has_cost_and_the_ledger_has_it) {
  Cluster cluster({{"zone-a", 1, 8}}, priced());
  cluster.start_operator();
  cluster.create(kPods, plain_pod("p", 4, "100"));
  ASSERT_TRUE(cluster.wait(minutes(1), [&] { return cluster.node_of("p") == "zone-a-0"; }));
  EXPECT_EQ(annotations(cluster, "p").value("fermi-cluster.com/cost-per-hour", ""), "144.00");
  ASSERT_TRUE(cluster.wait(
      minutes(5), [&] { return annotations(cluster, "p").contains("fermi-cluster.com/cost"); }));
  const std::int64_t cost = millionths(annotations(cluster, "p")["fermi-cluster.com/cost"]);
  EXPECT_GE(cost, 100 * 40'000);
  EXPECT_LE(cost, 103 * 40'000);
  EXPECT_EQ(cluster.spent(), cost);
  cluster.run_for(seconds(30));
  const auto ledger_writes = cluster.op().metrics().ledger_writes;
  EXPECT_EQ(ledger_writes, 2U) << "when it began, and when it had ended";
  cluster.kill_operator();
  cluster.start_operator();
  cluster.run_for(minutes(30));
  EXPECT_EQ(cluster.op().metrics().ledger_writes, 0U) << "the next leader counts nothing again";
  EXPECT_EQ(cluster.spent(), cost);
}

TEST(PlainCost, One_that_went_while_nobody_led_is_counted_all_the_same_and_once) {
  Cluster cluster({{"zone-a", 1, 8}}, priced());
  cluster.start_operator();
  cluster.create(kPods, plain_pod("p", 8, "forever"));
  ASSERT_TRUE(cluster.wait(minutes(1), [&] { return cluster.node_of("p") == "zone-a-0"; }));
  cluster.run_for(minutes(10));
  cluster.kill_operator();
  cluster.remove(std::string(kPods) + "/p");
  ASSERT_TRUE(cluster.wait(minutes(2), [&] { return cluster.node_of("p") == "?"; }));
  cluster.start_operator();
  cluster.run_for(minutes(2));
  const std::int64_t once = cluster.spent();
  EXPECT_GE(once, 600 * 80'000);
  EXPECT_LE(once, 780 * 80'000);
  cluster.kill_operator();
  cluster.start_operator();
  cluster.run_for(minutes(2));
  EXPECT_EQ(cluster.spent(), once);
}

// Seed 77092 of the simulation: what ran was charged at nothing, since for a leader whose clock was
// behind it had not ended yet.
TEST(PlainCost, A_leader_whose_clock_is_behind_charges_what_the_Pod_says_it_ran) {
  Cluster cluster({{"zone-a", 1, 8}}, priced());
  cluster.start_operator();
  cluster.create(kPods, plain_pod("p", 8, "100"));
  ASSERT_TRUE(cluster.wait(minutes(1), [&] { return cluster.node_of("p") == "zone-a-0"; }));
  cluster.run_for(seconds(20));
  cluster.kill_operator();
  cluster.run_for(minutes(3));
  cluster.loop.shift_wall_clock(-minutes(30));
  cluster.start_operator();
  ASSERT_TRUE(cluster.wait(
      minutes(5), [&] { return annotations(cluster, "p").contains("fermi-cluster.com/cost"); }));
  const std::int64_t cost = millionths(annotations(cluster, "p")["fermi-cluster.com/cost"]);
  EXPECT_GE(cost, 99 * 80'000);
  EXPECT_LE(cost, 103 * 80'000);
  EXPECT_EQ(cluster.spent(), cost);
}

// Seed 500061 of the simulation: a conflict was taken for the Pod's end, and nobody told it its
// cost.
TEST(PlainCost, A_Pod_is_told_its_cost_over_conflicts) {
  Cluster cluster({{"zone-a", 1, 8}}, priced());
  cluster.start_operator();
  cluster.create(kPods, plain_pod("p", 8, "30"));
  // Not so long that the lease is lost: a new leader would look again in any case.
  for (int i = 0; i < 600'000 && cluster.spent() == 0; ++i) cluster.run_for(k8s::Duration(200'000));
  ASSERT_GT(cluster.spent(), 0);
  cluster.faults().conflict = 1000;
  cluster.run_for(seconds(3));
  EXPECT_FALSE(annotations(cluster, "p").contains("fermi-cluster.com/cost"));
  cluster.faults().conflict = 0;
  ASSERT_TRUE(cluster.wait(
      minutes(1), [&] { return annotations(cluster, "p").contains("fermi-cluster.com/cost"); }));
  EXPECT_EQ(millionths(annotations(cluster, "p")["fermi-cluster.com/cost"]), cluster.spent());
  EXPECT_EQ(cluster.lives(), 1);
}

// Whoever dies when: what the Pod says in the end is what the ledger has.
std::string pod_after_death(int dies_at, sim::WritePoint point, bool* died) {
  Cluster cluster({{"zone-a", 1, 8}}, priced());
  cluster.start_operator();
  cluster.kill_at_write(dies_at, point);
  cluster.create(kPods, plain_pod("p", 8, "30"));
  const auto told = [&] { return annotations(cluster, "p").contains("fermi-cluster.com/cost"); };
  for (int i = 0; i < 600 && !told(); ++i) {
    cluster.run_for(std::chrono::milliseconds(500));
    if (!cluster.died()) continue;
    cluster.kill_operator();
    cluster.start_operator();
  }
  if (!told()) return "never told";
  *died = cluster.lives() > 1;
  cluster.run_for(seconds(30));
  const std::int64_t cost = millionths(annotations(cluster, "p")["fermi-cluster.com/cost"]);
  if (cost < 30 * 80'000) return "too little: " + std::to_string(cost);
  return cost == cluster.spent() ? ""
                                 : std::to_string(cluster.spent()) + " for " + std::to_string(cost);
}

TEST(PlainCost, Nothing_is_lost_or_counted_twice_wherever_the_leader_dies) {
  for (const sim::WritePoint point :
       {sim::WritePoint::kBeforeSend, sim::WritePoint::kAfterApply, sim::WritePoint::kAfterReply})
    for (auto [dies_at, died] = std::pair{1, true}; died && dies_at < 100; ++dies_at)
      EXPECT_EQ(pod_after_death(dies_at, point, &died), "")
          << "write " << dies_at << ", point " << static_cast<int>(point);
}

TEST(QueueCost, The_status_tells_what_runs_per_hour_and_what_was_spent_today) {
  Cluster cluster({{"zone-a", 1, 8}}, priced());
  cluster.start_operator();
  cluster.run("j", job_of(8, "7200"));
  cluster.run_for(seconds(5));
  Json cost = cluster.queue_status("default").value("cost", Json::object());
  EXPECT_EQ(cost.value("perHour", ""), "288.00") << cost.dump();
  EXPECT_EQ(cost.value("/tenants/0/tenant"_json_pointer, ""), "work");
  EXPECT_EQ(cost.value("/tenants/0/perHour"_json_pointer, ""), "288.00");
  EXPECT_EQ(cost.value("/pools/0/perHour"_json_pointer, ""), "288.00");
  const QueueGauges& gauges = cluster.op().metrics().queues.at("default");
  EXPECT_EQ(gauges.cost_per_hour, 288'000'000);
  EXPECT_EQ(gauges.tenant_costs.at("work").first, 288'000'000);
  const int quiet = cluster.operator_writes();
  cluster.run_for(minutes(50));
  EXPECT_EQ(cluster.operator_writes(), quiet) << "what is spent moves, and is not written for that";
  ASSERT_TRUE(cluster.wait_phase("j", "Completed", hours(3)));
  cluster.run_for(minutes(1));
  cost = cluster.queue_status("default")["cost"];
  EXPECT_EQ(cost["perHour"], "0.00");
  EXPECT_GE(millionths(cost["today"]), 0);
}

TEST(Strategies, A_queue_tells_how_its_strategy_did_and_the_next_leader_says_the_same) {
  Cluster cluster({{"zone-a", 1, 8}}, priced());
  cluster.start_operator();
  cluster.run("first", job_of(8, "100"));
  cluster.submit("fails", job_of(8, "10", "1"));
  ASSERT_TRUE(cluster.wait_phase("fails", "Failed", minutes(5)));
  cluster.run_for(seconds(30));
  const auto figures = [&] {
    return cluster.queue_status("default").value("/strategies/0"_json_pointer, Json::object());
  };
  const Json before = figures();
  EXPECT_EQ(before.value("strategy", ""), "Backfill") << before.dump();
  EXPECT_EQ(before.value("tried", 0), 2);
  EXPECT_EQ(before.value("placed", 0), 2);
  EXPECT_EQ(before.value("completed", 0), 1);
  EXPECT_EQ(before.value("failed", 0), 1);
  EXPECT_EQ(before.value("successRate", ""), "0.500");
  EXPECT_EQ(before.value("fairness", ""), "1.000") << "there is one tenant";
  EXPECT_GE(before.value("p95WaitSeconds", 0), 90);
  cluster.kill_operator();
  cluster.start_operator();
  cluster.run_for(minutes(2));
  EXPECT_EQ(figures(), before);
}

TEST(Strategies, Waits_fall_into_steps_of_a_sixteenth) {
  for (std::int64_t seconds = 0; seconds < 100'000; seconds = seconds * 9 / 8 + 1) {
    const std::int64_t most = longest_of_step(wait_step(seconds));
    EXPECT_GE(most, seconds);
    EXPECT_LE(most, seconds + seconds / 16);
    EXPECT_EQ(wait_step(most), wait_step(seconds));
    EXPECT_NE(wait_step(most + 1), wait_step(seconds));
  }
  EXPECT_EQ(percentile_index(100, 95), 94U);
  EXPECT_EQ(percentile_index(1, 50), 0U);
  EXPECT_EQ(jains_index({1, 0, 0, 0}), 0.25);
  EXPECT_EQ(jains_index({0.5, 0.5}), 1);
}

// At 10 and 20 an hour since 00:30, at 01:00: 15 so far, and 3 before that on the same day.
TEST(LiveCosts, Sums_follow_what_changes_and_begin_anew_at_midnight) {
  const k8s::WallTime midnight{86'400 * std::int64_t{1'000'000'000}};
  LiveCosts costs;
  costs.costs(midnight);
  costs.set("a", {"q", "t", {{"p", 10'000'000}}, midnight + minutes(30), {}});
  costs.set("b", {"q",
                  "t",
                  {{"p", 20'000'000}},
                  midnight + minutes(30),
                  {{"1970-01-02", "q", "t", "p", 3'000'000}, {"1970-01-01", "q", "t", "p", 99}}});
  LiveCost sum = costs.costs(midnight + hours(1)).at({"q", "t", "p"});
  EXPECT_EQ(sum.per_hour, 30'000'000);
  EXPECT_EQ(sum.today, 18'000'000);
  costs.erase("b");
  sum = costs.costs(midnight + hours(1)).at({"q", "t", "p"});
  EXPECT_EQ(sum.per_hour, 10'000'000);
  EXPECT_EQ(sum.today, 5'000'000);
  EXPECT_EQ(costs.costs(midnight + hours(26)).at({"q", "t", "p"}).today, 20'000'000);
  costs.erase("a");
  EXPECT_TRUE(costs.costs(midnight + hours(26)).empty());
}

LetGoReport let_go_of(Cluster& cluster, LetGoOptions options) {
  sim::Faults faults;
  sim::ProcessLoop process(cluster.loop, 77, k8s::Duration(0));
  sim::SimTransport transport(cluster.server, process, "admin", faults, 78);
  k8s::Client client(process, transport);
  std::optional<LetGoReport> report;
  let_go(client, std::move(options), [&](LetGoReport end) { report = std::move(end); });
  EXPECT_TRUE(cluster.wait(minutes(2), [&] { return report.has_value(); }));
  return report.value_or(LetGoReport{});
}

TEST(LetGo, Nothing_waits_for_a_Fermi_that_is_gone) {
  Cluster cluster({{"zone-a", 1, 8}}, priced());
  cluster.start_operator();
  cluster.run("runs", job_of(8, "forever"));
  const LetGoReport refused = let_go_of(cluster, {});
  EXPECT_NE(refused.error.find("still leads"), std::string::npos) << refused.error;
  EXPECT_EQ(refused.jobs, 0);
  cluster.kill_operator();
  cluster.run_for(minutes(1));
  cluster.remove(std::string(kJobs) + "/runs");
  EXPECT_FALSE(cluster.job("runs").is_null()) << "it waits for Fermi";
  const LetGoReport report = let_go_of(cluster, {});
  EXPECT_EQ(report.error, "");
  EXPECT_EQ(report.jobs, 1);
  EXPECT_EQ(report.queues, 4);
  EXPECT_TRUE(cluster.job("runs").is_null());
  cluster.remove(std::string(kQueues) + "/default");
  EXPECT_TRUE(cluster.get(std::string(kQueues) + "/default").is_null());
}

}  // namespace
}  // namespace fermi::testing
