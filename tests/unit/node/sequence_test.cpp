// Sequence in virtual time: order of containers, restarts, back-off, endings.

#include "libk8s/node/sequence.hpp"

#include <gtest/gtest.h>

namespace k8s::node {
namespace {

using std::chrono::seconds;
using Kind = Sequence::Action::Kind;
using State = ContainerStatus::State;

Now at(int s) {
  return {TimePoint{1'000'000'000LL * s},
          WallTime{1'700'000'000'000'000'000LL + 1'000'000'000LL * s}};
}

int exit_code(int code) { return code << 8; }

PodPlan pod(RestartPolicy policy, std::vector<ContainerKind> kinds) {
  PodPlan plan;
  plan.uid = "u";
  plan.restart_policy = policy;
  plan.grace_s = 30;
  plan.started_at = at(0).wall;
  for (const ContainerKind kind : kinds) {
    ContainerPlan container;
    container.name = "c" + std::to_string(plan.containers.size());
    container.kind = kind;
    container.argv = {"x"};
    plan.containers.push_back(container);
  }
  return plan;
}

// The actions of a step as text: "start 0 #1", "term 1", "kill 0 #0".
std::vector<std::string> step(Sequence& sequence, int s) {
  std::vector<std::string> out;
  for (const Sequence::Action& action : sequence.step(at(s))) {
    const std::string i = std::to_string(action.container), n = " #" + std::to_string(action.count);
    if (action.kind == Kind::kStart) out.push_back("start " + i + n);
    if (action.kind == Kind::kTerminate) out.push_back("term " + i);
    if (action.kind == Kind::kKill) out.push_back("kill " + i + n);
  }
  return out;
}

using Texts = std::vector<std::string>;

TEST(Sequence, A_main_container_that_exits_with_0_makes_the_Pod_Succeeded) {
  Sequence s(pod(RestartPolicy::kOnFailure, {ContainerKind::kMain}), at(0));
  EXPECT_EQ(step(s, 0), Texts{"start 0 #0"});
  EXPECT_EQ(s.record().phase, PodPhase::kPending);
  s.started(0, at(1));
  EXPECT_EQ(step(s, 1), Texts{});
  EXPECT_EQ(s.record().phase, PodPhase::kRunning);
  EXPECT_TRUE(s.record().containers[0].ready);
  s.exited(0, exit_code(0), at(2));
  EXPECT_EQ(step(s, 2), Texts{});
  EXPECT_TRUE(s.final());
  EXPECT_EQ(s.record().phase, PodPhase::kSucceeded);
  EXPECT_EQ(s.record().containers[0].now.reason, "Completed");
}

TEST(Sequence, With_policy_Never_a_signal_makes_the_Pod_Failed_with_128_plus_its_number) {
  Sequence s(pod(RestartPolicy::kNever, {ContainerKind::kMain}), at(0));
  step(s, 0);
  s.started(0, at(0));
  s.exited(0, 9, at(1));
  step(s, 1);
  EXPECT_TRUE(s.final());
  EXPECT_EQ(s.record().phase, PodPhase::kFailed);
  EXPECT_EQ(s.record().containers[0].now.exit_code, 137);
  EXPECT_EQ(s.record().containers[0].now.signal, 9);
}

TEST(Sequence, Restarts_come_at_once_then_after_10_20_and_40_seconds) {
  Sequence s(pod(RestartPolicy::kAlways, {ContainerKind::kMain}), at(0));
  int now = 0;
  Texts due = step(s, now);
  for (const int wait : {0, 10, 20, 40}) {
    ASSERT_EQ(due.size(), 1u) << "before the wait of " << wait;
    s.started(0, at(now));
    s.exited(0, exit_code(1), at(now));
    if (wait > 0) {
      EXPECT_EQ(step(s, now + wait - 1), Texts{});
      EXPECT_EQ(s.record().containers[0].now.reason, "CrashLoopBackOff");
      EXPECT_EQ(s.next_wake(), at(now + wait).mono);
    }
    now += wait;
    due = step(s, now);
  }
  EXPECT_EQ(due, Texts{"start 0 #4"});
}

TEST(Sequence, A_run_of_twice_the_longest_wait_forgets_the_back_off) {
  Sequence s(pod(RestartPolicy::kAlways, {ContainerKind::kMain}), at(0));
  for (int i = 0; i < 2; ++i) {
    step(s, i * 100);
    s.started(0, at(i * 100));
    s.exited(0, exit_code(1), at(i * 100));
  }
  EXPECT_EQ(step(s, 110), Texts{"start 0 #2"});
  s.started(0, at(110));
  s.exited(0, exit_code(1), at(110 + 601));
  EXPECT_EQ(step(s, 110 + 601), Texts{"start 0 #3"});
}

TEST(Sequence, Init_containers_run_one_by_one_and_main_containers_wait_for_them) {
  Sequence s(pod(RestartPolicy::kNever,
                 {ContainerKind::kInit, ContainerKind::kInit, ContainerKind::kMain}),
             at(0));
  EXPECT_EQ(step(s, 0), Texts{"start 0 #0"});
  EXPECT_EQ(s.record().containers[2].now.reason, "PodInitializing");
  s.started(0, at(0));
  EXPECT_EQ(step(s, 1), Texts{});
  s.exited(0, exit_code(0), at(2));
  EXPECT_EQ(step(s, 2), Texts{"start 1 #0"});
  s.started(1, at(2));
  s.exited(1, exit_code(0), at(3));
  EXPECT_FALSE(s.record().initialized);
  EXPECT_EQ(step(s, 3), Texts{"start 2 #0"});
  EXPECT_TRUE(s.record().initialized);
}

TEST(Sequence, A_failed_init_container_fails_the_Pod_under_policy_Never) {
  Sequence s(pod(RestartPolicy::kNever, {ContainerKind::kInit, ContainerKind::kMain}), at(0));
  step(s, 0);
  s.started(0, at(0));
  s.exited(0, exit_code(3), at(1));
  EXPECT_EQ(step(s, 1), Texts{});
  EXPECT_TRUE(s.final());
  EXPECT_EQ(s.record().phase, PodPhase::kFailed);
}

TEST(Sequence, A_sidecar_runs_beside_the_main_container_and_ends_after_it) {
  Sequence s(pod(RestartPolicy::kNever, {ContainerKind::kSidecar, ContainerKind::kMain}), at(0));
  EXPECT_EQ(step(s, 0), Texts{"start 0 #0"});
  s.started(0, at(0));
  EXPECT_EQ(step(s, 0), Texts{"start 1 #0"});
  s.started(1, at(0));
  s.exited(1, exit_code(0), at(5));
  EXPECT_EQ(step(s, 5), Texts{"term 0"});
  EXPECT_FALSE(s.final());
  s.exited(0, 15, at(6));
  step(s, 6);
  EXPECT_TRUE(s.final());
  EXPECT_EQ(s.record().phase, PodPhase::kSucceeded);  // a sidecar's exit code does not count
}

TEST(Sequence, A_stop_sends_SIGTERM_once_and_SIGKILL_every_second_after_the_grace) {
  Sequence s(pod(RestartPolicy::kAlways, {ContainerKind::kMain}), at(0));
  step(s, 0);
  s.started(0, at(0));
  s.stop({3, "", ""}, at(10));
  EXPECT_EQ(step(s, 10), Texts{"term 0"});
  EXPECT_EQ(step(s, 12), Texts{});
  EXPECT_EQ(s.next_wake(), at(13).mono);
  EXPECT_EQ(step(s, 13), Texts{"kill 0 #0"});
  EXPECT_EQ(step(s, 14), Texts{"kill 0 #1"});
  s.exited(0, 9, at(14));
  EXPECT_EQ(step(s, 14), Texts{});  // policy Always restarts nothing that was stopped
  EXPECT_TRUE(s.final());
  EXPECT_EQ(s.record().phase, PodPhase::kFailed);
}

TEST(Sequence, A_second_stop_can_only_shorten_the_grace) {
  Sequence s(pod(RestartPolicy::kAlways, {ContainerKind::kMain}), at(0));
  step(s, 0);
  s.started(0, at(0));
  s.stop({30, "", ""}, at(0));
  step(s, 0);
  s.stop({1, "", ""}, at(5));
  s.stop({100, "", ""}, at(5));
  step(s, 5);
  EXPECT_EQ(step(s, 6), Texts{"kill 0 #0"});
}

TEST(Sequence, A_stop_during_back_off_ends_the_Pod_with_the_last_exit_code) {
  Sequence s(pod(RestartPolicy::kAlways, {ContainerKind::kMain}), at(0));
  for (int i = 0; i < 2; ++i) {
    step(s, 0);
    s.started(0, at(0));
    s.exited(0, exit_code(7), at(0));
  }
  s.stop({30, "", ""}, at(1));
  EXPECT_EQ(step(s, 1), Texts{});
  EXPECT_TRUE(s.final());
  EXPECT_EQ(s.record().containers[0].now.state, State::kTerminated);
  EXPECT_EQ(s.record().containers[0].now.exit_code, 7);
}

TEST(Sequence, The_active_deadline_counts_from_the_start_time_and_fails_the_Pod) {
  PodPlan plan = pod(RestartPolicy::kAlways, {ContainerKind::kMain});
  plan.active_deadline_s = 60;
  Sequence s(plan, at(20));  // started at 0, seen at 20
  step(s, 20);
  s.started(0, at(20));
  EXPECT_EQ(step(s, 59), Texts{});
  EXPECT_EQ(step(s, 60), Texts{"term 0"});
  s.exited(0, exit_code(0), at(61));
  step(s, 61);
  EXPECT_EQ(s.record().phase, PodPhase::kFailed);
  EXPECT_EQ(s.record().reason, "DeadlineExceeded");
}

TEST(Sequence, A_command_that_cannot_start_counts_as_exit_code_128) {
  Sequence s(pod(RestartPolicy::kNever, {ContainerKind::kMain}), at(0));
  step(s, 0);
  s.start_failed(0, "no such file", at(0));
  step(s, 0);
  EXPECT_TRUE(s.final());
  EXPECT_EQ(s.record().containers[0].now.exit_code, 128);
  EXPECT_EQ(s.record().containers[0].now.reason, "StartError");
  EXPECT_EQ(s.record().containers[0].now.message, "no such file");
}

TEST(Sequence, A_failed_liveness_probe_ends_the_run_and_the_policy_restarts_it) {
  Sequence s(pod(RestartPolicy::kAlways, {ContainerKind::kMain}), at(0));
  step(s, 0);
  s.started(0, at(0));
  s.end_run(0, "Container failed liveness probe, will be restarted", at(5));
  EXPECT_EQ(step(s, 5), Texts{"term 0"});
  s.exited(0, 15, at(6));
  EXPECT_EQ(step(s, 6), Texts{"start 0 #1"});
  EXPECT_EQ(s.record().containers[0].last->exit_code, 143);
}

TEST(Sequence, A_Pod_with_a_readiness_probe_is_not_ready_until_it_says_so) {
  PodPlan plan = pod(RestartPolicy::kAlways, {ContainerKind::kMain});
  plan.containers[0].readiness.emplace();
  Sequence s(plan, at(0));
  step(s, 0);
  s.started(0, at(0));
  EXPECT_FALSE(s.record().containers[0].ready);
  s.probed(0, true, true);
  EXPECT_TRUE(s.record().containers[0].ready);
  s.probed(0, true, false);
  EXPECT_FALSE(s.record().containers[0].ready);
}

}  // namespace
}  // namespace k8s::node
