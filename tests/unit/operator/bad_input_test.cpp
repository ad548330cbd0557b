// Bad input that only the controller can see, all at once, beside a good job: each bad object gets
// one sentence that names what was given, nothing stops, and the good job is not delayed.
#include <gtest/gtest.h>

#include "tests/unit/operator/cluster.hpp"

namespace fermi::testing {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

Json runs_for(const std::string& run_seconds) {
  return {{"metadata", {{"annotations", {{"sim/run-seconds", run_seconds}}}}}};
}

// Accepted=False with this word, and a sentence that holds all these parts.
struct Bad {
  std::string name;
  Json spec;
  std::string reason;
  std::vector<std::string> says;
};

std::vector<Bad> table() {
  const auto zones = [](const std::string& zone, int nodes) {
    return Json{
        {"scheduling",
         {{"zones", Json::array({{{"zone", zone}, {"nodes", nodes}, {"gpusPerNode", 8}}})}}}};
  };
  return {
      {"no-queue", {{"scheduling", {{"queue", "nowhere"}}}}, "NoQueue", {"nowhere"}},
      {"no-zone", zones("atlantis", 1), "Constraint", {"zone", "atlantis"}},
      {"no-pool", {{"scheduling", {{"pool", "deep-end"}}}}, "Constraint", {"pool", "deep-end"}},
      {"no-model",
       {{"gpusPerNode", 1}, {"scheduling", {{"gpuModel", "Z9"}}}},
       "Constraint",
       {"Z9"}},
      {"too-large", {{"nodes", 100}, {"gpusPerNode", 8}}, "Never", {"800", "nvidia.com/gpu", "16"}},
      {"zone-too-large", zones("zone-a", 9), "Never", {"zone-a"}},
      {"too-wide", {{"gpusPerNode", 16}}, "Never", {"16", "nvidia.com/gpu"}},
      {"too-high",
       {{"scheduling", {{"queue", "low"}, {"priority", "High"}}}},
       "PriorityAboveQueue",
       {"spec.scheduling.priority", "High", "Low"}},
      {"kept",
       {{"scheduling", {{"queue", "medium"}, {"preemptible", false}}}},
       "PreemptibleBelowHigh",
       {"spec.scheduling.preemptible", "false", "Medium", "use priority High", "queue \"medium\""}},
      {"ten-years",
       {{"activeDeadline", "99999h"}},
       "Invalid",
       {"spec.activeDeadline", "99999h", "ten years"}},
      {"huge", {{"resources", {{"memory", "8Ei"}}}}, "Invalid", {"spec.resources.memory", "8Ei"}},
  };
}

TEST(BadInput, Each_bad_job_is_told_why_and_the_good_one_beside_them_is_not_delayed) {
  Cluster cluster({{"zone-a", 2, 8}});
  cluster.start_operator();
  const std::vector<Bad> all = table();
  for (const Bad& bad : all) {
    Json spec = bad.spec;
    cluster.submit(bad.name, spec);
  }
  cluster.submit("good", {{"gpusPerNode", 8}, {"nodes", 2}, {"podTemplate", runs_for("5")}});
  EXPECT_TRUE(cluster.wait_phase("good", "Running", seconds(10))) << cluster.job("good").dump(1);
  cluster.run_for(seconds(20));
  for (const Bad& bad : all) {
    const Json job = cluster.job(bad.name);
    SCOPED_TRACE(job["status"].dump(1));
    const Json accepted = condition(job, "Accepted");
    ASSERT_FALSE(accepted.empty()) << bad.name;
    EXPECT_EQ(accepted["status"], "False") << bad.name;
    EXPECT_EQ(accepted["reason"], bad.reason) << bad.name;
    EXPECT_EQ(job["status"]["phase"], "Pending");
    const std::string message = accepted["message"];
    EXPECT_EQ(job["status"]["message"], message);
    for (const std::string& part : bad.says)
      EXPECT_NE(message.find(part), std::string::npos) << bad.name << ": " << part;
    const Json queued = condition(job, "Queued");
    ASSERT_FALSE(queued.empty());
    EXPECT_EQ(queued["status"], bad.reason == "Invalid" ? "False" : "True");
    EXPECT_TRUE(cluster.pods_of(bad.name).empty());
  }
  EXPECT_TRUE(cluster.wait_phase("good", "Completed"));
  // What is wrong and stays wrong costs no further writes.
  cluster.run_for(minutes(2));
  const int quiet = cluster.operator_writes();
  cluster.run_for(minutes(10));
  EXPECT_EQ(cluster.operator_writes(), quiet);
}

TEST(BadInput, A_zone_that_vanishes_with_a_gang_in_it_sends_the_gang_back_into_the_line) {
  Cluster cluster({{"zone-a", 1, 8}, {"zone-b", 2, 8}});
  cluster.start_operator();
  const Json there = Json::array({{{"zone", "zone-b"}, {"nodes", 2}, {"gpusPerNode", 8}}});
  cluster.run("gang", {{"scheduling", {{"queue", "medium"}, {"zones", there}}},
                       {"podTemplate", runs_for("forever")}});
  for (const char* node : {"zone-b-0", "zone-b-1"})
    cluster.remove(std::string("/api/v1/nodes/") + node);
  ASSERT_TRUE(cluster.wait_phase("gang", "Pending", minutes(3))) << cluster.job("gang").dump(1);
  const auto says_why = [&] {
    const std::string message = cluster.job("gang")["status"].value("message", "");
    return message.find("zone-b") != std::string::npos;
  };
  EXPECT_TRUE(cluster.wait(minutes(1), says_why)) << cluster.job("gang")["status"].dump(1);
  cluster.run("beside", {{"gpusPerNode", 8}, {"podTemplate", runs_for("5")}});
  for (const char* node : {"zone-b-2", "zone-b-3"}) cluster.add_node(node, "zone-b", 8);
  ASSERT_TRUE(cluster.wait_attempt("gang", 1)) << cluster.job("gang").dump(1);
  const Json status = cluster.job("gang")["status"];
  EXPECT_EQ(status["restarts"], 0);
  EXPECT_EQ(status.value("preemptions", 0), 0);
}

// Leases and timers go by another clock; what is told and what is spent goes by this one.
TEST(BadInput, A_wall_clock_that_jumps_stops_nobody_and_takes_no_cost_back) {
  Cluster cluster({{"zone-a", 1, 8}}, priced());
  std::map<std::string, std::int64_t> spent;
  int went_back = 0;
  cluster.truth.on_change([&](const std::string& kind, const Json*, const Json* after) {
    if (kind != "jobs" || after == nullptr) return;
    std::int64_t& before = spent[(*after)["metadata"]["name"]];
    const std::int64_t now =
        millionths(after->value("/status/costAccumulated"_json_pointer, "0.00"));
    went_back += now < before ? 1 : 0;
    before = now;
  });
  cluster.start_operator();
  cluster.run("first", job_for({.run_seconds = "300", .expected = "10m"}));
  cluster.submit("second", job_for({.run_seconds = "60", .expected = "5m"}));
  cluster.run_for(seconds(30));
  cluster.loop.shift_wall_clock(std::chrono::hours(-6));
  cluster.run_for(minutes(1));
  EXPECT_EQ(cluster.phase("first"), "Running");
  EXPECT_EQ(cluster.phase("second"), "Pending");
  cluster.loop.shift_wall_clock(std::chrono::hours(12));
  ASSERT_TRUE(cluster.wait_phase("first", "Completed", minutes(6))) << cluster.job("first").dump(1);
  ASSERT_TRUE(cluster.wait_phase("second", "Completed", minutes(3)));
  cluster.run("third", job_for({.run_seconds = "60", .expected = "5m"}));
  cluster.loop.shift_wall_clock(std::chrono::hours(-24 * 365));
  ASSERT_TRUE(cluster.wait_phase("third", "Completed", minutes(3))) << cluster.job("third").dump(1);
  EXPECT_EQ(went_back, 0);
  cluster.run_for(minutes(2));
  const int quiet = cluster.operator_writes();
  cluster.run_for(minutes(10));
  EXPECT_EQ(cluster.operator_writes(), quiet);
}

TEST(BadInput, A_Service_of_somebody_else_under_our_name_is_named_and_left_alone) {
  Cluster cluster({{"zone-a", 2, 8}});
  const Json service = {{"apiVersion", "v1"},
                        {"kind", "Service"},
                        {"metadata", {{"name", "clash"}, {"namespace", "work"}}},
                        {"spec", {{"clusterIP", "None"}, {"selector", {{"app", "theirs"}}}}}};
  cluster.create("/api/v1/namespaces/work/services", service);
  cluster.start_operator();
  cluster.submit("clash", {{"nodes", 2}, {"podTemplate", runs_for("5")}});
  cluster.submit("good", {{"podTemplate", runs_for("5")}});
  EXPECT_TRUE(cluster.wait_phase("good", "Completed"));
  bool said = false;
  EXPECT_TRUE(cluster.wait(minutes(1), [&] {
    for (const Json& entry :
         cluster.job("clash").value("/status/timeline"_json_pointer, Json::array()))
      said = said || entry.value("why", "").find("Service named clash") != std::string::npos;
    return said;
  })) << cluster.job("clash")["status"].dump(1);
  const Json left = cluster.get("/api/v1/namespaces/work/services/clash");
  EXPECT_EQ(left["spec"]["selector"]["app"], "theirs");
  cluster.remove("/api/v1/namespaces/work/services/clash");
  EXPECT_TRUE(cluster.wait_phase("clash", "Completed", minutes(5)));
}

// The template has no schema of its own: the server tells what it does not know when the Pod is
// made.
TEST(BadInput, An_unknown_field_of_the_template_is_named_and_costs_nobody_else_anything) {
  Cluster cluster({{"zone-a", 2, 8}});
  cluster.start_operator();
  cluster.submit("typo", {{"podTemplate", {{"spec", {{"terminationGracePeriodSecond", 600}}}}}});
  cluster.submit("good", {{"podTemplate", runs_for("5")}});
  EXPECT_TRUE(cluster.wait_phase("good", "Completed"));
  const auto message = [&] {
    return cluster.job("typo").value("/status/message"_json_pointer, "");
  };
  EXPECT_TRUE(cluster.wait(minutes(1), [&] {
    return message().find("unknown field \"spec.terminationGracePeriodSecond\"") !=
           std::string::npos;
  })) << cluster.job("typo")["status"].dump(1);
  EXPECT_TRUE(cluster.pods_of("typo").empty());
}

// kubectl asks for Strict, which names the field; without it the field is taken away with a
// warning, so that the decoder never sees it.
TEST(BadInput, An_unknown_field_is_refused_by_name_or_taken_away) {
  Cluster cluster({});
  const Json job = {{"apiVersion", "fermi-cluster.com/v1alpha1"},
                    {"kind", "TrainingJob"},
                    {"metadata", {{"name", "typo"}, {"namespace", "work"}}},
                    {"spec",
                     {{"image", "i"},
                      {"command", {"run"}},
                      {"gpuPerNode", 8},
                      {"scheduling", {{"que", "high"}}}}}};
  std::string message;
  const std::string strict = std::string(kJobs) + "?fieldValidation=Strict";
  EXPECT_EQ(cluster.status_of_create(strict, job, &message), 400);
  EXPECT_NE(message.find("spec.gpuPerNode"), std::string::npos) << message;
  EXPECT_NE(message.find("spec.scheduling.que"), std::string::npos) << message;
  EXPECT_EQ(cluster.status_of_create(kJobs, job, &message), 201) << message;
  const Json kept = cluster.job("typo");
  EXPECT_FALSE(kept["spec"].contains("gpuPerNode"));
  EXPECT_FALSE(kept["spec"]["scheduling"].contains("que"));
}

}  // namespace
}  // namespace fermi::testing
