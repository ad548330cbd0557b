// What tasks spend, and what the ledger has of it, against the embedded API server, in virtual
// time: exact over restarts, whoever dies when.
#include <gtest/gtest.h>

#include "scheduler/engine.hpp"
#include "tests/unit/operator/cluster.hpp"

namespace fermi::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

Json job_of(int gpus, const std::string& run_seconds) {
  return {{"gpusPerNode", gpus},
          {"podTemplate", {{"metadata", {{"annotations", {{"sim/run-seconds", run_seconds}}}}}}}};
}

std::size_t runs(Cluster& cluster) {
  std::size_t count = 0;
  for (const auto& [key, record] : cluster.ledger("runs/")) count += record["runs"].size();
  return count;
}

Json finalizers(const Json& job) { return job["metadata"].value("finalizers", Json::array()); }

// What the jobs' statuses said last, of those that are gone as well.
class LastSaid {
 public:
  explicit LastSaid(Cluster& cluster) {
    cluster.truth.on_change([this](const std::string& kind, const Json*, const Json* after) {
      if (kind != "jobs" || after == nullptr) return;
      const std::string cost = after->value("/status/costAccumulated"_json_pointer, "0.00");
      by_uid_[(*after)["metadata"]["uid"]] = millionths(cost);
    });
  }
  std::int64_t sum() const {
    std::int64_t all = 0;
    for (const auto& [uid, micros] : by_uid_) all += micros;
    return all;
  }

 private:
  std::map<std::string, std::int64_t> by_uid_;
};

TEST(LedgerLife, What_a_job_spent_and_how_long_it_ran_are_in_the_ledger_once_it_has_ended) {
  Cluster cluster({{"zone-a", 1, 8}}, priced());
  cluster.start_operator();
  cluster.run("j", job_of(8, "100"));
  EXPECT_EQ(finalizers(cluster.job("j")), Json::array({"fermi-cluster.com/ledger"}));
  ASSERT_TRUE(cluster.wait_phase("j", "Completed", minutes(3)));
  cluster.run_for(seconds(15));
  const Json job = cluster.job("j");
  EXPECT_EQ(finalizers(job), Json::array());
  EXPECT_EQ(job["status"]["costPerHour"], "288.00");
  const std::int64_t cost = millionths(job["status"]["costAccumulated"]);
  EXPECT_EQ(cost % 80'000, 0) << "whole seconds at 0.08";
  EXPECT_GE(cost, 8'000'000);
  EXPECT_LE(cost, 8'400'000);
  EXPECT_EQ(cluster.spent(), cost);
  const auto books = cluster.ledger("cost/");
  ASSERT_EQ(books.count("cost/default/work"), 1U);
  const auto ran = cluster.ledger("runs/default/work/TrainingJob/1x8");
  ASSERT_EQ(ran.size(), 1U);
  const Json& run = ran.begin()->second["runs"][0];
  EXPECT_NEAR(run[1].get<int>(), 100, 3);
  EXPECT_EQ(run[2], 3600) << "the default of its queue";
  EXPECT_EQ(run[3], 8) << "GPUs";
}

// The leader is told as a task is folded in, the next one reads the books: both know the same.
TEST(LedgerLife, A_new_leader_knows_how_long_tasks_lasted_and_estimates_the_same) {
  Cluster cluster({{"zone-a", 4, 8}}, priced());
  cluster.start_operator();
  for (int i = 0; i < 4; ++i) {
    Json job = job_of(8, std::to_string(400 + 100 * i));
    job["scheduling"] = {{"expectedDuration", "5m"}};
    cluster.submit("j" + std::to_string(i), job);
  }
  for (int i = 0; i < 4; ++i)
    ASSERT_TRUE(cluster.wait_phase("j" + std::to_string(i), "Completed", minutes(15)));
  Json job = job_of(8, "forever");
  job["scheduling"] = {{"expectedDuration", "5m"}};
  cluster.submit("late", job);
  ASSERT_TRUE(cluster.wait_phase("late", "Running"));
  cluster.run_for(minutes(6));
  const auto past = cluster.op().engine().past_runs("default");
  ASSERT_EQ(past.size(), 1U);
  EXPECT_EQ(past.front().runs.size(), 4U);
  const auto expected = [&] {
    const auto placed = cluster.op().engine().placed({cluster.loop.wall_now().ns});
    return placed.empty() || !placed.front().end
               ? std::int64_t{0}
               : (placed.front().end->ns - placed.front().since.ns);
  };
  const std::int64_t lasts = expected();
  // 600 s and what it takes to notice: the larger of the two in the middle.
  EXPECT_NEAR(static_cast<double>(lasts) / 1e9, 600, 10);
  cluster.kill_operator();
  cluster.start_operator();
  ASSERT_TRUE(cluster.wait(minutes(2), [&] { return expected() != 0; }));
  EXPECT_EQ(cluster.op().engine().past_runs("default"), past);
  EXPECT_EQ(expected(), lasts);
}

TEST(LedgerLife, A_job_that_is_deleted_while_it_runs_goes_once_its_cost_is_in_the_ledger) {
  Cluster cluster({{"zone-a", 1, 8}}, priced());
  LastSaid said(cluster);
  cluster.start_operator();
  cluster.run("j", job_of(8, "forever"));
  cluster.run_for(minutes(90));
  cluster.remove(std::string(kJobs) + "/j");
  ASSERT_TRUE(cluster.wait(minutes(2), [&] { return cluster.job("j").is_null(); }));
  cluster.run_for(seconds(30));
  EXPECT_TRUE(cluster.pods_of("j").empty());
  EXPECT_GE(cluster.spent(), 90 * 60 * std::int64_t{80'000});
  EXPECT_LE(cluster.spent(), 93 * 60 * std::int64_t{80'000});
  EXPECT_EQ(cluster.spent(), said.sum());
  EXPECT_EQ(runs(cluster), 0U) << "it did not run to its end";
  const int quiet = cluster.operator_writes();
  cluster.run_for(minutes(30));
  EXPECT_EQ(cluster.operator_writes(), quiet);
}

TEST(LedgerLife, What_waits_or_has_ended_goes_without_Fermi) {
  Cluster cluster({{"zone-a", 1, 8}}, priced());
  cluster.start_operator();
  cluster.submit("ended", job_of(8, "5"));
  cluster.submit("waits", job_of(9, "5"));
  ASSERT_TRUE(cluster.wait_phase("ended", "Completed"));
  ASSERT_TRUE(cluster.wait_phase("waits", "Pending"));
  cluster.run_for(seconds(15));
  cluster.kill_operator();
  for (const char* job : {"ended", "waits"}) {
    cluster.remove(std::string(kJobs) + "/" + job);
    EXPECT_TRUE(cluster.job(job).is_null()) << job;
  }
}

TEST(LedgerLife, A_namespace_that_is_deleted_takes_its_running_jobs_with_it) {
  Cluster cluster({{"zone-a", 1, 8}}, priced());
  cluster.start_operator();
  cluster.run("j", job_of(8, "forever"));
  cluster.remove("/api/v1/namespaces/work");
  EXPECT_TRUE(cluster.wait(minutes(2), [&] { return cluster.job("j").is_null(); }))
      << cluster.job("j").dump(1);
  EXPECT_TRUE(
      cluster.wait(minutes(2), [&] { return cluster.get("/api/v1/namespaces/work").is_null(); }));
}

// Three jobs: one runs to its end, one is deleted while it runs, one is suspended and resumed. The
// leader dies at its n-th write, before it is sent, after it took effect, or after the answer.
std::string after_death(int dies_at, sim::WritePoint point, bool* died) {
  Cluster cluster({{"zone-a", 3, 8}}, priced());
  LastSaid said(cluster);
  cluster.start_operator();
  cluster.kill_at_write(dies_at, point);
  const auto live = [&](k8s::Duration span, const std::function<bool()>& until) {
    for (const k8s::TimePoint end = cluster.loop.now() + span; cluster.loop.now() < end;) {
      cluster.run_for(milliseconds(250));
      if (cluster.died()) {
        cluster.kill_operator();
        cluster.start_operator();
      }
      if (until()) return true;
    }
    return false;
  };
  cluster.submit("ends", job_of(8, "40"));
  cluster.submit("goes", job_of(8, "forever"));
  cluster.submit("pauses", job_of(8, "60"));
  if (!live(minutes(5), [&] {
        return cluster.phase("goes") == "Running" && cluster.phase("pauses") == "Running";
      }))
    return "never ran";
  cluster.remove(std::string(kJobs) + "/goes");
  cluster.patch(std::string(kJobs) + "/pauses", {{"spec", {{"suspend", true}}}});
  if (!live(minutes(5), [&] { return cluster.phase("pauses") == "Stopped"; }))
    return "never stopped";
  cluster.patch(std::string(kJobs) + "/pauses", {{"spec", {{"suspend", false}}}});
  const auto settled = [&] {
    return cluster.job("goes").is_null() && cluster.phase("ends") == "Completed" &&
           cluster.phase("pauses") == "Completed" && finalizers(cluster.job("ends")).empty() &&
           finalizers(cluster.job("pauses")).empty();
  };
  if (!live(minutes(10), settled)) return "never settled";
  live(seconds(30), [] { return false; });
  *died = cluster.lives() > 1;
  if (runs(cluster) != 2) return std::to_string(runs(cluster)) + " runs";
  if (cluster.spent() != said.sum())
    return std::to_string(cluster.spent()) + " and not " + std::to_string(said.sum());
  return cluster.spent() >= 80'000 * 100 ? "" : "too little: " + std::to_string(cluster.spent());
}

TEST(LedgerLife, Nothing_is_lost_or_counted_twice_wherever_the_leader_dies) {
  for (const sim::WritePoint point :
       {sim::WritePoint::kBeforeSend, sim::WritePoint::kAfterApply, sim::WritePoint::kAfterReply})
    for (auto [dies_at, died] = std::pair{1, true}; died && dies_at < 100; ++dies_at)
      EXPECT_EQ(after_death(dies_at, point, &died), "")
          << "write " << dies_at << ", point " << static_cast<int>(point);
}

}  // namespace
}  // namespace fermi::testing
