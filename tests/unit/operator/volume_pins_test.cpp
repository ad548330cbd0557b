// What the volumes of a task ask of its nodes.
#include "operator/translate/volume_pins.hpp"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

namespace fermi {
namespace {

using Json = nlohmann::json;

// Claims of namespace "work" by name, with the volume that each is bound to.
struct Store {
  std::map<std::string, std::string> claims;
  std::map<std::string, Json> terms;  // of volumes

  VolumePins pin(const std::vector<std::string>& names, sched::Task& task) const {
    const VolumeLookup look{
        [this](const std::string& key) -> std::shared_ptr<const VolumeClaim> {
          const auto at = claims.find(key.substr(key.find('/') + 1));
          if (at == claims.end()) return nullptr;
          return std::make_shared<const VolumeClaim>(VolumeClaim{{}, at->second});
        },
        [this](const std::string& name) -> std::shared_ptr<const Volume> {
          const auto at = terms.find(name);
          if (at == terms.end()) return nullptr;
          auto volume = decode_volume(
              {{"metadata", {{"name", name}, {"uid", name}}},
               {"spec",
                {{"claimRef", {{"namespace", "work"}, {"name", "c"}}},
                 {"nodeAffinity", {{"required", {{"nodeSelectorTerms", at->second}}}}}}}});
          EXPECT_TRUE(volume);
          return std::make_shared<const Volume>(std::move(*volume));
        }};
    return pin_volumes("work", names, look, task);
  }
};

Json in(const std::string& key, const std::vector<std::string>& values) {
  return {{"key", key}, {"operator", "In"}, {"values", values}};
}
Json term(const Json& requirement) { return {{"matchExpressions", Json::array({requirement})}}; }
Json zone(const std::vector<std::string>& zones) {
  return term(in("topology.kubernetes.io/zone", zones));
}

using Zones = std::vector<std::string>;

TEST(VolumePins, The_zones_of_a_bound_volume_are_those_of_its_task) {
  const Store store{{{"data", "pv-7"}},
                    {{"pv-7", Json::array({zone({"zone-b"}), zone({"zone-c"})})}}};
  sched::Task task;
  const VolumePins pins = store.pin({"data"}, task);
  EXPECT_EQ(task.allowed_zones, Zones({"zone-b", "zone-c"}));
  EXPECT_TRUE(task.affinity.empty());
  EXPECT_EQ(pins.where, "volume pv-7 (claim data) is in zone-b or zone-c");
  EXPECT_EQ(pins.problem, "");
}

TEST(VolumePins, Several_volumes_leave_the_zones_that_all_of_them_have) {
  const Store store{{{"a", "pv-a"}, {"b", "pv-b"}, {"c", "pv-c"}},
                    {{"pv-a", Json::array({zone({"x", "y"})})},
                     {"pv-b", Json::array({zone({"y", "z"})})},
                     {"pv-c", Json::array({zone({"x"})})}}};
  sched::Task task;
  EXPECT_EQ(store.pin({"a", "b"}, task).problem, "");
  EXPECT_EQ(task.allowed_zones, Zones({"y"}));
  sched::Task torn;
  EXPECT_EQ(
      store.pin({"b", "c"}, torn).problem,
      "volume pv-b (claim b) is in y or z; volume pv-c (claim c) is in x: no zone has them all");
  sched::Task annotated;
  annotated.allowed_zones = {"x", "w"};
  EXPECT_EQ(store.pin({"a"}, annotated).problem, "");
  EXPECT_EQ(annotated.allowed_zones, Zones({"x"}));
}

TEST(VolumePins, A_local_volume_becomes_node_affinity_beside_the_task_s_own) {
  const Store store{{{"scratch", "disk"}},
                    {{"disk", Json::array({term(in("kubernetes.io/hostname", {"n1"}))})}}};
  sched::Task task;
  task.affinity = {{{"gen", "Gt", {"3"}}}, {{"ssd", "Exists", {}}}};
  const VolumePins pins = store.pin({"scratch"}, task);
  const sched::Requirement host{"kubernetes.io/hostname", "In", {"n1"}};
  const std::vector<std::vector<sched::Requirement>> both{{{"gen", "Gt", {"3"}}, host},
                                                          {{"ssd", "Exists", {}}, host}};
  EXPECT_EQ(task.affinity, both);
  EXPECT_TRUE(task.allowed_zones.empty());
  EXPECT_EQ(pins.where, "volume disk (claim scratch) is on certain nodes only");
}

TEST(VolumePins, The_old_name_of_the_zone_counts_as_the_new_one) {
  const Store store{
      {{"data", "pv"}},
      {{"pv", Json::array({term(in("failure-domain.beta.kubernetes.io/zone", {"zone-a"}))})}}};
  sched::Task task;
  store.pin({"data"}, task);
  EXPECT_EQ(task.allowed_zones, Zones({"zone-a"}));
}

TEST(VolumePins, What_is_bound_to_nothing_pins_nothing_and_what_is_not_there_is_told) {
  const Store store{{{"new", ""}, {"far", "unknown"}, {"nfs", "anywhere"}},
                    {{"anywhere", Json::array()}}};
  sched::Task task;
  task.allowed_zones = {"b", "a"};
  const VolumePins pins = store.pin({"new", "far", "nfs"}, task);
  EXPECT_EQ(pins.where + pins.problem, "");
  EXPECT_EQ(task.allowed_zones, Zones({"b", "a"}));
  EXPECT_EQ(store.pin({"lost", "new"}, task).problem, "the claim lost does not exist");
}

TEST(VolumePins, The_claims_of_a_job_are_those_of_its_volumes_and_of_its_Pod_template) {
  TrainingJob job;
  job.raw_spec = std::make_shared<const Json>(Json{
      {"volumes", Json::array({{{"name", "a"}, {"existingClaim", "data"}},
                               {{"name", "b"}, {"emptyDir", Json::object()}},
                               {{"name", "c"}, {"existingClaim", "data"}}})},
      {"podTemplate",
       {{"spec",
         {{"volumes", Json::array({{{"name", "d"},
                                    {"persistentVolumeClaim", {{"claimName", "cache"}}}}})}}}}}});
  EXPECT_EQ(claims_of(job), std::vector<std::string>({"cache", "data"}));
}

}  // namespace
}  // namespace fermi
