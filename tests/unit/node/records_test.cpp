// Records on disk: what is written is read back, and what is damaged is refused.

#include "libk8s/node/records.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

namespace k8s::node {
namespace {

PodPlan full_plan() {
  PodPlan plan;
  plan.uid = "u";
  plan.ns = "ns";
  plan.name = plan.hostname = "p";
  plan.node = "n1";
  plan.address = "127.64.0.1";
  plan.restart_policy = RestartPolicy::kOnFailure;
  plan.active_deadline_s = 60;
  plan.started_at = WallTime{42};
  plan.devices = {{"nvidia.com/gpu", {"GPU-a"}}};
  plan.shared_name = "nvidia.com/gpu#2";
  plan.shared_device = "GPU-b";
  plan.requests = {{"cpu", 500}};
  plan.namespaces = false;
  ContainerPlan container;
  container.name = "main";
  container.kind = ContainerKind::kSidecar;
  container.argv = {"sh", "-c", "echo \"\xC3\xA4\n\""};
  container.env = {"A=b=c"};
  container.cwd = "/";
  container.mounts = {{"/a", "b", "/c", true}};
  container.run_as_user = 1000;
  container.readiness.emplace();
  container.readiness->kind = ProbePlan::Kind::kHttp;
  container.readiness->headers = {{"X", "y"}};
  plan.containers = {container};
  return plan;
}

TEST(Records, A_plan_is_read_back_as_it_was_written) {
  const Result<PodPlan> back = decode_plan(encode(full_plan()));
  ASSERT_TRUE(back) << back.status().to_string();
  EXPECT_EQ(*back, full_plan());
}

TEST(Records, A_record_is_read_back_as_it_was_written) {
  PodRecord record;
  record.phase = PodPhase::kFailed;
  record.reason = "DeadlineExceeded";
  record.initialized = record.final = true;
  ContainerRecord container;
  container.name = "main";
  container.now = {
      ContainerStatus::State::kTerminated, "Error", "m", 2, WallTime{1}, WallTime{2}, 143, 15};
  container.last = container.now;
  container.restarts = 2;
  record.containers = {container};
  const Result<PodRecord> back = decode_record(encode(record));
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, record);
}

TEST(Records, Damaged_files_are_refused) {
  const std::string whole = encode(full_plan());
  EXPECT_EQ(decode_plan(whole.substr(0, whole.size() / 2)).status().code(), Code::kMalformed);
  EXPECT_EQ(decode_plan("[]").status().code(), Code::kMalformed);
  EXPECT_EQ(decode_plan("{}").status().code(), Code::kMalformed);
  EXPECT_EQ(decode_plan(R"({"uid":"u","containers":[{"name":"a"}]})").status().code(),
            Code::kMalformed);
  EXPECT_EQ(decode_shim("{}").status().code(), Code::kMalformed);
  EXPECT_TRUE(decode_record(R"({"containers":[1,null,{"now":"x"}],"phase":7})"));
}

TEST(Processes, A_process_is_known_by_pid_and_start_time) {
  const std::optional<ProcessId> self = identify(::getpid());
  ASSERT_TRUE(self);
  EXPECT_TRUE(alive(*self));
  ProcessId other = *self;
  ++other.start_ticks;  // somebody who had our pid before
  EXPECT_FALSE(alive(other));
  EXPECT_FALSE(send_signal(other, 0));
  EXPECT_TRUE(send_signal(*self, 0));
  EXPECT_FALSE(identify(1 << 30));
}

}  // namespace
}  // namespace k8s::node
