// What the simulation once found, as histories of their own: seeds mean other runs after any
// change.
#include <gtest/gtest.h>

#include "scheduler/engine.hpp"
#include "tests/sim/invariants.hpp"
#include "tests/sim/kubelet.hpp"
#include "tests/sim/operator_host.hpp"
#include "tests/sim/world.hpp"

namespace fermi::sim {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr const char* kJobs = "/apis/fermi-cluster.com/v1alpha1/namespaces/work/trainingjobs";

// One operator and one node of eight GPUs; nothing goes wrong but what the test says.
class OperatorSimulation : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(world.set_up()) << world.error();
    host.boot();
    loop.run_for(seconds(5));
  }

  void submit(const std::string& name, const std::string& run_seconds,
              const std::string& exit_code = "0") {
    const Json made = {
        {"apiVersion", "fermi-cluster.com/v1alpha1"},
        {"kind", "TrainingJob"},
        {"metadata", {{"name", name}, {"namespace", "work"}}},
        {"spec",
         {{"framework", "Command"},
          {"image", "sim"},
          {"command", {"run"}},
          {"nodes", 1},
          {"gpusPerNode", 8},
          {"podTemplate",
           {{"metadata",
             {{"annotations", {{"sim/run-seconds", run_seconds}, {"sim/exit", exit_code}}}}},
            {"spec", {{"terminationGracePeriodSeconds", 10}}}}}}}};
    ASSERT_TRUE(server.call("user", "POST", kJobs, made).ok());
  }
  std::string phase(const std::string& name) {
    const auto found = truth.jobs().find("work/" + name);
    return found == truth.jobs().end() ? "" : text_at(found->second, "/status/phase");
  }

  Faults faults;
  k8s::testing::SimLoop loop{1};
  SimServer server{loop, 2};
  Truth truth{server};
  Invariants invariants{server, truth};
  Kubelet kubelet{server, truth, 3};
  World world{server,
              truth,
              4,
              {.nodes_per_zone = 1, .zones = 1, .jobs = 0, .pod_gangs = 0, .foreign = false}};
  OperatorHost host{server, faults, {.leader_elect = false}, 5};
};

// Its Bindings had been answered, but the watch of Pods lagged: the room was given away.
TEST_F(OperatorSimulation, A_job_deleted_before_its_Bindings_are_seen_keeps_its_room) {
  faults.lagging = "/pods";
  submit("first", "forever");
  ASSERT_TRUE(loop.run_until([&] { return invariants.bindings() == 1; }, minutes(1)));
  server.call("foreign", "DELETE", std::string(kJobs) + "/first");
  submit("second", "5");
  loop.run_for(seconds(3));
  EXPECT_EQ(invariants.violation().value_or(""), "");
  faults.lagging.clear();
  EXPECT_TRUE(loop.run_until([&] { return phase("second") == "Completed"; }, minutes(2)));
  EXPECT_EQ(invariants.violation().value_or(""), "");
}

// A Pod that ended freed its node before the next attempt had booked it again.
TEST_F(OperatorSimulation, A_gang_that_restarts_in_place_never_shares_its_room) {
  submit("first", "forever");
  ASSERT_TRUE(loop.run_until([&] { return phase("first") == "Running"; }, minutes(1)));
  submit("second", "5");
  loop.run_for(seconds(5));
  server.call("foreign", "DELETE", "/api/v1/namespaces/work/pods/first-0-0?gracePeriodSeconds=0");
  loop.run_for(minutes(1));
  EXPECT_EQ(invariants.violation().value_or(""), "");
  EXPECT_TRUE(phase("first") == "Running" || phase("second") == "Completed");
}

// A failed Pod holds its room until its gang's attempt is over; that was looked at again only when
// the watch of jobs brought the end, which the operator itself had written.
TEST_F(OperatorSimulation, A_job_that_failed_gives_its_room_back_though_its_watch_is_silent) {
  submit("first", "20", "1");
  ASSERT_TRUE(loop.run_until([&] { return phase("first") == "Running"; }, minutes(1)));
  faults.lagging = "/trainingjobs";
  ASSERT_TRUE(loop.run_until([&] { return phase("first") == "Failed"; }, minutes(1)));
  loop.run_for(seconds(2));
  const std::string node = truth.nodes().begin()->first;
  ASSERT_TRUE(host.get()->engine().used(node));
  EXPECT_EQ(host.get()->engine().used(node)->extended_amount("nvidia.com/gpu"), 0);
}

// The leader and a standby, whose watches of Pods have just fallen silent.
class TwoReplicas : public OperatorSimulation {
 protected:
  void SetUp() override {
    ASSERT_TRUE(world.set_up()) << world.error();
    leader.boot();
    ASSERT_TRUE(loop.run_until([&] { return leader.leading(); }, minutes(1)));
    standby.boot();
    loop.run_for(seconds(10));
    faults.lagging = "/pods";
  }

  OperatorHost leader{server, faults, {.name = "one"}, 6};
  OperatorHost standby{server, faults, {.name = "two"}, 7};
};

// Its cache of Pods had been filled long before the election, and lagged behind the Binding of the
// leader before: it gave the same room away again.
TEST_F(TwoReplicas, A_standby_reads_the_world_afresh_when_it_is_elected) {
  submit("first", "forever");
  ASSERT_TRUE(loop.run_until([&] { return invariants.bindings() == 1; }, minutes(1)));
  leader.crash();
  server.call("foreign", "DELETE", std::string(kJobs) + "/first?propagationPolicy=Orphan");
  submit("second", "5");
  loop.run_for(minutes(1));
  EXPECT_EQ(invariants.violation().value_or(""), "");
  faults.lagging.clear();
  ASSERT_TRUE(loop.run_until([&] { return phase("second") == "Pending"; }, minutes(2)));
  EXPECT_EQ(invariants.violation().value_or(""), "");
}

}  // namespace
}  // namespace fermi::sim
