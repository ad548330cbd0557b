// One table of good and bad objects, against the definitions and against the decoders.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "libk8s/codec/yaml.hpp"
#include "operator/api/task_queue.hpp"
#include "operator/api/training_job.hpp"
#include "tests/unit/operator/cluster.hpp"

namespace fermi::testing {
namespace {

std::vector<Json> table(const std::string& name) {
  std::ifstream in(std::string(FERMI_SOURCE_DIR) + "/tests/unit/operator/objects/" + name);
  std::stringstream text;
  text << in.rdbuf();
  auto parsed = k8s::parse_yaml(text.str());
  EXPECT_TRUE(parsed) << parsed.status().to_string();
  return parsed ? parsed->get<std::vector<Json>>() : std::vector<Json>{};
}

std::string joined(const Problems& problems) {
  std::string out;
  for (const std::string& problem : problems) out += problem + "\n";
  return out;
}

// What C++ finds wrong with an object; "" for nothing.
std::string decoded(Json object) {
  object["metadata"]["uid"] = "u";
  if (object["kind"] == "TaskQueue") {
    auto queue = decode_task_queue(object);
    return queue ? joined(queue->problems) : queue.status().message();
  }
  auto job = decode_training_job(object);
  return job ? joined(job->problems) : job.status().message();
}

void check(Cluster& cluster, const std::string& collection, const Json& entry, Json object) {
  SCOPED_TRACE(entry.dump());
  const std::string at = entry["at"];
  std::string refusal;
  const int status = cluster.status_of_create(collection + "?dryRun=All", object, &refusal);
  const std::string problems = decoded(object);
  if (at == "apply")
    EXPECT_EQ(status, 422) << refusal;
  else
    EXPECT_EQ(status, 201) << refusal;
  EXPECT_EQ(problems.empty(), at == "good") << problems;
  for (const Json& part : entry.value("says", Json::array())) {
    EXPECT_NE(problems.find(part.get<std::string>()), std::string::npos) << problems;
    if (at == "apply") {
      EXPECT_NE(refusal.find(part.get<std::string>()), std::string::npos) << refusal;
    }
  }
}

TEST(Objects, Definition_and_decoder_agree_about_every_training_job) {
  Cluster cluster({});
  for (const Json& entry : table("trainingjobs.yaml")) {
    Json spec = {{"framework", "Command"}, {"image", "i"}, {"command", {"run"}}};
    spec.merge_patch(entry.value("spec", Json::object()));
    check(cluster, "/apis/fermi-cluster.com/v1alpha1/namespaces/work/trainingjobs", entry,
          {{"apiVersion", "fermi-cluster.com/v1alpha1"},
           {"kind", "TrainingJob"},
           {"metadata", {{"name", entry.value("name", "job")}, {"namespace", "work"}}},
           {"spec", spec}});
  }
}

TEST(Objects, Definition_and_decoder_agree_about_every_queue) {
  Cluster cluster({});
  for (const Json& entry : table("taskqueues.yaml"))
    check(cluster, "/apis/fermi-cluster.com/v1alpha1/taskqueues", entry,
          {{"apiVersion", "fermi-cluster.com/v1alpha1"},
           {"kind", "TaskQueue"},
           {"metadata", {{"name", "queue"}}},
           {"spec", entry.value("spec", Json::object())}});
}

TEST(Objects, A_megabyte_of_environment_is_refused_at_apply) {
  Cluster cluster({});
  const Json spec = {
      {"framework", "Command"},
      {"image", "i"},
      {"command", {"run"}},
      {"env", Json::array({{{"name", "BIG"}, {"value", std::string(1 << 20, 'x')}}})}};
  const Json job = {{"apiVersion", "fermi-cluster.com/v1alpha1"},
                    {"kind", "TrainingJob"},
                    {"metadata", {{"name", "big"}, {"namespace", "work"}}},
                    {"spec", spec}};
  std::string message;
  EXPECT_EQ(cluster.status_of_create(
                "/apis/fermi-cluster.com/v1alpha1/namespaces/work/trainingjobs", job, &message),
            422);
  EXPECT_NE(message.find("spec.env[0].value"), std::string::npos);
  const std::string problems = decoded(job);
  EXPECT_NE(problems.find("spec.env[0].value"), std::string::npos);
  EXPECT_LT(problems.size(), 500U);
}

TEST(Objects, What_is_changed_after_the_start_is_refused) {
  Cluster cluster({});
  cluster.submit("fixed", {{"nodes", 2}});
  const auto change = [&](const Json& spec) {
    return cluster.server
        .call("user", "PATCH",
              "/apis/fermi-cluster.com/v1alpha1/namespaces/work/trainingjobs/fixed",
              {{"spec", spec}}, "application/merge-patch+json")
        .status;
  };
  EXPECT_EQ(change({{"nodes", 3}}), 422);
  EXPECT_EQ(change({{"image", "other"}}), 422);
  EXPECT_EQ(change({{"resources", {{"cpu", "1"}}}}), 422);
  EXPECT_EQ(change({{"suspend", true}}), 200);
  EXPECT_EQ(change({{"scheduling", {{"queue", "high"}}}}), 200);
}

TEST(Objects, Queue_and_priority_stay_while_a_job_holds_its_place) {
  Cluster cluster({});
  const std::string path = "/apis/fermi-cluster.com/v1alpha1/namespaces/work/trainingjobs/fixed";
  cluster.submit("fixed", {{"scheduling", {{"queue", "high"}, {"priority", "Medium"}}}});
  cluster.submit("bare", Json::object());
  EXPECT_EQ(cluster.job("bare")["spec"]["scheduling"]["queue"], "default");
  const auto change = [&](const Json& scheduling) {
    return cluster.server
        .call("user", "PATCH", path, {{"spec", {{"scheduling", scheduling}}}},
              "application/merge-patch+json")
        .status;
  };
  for (const char* phase : {"Starting", "Running", "Stopping"}) {
    cluster.patch(path + "/status", {{"status", {{"phase", phase}}}});
    EXPECT_EQ(change({{"queue", "low"}}), 422) << phase;
    EXPECT_EQ(change({{"priority", "Low"}}), 422) << phase;
    EXPECT_EQ(change({{"priority", nullptr}}), 422) << phase;
    EXPECT_EQ(change(nullptr), 422) << phase;  // as a whole: it would be the default queue
  }
  cluster.patch(path + "/status", {{"status", {{"phase", "Pending"}}}});
  EXPECT_EQ(change({{"queue", "low"}, {"priority", "Low"}}), 200);
}

}  // namespace
}  // namespace fermi::testing
