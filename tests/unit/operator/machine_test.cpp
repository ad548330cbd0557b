// The job machine, one transition at a time, without a server.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "operator/api/duration.hpp"
#include "operator/reconcile/job_machine.hpp"
#include "operator/translate/job_pod.hpp"

namespace fermi {
namespace {

using Json = nlohmann::json;

constexpr k8s::WallTime kNow{1'000 * kNsPerSecond};

// A job with its Pods, as the machine sees them; two nodes by default.
struct Scene {
  TrainingJob job;
  JobFacts facts;
  std::vector<std::shared_ptr<k8s::Pod>> pods;

  Scene(const Scene&) = delete;
  explicit Scene(const Json& spec = Json::object()) {
    Json whole = {{"image", "i"}, {"command", {"run"}}, {"nodes", 2}};
    whole.merge_patch(spec);
    job = *decode_training_job(
        {{"metadata", {{"name", "j"}, {"namespace", "n"}, {"uid", "u"}}}, {"spec", whole}});
    job.meta.creation_time = {500 * kNsPerSecond};
    facts.node_state = [](const std::string&) { return NodeState::kReady; };
    facts.now = kNow;
    facts.currency = "CNY";
    facts.service_known = true;
    facts.room_kept = true;
  }

  void placed(Phase phase, std::int64_t attempt = 0) {
    job.status.phase = phase;
    job.status.attempt = attempt;
    job.status.placement = JobPlacement{attempt, 1, 0, kNow, {"n0", "n1"}, {{"z", 2}}};
    job.status.cost_per_hour_micros = 3'600'000'000;
    job.status.placement->rates = {{"a", 2'600'000'000}, {"b", 1'000'000'000}};
    job.status.queue = "q";
    if (!is_terminal(phase)) job.meta.finalizers = {kTaskFinalizer};
    if (phase == Phase::kRunning) job.status.start_time = kNow;
  }

  k8s::Pod& pod(std::int64_t attempt, int rank, const std::string& node,
                k8s::PodPhase phase = k8s::PodPhase::kPending) {
    auto made = std::make_shared<k8s::Pod>();
    made->meta.name = pod_name(job, attempt, rank);
    made->meta.ns = "n";
    made->meta.uid = made->meta.name + "-uid";
    made->meta.labels = {{label::kAttempt, std::to_string(attempt)},
                         {label::kRank, std::to_string(rank)}};
    made->meta.owners = {{std::string(kApiVersion), "TrainingJob", "j", "u", true}};
    made->node_name = node;
    made->phase = phase;
    pods.push_back(made);
    return *made;
  }
  void both(k8s::PodPhase phase) {
    pod(job.status.attempt, 0, "n0", phase);
    pod(job.status.attempt, 1, "n1", phase);
  }
  k8s::Pod& failed(int rank, int exit_code) {
    k8s::Pod& p = pod(job.status.attempt, rank, "n" + std::to_string(rank), k8s::PodPhase::kFailed);
    k8s::ContainerStatus c;
    c.state = k8s::ContainerStatus::State::kTerminated;
    c.exit_code = exit_code;
    p.containers = {c};
    return p;
  }

  Step step() {
    facts.job = &job;
    facts.pods.assign(pods.begin(), pods.end());
    return next_step(facts);
  }
  // The status that is to be written; fails the test when it is another step.
  TrainingJobStatus written() {
    const Step s = step();
    const auto* write = std::get_if<WriteStatus>(&s);
    EXPECT_NE(write, nullptr) << "step " << s.index();
    return write != nullptr ? write->status : TrainingJobStatus{};
  }
  template <class T>
  T expect() {
    const Step s = step();
    const auto* found = std::get_if<T>(&s);
    EXPECT_NE(found, nullptr) << "step " << s.index();
    return found != nullptr ? *found : T{};
  }
};

bool holds(const TrainingJobStatus& s, const char* type, const char* status) {
  const Condition* c = find_condition(s.conditions, type);
  return c != nullptr && c->status == status;
}

TEST(JobMachine, A_new_job_is_Pending_with_its_id_and_submit_time) {
  Scene scene;
  const TrainingJobStatus s = scene.written();
  EXPECT_EQ(s.phase, Phase::kPending);
  EXPECT_EQ(s.task_id, "u");
  EXPECT_EQ(s.submit_time->ns, 500 * kNsPerSecond);
  EXPECT_TRUE(holds(s, "Accepted", "True"));
}

TEST(JobMachine, A_decision_is_written_before_anything_is_made) {
  Scene scene;
  scene.facts.decided = JobPlacement{0, 4, 0, kNow, {"n0", "n1"}, {{"z", 2}}};
  const TrainingJobStatus s = scene.written();
  EXPECT_EQ(s.phase, Phase::kStarting);
  ASSERT_TRUE(s.placement);
  EXPECT_EQ(s.placement->epoch, 4);
  EXPECT_TRUE(holds(s, "Admitted", "True"));
  EXPECT_EQ(s.timeline.size(), 2U);  // it was never written as Pending: both at once
}

TEST(JobMachine, A_job_with_problems_says_them_and_goes_no_further) {
  Scene scene(Json{{"nodes", 0}});
  scene.facts.decided = JobPlacement{};
  const TrainingJobStatus s = scene.written();
  EXPECT_EQ(s.phase, Phase::kPending);
  EXPECT_TRUE(holds(s, "Accepted", "False"));
  EXPECT_NE(s.message.find("spec.nodes"), std::string::npos);
  scene.job.status = s;
  scene.expect<Wait>();
}

TEST(JobMachine, A_job_with_problems_is_in_no_queue_and_says_so_until_they_are_mended) {
  Scene scene(Json{{"nodes", 0}});
  Step step = scene.step();
  const auto* write = std::get_if<WriteStatus>(&step);
  ASSERT_NE(write, nullptr);
  EXPECT_TRUE(holds(write->status, "Accepted", "False"));
  EXPECT_TRUE(holds(write->status, "Queued", "False"));
  EXPECT_EQ(write->status.reason, "Invalid");
  ASSERT_EQ(write->notices.size(), 1U);
  EXPECT_EQ(write->notices[0].reason, "Invalid");
  EXPECT_TRUE(write->notices[0].warning);
  scene.job.status = write->status;
  scene.job.problems.clear();
  scene.facts.waiting = Waiting{1, 0, "Capacity", "needs 16: 8 free", false, {}};
  const TrainingJobStatus s = scene.written();
  EXPECT_TRUE(holds(s, "Accepted", "True"));
  EXPECT_TRUE(holds(s, "Queued", "True"));
  // And one that stood in line loses its place there.
  scene.job.status = s;
  scene.job.problems = {"spec.nodes: 0 is not allowed; a whole number from 1 to 4096"};
  const TrainingJobStatus refused = scene.written();
  EXPECT_TRUE(holds(refused, "Queued", "False"));
  EXPECT_EQ(refused.queue_position, 0);
}

TEST(JobMachine, Service_then_Pods_then_Bindings) {
  Scene scene;
  scene.placed(Phase::kStarting);
  scene.facts.service_known = false;
  scene.expect<CreateService>();
  scene.facts.service_known = true;
  EXPECT_EQ(scene.expect<CreatePods>().ranks, (std::vector<std::int64_t>{0, 1}));
  scene.pod(0, 0, "");
  EXPECT_EQ(scene.expect<CreatePods>().ranks, (std::vector<std::int64_t>{1}));
  scene.pod(0, 1, "n1");
  const BindPods bind = scene.expect<BindPods>();
  ASSERT_EQ(bind.binds.size(), 1U);
  EXPECT_EQ(bind.binds[0].pod, "j-0-0");
  EXPECT_EQ(bind.binds[0].uid, "j-0-0-uid");
  EXPECT_EQ(bind.binds[0].node, "n0");
}

TEST(JobMachine, Runs_when_every_rank_runs_and_completes_when_every_rank_ended_with_0) {
  Scene scene;
  scene.placed(Phase::kStarting);
  scene.pod(0, 0, "n0", k8s::PodPhase::kRunning);
  k8s::Pod& second = scene.pod(0, 1, "n1", k8s::PodPhase::kPending);
  scene.expect<Wait>();
  second.phase = k8s::PodPhase::kRunning;
  scene.job.status = scene.written();
  EXPECT_EQ(scene.job.status.phase, Phase::kRunning);
  EXPECT_EQ(scene.job.status.start_time, whole_seconds(kNow));
  scene.pods[0]->phase = k8s::PodPhase::kSucceeded;
  scene.job.status = scene.written();  // the end of the first is remembered
  scene.expect<Wait>();
  second.phase = k8s::PodPhase::kSucceeded;
  scene.expect<DeleteService>();
  scene.facts.service_gone = true;
  scene.facts.now = kNow + k8s::Duration(3600 * kNsPerSecond);
  const TrainingJobStatus s = scene.written();
  EXPECT_EQ(s.phase, Phase::kCompleted);
  EXPECT_TRUE(holds(s, "Complete", "True"));
  EXPECT_EQ(s.cost_micros, 3'600'000'000);  // an hour at 3600.00 an hour
  EXPECT_FALSE(s.cost_accounted_at);
  const std::vector<CostPart> parts = {{"1970-01-01", "q", "n", "a", 2'600'000'000},
                                       {"1970-01-01", "q", "n", "b", 1'000'000'000}};
  EXPECT_EQ(s.costs, parts);
  scene.job.status = s;
  scene.expect<FoldJob>();
  scene.facts.folded = true;
  EXPECT_TRUE(scene.expect<SetJobFinalizers>().finalizers.empty());
  scene.job.meta.finalizers.clear();
  scene.expect<Wait>();
}

TEST(JobMachine, What_holds_room_carries_the_finalizer_before_its_first_Pod_is_made) {
  Scene scene;
  scene.placed(Phase::kStarting);
  scene.job.meta.finalizers = {"someone/else"};
  const std::vector<std::string> both = {"someone/else", kTaskFinalizer};
  EXPECT_EQ(scene.expect<SetJobFinalizers>().finalizers, both);
  scene.job.meta.finalizers = both;
  scene.expect<CreatePods>();
}

// It is counted to its last second, then folded; only then is it let go.
TEST(JobMachine, One_that_is_deleted_while_it_runs_stops_and_is_counted_to_the_end) {
  Scene scene;
  scene.placed(Phase::kRunning);
  scene.job.status.cost_accounted_at = kNow;
  scene.both(k8s::PodPhase::kRunning);
  scene.job.meta.deletion_time = kNow;
  scene.facts.now = kNow + std::chrono::minutes(30);
  scene.job.status = scene.written();
  EXPECT_EQ(scene.job.status.phase, Phase::kStopping);
  EXPECT_EQ(scene.job.status.reason, "Deleted");
  scene.expect<DeletePods>();
  scene.pods.clear();
  scene.facts.now = kNow + std::chrono::hours(1);
  scene.job.status = scene.written();
  EXPECT_EQ(scene.job.status.phase, Phase::kStopped);
  EXPECT_EQ(scene.job.status.cost_micros, 3'600'000'000);
  EXPECT_FALSE(scene.job.status.placement);
  scene.expect<FoldJob>();
  scene.facts.folded = true;
  EXPECT_TRUE(scene.expect<SetJobFinalizers>().finalizers.empty());
}

TEST(JobMachine, One_that_was_done_when_it_was_deleted_has_completed) {
  Scene scene;
  scene.placed(Phase::kRunning);
  scene.both(k8s::PodPhase::kSucceeded);
  scene.job.meta.deletion_time = kNow;
  scene.job.status = scene.written();
  EXPECT_EQ(scene.job.status.phase, Phase::kCompleted);
  scene.expect<FoldJob>();
}

TEST(JobMachine, One_that_never_held_room_goes_at_once) {
  Scene scene;
  scene.job.status = scene.written();
  EXPECT_TRUE(scene.job.meta.finalizers.empty());
  scene.job.meta.deletion_time = kNow;
  scene.expect<Wait>();
}

TEST(JobMachine, A_retryable_failure_starts_the_next_attempt_on_the_same_nodes) {
  Scene scene;
  scene.placed(Phase::kRunning);
  scene.pod(0, 0, "n0", k8s::PodPhase::kRunning);
  scene.failed(1, 137);
  const TrainingJobStatus s = scene.written();
  EXPECT_EQ(s.phase, Phase::kStarting);
  EXPECT_EQ(s.attempt, 1);
  EXPECT_EQ(s.placement->attempt, 1);
  EXPECT_EQ(s.placement->nodes, (std::vector<std::string>{"n0", "n1"}));
  EXPECT_EQ(s.restarts, 1);
  EXPECT_EQ(s.retry_at->ns - kNow.ns, 10 * kNsPerSecond);
  // The old Pods go first, then the back-off is waited for.
  scene.job.status = s;
  EXPECT_EQ(scene.expect<DeletePods>().pods.size(), 2U);
  scene.pods.clear();
  EXPECT_EQ(scene.expect<Wait>().until, s.retry_at);
  scene.facts.now = *s.retry_at;
  EXPECT_EQ(scene.expect<CreatePods>().ranks.size(), 2U);
}

TEST(JobMachine, A_gang_that_would_ask_for_more_than_it_holds_is_not_restarted_in_place) {
  const Configuration config;
  const auto phase_with = [&config](std::int64_t held_milli) {
    Scene scene(Json{{"resources", {{"cpu", "2"}}}});
    scene.facts.config = &config;
    scene.placed(Phase::kRunning);
    scene.pod(0, 0, "n0", k8s::PodPhase::kRunning).requests = {{"cpu", 2000}, {"pods", 1}};
    scene.failed(1, 137).requests = {{"cpu", held_milli}, {"memory", 64}};
    return scene.written().phase;
  };
  EXPECT_EQ(phase_with(2000), Phase::kStarting);
  EXPECT_EQ(phase_with(3000), Phase::kStarting);
  EXPECT_EQ(phase_with(1000), Phase::kStopping);
}

TEST(JobMachine, A_gang_that_lost_its_room_queues_again_at_its_old_submit_time) {
  Scene scene;
  scene.placed(Phase::kRunning);
  scene.facts.room_kept = false;
  scene.pod(0, 0, "n0", k8s::PodPhase::kSucceeded);
  scene.failed(1, 137);
  TrainingJobStatus s = scene.written();
  EXPECT_EQ(s.phase, Phase::kStopping);
  scene.job.status = s;
  EXPECT_EQ(scene.expect<DeletePods>().pods.size(), 2U);
  scene.pods.clear();
  s = scene.written();
  EXPECT_EQ(s.phase, Phase::kPending);
  EXPECT_EQ(s.attempt, 1);
  EXPECT_FALSE(s.placement);
  EXPECT_TRUE(s.retry_at);
}

TEST(JobMachine, A_permanent_failure_stops_the_rest_and_fails) {
  Scene scene;
  scene.placed(Phase::kRunning);
  scene.pod(0, 0, "n0", k8s::PodPhase::kRunning);
  scene.failed(1, 3);
  TrainingJobStatus s = scene.written();
  EXPECT_EQ(s.phase, Phase::kStopping);
  EXPECT_EQ(s.stopping->to, Phase::kFailed);
  scene.job.status = s;
  EXPECT_EQ(scene.expect<DeletePods>().pods.size(), 1U);  // the failed one keeps its logs
  scene.pods.erase(scene.pods.begin());
  scene.facts.service_gone = true;
  s = scene.written();
  EXPECT_EQ(s.phase, Phase::kFailed);
  EXPECT_EQ(s.exit_code, 3);
  EXPECT_TRUE(holds(s, "Failed", "True"));
  scene.job.status = s;
  scene.expect<FoldJob>();
}

TEST(JobMachine, The_retry_limit_ends_it) {
  Scene scene(Json{{"retry", {{"limit", 1}}}});
  scene.placed(Phase::kRunning);
  scene.job.status.restarts = 1;
  scene.failed(0, 200);
  scene.failed(1, 200);
  scene.facts.service_gone = true;
  const TrainingJobStatus s = scene.written();
  EXPECT_EQ(s.phase, Phase::kFailed);
  EXPECT_EQ(s.reason, "RetryLimitReached");
}

TEST(JobMachine, A_lost_node_counts_against_nothing_and_requeues_the_gang) {
  Scene scene(Json{{"retry", {{"limit", 0}}}});
  scene.placed(Phase::kRunning);
  scene.both(k8s::PodPhase::kRunning);
  scene.facts.node_state = [](const std::string& node) {
    return node == "n1" ? NodeState::kGone : NodeState::kReady;
  };
  const TrainingJobStatus s = scene.written();
  EXPECT_EQ(s.phase, Phase::kStopping);
  EXPECT_EQ(s.stopping->to, Phase::kPending);
  EXPECT_EQ(s.restarts, 0);
  EXPECT_EQ(s.disruptions, 1);
  scene.job.status = s;
  const DeletePods doomed = scene.expect<DeletePods>();
  ASSERT_EQ(doomed.pods.size(), 2U);
  EXPECT_FALSE(doomed.pods[0].force);
  EXPECT_TRUE(doomed.pods[1].force);  // nobody is left on n1 to stop it
}

// A cordoned node keeps what runs on it and takes nothing new: not the next attempt either.
TEST(JobMachine, The_next_attempt_does_not_start_in_place_on_a_cordoned_node) {
  Scene scene;
  scene.placed(Phase::kRunning);
  scene.pod(0, 0, "n0", k8s::PodPhase::kRunning);
  scene.facts.node_state = [](const std::string& node) {
    return node == "n1" ? NodeState::kCordoned : NodeState::kReady;
  };
  scene.pod(0, 1, "n1", k8s::PodPhase::kRunning);
  scene.expect<Wait>();
  scene.pods.pop_back();
  scene.failed(1, 200);
  const TrainingJobStatus s = scene.written();
  EXPECT_EQ(s.phase, Phase::kStopping);
  EXPECT_EQ(s.stopping->to, Phase::kPending);
  EXPECT_EQ(s.restarts, 1) << "the program failed all the same";
}

TEST(JobMachine, A_node_that_was_cordoned_after_the_decision_gets_no_Pod_of_it) {
  Scene scene;
  scene.placed(Phase::kStarting);
  scene.pod(0, 0, "n0");
  scene.pod(0, 1, "");
  scene.facts.node_state = [](const std::string& node) {
    return node == "n1" ? NodeState::kCordoned : NodeState::kReady;
  };
  const TrainingJobStatus s = scene.written();
  EXPECT_EQ(s.phase, Phase::kStopping);
  EXPECT_NE(s.message.find("n1 was cordoned"), std::string::npos) << s.message;
}

TEST(JobMachine, Disruptions_in_a_row_are_followed_by_longer_and_longer_waits) {
  Scene scene(Json{{"retry", {{"limit", 0}}}});
  std::vector<std::int64_t> waits;
  for (int i = 0; i < 9; ++i) {
    scene.placed(Phase::kRunning, scene.job.status.attempt);
    scene.pods.clear();
    scene.both(k8s::PodPhase::kRunning);
    scene.pods[1]->meta.deletion_time = kNow;
    scene.job.status = scene.written();
    EXPECT_EQ(scene.job.status.phase, Phase::kStarting);
    ASSERT_TRUE(scene.job.status.retry_at);
    waits.push_back((scene.job.status.retry_at->ns - kNow.ns) / kNsPerSecond);
  }
  EXPECT_EQ(waits, (std::vector<std::int64_t>{1, 2, 4, 8, 16, 32, 60, 60, 60}));
  EXPECT_EQ(scene.job.status.restarts, 0);
  EXPECT_EQ(scene.job.status.disruptions, 9);
  // A lost node is waited for in the same way, in the line.
  scene.placed(Phase::kRunning, scene.job.status.attempt);
  scene.pods.clear();
  scene.both(k8s::PodPhase::kRunning);
  scene.facts.node_state = [](const std::string&) { return NodeState::kGone; };
  TrainingJobStatus s = scene.written();
  EXPECT_EQ(s.stopping->to, Phase::kPending);
  EXPECT_EQ(s.retry_at->ns - kNow.ns, 60 * kNsPerSecond);
  // After ten minutes of running it is no row any more.
  scene.job.status.running_since = k8s::WallTime{kNow.ns - 600 * kNsPerSecond};
  s = scene.written();
  EXPECT_EQ(s.retry_at->ns - kNow.ns, kNsPerSecond);
}

TEST(JobMachine, A_back_off_is_never_cut_by_the_seconds_of_the_API) {
  Scene scene;
  scene.placed(Phase::kRunning);
  scene.facts.now = kNow + k8s::Duration(900'000'000);
  scene.both(k8s::PodPhase::kRunning);
  scene.pods[1]->meta.deletion_time = kNow;
  EXPECT_EQ(scene.written().retry_at->ns, kNow.ns + 2 * kNsPerSecond);
}

// The room of a rank that lost its Pod is given away: nothing may be bound into it again.
TEST(JobMachine, A_starting_gang_that_lost_a_Pod_and_its_room_takes_the_attempt_back) {
  Scene scene;
  scene.placed(Phase::kStarting);
  scene.pod(0, 0, "n0");
  scene.facts.lost = {1};
  scene.facts.room_kept = false;
  TrainingJobStatus s = scene.written();
  EXPECT_EQ(s.phase, Phase::kStopping);
  EXPECT_EQ(s.stopping->to, Phase::kPending);
  EXPECT_EQ(s.restarts, 0);
  scene.job.status = s;
  const DeletePods doomed = scene.expect<DeletePods>();
  ASSERT_EQ(doomed.pods.size(), 1U);
  EXPECT_EQ(doomed.pods[0].pod, "j-0-0");
  scene.pods.clear();
  s = scene.written();
  EXPECT_EQ(s.phase, Phase::kPending);
  EXPECT_EQ(s.attempt, 1);
  EXPECT_FALSE(s.placement);
}

TEST(JobMachine, A_rank_that_ended_with_0_is_remembered_beyond_its_Pod) {
  Scene scene;
  scene.placed(Phase::kRunning);
  scene.job.status.cost_accounted_at = kNow;
  scene.pod(0, 0, "n0", k8s::PodPhase::kSucceeded);
  k8s::Pod& second = scene.pod(0, 1, "n1", k8s::PodPhase::kRunning);
  scene.job.status = scene.written();
  EXPECT_EQ(scene.job.status.phase, Phase::kRunning);
  scene.expect<Wait>();
  scene.pods.erase(scene.pods.begin());
  scene.facts.lost = {0};
  scene.facts.room_kept = false;
  scene.expect<Wait>();
  second.phase = k8s::PodPhase::kSucceeded;
  scene.facts.service_gone = true;
  EXPECT_EQ(scene.written().phase, Phase::kCompleted);
  // The next attempt knows nothing of it.
  second.phase = k8s::PodPhase::kRunning;
  second.meta.deletion_time = kNow;
  scene.job.status = scene.written();
  scene.pods.clear();
  scene.job.status = scene.written();
  ASSERT_EQ(scene.job.status.phase, Phase::kPending);
  scene.placed(Phase::kStarting, 1);
  scene.job.status.retry_at.reset();
  scene.facts.lost.clear();
  EXPECT_EQ(scene.expect<CreatePods>().ranks, (std::vector<std::int64_t>{0, 1}));
}

TEST(JobMachine, A_rank_that_ended_while_others_start_is_not_asked_for_again) {
  Scene scene;
  scene.placed(Phase::kStarting);
  scene.pod(0, 0, "n0", k8s::PodPhase::kSucceeded);
  k8s::Pod& second = scene.pod(0, 1, "n1", k8s::PodPhase::kPending);
  scene.job.status = scene.written();
  EXPECT_EQ(scene.job.status.phase, Phase::kStarting);
  scene.pods.erase(scene.pods.begin());
  scene.facts.lost = {0};
  scene.expect<Wait>();
  second.phase = k8s::PodPhase::kRunning;
  EXPECT_EQ(scene.written().phase, Phase::kRunning);
}

// A gang whose ranks end together costs no write for each of them.
TEST(JobMachine, Ends_within_two_seconds_are_remembered_together) {
  Scene scene;
  scene.placed(Phase::kRunning);
  scene.job.status.cost_accounted_at = kNow;
  k8s::Pod& first = scene.pod(0, 0, "n0", k8s::PodPhase::kSucceeded);
  scene.pod(0, 1, "n1", k8s::PodPhase::kRunning);
  k8s::ContainerStatus end;
  end.state = k8s::ContainerStatus::State::kTerminated;
  end.finished = kNow;
  first.containers = {end};
  EXPECT_EQ(scene.expect<Wait>().until, kNow + k8s::Duration(2 * kNsPerSecond));
  scene.facts.now = kNow + k8s::Duration(2 * kNsPerSecond);
  scene.job.status = scene.written();
  scene.expect<Wait>();
}

// A node whose clock is behind seems to tell of old ends only.
TEST(JobMachine, Two_writes_about_ends_are_ten_seconds_apart_whatever_clocks_say) {
  Scene scene(Json{{"nodes", 3}});
  scene.placed(Phase::kRunning);
  scene.job.status.placement->nodes = {"n0", "n1", "n2"};
  scene.job.status.cost_accounted_at = kNow;
  scene.pod(0, 0, "n0", k8s::PodPhase::kSucceeded);
  k8s::Pod& second = scene.pod(0, 1, "n1", k8s::PodPhase::kRunning);
  scene.pod(0, 2, "n2", k8s::PodPhase::kRunning);
  scene.job.status = scene.written();
  second.phase = k8s::PodPhase::kSucceeded;
  EXPECT_EQ(scene.expect<Wait>().until, kNow + k8s::Duration(10 * kNsPerSecond));
  scene.facts.now = kNow + k8s::Duration(10 * kNsPerSecond);
  EXPECT_EQ(scene.written().succeeded, (std::vector<std::int64_t>{0, 1}));
}

TEST(JobMachine, A_deleted_Pod_restarts_the_whole_gang_after_a_second) {
  Scene scene(Json{{"retry", {{"limit", 0}}}});
  scene.placed(Phase::kRunning);
  scene.both(k8s::PodPhase::kRunning);
  scene.pods[1]->meta.deletion_time = kNow;
  const TrainingJobStatus s = scene.written();
  EXPECT_EQ(s.phase, Phase::kStarting);
  EXPECT_EQ(s.attempt, 1);
  EXPECT_EQ(s.restarts, 0);
  EXPECT_EQ(s.retry_at->ns - kNow.ns, kNsPerSecond);
}

TEST(JobMachine, Suspending_stops_first_and_resuming_queues_again) {
  Scene scene(Json{{"suspend", true}});
  scene.placed(Phase::kRunning);
  scene.both(k8s::PodPhase::kRunning);
  scene.job.status = scene.written();
  EXPECT_EQ(scene.job.status.phase, Phase::kStopping);
  scene.expect<DeletePods>();
  scene.pods.clear();
  scene.job.status = scene.written();
  EXPECT_EQ(scene.job.status.phase, Phase::kStopped);
  EXPECT_TRUE(holds(scene.job.status, "Suspended", "True"));
  EXPECT_EQ(scene.job.status.attempt, 1);
  scene.expect<Wait>();
  scene.job.spec.suspend = false;
  EXPECT_EQ(scene.written().phase, Phase::kPending);
}

TEST(JobMachine, A_gang_that_is_not_bound_in_time_or_refused_is_taken_back) {
  Scene scene;
  scene.placed(Phase::kStarting);
  scene.pod(0, 0, "n0");
  scene.facts.start_overdue = true;
  TrainingJobStatus s = scene.written();
  EXPECT_EQ(s.phase, Phase::kStopping);
  EXPECT_EQ(s.reason, "NotBoundInTime");
  EXPECT_EQ(s.start_failures, 1);
  scene.pods.clear();
  scene.facts.start_overdue = false;
  scene.facts.refusal = "Pod j-0-0 was refused: exceeded quota";
  s = scene.written();
  EXPECT_EQ(s.phase, Phase::kPending);  // nothing had been made: straight back
  EXPECT_EQ(s.reason, "Refused");
  EXPECT_NE(s.message.find("exceeded quota"), std::string::npos);
  EXPECT_EQ(s.attempt, 1);
  EXPECT_EQ(s.retry_at->ns - kNow.ns, 10 * kNsPerSecond);
}

TEST(JobMachine, A_bound_gang_that_never_runs_gives_its_room_back) {
  Scene scene;
  scene.placed(Phase::kStarting);
  scene.both(k8s::PodPhase::kPending);
  const k8s::WallTime end = kNow + k8s::Duration(900 * kNsPerSecond);
  EXPECT_EQ(scene.expect<Wait>().until, end);
  scene.facts.now = end;
  EXPECT_EQ(scene.written().reason, "NotRunningInTime");
}

TEST(JobMachine, How_long_a_gang_may_take_to_start_says_its_queue) {
  Scene scene;
  scene.placed(Phase::kStarting);
  scene.both(k8s::PodPhase::kPending);
  scene.facts.start_deadline_ns = 90 * kNsPerSecond;
  const k8s::WallTime end = kNow + k8s::Duration(90 * kNsPerSecond);
  EXPECT_EQ(scene.expect<Wait>().until, end);
  scene.facts.now = end;
  const TrainingJobStatus& s = scene.written();
  EXPECT_EQ(s.reason, "NotRunningInTime");
  EXPECT_EQ(s.message, "not every rank had started after 1m30s, spec.startDeadline of the queue");
}

TEST(JobMachine, The_deadline_counts_from_the_start) {
  Scene scene(Json{{"activeDeadline", "1m"}});
  scene.placed(Phase::kRunning);
  scene.job.status.cost_accounted_at = kNow;
  scene.both(k8s::PodPhase::kRunning);
  EXPECT_EQ(scene.expect<Wait>().until, kNow + k8s::Duration(60 * kNsPerSecond));
  scene.facts.now = kNow + k8s::Duration(60 * kNsPerSecond);
  EXPECT_EQ(scene.written().reason, "DeadlineExceeded");
}

TEST(JobMachine, A_finished_job_is_deleted_after_its_time_and_nothing_is_made_for_it) {
  Scene scene(Json{{"ttlAfterFinished", "1h"}});
  scene.placed(Phase::kCompleted);
  scene.job.status.completion_time = kNow;
  EXPECT_EQ(scene.expect<Wait>().until, kNow + k8s::Duration(3600 * kNsPerSecond));
  scene.facts.now = kNow + k8s::Duration(3600 * kNsPerSecond);
  scene.expect<DeleteJob>();
}

TEST(JobMachine, A_job_in_deletion_gets_no_Pods) {
  Scene scene;
  scene.placed(Phase::kStarting);
  scene.job.meta.finalizers = {"somebody/else"};
  scene.job.meta.deletion_time = kNow;
  scene.expect<Wait>();
  scene.pod(0, 0, "n0", k8s::PodPhase::kRunning);
  scene.expect<DeletePods>();
}

TEST(JobMachine, Position_and_reason_are_written_when_they_say_something_new) {
  Scene scene;
  scene.job.status = scene.written();
  scene.facts.waiting = Waiting{3, 5, "Capacity", "needs 16: 8 free", false, {}};
  Step step = scene.step();
  auto* write = std::get_if<WriteStatus>(&step);
  ASSERT_NE(write, nullptr);
  EXPECT_TRUE(write->position_only);
  EXPECT_EQ(write->status.queue_position, 3);
  scene.job.status = write->status;
  scene.expect<Wait>();
  // Only the numbers moved: not again within ten seconds, then once.
  scene.facts.waiting->message = "needs 16: 7 free";
  EXPECT_EQ(scene.expect<Wait>().until, kNow + k8s::Duration(10 * kNsPerSecond))
      << "it is not forgotten until something else happens";
  scene.facts.now = kNow + k8s::Duration(10 * kNsPerSecond);
  EXPECT_EQ(scene.written().message, "needs 16: 7 free");
  // So it is with a start that is expected at another time.
  scene.job.status = scene.written();
  scene.facts.waiting->estimated_start = kNow + k8s::Duration(60 * kNsPerSecond);
  EXPECT_TRUE(scene.expect<Wait>().until);
  scene.facts.now = kNow + k8s::Duration(20 * kNsPerSecond);
  EXPECT_EQ(scene.written().estimated_start, scene.facts.waiting->estimated_start);
  // Far back in the line only the reason counts.
  scene.job.status.queue_position = 0;
  scene.facts.waiting = Waiting{500, 900, "Capacity", "needs 16: 6 free", false, {}};
  scene.expect<Wait>();
  scene.facts.waiting->reason = "QueueClosed";
  EXPECT_EQ(scene.written().queue_position, 500);
}

}  // namespace
}  // namespace fermi
