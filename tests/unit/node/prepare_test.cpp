// From spec to plan: what is refused, and what a container gets.

#include "libk8s/node/prepare.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

namespace k8s::node {
namespace {

using nlohmann::json;

NodePod pod_from(const json& container, const json& volumes = json::array()) {
  json c = {{"name", "main"}, {"image", "pytorch:2"}, {"command", {"run"}}};
  if (container.is_object()) c.merge_patch(container);
  Result<NodePod> pod = Codec<NodePod>::from_json(
      {{"metadata", {{"name", "p"}, {"namespace", "ns"}, {"uid", "u1"}}},
       {"spec", {{"containers", json::array({c})}, {"volumes", volumes}}}});
  EXPECT_TRUE(pod);
  return *pod;
}

std::string refusal(const json& container, const json& volumes = json::array(),
                    NodeOptions options = {}) {
  const auto refused = refuse(pod_from(container, volumes), options);
  return refused ? refused->message : "";
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Refuse, A_plain_Pod_is_taken) { EXPECT_EQ(refusal({}), ""); }

TEST(Refuse, An_image_of_another_runner_is_refused_by_name) {
  NodeOptions options;
  options.images = {{"pytorch", "podman"}, {"pytorch:1", "host"}};
  EXPECT_TRUE(has(refusal({}, json::array(), options), "the runner \"podman\""));
  EXPECT_EQ(refusal({{"image", "pytorch:1.2"}}, json::array(), options), "");  // longest prefix
}

TEST(Refuse, Paths_and_names_that_could_leave_their_folder_are_refused) {
  EXPECT_NE(refusal({{"name", "../x"}}), "");
  EXPECT_NE(refusal({{"volumeMounts", json::array({{{"name", "v"}, {"mountPath", "/"}}})}}), "");
  EXPECT_NE(refusal({{"volumeMounts", json::array({{{"name", "v"}, {"mountPath", "/a/../b"}}})}}),
            "");
  EXPECT_NE(refusal({}, json::array({{{"name", "../v"}, {"emptyDir", json::object()}}})), "");
  EXPECT_NE(refusal({}, json::array({{{"name", "v"},
                                      {"persistentVolumeClaim", {{"claimName", "../../x"}}}}})),
            "");
}

TEST(Refuse, Volumes_and_probes_of_other_kinds_are_named) {
  EXPECT_TRUE(has(refusal({}, json::array({{{"name", "v"}, {"nfs", {{"server", "s"}}}}})),
                  "volume \"v\" is of kind \"nfs\""));
  EXPECT_TRUE(has(refusal({{"livenessProbe", {{"grpc", {{"port", 1}}}}}}), "a probe by grpc"));
}

class Prepare : public testing::Test {
 protected:
  Prepare() {
    std::string name = (std::filesystem::temp_directory_path() / "prepare-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    options_.data_dir = folder_;
    node_.name = "n1";
  }
  ~Prepare() override { remove_tree(folder_); }

  Preparation preparation(const NodePod& pod) const {
    Preparation p{pod, options_, node_, folder_ + "/pod", {}, {}, {}, {}, {}, {}};
    p.facts.pod_ip = "127.64.0.1";
    p.inherited = {{"HOME", "/home/x"}, {"PATH", "/bin"}};
    return p;
  }
  PodPlan plan(const Preparation& p) const {
    const Result<VolumePaths> volumes = prepare_volumes(p);
    EXPECT_TRUE(volumes) << volumes.status().to_string();
    if (!volumes) return {};
    Result<PodPlan> plan = build_plan(p, *volumes);
    EXPECT_TRUE(plan) << plan.status().to_string();
    return plan ? *plan : PodPlan{};
  }
  static bool has_entry(const ContainerPlan& c, const std::string& entry) {
    return std::find(c.env.begin(), c.env.end(), entry) != c.env.end();
  }

  std::string folder_;
  NodeOptions options_;
  NodeSpec node_;
};

TEST_F(Prepare, Command_and_args_are_expanded_by_the_Pods_own_variables_only) {
  const NodePod pod = pod_from({{"command", {"$(A)", "$(HOME)"}},
                                {"args", {"$$(A)", "--x=$(A)"}},
                                {"env", json::array({{{"name", "A"}, {"value", "1"}}})}});
  const PodPlan made = plan(preparation(pod));
  EXPECT_EQ(made.containers[0].argv, (std::vector<std::string>{"1", "$(HOME)", "$(A)", "--x=1"}));
}

TEST_F(Prepare, What_the_Pod_says_goes_over_what_is_inherited) {
  options_.env = {{"HOME", "/from-options"}, {"EXTRA", "e"}};
  const NodePod pod = pod_from({{"env", json::array({{{"name", "PATH"}, {"value", "/own"}}})}});
  const ContainerPlan c = plan(preparation(pod)).containers[0];
  EXPECT_TRUE(has_entry(c, "PATH=/own"));
  EXPECT_FALSE(has_entry(c, "PATH=/bin"));
  EXPECT_TRUE(has_entry(c, "HOME=/from-options"));
  EXPECT_TRUE(has_entry(c, "EXTRA=e"));
  EXPECT_TRUE(has_entry(c, "HOSTNAME=p"));
}

TEST_F(Prepare, Volumes_become_folders_and_files) {
  const NodePod pod = pod_from(
      {{"volumeMounts", json::array({{{"name", "e"}, {"mountPath", "/e"}, {"subPath", "s"}},
                                     {{"name", "c"}, {"mountPath", "/c"}, {"readOnly", true}},
                                     {{"name", "d"}, {"mountPath", "/d"}}})}},
      json::array(
          {{{"name", "e"}, {"emptyDir", json::object()}},
           {{"name", "d"}, {"persistentVolumeClaim", {{"claimName", "data"}}}},
           {{"name", "c"},
            {"projected",
             {{"sources",
               json::array(
                   {{{"configMap", {{"name", "m"}}}},
                    {{"secret",
                      {{"name", "s"},
                       {"items",
                        json::array({{{"key", "k"}, {"path", "deep/key"}, {"mode", 256}}})}}}},
                    {{"downwardAPI",
                      {{"items", json::array({{{"path", "name"},
                                               {"fieldRef",
                                                {{"fieldPath", "metadata.name"}}}}})}}}}})}}}}}));
  Preparation p = preparation(pod);
  p.objects.config_maps["m"] = StringMap{{"file", "text"}};
  p.objects.secrets["s"] = StringMap{{"k", std::string("\0bytes", 6)}};
  const PodPlan made = plan(p);
  const std::string own = folder_ + "/pod/volumes";
  EXPECT_EQ(*read_file(own + "/c/file"), "text");
  EXPECT_EQ(*read_file(own + "/c/deep/key"), std::string("\0bytes", 6));
  EXPECT_EQ(*read_file(own + "/c/name"), "p");
  EXPECT_EQ(std::filesystem::status(own + "/c/deep/key").permissions(),
            std::filesystem::perms::owner_read);
  EXPECT_EQ(made.containers[0].mounts,
            (std::vector<Mount>{{own + "/e", "s", "/e", false},
                                {own + "/c", "", "/c", true},
                                {folder_ + "/volumes/ns/data", "", "/d", false}}));
}

TEST_F(Prepare, A_path_in_a_ConfigMap_volume_cannot_leave_it) {
  const NodePod pod = pod_from(
      {},
      json::array(
          {{{"name", "c"},
            {"configMap",
             {{"name", "m"}, {"items", json::array({{{"key", "k"}, {"path", "../../out"}}})}}}}}));
  Preparation p = preparation(pod);
  p.objects.config_maps["m"] = StringMap{{"k", "x"}};
  EXPECT_EQ(prepare_volumes(p).status().code(), Code::kInvalid);
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/out"));
}

TEST_F(Prepare, Containers_share_out_the_devices_of_their_Pod) {
  node_.devices["nvidia.com/gpu"] = {"a", "b", "c"};
  NodePod pod = pod_from({{"resources", {{"limits", {{"nvidia.com/gpu", 1}}}}}});
  ContainerSpec second = pod.containers[0];
  second.name = "second";
  pod.containers.push_back(second);
  Preparation p = preparation(pod);
  p.devices["nvidia.com/gpu"] = {"a", "c"};
  const PodPlan made = plan(p);
  EXPECT_TRUE(has_entry(made.containers[0], "CUDA_VISIBLE_DEVICES=a"));
  EXPECT_TRUE(has_entry(made.containers[1], "CUDA_VISIBLE_DEVICES=c"));
  EXPECT_TRUE(has_entry(made.containers[1], "CUDA_DEVICE_ORDER=PCI_BUS_ID"));
}

TEST_F(Prepare, On_a_node_with_simulated_devices_no_Pod_hears_of_any) {
  const NodePod pod = pod_from({{"resources", {{"limits", {{"nvidia.com/gpu", 1}}}}}});
  const PodPlan made = plan(preparation(pod));
  for (const std::string& entry : made.containers[0].env) {
    EXPECT_FALSE(entry.starts_with("CUDA_")) << entry;
  }
}

}  // namespace
}  // namespace k8s::node
