// The texts that say a cluster, and the Pods that a job becomes on it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/simulate/worlds.hpp"

namespace fermi::simulate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

// (Pods, GPUs of each), group by group.
std::vector<std::pair<std::int64_t, std::int64_t>> pods(const Job& job, const Cluster& cluster) {
  std::vector<std::pair<std::int64_t, std::int64_t>> groups;
  for (const sched::PodGroup& group : pods_of(job, cluster)) {
    groups.emplace_back(group.count, group.requests.extended_amount("nvidia.com/gpu"));
  }
  return groups;
}

Job job_of(std::int64_t gpus, std::int64_t nodes = 0) {
  Job job;
  job.gpus = gpus;
  job.nodes = nodes;
  return job;
}

TEST(ClusterText, Says_nodes_and_GPUs_of_each) {
  const auto cluster = parse_cluster("80x8");
  ASSERT_TRUE(cluster.is_ok());
  EXPECT_EQ(cluster->nodes.size(), 80u);
  EXPECT_EQ(cluster->gpus, 640);
}

TEST(ClusterText, May_say_cores_too) {
  const auto cluster = parse_cluster("2x8x64");
  ASSERT_TRUE(cluster.is_ok());
  EXPECT_EQ(cluster->nodes[1].allocatable.cpu_milli, 64'000);
}

TEST(ClusterText, Of_single_GPUs_is_one_pool) {
  const auto cluster = parse_cluster("128x1");
  ASSERT_TRUE(cluster.is_ok());
  EXPECT_EQ(cluster->nodes.size(), 1u);
  EXPECT_EQ(cluster->nodes_said, 128);
  EXPECT_EQ(cluster->gpus, 128);
}

TEST(ClusterText, That_is_none_says_what_is_expected) {
  for (const char* text : {"", "128", "8x", "x8", "8x8x8x8", "-1x8", "0x8", "8x0", "nodes.yam",
                           "99999999999999999999x1", "2000000x1"}) {
    EXPECT_FALSE(parse_cluster(text).is_ok()) << text;
  }
  EXPECT_THAT(parse_cluster("many").status().message(), HasSubstr("NODESxGPUS"));
  EXPECT_EQ(parse_cluster("0x8").status().message(),
            "\"0x8\": a cluster has 1 to 1000000 nodes with GPUs or cores");
}

TEST(ClusterCsv, Reads_the_nodes_of_openb) {
  std::istringstream in(
      "sn,cpu_milli,memory_mib,gpu,model\na,32000,262144,0,\nb,96000,393216,8,G2\n");
  const auto cluster = read_cluster_csv(in);
  ASSERT_TRUE(cluster.is_ok());
  EXPECT_EQ(cluster->gpus, 8);
  EXPECT_EQ(cluster->nodes[1].gpu_model, "G2");
  EXPECT_EQ(cluster->nodes[1].allocatable.memory_bytes, std::int64_t{393216} << 20);
}

TEST(ClusterCsv, That_is_wrong_names_the_line) {
  const auto error = [](const char* text) {
    std::istringstream in(text);
    return read_cluster_csv(in).status().message();
  };
  EXPECT_EQ(error(""), "line 1: the file is empty: its first line names the columns");
  EXPECT_THAT(error("sn,gpu\n"), HasSubstr("no column \"cpu_milli\"; it is: sn,gpu"));
  EXPECT_EQ(error("sn,cpu_milli,memory_mib,gpu,model\n"), "the cluster has no node");
  EXPECT_THAT(error("sn,cpu_milli,memory_mib,gpu,model\na,x,1,1,\n"), HasSubstr("line 2: \"x\""));
  EXPECT_THAT(error("sn,cpu_milli,memory_mib,gpu,model\na,1,1,-1,\n"), HasSubstr("line 2: a node"));
}

TEST(ClusterYaml, Is_a_list_of_kinds_of_nodes) {
  const auto cluster = read_cluster_yaml(
      "- {count: 2, gpus: 8, cpu: 64, memory: 256Gi, zone: a, pool: train, gpuModel: A100}\n"
      "- {cpu: 500m}\n");
  ASSERT_TRUE(cluster.is_ok()) << cluster.status().message();
  ASSERT_EQ(cluster->nodes.size(), 3u);
  EXPECT_EQ(cluster->gpus, 16);
  EXPECT_EQ(cluster->nodes[0].zone, "a");
  EXPECT_EQ(cluster->nodes[0].allocatable.memory_bytes, std::int64_t{256} << 30);
  EXPECT_EQ(cluster->nodes[2].allocatable.cpu_milli, 500);
}

TEST(ClusterYaml, That_is_wrong_names_the_entry) {
  const auto error = [](const char* text) { return read_cluster_yaml(text).status().message(); };
  EXPECT_EQ(error("[]"), "the cluster has no node");
  EXPECT_EQ(error("a: 1"), "a list of nodes is expected");
  EXPECT_EQ(error("[{gpus: 8}, {gpu: 8}]"), "entry 2: \"gpu\" is nothing that a node has");
  EXPECT_EQ(error("[{gpus: -8}]"), "entry 1: gpus: -8 is less than nothing");
  EXPECT_EQ(error("[{cpu: \"-5\"}]"), "entry 1: cpu: -5 is less than nothing");
  EXPECT_THAT(error("[{gpus: many}]"), HasSubstr("entry 1: gpus: "));
  EXPECT_EQ(error("[{gpus: 1.5}]"), "entry 1: gpus: 1.5 is no whole number of GPUs");
  EXPECT_EQ(error("[{gpus: 99999999999999999999}]"),
            "entry 1: gpus: \"100000000000000000000\" is not a quantity: it is above 2^63 - 1 or "
            "has too many digits; allowed are numbers like 2, 0.5, 100m, 16Gi");
  EXPECT_EQ(error("[{gpus: 1000001}]"), "entry 1: gpus: 1000001 is more than 1000000 on a node");
  EXPECT_THAT(error("[{count: 0}]"), HasSubstr("entry 1: count: 0 should be a number from 1"));
  EXPECT_EQ(error("[{count: 2}]"), "entry 1: a node has GPUs or cores: it says neither");
  EXPECT_EQ(error("[{gpus: 1, gpuModel: [a]}]"), "entry 1: gpuModel: [\"a\"] is no text");
  EXPECT_THAT(error("[{count: 2000000}]"), HasSubstr("1000000 nodes"));
  EXPECT_THAT(error("[7]"), HasSubstr("entry 1: {count"));
}

TEST(JobPods, Fill_whole_nodes_and_one_with_the_rest) {
  const auto cluster = parse_cluster("10x8");
  EXPECT_THAT(pods(job_of(3), *cluster), ElementsAre(Pair(1, 3)));
  EXPECT_THAT(pods(job_of(16), *cluster), ElementsAre(Pair(2, 8)));
  EXPECT_THAT(pods(job_of(20), *cluster), ElementsAre(Pair(2, 8), Pair(1, 4)));
  EXPECT_THAT(pods(job_of(0), *cluster), ElementsAre(Pair(1, 0)));
}

TEST(JobPods, Are_dealt_evenly_over_the_nodes_asked_for) {
  const auto cluster = parse_cluster("10x8");
  EXPECT_THAT(pods(job_of(8, 4), *cluster), ElementsAre(Pair(4, 2)));
  EXPECT_THAT(pods(job_of(10, 4), *cluster), ElementsAre(Pair(2, 3), Pair(2, 2)));
}

TEST(JobPods, Are_one_in_a_pool_of_single_GPUs) {
  EXPECT_THAT(pods(job_of(17), *parse_cluster("128x1")), ElementsAre(Pair(1, 17)));
  EXPECT_THAT(pods(job_of(17, 17), *parse_cluster("128x1")), ElementsAre(Pair(1, 17)));
  EXPECT_THAT(pods(job_of(17), *uniform_cluster(128, 1, 0, false)), ElementsAre(Pair(17, 1)));
}

}  // namespace
}  // namespace fermi::simulate
