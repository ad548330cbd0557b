// Shims with real processes: what runs, what is recorded, and what is left afterwards.

#include "libk8s/node/shim.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>

#include "libk8s/node/mark.hpp"
#include "tests/unit/node/shim_bench.hpp"

namespace k8s::node::test {
namespace {

// Everything holds with namespaces and without them.
class Shim : public testing::TestWithParam<bool> {
 protected:
  PodPlan plan(const std::string& script) const {
    PodPlan plan = plan_with(script);
    plan.namespaces = GetParam();
    return plan;
  }
};

INSTANTIATE_TEST_SUITE_P(Isolation, Shim, testing::Bool(), [](const auto& info) {
  return info.param ? "with_namespaces" : "without_namespaces";
});

TEST_P(Shim, Runs_a_command_and_records_its_exit_code_and_its_output) {
  ShimBench bench(plan("echo out; echo err >&2; exit 3"));
  bench.start();
  ASSERT_TRUE(bench.wait_final());
  const PodRecord record = bench.record();
  EXPECT_EQ(record.phase, PodPhase::kFailed);
  EXPECT_EQ(record.containers[0].now.exit_code, 3);
  EXPECT_EQ(record.containers[0].now.reason, "Error");
  EXPECT_NE(bench.log("main").find("stdout F out\n"), std::string::npos);
  EXPECT_NE(bench.log("main").find("stderr F err\n"), std::string::npos);
}

TEST_P(Shim, Restarts_a_failing_container_until_it_succeeds) {
  ShimBench bench([this] {
    PodPlan p = plan("");
    p.restart_policy = RestartPolicy::kOnFailure;
    return p;
  }());
  // The third run succeeds: each leaves a mark beside the plan.
  PodPlan again = plan("cd " + bench.folder() + "; echo run >> runs; test $(wc -l < runs) = 3");
  again.restart_policy = RestartPolicy::kOnFailure;
  ASSERT_TRUE(write_file(bench.folder() + "/plan.json", encode(again), Sync::kNone));
  bench.start();
  ASSERT_TRUE(bench.wait_final());
  EXPECT_EQ(bench.record().phase, PodPhase::kSucceeded);
  EXPECT_EQ(bench.record().containers[0].restarts, 2);
  EXPECT_EQ(bench.record().containers[0].last->exit_code, 1);
}

TEST_P(Shim, A_command_that_does_not_exist_is_named) {
  PodPlan p = plan("");
  p.containers[0].argv = {"no-such-program"};
  ShimBench bench(p);
  bench.start();
  ASSERT_TRUE(bench.wait_final());
  EXPECT_EQ(bench.record().containers[0].now.reason, "StartError");
  EXPECT_EQ(bench.record().containers[0].now.message,
            "exec: \"no-such-program\": executable file not found in $PATH");
}

TEST_P(Shim, A_stop_order_ends_the_whole_process_group) {
  ShimBench bench(plan("sleep 1000 & sleep 1000 & wait"));
  bench.start();
  ASSERT_TRUE(bench.wait_running());
  ASSERT_TRUE(order_stop(bench.folder(), {5, "", ""}));
  ASSERT_TRUE(bench.wait_final());
  EXPECT_EQ(bench.record().containers[0].now.signal, SIGTERM);
  EXPECT_EQ(bench.record().containers[0].now.exit_code, 143);
}

TEST_P(Shim, What_ignores_SIGTERM_is_killed_when_the_grace_is_over) {
  ShimBench bench(plan("trap '' TERM; echo deaf; while true; do sleep 1; done"));
  bench.start();
  ASSERT_TRUE(bench.wait_log("main", "deaf"));
  ASSERT_TRUE(order_stop(bench.folder(), {0, "", ""}));
  ASSERT_TRUE(bench.wait_final());
  EXPECT_EQ(bench.record().containers[0].now.exit_code, 137);
}

TEST_P(Shim, A_process_that_fled_into_another_session_does_not_outlive_the_container) {
  const PodPlan p =
      plan("setsid sleep 1000 & setsid sh -c 'setsid sleep 1000 & sleep 1000' & exit 0");
  ShimBench bench(p);
  bench.start();
  ASSERT_TRUE(bench.wait_final());
  EXPECT_EQ(bench.record().phase, PodPhase::kSucceeded);
  EXPECT_TRUE(marked_processes(p.uid).empty());
}

TEST_P(Shim, When_the_shim_is_killed_its_containers_end_too) {
  const std::string fled = own_sleep();
  const PodPlan p = plan("setsid sleep " + fled + " & sleep 1000");
  ShimBench bench(p);
  bench.start();
  ASSERT_TRUE(eventually([&] { return processes_with_argument(fled).size() == 1; }));
  ASSERT_TRUE(send_signal(bench.process(), SIGKILL));
  EXPECT_TRUE(eventually([&] { return marked_processes(p.uid).empty(); }));
  EXPECT_TRUE(eventually([&] { return bench.gone(); }));
  EXPECT_FALSE(look_at_shim(bench.folder()).locked);
  EXPECT_FALSE(bench.record().final);  // from which the runtime knows that it died
}

TEST_P(Shim, A_process_that_hid_from_everybody_ends_with_its_Pod) {
  const std::string hidden = own_sleep();
  ShimBench bench(plan(hidden_sleep(hidden) + "sleep 1000"));
  bench.start();
  ASSERT_TRUE(eventually([&] { return processes_with_argument(hidden).size() == 1; }));
  ASSERT_TRUE(order_stop(bench.folder(), {5, "", ""}));
  ASSERT_TRUE(bench.wait_final());
  EXPECT_TRUE(processes_with_argument(hidden).empty());
}

TEST_P(Shim, A_process_that_hid_ends_when_the_shim_is_killed) {
  const std::string hidden = own_sleep();
  ShimBench bench(plan(hidden_sleep(hidden) + "sleep 1000"));
  bench.start();
  ASSERT_TRUE(eventually([&] { return processes_with_argument(hidden).size() == 1; }));
  ASSERT_TRUE(send_signal(bench.process(), SIGKILL));
  EXPECT_TRUE(eventually([&] { return processes_with_argument(hidden).empty(); }));
}

TEST_P(Shim, A_container_whose_supervisor_was_killed_starts_again_without_what_had_hidden) {
  const std::string hidden = own_sleep();
  PodPlan p = plan("");
  p.restart_policy = RestartPolicy::kOnFailure;
  ShimBench bench(p);
  // Only the first run hides something.
  const std::string runs = bench.folder() + "/runs";
  p.containers[0].argv[2] = "if ! test -f " + runs + "; then " + hidden_sleep(hidden) +
                            "fi; echo run >> " + runs + "; sleep 1000";
  ASSERT_TRUE(write_file(bench.folder() + "/plan.json", encode(p), Sync::kNone));
  const auto runs_so_far = [&runs] {
    const Result<std::string> text = read_file(runs);
    return text ? *text : std::string();
  };
  bench.start();
  ASSERT_TRUE(eventually([&] { return runs_so_far() == "run\n"; }));
  ASSERT_TRUE(eventually([&] { return processes_with_argument(hidden).size() == 1; }));
  const std::vector<pid_t> supervisors = children(bench.process().pid);
  ASSERT_EQ(supervisors.size(), 1u);
  ASSERT_EQ(::kill(supervisors[0], SIGKILL), 0);
  ASSERT_TRUE(eventually([&] { return runs_so_far() == "run\nrun\n"; }));
  EXPECT_TRUE(processes_with_argument(hidden).empty());
}

// Nobody is left above the processes then: they are found by their marks.
TEST_P(Shim, What_hid_is_found_when_shim_and_supervisor_are_killed_at_one_moment) {
  const std::string hidden = own_sleep();
  const PodPlan p = plan(hidden_sleep(hidden) + "sleep 1000");
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_RTTIME, &limit), 0);
  if (limit.rlim_max < limit_mark(p.uid)) GTEST_SKIP() << "this machine's limit is too low";
  ShimBench bench(p);
  bench.start();
  ASSERT_TRUE(eventually([&] { return processes_with_argument(hidden).size() == 1; }));
  ASSERT_TRUE(send_signal(bench.process(), SIGSTOP));
  for (const pid_t supervisor : children(bench.process().pid)) ::kill(supervisor, SIGKILL);
  ASSERT_TRUE(send_signal(bench.process(), SIGKILL));
  EXPECT_TRUE(eventually([&] { return kill_marked(p.uid); }));
  EXPECT_TRUE(processes_with_argument(hidden).empty());
}

TEST_P(Shim, One_whose_folder_is_gone_ends_its_processes_and_itself_and_makes_no_new_folder) {
  const std::string hidden = own_sleep();
  ShimBench bench(plan("trap '' TERM; " + hidden_sleep(hidden) + "while true; do sleep 1; done"));
  bench.start();
  ASSERT_TRUE(bench.wait_running());
  ASSERT_TRUE(eventually([&] { return processes_with_argument(hidden).size() == 1; }));
  remove_tree(bench.folder());
  EXPECT_TRUE(eventually([&] { return bench.gone(); }));
  EXPECT_TRUE(processes_with_argument(hidden).empty());
  EXPECT_FALSE(std::filesystem::exists(bench.folder()));
}

TEST_P(Shim, A_folder_that_was_put_in_the_place_of_its_own_is_left_alone) {
  ShimBench bench(plan("sleep 1000"));
  bench.start();
  ASSERT_TRUE(bench.wait_running());
  const std::string aside = bench.folder() + ".aside";
  std::filesystem::rename(bench.folder(), aside);
  ASSERT_TRUE(make_folders(bench.folder()));
  ASSERT_TRUE(rewrite_in_place(bench.folder() + "/lock", ""));
  EXPECT_TRUE(eventually([&] { return bench.gone(); }));
  EXPECT_FALSE(std::filesystem::exists(bench.folder() + "/state.json"));
  remove_tree(aside);
}

// As on a disk that is full when the program ends, and has room again later.
TEST_P(Shim, A_record_that_cannot_be_written_now_is_written_later_and_nothing_is_lost) {
  ShimBench bench(plan(""));
  PodPlan again = plan("until test -e " + bench.folder() + "/go; do sleep 0.05; done; exit 7");
  ASSERT_TRUE(write_file(bench.folder() + "/plan.json", encode(again), Sync::kNone));
  bench.start();
  ASSERT_TRUE(bench.wait_running());
  const std::string in_the_way = bench.folder() + "/state.json.new";
  ASSERT_TRUE(make_folders(in_the_way));
  ASSERT_TRUE(rewrite_in_place(bench.folder() + "/go", ""));
  EXPECT_TRUE(eventually([&] { return marked_processes(again.uid).empty(); }));
  EXPECT_TRUE(look_at_shim(bench.folder()).locked);
  EXPECT_FALSE(bench.record().final);
  std::filesystem::remove(in_the_way);
  ASSERT_TRUE(bench.wait_final());
  EXPECT_EQ(bench.record().containers[0].now.exit_code, 7);
  EXPECT_TRUE(eventually([&] { return bench.gone(); }));
}

TEST_P(Shim, A_folder_is_locked_as_long_as_its_shim_lives) {
  ShimBench bench(plan("sleep 1000"));
  bench.start();
  EXPECT_TRUE(look_at_shim(bench.folder()).locked);
  const Result<ProcessId> second = start_shim(shim_command(), bench.folder());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.status().code(), Code::kConflict);
  ASSERT_TRUE(order_stop(bench.folder(), {1, "", ""}));
  ASSERT_TRUE(bench.wait_final());
  EXPECT_FALSE(look_at_shim(bench.folder()).locked);
}

TEST_P(Shim, A_stop_order_left_before_the_shim_began_is_obeyed) {
  ShimBench bench(plan("sleep 1000"));
  ASSERT_TRUE(order_stop(bench.folder(), {1, "Preempted", "for a test"}));
  bench.start();
  ASSERT_TRUE(bench.wait_final());
  EXPECT_EQ(bench.record().reason, "Preempted");
}

TEST_P(Shim, A_shim_outlives_the_process_that_started_it) {
  ShimBench bench(plan("sleep 1000"));
  const pid_t parent = ::fork();
  if (parent == 0) {
    (void)start_shim(shim_command(), bench.folder());
    ::kill(::getpid(), SIGKILL);
  }
  ASSERT_TRUE(bench.wait_running());
  const ShimState state = look_at_shim(bench.folder());
  ASSERT_TRUE(state.locked && state.identity);
  EXPECT_TRUE(alive(state.identity->process));
  ASSERT_TRUE(order_stop(bench.folder(), {1, "", ""}));
  EXPECT_TRUE(eventually([&] { return bench.record().final; }));
  EXPECT_TRUE(eventually([&] { return !alive(state.identity->process); }));
}

TEST_P(Shim, An_exec_probe_makes_the_container_ready) {
  PodPlan p = plan("sleep 1000");
  ProbePlan probe;
  probe.command = {"true"};
  p.containers[0].readiness = probe;
  ShimBench bench(p);
  bench.start();
  ASSERT_TRUE(bench.wait_running());
  EXPECT_TRUE(eventually([&] { return bench.record().containers[0].ready; }));
}

TEST(ShimMounts, A_volume_appears_at_a_path_that_the_host_does_not_have) {
  PodPlan p =
      plan_with("cat /no-such-folder-here/deep/hello && touch /no-such-folder-here/deep/new");
  TempFolder volume;
  ASSERT_TRUE(rewrite_in_place(volume.path() + "/hello", "hi\n"));
  p.containers[0].mounts = {{volume.path(), "", "/no-such-folder-here/deep", false}};
  ShimBench bench(p);
  bench.start();
  ASSERT_TRUE(bench.wait_final());
  EXPECT_EQ(bench.log("main"), "stdout F hi\n");
  EXPECT_EQ(bench.record().phase, PodPhase::kSucceeded);
  EXPECT_TRUE(std::filesystem::exists(volume.path() + "/new"));
  EXPECT_FALSE(std::filesystem::exists("/no-such-folder-here"));
}

TEST(ShimMounts, A_read_only_mount_below_a_root_owned_folder_refuses_writes) {
  PodPlan p = plan_with("cat /etc/test-volume/f; touch /etc/test-volume/new; ls /etc/passwd");
  TempFolder volume;
  ASSERT_TRUE(rewrite_in_place(volume.path() + "/f", "x\n"));
  p.containers[0].mounts = {{volume.path(), "", "/etc/test-volume", true}};
  ShimBench bench(p);
  bench.start();
  ASSERT_TRUE(bench.wait_final());
  EXPECT_NE(bench.log("main").find("stdout F x\n"), std::string::npos);
  EXPECT_NE(bench.log("main").find("Read-only file system"), std::string::npos);
  EXPECT_NE(bench.log("main").find("stdout F /etc/passwd\n"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists("/etc/test-volume"));
}

TEST(ShimMounts, A_sub_path_cannot_leave_its_volume) {
  TempFolder volume;
  std::filesystem::create_symlink("/etc", volume.path() + "/out");
  PodPlan p = plan_with("ls /mnt");
  p.containers[0].mounts = {{volume.path(), "out/../../../etc", "/mnt", false}};
  ShimBench bench(p);
  bench.start();
  ASSERT_TRUE(bench.wait_final());
  EXPECT_EQ(bench.log("main").find("passwd"), std::string::npos);
}

TEST(ShimMounts, The_container_sees_its_own_host_name_hosts_and_processes) {
  PodPlan p = plan_with("cat /proc/sys/kernel/hostname; cat /etc/hosts; echo pid $$");
  ShimBench bench(p);
  bench.start();
  ASSERT_TRUE(bench.wait_final());
  EXPECT_EQ(bench.log("main"), "stdout F worker-0\nstdout F 127.0.0.1 localhost\nstdout F pid 2\n");
}

TEST(ShimMounts, Without_namespaces_a_mount_path_is_refused_with_a_clear_sentence) {
  PodPlan p = plan_with("true");
  p.namespaces = false;
  p.containers[0].mounts = {{"/tmp", "", "/data", false}};
  ShimBench bench(p);
  bench.start();
  ASSERT_TRUE(bench.wait_final());
  EXPECT_EQ(bench.record().containers[0].now.message,
            "mountPath /data cannot be had: this machine does not allow mount namespaces to this "
            "user");
}

}  // namespace
}  // namespace k8s::node::test
