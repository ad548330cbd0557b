#include "libk8s/types/effective_requests.hpp"

#include <gtest/gtest.h>

namespace k8s {
namespace {

Amounts cpu(const char* text) { return {{"cpu", amount_or_max(text)}}; }
std::int64_t cpu_of(const PodFootprint& pod) { return effective_requests(pod)["cpu"]; }

TEST(EffectiveRequests, Containers_are_summed) {
  PodFootprint pod;
  pod.containers = {
      {"a", {{"cpu", amount_or_max("500m")}, {"memory", amount_or_max("1Gi")}}, false},
      {"b", cpu("1"), false}};
  EXPECT_EQ(effective_requests(pod), (ResourceList{{"cpu", 1500}, {"memory", 1 << 30}}));
}

TEST(EffectiveRequests, The_largest_init_container_is_a_floor) {
  PodFootprint pod;
  pod.init_containers = {{"i", cpu("3"), false}, {"j", cpu("2"), false}};
  pod.containers = {{"a", cpu("1"), false}};
  EXPECT_EQ(cpu_of(pod), 3000);
}

TEST(EffectiveRequests, Restartable_init_containers_run_along_with_what_follows) {
  PodFootprint pod;
  // s runs from its turn on: j needs 2 + 1 while it runs; the regular phase 1 + 1.
  pod.init_containers = {{"i", cpu("2500m"), false}, {"s", cpu("1"), true}, {"j", cpu("2"), false}};
  pod.containers = {{"a", cpu("1"), false}};
  EXPECT_EQ(cpu_of(pod), 3000);
  // With more regular containers their sum and s win: 2.5 + 1.
  pod.containers = {{"a", cpu("2500m"), false}};
  EXPECT_EQ(cpu_of(pod), 3500);
}

TEST(EffectiveRequests, Pod_level_requests_replace_cpu_memory_and_hugepages_only) {
  PodFootprint pod;
  pod.containers = {{"a",
                     {{"cpu", amount_or_max("4")},
                      {"nvidia.com/gpu", amount_or_max("2")},
                      {"memory", amount_or_max("5")}},
                     false}};
  pod.pod_level = {{"cpu", amount_or_max("1")},
                   {"hugepages-2Mi", amount_or_max("2Mi")},
                   {"nvidia.com/gpu", amount_or_max("9")}};
  EXPECT_EQ(effective_requests(pod),
            (ResourceList{
                {"cpu", 1000}, {"hugepages-2Mi", 2 << 20}, {"memory", 5}, {"nvidia.com/gpu", 2}}));
}

TEST(EffectiveRequests, Overhead_comes_on_top_of_everything) {
  PodFootprint pod;
  pod.containers = {{"a", cpu("4"), false}};
  pod.pod_level = cpu("1");
  pod.overhead = {{"cpu", amount_or_max("250m")}, {"memory", amount_or_max("10Mi")}};
  EXPECT_EQ(effective_requests(pod), (ResourceList{{"cpu", 1250}, {"memory", 10 << 20}}));
}

TEST(EffectiveRequests, A_resize_counts_with_the_largest_of_asked_allocated_and_actuated) {
  PodFootprint pod;
  pod.containers = {{"a", cpu("2"), false}};
  pod.statuses = {{"a", cpu("1"), cpu("1500m")}};
  EXPECT_EQ(cpu_of(pod), 2000);
  pod.statuses = {{"a", cpu("3"), cpu("1500m")}};
  EXPECT_EQ(cpu_of(pod), 3000);
}

TEST(EffectiveRequests, A_resize_that_is_infeasible_leaves_what_was_asked_out) {
  PodFootprint pod;
  pod.containers = {{"a", cpu("64"), false}};
  pod.statuses = {{"a", cpu("1"), cpu("1500m")}};
  pod.resize_infeasible = true;
  EXPECT_EQ(cpu_of(pod), 1500);
}

TEST(EffectiveRequests, Init_containers_that_end_ignore_their_status) {
  PodFootprint pod;
  pod.init_containers = {{"i", cpu("1"), false}, {"s", cpu("1"), true}};
  pod.statuses = {{"i", cpu("9"), {}}, {"s", cpu("2"), {}}};
  EXPECT_EQ(cpu_of(pod), 2000);
}

TEST(EffectiveRequests, Pod_level_resize_counts_too) {
  PodFootprint pod;
  pod.pod_level = cpu("1");
  pod.pod_status = ActualFootprint{{}, cpu("2"), cpu("3")};
  EXPECT_EQ(cpu_of(pod), 3000);
  pod.pod_level = cpu("8");
  EXPECT_EQ(cpu_of(pod), 8000);
  pod.resize_infeasible = true;
  EXPECT_EQ(cpu_of(pod), 3000);
}

TEST(EffectiveRequests, Resource_claims_are_added_to_the_containers) {
  PodFootprint pod;
  pod.containers = {{"a", cpu("1"), false}};
  pod.claims = {cpu("2"), {{"memory", amount_or_max("7")}}};
  EXPECT_EQ(effective_requests(pod), (ResourceList{{"cpu", 3000}, {"memory", 7}}));
}

TEST(EffectiveRequests, Rounding_happens_once_at_the_end) {
  PodFootprint pod;
  // 0.0004 + 0.0004 + 0.0002 cores are one thousandth, not three.
  pod.containers = {
      {"a", cpu("400u"), false}, {"b", cpu("400u"), false}, {"c", cpu("200u"), false}};
  EXPECT_EQ(cpu_of(pod), 1);
}

TEST(EffectiveRequests, What_cannot_be_read_fits_nowhere_and_nothing_overflows) {
  PodFootprint pod;
  for (int i = 0; i < 1000; ++i)
    pod.containers.push_back(
        {"a", {{"cpu", amount_or_max("lots")}, {"memory", amount_or_max("7Ei")}}, false});
  EXPECT_EQ(effective_requests(pod),
            (ResourceList{{"cpu", std::numeric_limits<std::int64_t>::max()},
                          {"memory", std::numeric_limits<std::int64_t>::max()}}));
}

}  // namespace
}  // namespace k8s
