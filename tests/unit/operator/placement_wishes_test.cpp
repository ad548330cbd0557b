// Where a job asks to lie, through the API: levels below the zone, regions, pools and models.
#include <gtest/gtest.h>

#include "tests/unit/operator/cluster.hpp"

namespace fermi::testing {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

Json runs_for(const std::string& run_seconds) {
  return {{"metadata", {{"annotations", {{"sim/run-seconds", run_seconds}}}}}};
}

void configure(Cluster& cluster, const std::string& text) {
  cluster.create("/api/v1/namespaces/fermi-system/configmaps",
                 {{"apiVersion", "v1"},
                  {"kind", "ConfigMap"},
                  {"metadata", {{"name", "fermi-config"}, {"namespace", "fermi-system"}}},
                  {"data", {{"config.yaml", text}}}});
}

void label(Cluster& cluster, const std::string& node, const std::string& key,
           const std::string& value) {
  cluster.patch("/api/v1/nodes/" + node, {{"metadata", {{"labels", {{key, value}}}}}});
}

// The warnings about an object, by reason.
std::string event_note(Cluster& cluster, const std::string& reason) {
  const Json events = cluster.get("/apis/events.k8s.io/v1/namespaces/work/events");
  for (const Json& event : events.value("items", Json::array()))
    if (event.value("reason", "") == reason && event.value("type", "") == "Warning")
      return event.value("note", "");
  return "";
}

constexpr const char* kRacks = "topology: [{level: rack, label: example.com/rack}]\n";

TEST(PlacementWishes, A_gang_that_requires_a_rack_waits_for_one_and_lies_in_it) {
  Cluster cluster({{"zone-a", 4, 8}}, configured(kRacks));
  for (int i = 0; i < 4; ++i)
    label(cluster, "zone-a-" + std::to_string(i), "example.com/rack", i % 2 == 0 ? "r1" : "r2");
  cluster.start_operator();
  cluster.submit("first", {{"gpusPerNode", 8},
                           {"scheduling", {{"nodeSelector", {{"example.com/rack", "r1"}}}}},
                           {"podTemplate", runs_for("60")}});
  cluster.run("second", {{"gpusPerNode", 8},
                         {"scheduling", {{"nodeSelector", {{"example.com/rack", "r2"}}}}},
                         {"podTemplate", runs_for("forever")}});
  cluster.submit("close",
                 {{"nodes", 2},
                  {"gpusPerNode", 8},
                  {"scheduling", {{"topology", {{"level", "rack"}, {"policy", "Required"}}}}},
                  {"podTemplate", runs_for("5")}});
  ASSERT_TRUE(cluster.wait(seconds(30), [&] {
    return cluster.job("close").value("/status/reason"_json_pointer, "") == "Topology";
  })) << cluster.job("close").dump(1);
  const std::string message = cluster.job("close")["status"]["message"];
  EXPECT_EQ(message.find("needs 16 x nvidia.com/gpu in one rack: the best has 8 free of 16"), 0U)
      << message;
  EXPECT_TRUE(cluster.pods_of("close").empty());
  ASSERT_TRUE(cluster.wait_phase("close", "Running", minutes(3))) << cluster.job("close").dump(1);
  EXPECT_EQ(cluster.job("close")["status"]["placement"]["nodes"],
            Json::array({"zone-a-0", "zone-a-2"}));
}

TEST(PlacementWishes, An_unknown_level_is_told_with_the_known_ones_and_may_be_configured_later) {
  Cluster cluster({{"zone-a", 2, 8}}, configured(kRacks));
  for (const char* node : {"zone-a-0", "zone-a-1"}) label(cluster, node, "example.com/shelf", "s1");
  cluster.start_operator();
  cluster.submit("odd", {{"nodes", 2},
                         {"gpusPerNode", 8},
                         {"scheduling", {{"topology", {{"level", "shelf"}}}}},
                         {"podTemplate", runs_for("5")}});
  ASSERT_TRUE(cluster.wait(seconds(30), [&] {
    return condition(cluster.job("odd"), "Accepted").value("status", "") == "False";
  })) << cluster.job("odd").dump(1);
  const Json accepted = condition(cluster.job("odd"), "Accepted");
  EXPECT_EQ(accepted["reason"], "UnknownTopologyLevel");
  EXPECT_EQ(accepted["message"],
            "spec.scheduling.topology.level: \"shelf\" is not allowed; one of rack");
  configure(cluster, "topology: [{level: shelf, label: example.com/shelf}]\n");
  EXPECT_TRUE(cluster.wait_phase("odd", "Completed")) << cluster.job("odd").dump(1);
}

TEST(PlacementWishes, A_gang_across_regions_starts_and_is_warned_in_a_condition_and_an_Event) {
  Cluster cluster({{"zone-a", 1, 8}, {"zone-b", 1, 8}},
                  configured("latencies: [{between: [zone-a, zone-b], latency: 12ms}]\n"
                             "regions: {east: {displayName: East coast}}\n"));
  label(cluster, "zone-a-0", "topology.kubernetes.io/region", "east");
  label(cluster, "zone-b-0", "topology.kubernetes.io/region", "west");
  cluster.start_operator();
  cluster.submit("near", {{"gpusPerNode", 8}, {"podTemplate", runs_for("5")}});
  ASSERT_TRUE(cluster.wait_phase("near", "Completed")) << cluster.job("near").dump(1);
  EXPECT_TRUE(condition(cluster.job("near"), "AcrossRegions").empty());
  cluster.submit("far", {{"nodes", 2}, {"gpusPerNode", 8}, {"podTemplate", runs_for("5")}});
  ASSERT_TRUE(cluster.wait_phase("far", "Completed")) << cluster.job("far").dump(1);
  const Json warned = condition(cluster.job("far"), "AcrossRegions");
  EXPECT_EQ(warned["status"], "True");
  EXPECT_EQ(warned["message"],
            "its nodes lie in 2 regions: East coast (east), west, up to 12ms apart; training is "
            "slower than within one, which zonePolicy SameRegion asks for");
  EXPECT_EQ(event_note(cluster, "AcrossRegions"), warned["message"]);
}

// Each job may lie on one node only, and says so by one label alone.
TEST(PlacementWishes, Region_pool_and_model_are_what_the_labels_and_the_configuration_say) {
  Cluster cluster({{"zone-a", 2, 8}, {"zone-b", 2, 8}}, configured(R"(
gpuModels:
  label: example.com/gpu
  names: {NVIDIA-A100-SXM4-80GB: A100}
zones: {zone-b: {displayName: Hall B}}
)"));
  for (const char* node : {"zone-a-0", "zone-a-1", "zone-b-0", "zone-b-1"})
    label(cluster, node, "topology.kubernetes.io/region",
          std::string(node).starts_with("zone-a") ? "east" : "west");
  label(cluster, "zone-a-1", "fermi-cluster.com/pool", "train");
  label(cluster, "zone-b-0", "example.com/gpu", "NVIDIA-A100-SXM4-80GB");
  cluster.start_operator();
  cluster.submit("pooled", {{"gpusPerNode", 8},
                            {"scheduling", {{"pool", "train"}}},
                            {"podTemplate", runs_for("forever")}});
  cluster.submit("modelled", {{"gpusPerNode", 8},
                              {"scheduling", {{"gpuModel", "A100"}}},
                              {"podTemplate", runs_for("forever")}});
  ASSERT_TRUE(cluster.wait_phase("pooled", "Running")) << cluster.job("pooled").dump(1);
  ASSERT_TRUE(cluster.wait_phase("modelled", "Running")) << cluster.job("modelled").dump(1);
  EXPECT_EQ(cluster.job("pooled")["status"]["placement"]["nodes"], Json::array({"zone-a-1"}));
  EXPECT_EQ(cluster.job("modelled")["status"]["placement"]["nodes"], Json::array({"zone-b-0"}));
  EXPECT_EQ(condition(cluster.job("modelled"), "Admitted")["message"],
            "placed on 1 node in Hall B (zone-b)");
  // zone-a-0 and zone-b-1 are left: of two regions.
  cluster.submit("together", {{"nodes", 2},
                              {"gpusPerNode", 8},
                              {"scheduling", {{"zonePolicy", "SameRegion"}}},
                              {"podTemplate", runs_for("5")}});
  ASSERT_TRUE(cluster.wait(seconds(30), [&] {
    return cluster.job("together").value("/status/reason"_json_pointer, "") == "Topology";
  })) << cluster.job("together").dump(1);
  // Another name for the model is known with the next plan. Nobody else waits for that room.
  cluster.remove("/apis/fermi-cluster.com/v1alpha1/namespaces/work/trainingjobs/together");
  cluster.submit(
      "renamed",
      {{"gpusPerNode", 8}, {"scheduling", {{"gpuModel", "big"}}}, {"podTemplate", runs_for("5")}});
  cluster.run_for(seconds(5));
  label(cluster, "zone-a-0", "example.com/gpu", "g1");
  configure(cluster, "gpuModels: {label: example.com/gpu, names: {g1: big}}\n");
  EXPECT_TRUE(cluster.wait_phase("renamed", "Completed")) << cluster.job("renamed").dump(1);
}

TEST(PlacementWishes, GPUs_may_be_another_extended_resource) {
  Cluster cluster({{"zone-a", 1, 8}},
                  configured("gpuResource: amd.com/gpu\nprices: {gpu: \"2\"}\n"));
  cluster.patch(
      "/api/v1/nodes/zone-a-0/status",
      {{"status",
        {{"capacity", {{"amd.com/gpu", "4"}}}, {"allocatable", {{"amd.com/gpu", "4"}}}}}});
  cluster.start_operator();
  cluster.submit("large", {{"gpusPerNode", 8}, {"podTemplate", runs_for("5")}});
  cluster.run("small", {{"gpusPerNode", 4}, {"podTemplate", runs_for("5")}});
  const Json limits = cluster.pods_of("small")[0]["spec"]["containers"][0]["resources"]["limits"];
  EXPECT_EQ(limits["amd.com/gpu"], "4");
  EXPECT_FALSE(limits.contains("nvidia.com/gpu"));
  EXPECT_EQ(cluster.job("small")["status"]["costPerHour"], "8.00");
  EXPECT_EQ(cluster.job("large")["status"]["reason"], "Never");
}

TEST(PlacementWishes, A_zone_is_used_last_from_the_configured_share_of_lost_nodes_on) {
  Cluster cluster({{"zone-a", 4, 8}, {"zone-b", 4, 8}}, configured("degradedPercent: 25\n"));
  cluster.patch(
      "/api/v1/nodes/zone-a-0/status",
      {{"status", {{"conditions", Json::array({{{"type", "Ready"}, {"status", "False"}}})}}}});
  cluster.start_operator();
  cluster.run("job", {{"nodes", 3}, {"gpusPerNode", 8}, {"podTemplate", runs_for("5")}});
  EXPECT_EQ(cluster.job("job")["status"]["placement"]["zones"],
            Json::array({{{"zone", "zone-b"}, {"nodes", 3}}}));
}

}  // namespace
}  // namespace fermi::testing
