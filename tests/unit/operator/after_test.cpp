// Jobs that wait for other jobs, against the embedded API server, in virtual time.
#include <gtest/gtest.h>

#include "operator/translate/dependencies.hpp"
#include "tests/unit/operator/cluster.hpp"

namespace fermi::testing {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

Json after(const std::string& name, const std::string& condition, const std::string& run_seconds,
           const std::string& exit_code = "0") {
  Json spec = {
      {"retry", {{"limit", 0}}},
      {"podTemplate",
       {{"metadata",
         {{"annotations", {{"sim/run-seconds", run_seconds}, {"sim/exit", exit_code}}}}}}}};
  if (!name.empty())
    spec["scheduling"]["after"] = Json::array({{{"name", name}, {"condition", condition}}});
  return spec;
}

TEST(After, A_job_waits_for_another_to_complete_and_keeps_its_place_meanwhile) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.submit("train", after("prepare", "Completed", "10"));
  ASSERT_TRUE(cluster.wait(seconds(10), [&] {
    return cluster.message_of("train").find("prepare, which does not exist") != std::string::npos;
  })) << cluster.job("train")["status"].dump(1);
  EXPECT_EQ(cluster.job("train")["status"]["reason"], "Held");
  EXPECT_EQ(cluster.job("train")["status"]["queuePosition"], 1);
  cluster.run("prepare", after("", "", "60"));
  ASSERT_TRUE(cluster.wait(seconds(20), [&] {
    return cluster.message_of("train").find("to be Completed; it is Running") != std::string::npos;
  })) << cluster.message_of("train");
  EXPECT_EQ(cluster.phase("train"), "Pending");
  ASSERT_TRUE(cluster.wait_phase("prepare", "Completed"));
  EXPECT_TRUE(cluster.wait_phase("train", "Running", seconds(5)));
}

TEST(After, One_may_wait_for_another_to_run_only) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.submit("client", after("server", "Running", "10"));
  cluster.run_for(seconds(5));
  cluster.submit("server", after("", "", "forever"));
  EXPECT_TRUE(cluster.wait_phase("client", "Running", seconds(20)));
  EXPECT_EQ(cluster.phase("server"), "Running");
}

TEST(After, A_failed_dependency_is_said_and_Ended_takes_it_as_well) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.submit("broken", after("", "", "5", "3"));
  cluster.submit("strict", after("broken", "Completed", "5"));
  cluster.submit("tolerant", after("broken", "Ended", "5"));
  ASSERT_TRUE(cluster.wait_phase("broken", "Failed"));
  EXPECT_TRUE(cluster.wait_phase("tolerant", "Completed"));
  const Json strict = cluster.job("strict")["status"];
  EXPECT_EQ(strict["phase"], "Pending");
  EXPECT_EQ(strict["reason"], "DependencyFailed");
  EXPECT_NE(strict["message"].get<std::string>().find("broken"), std::string::npos);
}

TEST(After, A_cycle_is_refused_in_one_sentence_and_goes_when_it_is_mended) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.submit("a", after("b", "Completed", "5"));
  cluster.submit("b", after("c", "Completed", "5"));
  cluster.submit("c", after("a", "Running", "5"));
  ASSERT_TRUE(cluster.wait(seconds(20), [&] {
    return cluster.job("c").value("/status/reason"_json_pointer, "") == "DependencyCycle";
  })) << cluster.job("c").dump(1);
  EXPECT_EQ(cluster.message_of("c"),
            "spec.scheduling.after: c -> a -> b -> c is a cycle; none of these jobs can start");
  cluster.patch("/apis/fermi-cluster.com/v1alpha1/namespaces/work/trainingjobs/c",
                {{"spec", {{"scheduling", {{"after", nullptr}}}}}});
  for (const char* name : {"c", "b", "a"})
    EXPECT_TRUE(cluster.wait_phase(name, "Completed")) << name;
}

// What it waited for is removed while it waits for room: that counts no more.
TEST(After, What_was_met_once_stays_met) {
  Cluster cluster({{"zone-a", 1, 8}});
  cluster.start_operator();
  cluster.submit("prepare", after("", "", "5"));
  Json hog = after("", "", "120");
  hog["gpusPerNode"] = 8;
  cluster.run("hog", hog);
  Json train = after("prepare", "Completed", "5");
  train["gpusPerNode"] = 8;
  cluster.submit("train", train);
  ASSERT_TRUE(cluster.wait_phase("prepare", "Completed"));
  ASSERT_TRUE(cluster.wait(seconds(20), [&] {
    return cluster.job("train")["status"].value("afterMet", Json::array()).size() == 1;
  })) << cluster.job("train")["status"].dump(1);
  cluster.remove("/apis/fermi-cluster.com/v1alpha1/namespaces/work/trainingjobs/prepare");
  cluster.kill_operator();
  cluster.run_for(seconds(20));
  cluster.start_operator();
  EXPECT_TRUE(cluster.wait_phase("train", "Completed", minutes(5)));
}

}  // namespace
}  // namespace fermi::testing
