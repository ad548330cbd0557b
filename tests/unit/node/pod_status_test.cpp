// The status a node reports, from records.

#include "libk8s/node/pod_status.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "libk8s/codec/json.hpp"

namespace k8s::node {
namespace {

using nlohmann::json;
using State = ContainerStatus::State;

NodePod simple_pod() {
  NodePod pod;
  pod.base.meta.name = "p";
  pod.base.meta.ns = "ns";
  pod.base.meta.uid = "u";
  pod.qos = "Burstable";
  ContainerSpec main;
  main.name = "main";
  main.image = "img";
  pod.containers = {main};
  return pod;
}

PodRecord running_record(bool ready) {
  PodRecord record;
  record.phase = PodPhase::kRunning;
  record.initialized = true;
  ContainerRecord main;
  main.name = "main";
  main.now.state = State::kRunning;
  main.now.started = WallTime{1'700'000'000'000'000'000LL};
  main.started = true;
  main.ready = ready;
  record.containers = {main};
  return record;
}

const WallTime kNow{1'700'000'100'000'000'000LL};

json condition_of(const json& patch, const std::string& type) {
  for (const json& c : patch["status"]["conditions"]) {
    if (c["type"] == type) return c;
  }
  return nullptr;
}

TEST(PodStatus, A_running_Pod_with_ready_containers_is_Ready) {
  const NodePod pod = simple_pod();
  ConditionTimes times;
  const json patch =
      status_patch({pod, "127.0.0.1", "127.64.0.1", kNow, running_record(true), {}}, times, kNow);
  EXPECT_EQ(patch["metadata"]["uid"], "u");
  EXPECT_EQ(patch["status"]["phase"], "Running");
  EXPECT_EQ(patch["status"]["podIP"], "127.64.0.1");
  EXPECT_EQ(patch["status"]["qosClass"], "Burstable");
  EXPECT_EQ(condition_of(patch, "Ready")["status"], "True");
  EXPECT_EQ(condition_of(patch, "ContainersReady")["status"], "True");
  const json& state = patch["status"]["containerStatuses"][0]["state"];
  EXPECT_EQ(state["running"]["startedAt"], "2023-11-14T22:13:20Z");
  EXPECT_TRUE(state["waiting"].is_null());
}

TEST(PodStatus, A_container_that_is_not_ready_is_named) {
  const NodePod pod = simple_pod();
  ConditionTimes times;
  const json patch = status_patch({pod, "h", "a", kNow, running_record(false), {}}, times, kNow);
  EXPECT_EQ(condition_of(patch, "Ready")["status"], "False");
  EXPECT_EQ(condition_of(patch, "Ready")["message"], "containers with unready status: [main]");
}

TEST(PodStatus, A_condition_keeps_its_time_while_its_value_stays) {
  const NodePod pod = simple_pod();
  ConditionTimes times;
  const StatusInputs ready{pod, "h", "a", kNow, running_record(true), {}};
  const StatusInputs unready{pod, "h", "a", kNow, running_record(false), {}};
  const WallTime later = kNow + std::chrono::minutes(1), latest = kNow + std::chrono::minutes(2);
  const json first = status_patch(ready, times, kNow);
  const json second = status_patch(ready, times, later);
  const json third = status_patch(unready, times, latest);
  EXPECT_EQ(first, second);
  EXPECT_EQ(condition_of(third, "Initialized"), condition_of(first, "Initialized"));
  EXPECT_NE(condition_of(third, "Ready")["lastTransitionTime"],
            condition_of(first, "Ready")["lastTransitionTime"]);
}

TEST(PodStatus, After_a_restart_the_server_keeps_the_times_of_what_is_unchanged) {
  NodePod pod = simple_pod();
  pod.base.conditions = {{"Ready", "True", "", ""}};
  ConditionTimes times;
  const json patch = status_patch({pod, "h", "a", kNow, running_record(true), {}}, times, kNow);
  EXPECT_FALSE(condition_of(patch, "Ready").contains("lastTransitionTime"));
  EXPECT_TRUE(condition_of(patch, "ContainersReady").contains("lastTransitionTime"));
}

TEST(PodStatus, A_readiness_gate_holds_Ready_but_not_ContainersReady) {
  NodePod pod = simple_pod();
  pod.readiness_gates = {"example.com/ok"};
  ConditionTimes times;
  json patch = status_patch({pod, "h", "a", kNow, running_record(true), {}}, times, kNow);
  EXPECT_EQ(condition_of(patch, "Ready")["status"], "False");
  EXPECT_EQ(condition_of(patch, "ContainersReady")["status"], "True");
  pod.base.conditions = {{"example.com/ok", "True", "", ""}};
  patch = status_patch({pod, "h", "a", kNow, running_record(true), {}}, times, kNow);
  EXPECT_EQ(condition_of(patch, "Ready")["status"], "True");
}

TEST(PodStatus, A_Pod_whose_shim_died_shows_no_running_container) {
  const NodePod pod = simple_pod();
  ConditionTimes times;
  const PodRecord record = closed_record(running_record(true), "ShimLost", "died", kNow);
  const json patch = status_patch({pod, "h", "a", kNow, record, {}}, times, kNow);
  EXPECT_EQ(patch["status"]["phase"], "Failed");
  EXPECT_EQ(patch["status"]["reason"], "ShimLost");
  const json& main = patch["status"]["containerStatuses"][0];
  EXPECT_EQ(main["state"]["terminated"]["reason"], "ContainerStatusUnknown");
  EXPECT_EQ(main["state"]["terminated"]["exitCode"], 137);
  EXPECT_EQ(main["ready"], false);
}

TEST(PodStatus, Before_it_starts_its_containers_wait_for_a_reason) {
  const NodePod pod = simple_pod();
  ConditionTimes times;
  StatusInputs in{pod, "h", "", kNow, {}, {}};
  in.waiting = {"CreateContainerConfigError", "configmap \"c\" not found"};
  const json patch = status_patch(in, times, kNow);
  EXPECT_EQ(patch["status"]["phase"], "Pending");
  EXPECT_EQ(patch["status"]["containerStatuses"][0]["state"]["waiting"]["message"],
            "configmap \"c\" not found");
  EXPECT_FALSE(patch["status"].contains("podIP"));
}

}  // namespace
}  // namespace k8s::node
