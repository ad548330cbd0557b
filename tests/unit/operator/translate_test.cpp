// Pods, Services and environment of a job; objects as the engine sees them.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "operator/api/duration.hpp"
#include "operator/translate/job_pod.hpp"
#include "operator/translate/objects.hpp"
#include "operator/translate/parts.hpp"
#include "operator/translate/placement.hpp"
#include "operator/translate/plain_pod.hpp"
#include "operator/translate/resources.hpp"

namespace fermi {
namespace {

using Json = nlohmann::json;

TrainingJob job_of(const Json& spec) {
  Json whole = {{"image", "i"}, {"command", {"run"}}};
  whole.merge_patch(spec);
  auto job = decode_training_job(
      {{"metadata", {{"name", "j"}, {"namespace", "n"}, {"uid", "u"}}}, {"spec", whole}});
  EXPECT_TRUE(job->problems.empty()) << job->problems.front();
  return *job;
}

const JobPlacement kPlacement{1, 3, 0, {}, {"a0", "a1", "b0"}, {{"a", 2}, {"b", 1}}};

std::map<std::string, std::string> env_of(const Json& pod) {
  std::map<std::string, std::string> out;
  for (const Json& e : pod["spec"]["containers"][0]["env"]) out[e["name"]] = e.value("value", "");
  return out;
}

TEST(JobPod, Carries_both_families_of_rendezvous_names) {
  const TrainingJob job = job_of({{"framework", "PyTorch"}, {"nodes", 3}, {"gpusPerNode", 8}});
  auto env = env_of(job_pod(job, kPlacement, 2, {}));
  EXPECT_EQ(env["PET_NNODES"], "3");
  EXPECT_EQ(env["PET_NPROC_PER_NODE"], "8");
  EXPECT_EQ(env["PET_NODE_RANK"], "2");
  EXPECT_EQ(env["MASTER_ADDR"], "j-0.j");
  EXPECT_EQ(env["PET_MASTER_ADDR"], "j-0.j");
  EXPECT_EQ(env["MASTER_PORT"], "29500");
  EXPECT_EQ(env["WORLD_SIZE"], "3");  // a script started directly is one process per Pod
  EXPECT_EQ(env["RANK"], "2");
  EXPECT_EQ(env["FERMI_ZONE"], "b");
  EXPECT_EQ(env["FERMI_ZONES"], "a,b");
  EXPECT_EQ(env["FERMI_ATTEMPT"], "1");
  EXPECT_EQ(env["FERMI_RESUME"], "1");
}

TEST(JobPod, Processes_per_node_count_in_the_world_size) {
  const TrainingJob job =
      job_of({{"framework", "PyTorch"}, {"nodes", 3}, {"gpusPerNode", 8}, {"processesPerNode", 4}});
  auto env = env_of(job_pod(job, kPlacement, 0, {}));
  EXPECT_EQ(env["PET_NPROC_PER_NODE"], "4");
  EXPECT_EQ(env["WORLD_SIZE"], "12");
}

TEST(JobPod, Who_shares_a_GPU_is_told_its_part_and_asks_the_API_server_for_none) {
  const TrainingJob job = job_of({{"nodes", 3}, {"gpusPerNode", "0.46"}});
  JobPlacement placement = kPlacement;
  placement.devices = {0, 2, 0};
  const Json pod = job_pod(job, placement, 1, {});
  auto env = env_of(pod);
  EXPECT_EQ(env["FERMI_GPU_MEMORY_FRACTION"], "0.46");
  EXPECT_EQ(env["FERMI_GPUS_PER_NODE"], "1");
  EXPECT_EQ(env["PET_NPROC_PER_NODE"], "1");
  const Json& notes = pod["metadata"]["annotations"];
  EXPECT_EQ(notes["fermi-cluster.com/shared-part"], "0.46");
  EXPECT_EQ(notes["fermi-cluster.com/shared-device"], "nvidia.com/gpu#2");
  EXPECT_FALSE(pod["spec"]["containers"][0].contains("resources"));
}

TEST(Parts, A_Pod_says_what_it_shares_and_what_is_unreadable_is_a_device_of_its_own) {
  k8s::Pod pod;
  pod.meta.uid = "p";
  pod.node_name = "n";
  pod.meta.annotations = {{annotation::kSharedPart, "0.46"},
                          {annotation::kSharedDevice, "nvidia.com/gpu#2"}};
  sched::PodUpsert told = to_engine(pod);
  EXPECT_EQ(told.shared_resource, "nvidia.com/gpu");
  EXPECT_EQ(told.shared_milli, 460);
  EXPECT_EQ(told.device, 2);
  pod.meta.annotations[annotation::kSharedDevice] = "the second";
  told = to_engine(pod);
  EXPECT_EQ(told.shared_milli, 460);
  EXPECT_EQ(told.device, -1);
  pod.meta.annotations[annotation::kSharedPart] = "1.5";
  EXPECT_EQ(to_engine(pod).shared_milli, 0);
  pod.meta.annotations[annotation::kSharedDevice] = "nvidia.com/gpu#2";
  EXPECT_EQ(to_engine(pod).shared_milli, 1000);
}

TEST(PlainPod, Cannot_ask_for_a_part_of_a_GPU_and_says_so) {
  auto pod = std::make_shared<k8s::Pod>();
  pod->meta.uid = pod->meta.name = "p";
  pod->meta.annotations[annotation::kSharedPart] = "0.5";
  const sched::Task task = plain_task({pod}, 0, nullptr);
  EXPECT_TRUE(task.held);
  EXPECT_EQ(task.held_why,
            "fermi-cluster.com/shared-part: plain Pods cannot ask for a part of a GPU; a "
            "TrainingJob can");
}

TEST(Parts, Are_refused_outside_of_local_mode_in_one_sentence) {
  const TrainingJob job = job_of({{"gpusPerNode", "0.46"}});
  Configuration config;
  EXPECT_EQ(part_problem(job, config),
            "spec.resources.gpus: 0.46 of a GPU needs local mode (fermi up): in a cluster this "
            "version gives out whole GPUs only");
  EXPECT_TRUE(to_engine(job, nullptr, config).held);
  config.gpu_sharing = true;
  EXPECT_EQ(part_problem(job, config), "");
  const sched::Task task = to_engine(job, nullptr, config);
  EXPECT_FALSE(task.held);
  EXPECT_EQ(task.groups[0].shared_milli, 460);
  EXPECT_EQ(task.groups[0].shared_resource, "nvidia.com/gpu");
}

TEST(Parts, A_node_shares_its_GPUs_when_its_label_says_so) {
  k8s::Node node;
  node.meta.name = "n";
  EXPECT_FALSE(to_engine(node, Configuration{}).gpu_sharing);
  node.meta.labels[label::kGpuSharing] = "true";
  EXPECT_TRUE(to_engine(node, Configuration{}).gpu_sharing);
  node.meta.labels[label::kGpuSharing] = "yes";
  EXPECT_FALSE(to_engine(node, Configuration{}).gpu_sharing);
}

TEST(Parts, Used_amounts_are_told_as_one_decimal) {
  sched::Resources used;
  used.set_extended("nvidia.com/gpu", 1);
  used.set_extended("nvidia.com/gpu#milli", 460);
  EXPECT_EQ(to_quantities(used).at("nvidia.com/gpu"), "1460m");
  used.set_extended("nvidia.com/gpu#milli", 2000);
  EXPECT_EQ(to_quantities(used), (k8s::StringMap{{"nvidia.com/gpu", "3"}}));
}

TEST(Parts, Room_for_a_decision_that_is_read_back_counts_each_device) {
  sched::Resources has, use;
  has.set_extended("nvidia.com/gpu", 2);
  use.set_extended("nvidia.com/gpu", 1);
  use.set_extended("nvidia.com/gpu#0", 1000);
  EXPECT_TRUE(fits_node(use, has));
  use.set_extended("nvidia.com/gpu#0", 1001);
  EXPECT_FALSE(fits_node(use, has));
  use.set_extended("nvidia.com/gpu#0", 500);
  use.set_extended("nvidia.com/gpu#1", 1);
  EXPECT_FALSE(fits_node(use, has));
}

TEST(JobPod, One_node_needs_no_Service) {
  const TrainingJob job = job_of(Json::object());
  EXPECT_FALSE(needs_service(job));
  EXPECT_EQ(env_of(job_pod(job, {0, 1, 0, {}, {"a0"}, {}}, 0, {}))["MASTER_ADDR"], "localhost");
}

TEST(JobPod, Parameters_become_environment_and_fill_arguments) {
  const TrainingJob job = job_of({{"args", {"--lr={{ lr }}", "{{none}}", "{{"}},
                                  {"parameters", {{"lr", "0.1"}, {"batch_size", 32}}}});
  const Json pod = job_pod(job, kPlacement, 0, {});
  auto env = env_of(pod);
  EXPECT_EQ(env["FERMI_PARAM_LR"], "0.1");
  EXPECT_EQ(env["FERMI_PARAM_BATCH_SIZE"], "32");
  EXPECT_EQ(pod["spec"]["containers"][0]["args"], Json({"--lr=0.1", "{{none}}", "{{"}));
}

TEST(JobPod, The_template_is_the_base_and_what_Fermi_sets_wins) {
  const TrainingJob job = job_of(
      {{"resources", {{"cpu", "2"}, {"memory", "1Gi"}, {"shm", "64Mi"}}},
       {"gpusPerNode", 1},
       {"volumes", Json::array({{{"name", "d"}, {"mountPath", "/d"}, {"existingClaim", "c"}}})},
       {"podTemplate",
        {{"metadata", {{"labels", {{"team", "x"}}}, {"annotations", {{"a", "b"}}}}},
         {"spec",
          {{"terminationGracePeriodSeconds", 7},
           {"containers", Json::array({{{"name", "side"}, {"image", "s"}},
                                       {{"name", "main"}, {"workingDir", "/w"}}})}}}}}});
  const Json pod = job_pod(job, kPlacement, 1, {});
  EXPECT_EQ(pod["metadata"]["name"], "j-1-1");
  EXPECT_EQ(pod["metadata"]["labels"]["team"], "x");
  EXPECT_EQ(pod["metadata"]["annotations"]["a"], "b");
  EXPECT_EQ(pod["metadata"]["labels"]["fermi-cluster.com/zone"], "a");
  const Json& spec = pod["spec"];
  EXPECT_EQ(spec["terminationGracePeriodSeconds"], 7);
  EXPECT_EQ(spec["restartPolicy"], "Never");
  EXPECT_EQ(spec["automountServiceAccountToken"], false);
  EXPECT_EQ(spec["hostname"], "j-1");
  EXPECT_EQ(spec["subdomain"], "j");
  EXPECT_FALSE(spec.contains("nodeName"));
  ASSERT_EQ(spec["containers"].size(), 2U);
  EXPECT_EQ(spec["containers"][0]["name"], "main");
  EXPECT_EQ(spec["containers"][0]["workingDir"], "/w");
  EXPECT_EQ(spec["containers"][0]["resources"]["limits"]["nvidia.com/gpu"], "1");
  EXPECT_EQ(spec["volumes"].size(), 2U);
  EXPECT_EQ(pod["metadata"]["ownerReferences"][0]["uid"], "u");
}

TEST(JobPod, What_Fermi_sets_comes_first_and_nobody_sets_it_anew) {
  const TrainingJob job = job_of(
      {{"env", Json::array({{{"name", "ME"}, {"value", "$(RANK)"}}})},
       {"podTemplate",
        {{"spec",
          {{"containers",
            Json::array({{{"name", "main"},
                          {"env", Json::array({{{"name", "RANK"}, {"value", "9"}}})}}})}}}}}});
  const Json env = job_pod(job, kPlacement, 2, {})["spec"]["containers"][0]["env"];
  int ranks = 0;
  for (const Json& entry : env) ranks += entry["name"] == "RANK" ? 1 : 0;
  EXPECT_EQ(ranks, 1);
  EXPECT_EQ(env.back()["name"], "ME");  // after RANK, so that it may refer to it
}

TEST(JobPod, Effective_requests_count_sidecars_of_the_template) {
  const TrainingJob job = job_of(
      {{"resources", {{"cpu", "2"}}},
       {"podTemplate",
        {{"spec",
          {{"containers", Json::array({{{"name", "side"},
                                        {"image", "s"},
                                        {"resources", {{"requests", {{"cpu", "500m"}}}}}}})}}}}}});
  EXPECT_EQ(effective_requests(job, 0, {}).at("cpu"), 2500);
}

TEST(JobTask, A_split_over_zones_is_exact_and_may_ask_for_more_in_one_of_them) {
  const TrainingJob job =
      job_of({{"resources", {{"cpu", "1"}}},
              {"scheduling",
               {{"zones", Json::array({{{"zone", "a"}, {"nodes", 2}, {"gpusPerNode", 8}},
                                       {{"zone", "b"}, {"nodes", 3}, {"cpu", "4"}}})}}}});
  const sched::Task task = to_engine(job, nullptr, {});
  EXPECT_EQ(task.zone_policy, sched::ZonePolicy::kExact);
  ASSERT_EQ(task.groups.size(), 2U);
  EXPECT_EQ(task.groups[0].count, 2);
  EXPECT_EQ(task.groups[0].requests.extended_amount("nvidia.com/gpu"), 8);
  EXPECT_EQ(task.groups[1].zone, "b");
  EXPECT_EQ(task.groups[1].requests.cpu_milli, 4000);
  EXPECT_EQ(task.groups[1].requests.pods, 1);
}

TEST(JobTask, Takes_the_tier_and_duration_of_its_queue_and_never_a_higher_tier) {
  TaskQueue queue;
  queue.meta.name = "q";
  queue.spec.tier = sched::Tier::kMedium;
  queue.spec.default_duration_ns = 7;
  TrainingJob job = job_of(Json::object());
  EXPECT_EQ(to_engine(job, &queue, {}).tier, sched::Tier::kMedium);
  EXPECT_EQ(to_engine(job, &queue, {}).expected_duration_ns, 7);
  job.spec.scheduling.priority = sched::Tier::kLow;
  EXPECT_EQ(to_engine(job, &queue, {}).tier, sched::Tier::kLow);
  EXPECT_FALSE(to_engine(job, &queue, {}).held);
  job.spec.scheduling.priority = sched::Tier::kHigh;
  const sched::Task task = to_engine(job, &queue, {});
  EXPECT_EQ(task.tier, sched::Tier::kMedium);
  EXPECT_TRUE(task.held);
  EXPECT_NE(task.held_why.find("High"), std::string::npos);
}

PodRef plain(const std::string& name, std::int64_t created, const k8s::StringMap& labels) {
  auto pod = std::make_shared<k8s::Pod>();
  pod->meta.name = name;
  pod->meta.ns = "n";
  pod->meta.uid = name + "-uid";
  pod->meta.creation_time = {created};
  pod->meta.labels = labels;
  pod->scheduler_name = kSchedulerName;
  pod->requests = {{"cpu", 1000}};
  return pod;
}

const k8s::StringMap kPair = {{label::kQueue, "q"}, {label::kGang, "g"}, {label::kGangSize, "2"}};

TEST(PlainPod, A_gang_waits_for_its_size_and_says_so) {
  const std::vector<PodRef> one = {plain("a", 5, kPair)};
  const sched::Task half = plain_task(one, 0, nullptr);
  EXPECT_TRUE(half.held);
  EXPECT_EQ(half.held_why, "waits for 1 more Pods of its gang: 1 of 2 are there");
  EXPECT_FALSE(plain_task(one, 1, nullptr).held);  // the other one runs already
  const std::vector<PodRef> both = {plain("a", 5, kPair), plain("b", 4, kPair)};
  const sched::Task whole = plain_task(both, 0, nullptr);
  EXPECT_FALSE(whole.held) << whole.held_why;
  EXPECT_EQ(whole.uid, "b-uid");  // the one that was made first
  ASSERT_EQ(whole.groups.size(), 1U);
  EXPECT_EQ(whole.groups[0].count, 2);
}

TEST(PlainPod, Members_that_disagree_wait_with_that_reason) {
  k8s::StringMap other = kPair;
  other[label::kQueue] = "r";
  const sched::Task task = plain_task({plain("a", 5, kPair), plain("b", 6, other)}, 0, nullptr);
  EXPECT_TRUE(task.held);
  EXPECT_NE(task.held_why.find("disagree about the label fermi-cluster.com/queue"),
            std::string::npos);
}

TEST(PlainPod, Bad_labels_and_annotations_are_named) {
  k8s::StringMap labels = kPair;
  labels[label::kGangSize] = "two";
  EXPECT_NE(plain_task({plain("a", 5, labels)}, 0, nullptr).held_why.find("\"two\""),
            std::string::npos);
  auto pod = std::make_shared<k8s::Pod>(*plain("a", 5, {{label::kQueue, "q"}}));
  pod->meta.annotations = {{annotation::kExpectedDuration, "soon"}};
  EXPECT_NE(plain_task({pod}, 0, nullptr).held_why.find("soon"), std::string::npos);
  pod->meta.annotations = {{annotation::kCheckpointInterval, "often"}};
  EXPECT_NE(plain_task({pod}, 0, nullptr).held_why.find("checkpoint-interval: \"often\""),
            std::string::npos)
      << plain_task({pod}, 0, nullptr).held_why;
  pod->meta.annotations = {{annotation::kCheckpointInterval, "20m"}};
  EXPECT_EQ(plain_task({pod}, 0, nullptr).checkpoint_every_ns, 1'200'000'000'000);
  pod->meta.annotations = {{annotation::kZones, "a,b"}};
  EXPECT_EQ(plain_task({pod}, 0, nullptr).allowed_zones, (std::vector<std::string>{"a", "b"}));
}

TEST(Placement, Neighbours_of_one_zone_are_counted_together) {
  const auto node = [](const std::string& name) {
    auto out = std::make_shared<k8s::Node>();
    out->meta.labels[label::kNodeZone] = name.substr(0, 1);
    return std::shared_ptr<const k8s::Node>(out);
  };
  const JobPlacement p =
      to_placement({"u", 2, {{"a0", "a1", "b0"}}, 2, 0}, {5, 0, {kNsPerSecond + 1}}, node);
  EXPECT_EQ(p.zones, kPlacement.zones);
  EXPECT_EQ(p.attempt, 2);
  EXPECT_EQ(p.decided_at.ns, kNsPerSecond);
  EXPECT_EQ(p.zone_of(1), "a");
  EXPECT_EQ(p.zone_of(2), "b");
}

// Its spec and the rules of queues may change while it runs, also while no leader looks on.
TEST(ToEngine, A_job_that_holds_a_place_keeps_the_queue_and_tier_of_its_decision) {
  TrainingJob job = job_of({{"scheduling", {{"queue", "other"}, {"priority", "High"}}}});
  TaskQueue other;
  other.meta.name = "other";
  other.spec.tier = sched::Tier::kHigh;
  job.status.queue = "first";
  job.status.priority = "Low";
  job.status.placement = kPlacement;
  for (const Phase phase : {Phase::kStarting, Phase::kRunning, Phase::kStopping}) {
    job.status.phase = phase;
    const sched::Task task = to_engine(job, &other, {});
    EXPECT_EQ(task.queue, "first");
    EXPECT_EQ(task.tier, sched::Tier::kLow);
  }
  // Back in the line its wishes count as they are now.
  job.status.phase = Phase::kPending;
  job.status.placement.reset();
  EXPECT_EQ(to_engine(job, &other, {}).queue, "other");
  EXPECT_EQ(to_engine(job, &other, {}).tier, sched::Tier::kHigh);
}

}  // namespace
}  // namespace fermi
