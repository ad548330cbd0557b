// Volumes that pin their tasks, against the embedded API server, in virtual time.
#include <gtest/gtest.h>

#include "tests/unit/operator/cluster.hpp"

namespace fermi::testing {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr const char* kClaims = "/api/v1/namespaces/work/persistentvolumeclaims";

Json runs_for(const std::string& run_seconds) {
  return {{"metadata", {{"annotations", {{"sim/run-seconds", run_seconds}}}}}};
}

Json uses(const std::string& claim) {
  return Json::array({{{"name", "d"}, {"mountPath", "/d"}, {"existingClaim", claim}}});
}

void add_volume(Cluster& cluster, const std::string& name, const std::string& zone) {
  const Json in_zone = {
      {"key", "topology.kubernetes.io/zone"}, {"operator", "In"}, {"values", {zone}}};
  const Json term = {{"matchExpressions", Json::array({in_zone})}};
  cluster.create(
      "/api/v1/persistentvolumes",
      {{"apiVersion", "v1"},
       {"kind", "PersistentVolume"},
       {"metadata", {{"name", name}}},
       {"spec",
        {{"capacity", {{"storage", "1Gi"}}},
         {"accessModes", {"ReadWriteOnce"}},
         {"csi", {{"driver", "example.com"}, {"volumeHandle", name}}},
         {"nodeAffinity", {{"required", {{"nodeSelectorTerms", Json::array({term})}}}}}}}});
}

// Bound to `volume`, or to nothing.
void add_claim(Cluster& cluster, const std::string& name, const std::string& volume) {
  Json spec = {{"accessModes", {"ReadWriteOnce"}},
               {"resources", {{"requests", {{"storage", "1Gi"}}}}}};
  if (!volume.empty()) spec["volumeName"] = volume;
  cluster.create(kClaims, {{"apiVersion", "v1"},
                           {"kind", "PersistentVolumeClaim"},
                           {"metadata", {{"name", name}, {"namespace", "work"}}},
                           {"spec", spec}});
}

Json plain_pod(const std::string& name, const std::string& claim) {
  return {
      {"apiVersion", "v1"},
      {"kind", "Pod"},
      {"metadata",
       {{"name", name},
        {"namespace", "work"},
        {"labels", {{"fermi-cluster.com/queue", "default"}}}}},
      {"spec",
       {{"schedulerName", "fermi-scheduler"},
        {"containers",
         Json::array(
             {{{"name", "main"}, {"image", "i"}, {"resources", {{"requests", {{"cpu", "1"}}}}}}})},
        {"volumes",
         Json::array({{{"name", "d"}, {"persistentVolumeClaim", {{"claimName", claim}}}}})}}}};
}

bool says(Cluster& cluster, const std::string& job, const std::string& part) {
  const std::string message = cluster.job(job).value("/status/message"_json_pointer, "");
  return message.find(part) != std::string::npos;
}

TEST(Volumes, A_bound_volume_keeps_its_job_in_its_zone_and_the_reason_names_both) {
  Cluster cluster({{"zone-a", 2, 8}, {"zone-b", 1, 8}});
  add_volume(cluster, "pv-7", "zone-b");
  add_claim(cluster, "data", "pv-7");
  cluster.start_operator();
  const Json in_b = Json::array({{{"zone", "zone-b"}, {"nodes", 1}, {"gpusPerNode", 8}}});
  cluster.run("before", {{"scheduling", {{"zones", in_b}}}, {"podTemplate", runs_for("60")}});
  cluster.submit("pinned",
                 {{"gpusPerNode", 8}, {"volumes", uses("data")}, {"podTemplate", runs_for("5")}});
  ASSERT_TRUE(cluster.wait(seconds(30), [&] {
    return says(cluster, "pinned", "; volume pv-7 (claim data) is in zone-b");
  })) << cluster.job("pinned").dump(1);
  EXPECT_EQ(cluster.job("pinned")["status"]["reason"], "Capacity");
  EXPECT_TRUE(cluster.pods_of("pinned").empty());
  ASSERT_TRUE(cluster.wait_phase("pinned", "Running", minutes(3)));
  EXPECT_EQ(cluster.job("pinned")["status"]["placement"]["nodes"], Json::array({"zone-b-0"}));
}

TEST(Volumes, A_zone_that_the_volume_is_not_in_is_told_at_once) {
  Cluster cluster({{"zone-a", 1, 8}, {"zone-b", 1, 8}});
  add_volume(cluster, "pv-7", "zone-b");
  add_claim(cluster, "data", "pv-7");
  cluster.start_operator();
  const Json in_a = Json::array({{{"zone", "zone-a"}, {"nodes", 1}, {"gpusPerNode", 8}}});
  cluster.submit("torn", {{"scheduling", {{"zones", in_a}}}, {"volumes", uses("data")}});
  ASSERT_TRUE(cluster.wait(seconds(30), [&] {
    return says(cluster, "torn", "volume pv-7 (claim data) is in zone-b");
  })) << cluster.job("torn").dump(1);
  EXPECT_EQ(cluster.job("torn")["status"]["reason"], "Constraint");
}

TEST(Volumes, A_claim_that_is_not_there_is_told_before_anything_is_made_and_its_coming_starts_it) {
  Cluster cluster({{"zone-a", 1, 8}, {"zone-b", 1, 8}});
  cluster.start_operator();
  cluster.submit("early", {{"volumes", uses("data")}, {"podTemplate", runs_for("5")}});
  ASSERT_TRUE(cluster.wait(seconds(30), [&] {
    return says(cluster, "early", "spec.volumes: the claim data does not exist");
  })) << cluster.job("early").dump(1);
  EXPECT_EQ(cluster.job("early")["status"]["reason"], "Volumes");
  EXPECT_TRUE(cluster.pods_of("early").empty());
  add_volume(cluster, "pv-7", "zone-b");
  add_claim(cluster, "data", "pv-7");
  ASSERT_TRUE(cluster.wait_phase("early", "Completed")) << cluster.job("early").dump(1);
  EXPECT_EQ(cluster.job("early")["status"]["placement"]["nodes"], Json::array({"zone-b-0"}));
}

TEST(Volumes, A_claim_that_is_bound_later_moves_the_job_that_waits_for_room) {
  Cluster cluster({{"zone-a", 1, 8}, {"zone-b", 1, 8}});
  add_claim(cluster, "data", "");
  cluster.start_operator();
  cluster.submit("held",
                 {{"suspend", true}, {"volumes", uses("data")}, {"podTemplate", runs_for("5")}});
  cluster.run_for(seconds(5));
  add_volume(cluster, "pv-7", "zone-b");
  cluster.patch(std::string(kClaims) + "/data", {{"spec", {{"volumeName", "pv-7"}}}});
  cluster.run_for(seconds(5));
  cluster.patch("/apis/fermi-cluster.com/v1alpha1/namespaces/work/trainingjobs/held",
                {{"spec", {{"suspend", false}}}});
  ASSERT_TRUE(cluster.wait_phase("held", "Completed")) << cluster.job("held").dump(1);
  EXPECT_EQ(cluster.job("held")["status"]["placement"]["nodes"], Json::array({"zone-b-0"}));
}

TEST(Volumes, An_unbound_claim_is_told_the_node_before_the_Pod_is_bound) {
  Cluster cluster({{"zone-a", 1, 8}});
  add_claim(cluster, "data", "");
  cluster.start_operator();
  cluster.run("first", {{"volumes", uses("data")}, {"podTemplate", runs_for("5")}});
  const Json claim = cluster.get(std::string(kClaims) + "/data");
  EXPECT_EQ(claim["metadata"]["annotations"]["volume.kubernetes.io/selected-node"], "zone-a-0");
  add_claim(cluster, "other", "");
  cluster.create("/api/v1/namespaces/work/pods", plain_pod("plain", "other"));
  ASSERT_TRUE(cluster.wait(seconds(30), [&] { return cluster.node_of("plain") == "zone-a-0"; }));
  const Json other = cluster.get(std::string(kClaims) + "/other");
  EXPECT_EQ(other["metadata"]["annotations"]["volume.kubernetes.io/selected-node"], "zone-a-0");
}

TEST(Volumes, A_plain_Pod_goes_where_its_volume_is_and_waits_for_a_claim_that_is_not_there) {
  Cluster cluster({{"zone-a", 1, 8}, {"zone-b", 1, 8}});
  add_volume(cluster, "pv-7", "zone-b");
  add_claim(cluster, "data", "pv-7");
  cluster.start_operator();
  cluster.create("/api/v1/namespaces/work/pods", plain_pod("pinned", "data"));
  ASSERT_TRUE(cluster.wait(seconds(30), [&] { return cluster.node_of("pinned") == "zone-b-0"; }));
  cluster.create("/api/v1/namespaces/work/pods", plain_pod("early", "later"));
  ASSERT_TRUE(cluster.wait(seconds(30), [&] {
    return cluster.why_waits("early").find("the claim later does not exist") != std::string::npos;
  })) << cluster.why_waits("early");
  add_claim(cluster, "later", "");
  ASSERT_TRUE(cluster.wait(seconds(30), [&] { return !cluster.node_of("early").empty(); }));
}

}  // namespace
}  // namespace fermi::testing
