#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "libk8s/codec/proto/core.pb.h"
#include "libk8s/codec/rfc3339.hpp"
#include "libk8s/types/codec.hpp"

namespace k8s {
namespace {

using nlohmann::json;

// A Pod with something in every field that is read, and much that is not.
const char* const kPodJson = R"({
  "apiVersion": "v1", "kind": "Pod",
  "metadata": {"name": "job-0", "namespace": "team", "uid": "0a1b2c3d-0000-4000-8000-00000000abcd",
    "resourceVersion": "1234567890123456789012", "generation": 3,
    "creationTimestamp": "2026-11-22T10:00:00Z", "deletionTimestamp": "2026-11-22T11:00:00Z",
    "deletionGracePeriodSeconds": 30, "labels": {"app": "x", "rank": "0"},
    "annotations": {"note": "words"}, "finalizers": ["example.com/hold"],
    "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": "job", "uid": "u-1", "controller": true}],
    "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:metadata": {}}}]},
  "spec": {"nodeName": "n1", "schedulerName": "mine", "priorityClassName": "high",
    "schedulingGroup": {"podGroupName": "g"}, "restartPolicy": "Never",
    "nodeSelector": {"pool": "a"}, "schedulingGates": [{"name": "wait"}],
    "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
      {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a", "b"]}],
       "matchFields": [{"key": "metadata.name", "operator": "NotIn", "values": ["n9"]}]}]}}},
    "tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule", "tolerationSeconds": 5}],
    "volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}},
                {"name": "scratch", "ephemeral": {}}, {"name": "e", "emptyDir": {}}],
    "containers": [{"name": "main", "image": "x", "resources": {"requests": {"cpu": "1500m", "memory": "2Gi", "nvidia.com/gpu": "4"}}}],
    "overhead": {"cpu": "100m"}},
  "status": {"phase": "Running", "reason": "R", "message": "M", "podIP": "10.0.0.1", "hostIP": "10.9.9.9",
    "nominatedNodeName": "n2", "startTime": "2026-11-22T10:00:01Z",
    "conditions": [{"type": "Ready", "status": "True", "reason": "", "message": "", "lastProbeTime": null}],
    "containerStatuses": [
      {"name": "main", "restartCount": 2, "ready": true, "state": {"running": {"startedAt": "2026-11-22T10:00:02Z"}}},
      {"name": "side", "state": {"terminated": {"exitCode": 137, "signal": 9, "reason": "OOMKilled", "message": "m",
        "startedAt": "2026-11-22T10:00:02Z", "finishedAt": "2026-11-22T10:00:03Z"}}},
      {"name": "next", "state": {"waiting": {"reason": "ContainerCreating"}}}]}})";

Pod pod_from_json(const json& object) {
  auto pod = Codec<Pod>::from_json(object);
  EXPECT_TRUE(pod.is_ok()) << pod.status().to_string();
  return pod ? *pod : Pod();
}

WallTime at(const char* text) { return *parse_time(text); }

void expect_full_pod(const Pod& pod) {
  EXPECT_EQ(pod.meta.key(), "team/job-0");
  EXPECT_EQ(pod.meta.uid, "0a1b2c3d-0000-4000-8000-00000000abcd");
  EXPECT_EQ(pod.meta.resource_version, "1234567890123456789012");
  EXPECT_EQ(pod.meta.generation, 3);
  EXPECT_EQ(pod.meta.creation_time, at("2026-11-22T10:00:00Z"));
  EXPECT_EQ(pod.meta.deletion_time, at("2026-11-22T11:00:00Z"));
  EXPECT_EQ(pod.meta.deletion_grace_seconds, 30);
  EXPECT_EQ(pod.meta.label("rank"), "0");
  EXPECT_EQ(pod.meta.label("none"), "");
  EXPECT_EQ(pod.meta.annotation("note"), "words");
  EXPECT_EQ(pod.meta.finalizers, std::vector<std::string>{"example.com/hold"});
  ASSERT_NE(pod.meta.controller(), nullptr);
  EXPECT_EQ(*pod.meta.controller(), (OwnerReference{"batch/v1", "Job", "job", "u-1", true}));
  EXPECT_EQ(pod.node_name, "n1");
  EXPECT_EQ(pod.scheduler_name, "mine");
  EXPECT_EQ(pod.priority_class, "high");
  EXPECT_EQ(pod.scheduling_group, "g");
  EXPECT_EQ(
      pod.requests,
      (ResourceList{{"cpu", 1600}, {"memory", std::int64_t{2} << 30}, {"nvidia.com/gpu", 4}}));
  EXPECT_EQ(pod.node_selector, (StringMap{{"pool", "a"}}));
  ASSERT_EQ(pod.required_affinity.size(), 1U);
  EXPECT_EQ(pod.required_affinity[0], (NodeSelectorTerm{{"zone", "In", {"a", "b"}, false},
                                                        {"metadata.name", "NotIn", {"n9"}, true}}));
  EXPECT_EQ(pod.tolerations, (std::vector<Toleration>{{"gpu", "Exists", "", "NoSchedule"}}));
  EXPECT_EQ(pod.claims, (std::vector<std::string>{"data", "job-0-scratch"}));
  EXPECT_TRUE(pod.gated);
  EXPECT_EQ(pod.restart_policy, "Never");
  EXPECT_EQ(pod.phase, PodPhase::kRunning);
  EXPECT_EQ(pod.reason + pod.message + pod.pod_ip + pod.nominated_node, "RM10.0.0.1n2");
  EXPECT_EQ(pod.start_time, at("2026-11-22T10:00:01Z"));
  EXPECT_TRUE(pod.ready());
  ASSERT_EQ(pod.containers.size(), 3U);
  EXPECT_EQ(pod.containers[0].restarts, 2);
  EXPECT_EQ(pod.containers[0].state, ContainerStatus::State::kRunning);
  EXPECT_EQ(pod.containers[0].started, at("2026-11-22T10:00:02Z"));
  EXPECT_EQ(pod.containers[1].exit_code, 137);
  EXPECT_EQ(pod.containers[1].signal, 9);
  EXPECT_EQ(pod.containers[1].reason, "OOMKilled");
  EXPECT_EQ(pod.containers[1].finished, at("2026-11-22T10:00:03Z"));
  EXPECT_EQ(pod.containers[2].state, ContainerStatus::State::kWaiting);
  EXPECT_EQ(pod.containers[2].reason, "ContainerCreating");
}

void set_time(pb::Time* time, const char* text) { time->set_seconds(at(text).ns / 1'000'000'000); }

template <class Field>
void add_amount(Field* field, const char* name, const char* text) {
  auto* entry = field->Add();
  entry->set_key(name);
  entry->mutable_value()->set_text(text);
}

void fill_meta(pb::ObjectMeta& meta) {
  meta.set_name("job-0");
  meta.set_namespace_("team");
  meta.set_uid("0a1b2c3d-0000-4000-8000-00000000abcd");
  meta.set_resource_version("1234567890123456789012");
  meta.set_generation(3);
  set_time(meta.mutable_creation_timestamp(), "2026-11-22T10:00:00Z");
  set_time(meta.mutable_deletion_timestamp(), "2026-11-22T11:00:00Z");
  meta.set_deletion_grace_period_seconds(30);
  for (const auto& [key, value] : StringMap{{"app", "x"}, {"rank", "0"}}) {
    auto* label = meta.add_labels();
    label->set_key(key);
    label->set_value(value);
  }
  auto* annotation = meta.add_annotations();
  annotation->set_key("note");
  annotation->set_value("words");
  meta.add_finalizers("example.com/hold");
  auto* owner = meta.add_owner_references();
  owner->set_api_version("batch/v1");
  owner->set_kind("Job");
  owner->set_name("job");
  owner->set_uid("u-1");
  owner->set_controller(true);
}

void fill_spec(pb::PodSpec& spec) {
  spec.set_node_name("n1");
  spec.set_scheduler_name("mine");
  spec.set_priority_class_name("high");
  spec.mutable_scheduling_group()->set_pod_group_name("g");
  spec.set_restart_policy("Never");
  auto* selector = spec.add_node_selector();
  selector->set_key("pool");
  selector->set_value("a");
  spec.add_scheduling_gates()->set_name("wait");
  auto* term = spec.mutable_affinity()->mutable_node_affinity()->mutable_required()->add_terms();
  auto* expression = term->add_match_expressions();
  expression->set_key("zone");
  expression->set_operator_("In");
  expression->add_values("a");
  expression->add_values("b");
  auto* field = term->add_match_fields();
  field->set_key("metadata.name");
  field->set_operator_("NotIn");
  field->add_values("n9");
  auto* toleration = spec.add_tolerations();
  toleration->set_key("gpu");
  toleration->set_operator_("Exists");
  toleration->set_effect("NoSchedule");
  spec.add_volumes()->mutable_source()->mutable_persistent_volume_claim()->set_claim_name("data");
  auto* scratch = spec.add_volumes();
  scratch->set_name("scratch");
  scratch->mutable_source()->mutable_ephemeral();
  auto* container = spec.add_containers();
  container->set_name("main");
  add_amount(container->mutable_resources()->mutable_requests(), "cpu", "1500m");
  add_amount(container->mutable_resources()->mutable_requests(), "memory", "2Gi");
  add_amount(container->mutable_resources()->mutable_requests(), "nvidia.com/gpu", "4");
  add_amount(spec.mutable_overhead(), "cpu", "100m");
}

void fill_status(pb::PodStatus& status) {
  status.set_phase("Running");
  status.set_reason("R");
  status.set_message("M");
  status.set_pod_ip("10.0.0.1");
  status.set_nominated_node_name("n2");
  set_time(status.mutable_start_time(), "2026-11-22T10:00:01Z");
  auto* ready = status.add_conditions();
  ready->set_type("Ready");
  ready->set_status("True");
  auto* main = status.add_container_statuses();
  main->set_name("main");
  main->set_restart_count(2);
  main->set_ready(true);
  set_time(main->mutable_state()->mutable_running()->mutable_started_at(), "2026-11-22T10:00:02Z");
  auto* side = status.add_container_statuses();
  side->set_name("side");
  auto* ended = side->mutable_state()->mutable_terminated();
  ended->set_exit_code(137);
  ended->set_signal(9);
  ended->set_reason("OOMKilled");
  ended->set_message("m");
  set_time(ended->mutable_started_at(), "2026-11-22T10:00:02Z");
  set_time(ended->mutable_finished_at(), "2026-11-22T10:00:03Z");
  auto* next = status.add_container_statuses();
  next->set_name("next");
  next->mutable_state()->mutable_waiting()->set_reason("ContainerCreating");
}

std::string pod_protobuf() {
  pb::Pod pod;
  fill_meta(*pod.mutable_metadata());
  fill_spec(*pod.mutable_spec());
  fill_status(*pod.mutable_status());
  return pod.SerializeAsString();
}

TEST(Pod, JSON_fills_every_field) { expect_full_pod(pod_from_json(json::parse(kPodJson))); }

TEST(Pod, Protobuf_fills_every_field) {
  const auto pod = Codec<Pod>::from_protobuf(pod_protobuf());
  ASSERT_TRUE(pod.is_ok()) << pod.status().to_string();
  expect_full_pod(*pod);
}

TEST(Pod, A_message_read_before_leaves_nothing_behind) {
  ASSERT_TRUE(Codec<Pod>::from_protobuf(pod_protobuf()).is_ok());
  pb::Pod small;
  small.mutable_metadata()->set_name("small");
  const auto pod = Codec<Pod>::from_protobuf(small.SerializeAsString());
  ASSERT_TRUE(pod.is_ok());
  EXPECT_EQ(pod->meta.key(), "small");
  EXPECT_EQ(pod->scheduler_name, "default-scheduler");
  EXPECT_TRUE(pod->requests.empty());
  EXPECT_TRUE(pod->containers.empty());
  EXPECT_FALSE(pod->meta.deleting());
  EXPECT_EQ(pod->phase, PodPhase::kPending);
}

TEST(Pod, Packing_keeps_everything_in_few_bytes) {
  const Pod pod = pod_from_json(json::parse(kPodJson));
  const std::string packed = Codec<Pod>::pack(pod);
  EXPECT_LT(packed.size(), 400U);
  expect_full_pod(*Codec<Pod>::unpack(packed));
  EXPECT_EQ(Codec<Pod>::pack(*Codec<Pod>::unpack(packed)), packed);
}

TEST(Pod, Packing_keeps_texts_that_look_like_something_else) {
  Pod pod;
  for (const std::string text :
       {"", "True", "0a1b2c3d-0000-4000-8000-00000000abcd", "0A1B2C3D-0000-4000-8000-00000000ABCD",
        "0a1b2c3d-0000-4000-8000-00000000abcx", "0a1b2c3d_0000_4000_8000_00000000abcd"}) {
    pod.meta.uid = text;
    pod.meta.name = std::string(300, 'n');
    pod.meta.generation = std::numeric_limits<std::int64_t>::min();
    pod.requests["x"] = std::numeric_limits<std::int64_t>::max();
    const auto back = Codec<Pod>::unpack(Codec<Pod>::pack(pod));
    EXPECT_EQ(back->meta.uid, text);
    EXPECT_EQ(back->meta.name, pod.meta.name);
    EXPECT_EQ(back->meta.generation, pod.meta.generation);
    EXPECT_EQ(back->requests, pod.requests);
  }
}

TEST(Pod, Wrong_types_read_as_absent_and_a_name_is_needed) {
  const Pod pod = pod_from_json(json::parse(
      R"({"metadata": {"name": "a", "labels": 5, "generation": "x", "ownerReferences": [7]},
      "spec": {"containers": "none", "tolerations": [null], "nodeSelector": {"a": 1}, "affinity": []},
      "status": {"phase": 3, "startTime": "soon", "containerStatuses": {"a": 1}}})"));
  EXPECT_TRUE(pod.meta.labels.empty());
  EXPECT_EQ(pod.phase, PodPhase::kPending);
  EXPECT_EQ(Codec<Pod>::from_json(json::parse(R"({"metadata": {}})")).status().code(),
            Code::kMalformed);
  EXPECT_EQ(Codec<Pod>::from_json(json(3)).status().code(), Code::kMalformed);
  EXPECT_EQ(Codec<Pod>::from_protobuf("").status().code(), Code::kMalformed);
  EXPECT_EQ(Codec<Pod>::from_protobuf("\xff\xff").status().code(), Code::kMalformed);
}

TEST(Pod, Random_bytes_never_do_harm) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const std::string bytes = pod_protobuf();
  for (int i = 0; i < 10'000; ++i) {
    std::string broken = bytes.substr(0, random() % bytes.size() + 1);
    for (std::uint64_t k = random() % 6; k > 0; --k)
      broken[random() % broken.size()] = static_cast<char>(random());
    const auto pod = Codec<Pod>::from_protobuf(broken);
    if (!pod) continue;
    const std::string packed = Codec<Pod>::pack(*pod);
    ASSERT_EQ(Codec<Pod>::pack(*Codec<Pod>::unpack(packed)), packed);
  }
}

TEST(Pod, It_occupies_its_node_until_it_is_finished_even_while_it_terminates) {
  Pod pod;
  EXPECT_FALSE(pod.occupies());
  pod.node_name = "n";
  pod.meta.deletion_time = WallTime{1};
  EXPECT_TRUE(pod.occupies());
  pod.phase = PodPhase::kFailed;
  EXPECT_FALSE(pod.occupies());
}

TEST(Node, Both_encodings_give_the_same_node) {
  const auto from_json =
      Codec<Node>::from_json(json::parse(R"({"metadata": {"name": "n1", "labels": {"zone": "a"}},
    "spec": {"unschedulable": true, "taints": [{"key": "k", "value": "v", "effect": "NoSchedule"}]},
    "status": {"capacity": {"cpu": "8", "memory": "16Gi", "pods": 110}, "allocatable": {"cpu": "7500m", "memory": "1000m"},
      "conditions": [{"type": "MemoryPressure", "status": "True"}, {"type": "Ready", "status": "True"}],
      "addresses": [{"type": "Hostname", "address": "h"}, {"type": "InternalIP", "address": "10.0.0.1"}]}})"));
  ASSERT_TRUE(from_json.is_ok());
  EXPECT_TRUE(from_json->ready);
  EXPECT_EQ(from_json->internal_ip, "10.0.0.1");
  EXPECT_EQ(from_json->capacity,
            (ResourceList{{"cpu", 8000}, {"memory", std::int64_t{16} << 30}, {"pods", 110}}));
  EXPECT_EQ(from_json->allocatable, (ResourceList{{"cpu", 7500}, {"memory", 1}}));

  pb::Node message;
  message.mutable_metadata()->set_name("n1");
  auto* label = message.mutable_metadata()->add_labels();
  label->set_key("zone");
  label->set_value("a");
  message.mutable_spec()->set_unschedulable(true);
  auto* taint = message.mutable_spec()->add_taints();
  taint->set_key("k");
  taint->set_value("v");
  taint->set_effect("NoSchedule");
  add_amount(message.mutable_status()->mutable_capacity(), "cpu", "8");
  add_amount(message.mutable_status()->mutable_capacity(), "memory", "16Gi");
  add_amount(message.mutable_status()->mutable_capacity(), "pods", "110");
  add_amount(message.mutable_status()->mutable_allocatable(), "cpu", "7500m");
  add_amount(message.mutable_status()->mutable_allocatable(), "memory", "1000m");
  auto* ready = message.mutable_status()->add_conditions();
  ready->set_type("Ready");
  ready->set_status("True");
  auto* address = message.mutable_status()->add_addresses();
  address->set_type("InternalIP");
  address->set_address("10.0.0.1");
  const auto from_protobuf = Codec<Node>::from_protobuf(message.SerializeAsString());
  ASSERT_TRUE(from_protobuf.is_ok());
  EXPECT_EQ(Codec<Node>::pack(*from_protobuf), Codec<Node>::pack(*from_json));
  const std::string packed = Codec<Node>::pack(*from_json);
  EXPECT_EQ(Codec<Node>::pack(*Codec<Node>::unpack(packed)), packed);
}

TEST(Node, What_it_offers_is_rounded_down_and_capacity_stands_in_for_allocatable) {
  const auto node = Codec<Node>::from_json(json::parse(
      R"({"metadata": {"name": "n"}, "status": {"capacity": {"cpu": "1.5001", "memory": "1500m"}}})"));
  ASSERT_TRUE(node.is_ok());
  EXPECT_EQ(node->allocatable, (ResourceList{{"cpu", 1500}, {"memory", 1}}));
}

}  // namespace
}  // namespace k8s
