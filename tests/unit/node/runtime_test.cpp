// The runtime against the embedded API server: a Pod's life, seen from the API.

#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <filesystem>

#include "libk8s/codec/json.hpp"
#include "libk8s/node/mark.hpp"
#include "tests/unit/node/runtime_bench.hpp"

namespace k8s::node::test {
namespace {

using nlohmann::json;

const json& main_status(const json& pod) {
  return object_at(pod, "status").at("containerStatuses").at(0);
}

std::string condition(const json& pod, const std::string& type) {
  for (const json& c : array_at(object_at(pod, "status"), "conditions")) {
    if (string_at(c, "type") == type) return string_at(c, "status");
  }
  return "absent";
}

std::string uid_of(const json& pod) { return string_at(object_at(pod, "metadata"), "uid"); }

TEST(Runtime, Registers_its_nodes_with_capacity_conditions_and_a_lease) {
  RuntimeBench bench;
  bench.start_runtime();
  const json node = bench.call("GET", "/api/v1/nodes/n1");
  EXPECT_EQ(node["status"]["allocatable"]["nvidia.com/gpu"], "8");
  EXPECT_EQ(node["status"]["allocatable"]["pods"], "110");
  EXPECT_EQ(node["status"]["capacity"]["cpu"], "4");
  EXPECT_EQ(node["metadata"]["labels"]["zone"], "a");
  EXPECT_EQ(condition(node, "Ready"), "True");
  EXPECT_TRUE(bench.until([&] {
    const json lease =
        bench.call("GET", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1");
    return !string_at(object_at(lease, "spec"), "renewTime").empty();
  }));
}

TEST(Runtime, A_bound_Pod_runs_and_ends_with_its_exit_code_and_log) {
  RuntimeBench bench;
  bench.start_runtime();
  bench.create(RuntimeBench::pod("p", "echo hello; exit 4"));
  ASSERT_TRUE(bench.until_phase("p", "Failed"));
  const json pod = bench.get("p");
  EXPECT_EQ(main_status(pod)["state"]["terminated"]["exitCode"], 4);
  EXPECT_EQ(main_status(pod)["state"]["terminated"]["reason"], "Error");
  EXPECT_FALSE(main_status(pod)["state"].contains("running"));
  EXPECT_EQ(condition(pod, "Ready"), "False");
  EXPECT_EQ(condition(pod, "Initialized"), "True");
  EXPECT_TRUE(string_at(pod["status"], "podIP").starts_with("127."));
  EXPECT_EQ(bench.logs("p"), "hello\n");
}

TEST(Runtime, That_limits_are_not_enforced_is_said_once) {
  RuntimeBench bench;
  bench.start_runtime();
  ::testing::internal::CaptureStderr();
  for (const char* name : {"a", "b"}) {
    json pod = RuntimeBench::pod(name, "true");
    pod["spec"]["containers"][0]["resources"] = {{"limits", {{"cpu", "1"}}}};
    bench.create(pod);
    EXPECT_TRUE(bench.until_phase(name, "Succeeded"));
  }
  const std::string said = ::testing::internal::GetCapturedStderr();
  const std::string words = "no process is held to them";
  EXPECT_NE(said.find(words), std::string::npos) << said;
  EXPECT_EQ(said.find(words), said.rfind(words)) << said;
}

TEST(Runtime, A_running_Pod_is_Ready_and_deletion_ends_its_processes_then_the_object) {
  RuntimeBench bench;
  bench.start_runtime();
  const json made = bench.create(RuntimeBench::pod("p", "sleep 1000 & sleep 1000"));
  ASSERT_TRUE(bench.until([&] { return condition(bench.get("p"), "Ready") == "True"; }));
  EXPECT_EQ(bench.phase("p"), "Running");
  EXPECT_EQ(bench.runtime().running(), 1u);
  bench.remove("p", 5);
  EXPECT_TRUE(bench.exists("p"));
  ASSERT_TRUE(bench.until([&] { return !bench.exists("p"); }));
  EXPECT_TRUE(marked_processes(uid_of(made)).empty());
  EXPECT_TRUE(bench.until(
      [&] { return !std::filesystem::exists(bench.options.data_dir + "/pods/" + uid_of(made)); }));
}

TEST(Runtime, A_forced_deletion_ends_the_processes_too) {
  RuntimeBench bench;
  bench.start_runtime();
  const json made =
      bench.create(RuntimeBench::pod("p", "trap '' TERM; while true; do sleep 1; done"));
  ASSERT_TRUE(bench.until_phase("p", "Running"));
  bench.remove("p", 0);
  EXPECT_FALSE(bench.exists("p"));
  EXPECT_TRUE(bench.until_seen([&] { return marked_processes(uid_of(made)).empty(); }));
}

TEST(Runtime, After_a_restart_of_the_runtime_a_running_Pod_is_adopted) {
  RuntimeBench bench;
  bench.start_runtime();
  const json made =
      bench.create(RuntimeBench::pod("p", "echo once; while ! test -f go; do sleep 0.05; done"));
  ASSERT_TRUE(bench.until_phase("p", "Running"));
  bench.drop_runtime();
  bench.start_runtime();
  EXPECT_EQ(bench.runtime().running(), 1u);
  EXPECT_EQ(main_status(bench.get("p"))["restartCount"], 0);
  const std::string work = bench.options.data_dir + "/pods/" + uid_of(made) + "/work";
  ASSERT_TRUE(rewrite_in_place(work + "/go", ""));
  ASSERT_TRUE(bench.until_phase("p", "Succeeded"));
  EXPECT_EQ(bench.logs("p"), "once\n");
}

TEST(Runtime, A_Pod_that_ended_while_no_runtime_ran_is_reported_afterwards) {
  RuntimeBench bench;
  bench.start_runtime();
  const json made =
      bench.create(RuntimeBench::pod("p", "while ! test -f go; do sleep 0.05; done; exit 9"));
  ASSERT_TRUE(bench.until_phase("p", "Running"));
  bench.drop_runtime();
  const std::string folder = bench.options.data_dir + "/pods/" + uid_of(made);
  ASSERT_TRUE(rewrite_in_place(folder + "/work/go", ""));
  ASSERT_TRUE(eventually([&] { return !look_at_shim(folder).locked; }));
  EXPECT_EQ(bench.phase("p"), "Running");
  bench.start_runtime();
  ASSERT_TRUE(bench.until_phase("p", "Failed"));
  EXPECT_EQ(main_status(bench.get("p"))["state"]["terminated"]["exitCode"], 9);
}

TEST(Runtime, A_Pod_deleted_while_no_runtime_ran_is_stopped_at_adoption) {
  RuntimeBench bench;
  bench.start_runtime();
  const json kept = bench.create(RuntimeBench::pod("graceful", "sleep 1000"));
  const json gone = bench.create(RuntimeBench::pod("forced", "sleep 1000"));
  ASSERT_TRUE(bench.until_phase("graceful", "Running"));
  ASSERT_TRUE(bench.until_phase("forced", "Running"));
  bench.drop_runtime();
  bench.remove("graceful", 30);
  bench.remove("forced", 0);
  bench.start_runtime();
  ASSERT_TRUE(bench.until([&] { return !bench.exists("graceful"); }));
  EXPECT_TRUE(bench.until_seen([&] {
    return marked_processes(uid_of(kept)).empty() && marked_processes(uid_of(gone)).empty();
  }));
}

TEST(Runtime, A_Pod_whose_shim_was_killed_fails_with_a_reason_and_is_not_started_again) {
  RuntimeBench bench;
  bench.start_runtime();
  const json made = bench.create(RuntimeBench::pod("p", "echo run >> ../runs; sleep 1000"));
  ASSERT_TRUE(bench.until_phase("p", "Running"));
  const std::string folder = bench.options.data_dir + "/pods/" + uid_of(made);
  // Running means that the shell was started, not that it has come anywhere.
  const auto runs = [&folder] {
    const Result<std::string> text = read_file(folder + "/runs");
    return text ? *text : std::string();
  };
  ASSERT_TRUE(bench.until_seen([&] { return runs() == "run\n"; }));
  ASSERT_TRUE(send_signal(look_at_shim(folder).identity->process, SIGKILL));
  ASSERT_TRUE(bench.until_phase("p", "Failed"));
  EXPECT_EQ(bench.get("p")["status"]["reason"], "ShimLost");
  EXPECT_TRUE(marked_processes(uid_of(made)).empty());
  bench.drop_runtime();
  bench.start_runtime();
  EXPECT_EQ(bench.phase("p"), "Failed");
  EXPECT_EQ(runs(), "run\n");
}

TEST(Runtime, A_process_that_hid_from_everybody_is_gone_when_its_Pod_is_deleted) {
  for (const bool namespaces : {true, false}) {
    RuntimeBench bench;
    bench.options.namespaces = namespaces;
    bench.start_runtime();
    const std::string hidden = own_sleep();
    bench.create(RuntimeBench::pod("p", hidden_sleep(hidden) + "sleep 1000"));
    ASSERT_TRUE(bench.until_seen([&] { return processes_with_argument(hidden).size() == 1; }));
    bench.remove("p", 5);
    ASSERT_TRUE(bench.until([&] { return !bench.exists("p"); }));
    EXPECT_TRUE(processes_with_argument(hidden).empty());
  }
}

TEST(Runtime, A_Pod_whose_folder_was_removed_fails_with_a_reason_and_leaves_no_process) {
  RuntimeBench bench;
  bench.start_runtime();
  const json made = bench.create(RuntimeBench::pod("p", "sleep 1000"));
  ASSERT_TRUE(bench.until_phase("p", "Running"));
  remove_tree(bench.options.data_dir + "/pods/" + uid_of(made));
  ASSERT_TRUE(bench.until_phase("p", "Failed"));
  const json status = bench.get("p")["status"];
  EXPECT_EQ(status["reason"], "ShimLost");
  EXPECT_NE(status["message"].get<std::string>().find("folder was removed"), std::string::npos);
  EXPECT_TRUE(marked_processes(uid_of(made)).empty());
}

TEST(Runtime, Only_one_runtime_can_use_a_data_folder) {
  RuntimeBench bench;
  bench.start_runtime();
  CurlLoop loop;
  const auto second = NodeRuntime::create(loop, bench.transport(), bench.options);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.status().code(), Code::kConflict);
}

TEST(Runtime, A_Pod_that_does_not_fit_fails_with_OutOf_and_the_numbers) {
  RuntimeBench bench;
  bench.start_runtime();
  json big = RuntimeBench::pod("big", "true");
  big["spec"]["containers"][0]["resources"]["requests"] = {{"cpu", "5"}};
  bench.create(big);
  ASSERT_TRUE(bench.until_phase("big", "Failed"));
  EXPECT_EQ(bench.get("big")["status"]["reason"], "OutOfcpu");
  EXPECT_NE(bench.get("big")["status"]["message"].get<std::string>().find(
                "requested: 5000, used: 0, capacity: 4000"),
            std::string::npos);
}

TEST(Runtime, A_container_without_a_command_fails_with_a_sentence_that_says_so) {
  RuntimeBench bench;
  bench.start_runtime();
  json pod = RuntimeBench::pod("p", "");
  pod["spec"]["containers"][0].erase("command");
  bench.create(pod);
  ASSERT_TRUE(bench.until_phase("p", "Failed"));
  EXPECT_TRUE(bench.until([&] { return bench.has_event("p", "UnsupportedByNode"); }));
  EXPECT_EQ(bench.get("p")["status"]["message"],
            "image \"any\" names no command here, as images are not pulled; give container "
            "\"main\" a command");
}

TEST(Runtime, A_missing_ConfigMap_holds_the_Pod_until_it_is_there) {
  RuntimeBench bench;
  bench.start_runtime();
  json pod = RuntimeBench::pod("p", "echo $GREETING from $(cat /etc/conf/name)");
  json& main = pod["spec"]["containers"][0];
  main["env"] =
      json::array({{{"name", "GREETING"},
                    {"valueFrom", {{"configMapKeyRef", {{"name", "c"}, {"key", "greeting"}}}}}}});
  main["volumeMounts"] = json::array({{{"name", "v"}, {"mountPath", "/etc/conf"}}});
  pod["spec"]["volumes"] = json::array({{{"name", "v"}, {"configMap", {{"name", "c"}}}}});
  bench.create(pod);
  ASSERT_TRUE(bench.until([&] {
    const json status = object_at(bench.get("p"), "status");
    return status.contains("containerStatuses") &&
           status["containerStatuses"][0]["state"]["waiting"]["message"] ==
               "volume \"v\": configmap \"c\" not found";
  })) << bench.get("p").dump(1);
  bench.create({{"apiVersion", "v1"},
                {"kind", "ConfigMap"},
                {"metadata", {{"name", "c"}, {"namespace", "default"}}},
                {"data", {{"greeting", "hello"}, {"name", "config"}}}});
  ASSERT_TRUE(bench.until_phase("p", "Succeeded"));
  EXPECT_EQ(bench.logs("p"), "hello from config\n");
}

TEST(Runtime, Pods_of_a_headless_Service_find_each_other_by_name) {
  RuntimeBench bench;
  bench.start_runtime();
  bench.create({{"apiVersion", "v1"},
                {"kind", "Service"},
                {"metadata", {{"name", "gang"}, {"namespace", "default"}}},
                {"spec", {{"clusterIP", "None"}, {"selector", {{"job", "gang"}}}}}});
  json first = RuntimeBench::pod(
      "r0", "until getent hosts w-1.gang.default.svc.cluster.local; do sleep 0.05; done");
  json second = RuntimeBench::pod("r1", "sleep 1000");
  first["metadata"]["labels"] = second["metadata"]["labels"] = {{"job", "gang"}};
  first["spec"]["subdomain"] = second["spec"]["subdomain"] = "gang";
  first["spec"]["hostname"] = "w-0";
  second["spec"]["hostname"] = "w-1";
  bench.create(first);
  ASSERT_TRUE(bench.until_phase("r0", "Running"));
  bench.create(second);  // after the first began to look
  ASSERT_TRUE(bench.until_phase("r0", "Succeeded"));
  ASSERT_TRUE(bench.until_phase("r1", "Running"));
  const std::string address = bench.get("r1")["status"]["podIP"];
  EXPECT_TRUE(bench.logs("r0").starts_with(address)) << bench.logs("r0");
}

TEST(Runtime, Two_Pods_never_get_the_same_device) {
  RuntimeBench bench;
  bench.options.nodes[0].devices["nvidia.com/gpu"] = {"GPU-a", "GPU-b"};
  bench.start_runtime();
  for (const char* name : {"p", "q", "late"}) {
    json pod = RuntimeBench::pod(name, "echo $CUDA_VISIBLE_DEVICES; sleep 1000");
    pod["spec"]["containers"][0]["resources"]["limits"] = {{"nvidia.com/gpu", "1"}};
    pod["spec"]["containers"][0]["resources"]["requests"] = {{"nvidia.com/gpu", "1"}};
    bench.create(pod);
    if (std::string(name) != "late") {
      ASSERT_TRUE(bench.until_phase(name, "Running"));
    }
  }
  ASSERT_TRUE(bench.until_phase("late", "Failed"));
  EXPECT_EQ(bench.get("late")["status"]["reason"], "OutOfnvidia.com/gpu");
  ASSERT_TRUE(bench.until_seen([&] { return bench.logs("q") == "GPU-b\n"; }));
  ASSERT_TRUE(bench.until_seen([&] { return bench.logs("p") == "GPU-a\n"; }));
  // A restart of the runtime forgets no device.
  bench.drop_runtime();
  bench.start_runtime();
  bench.remove("p", 1);
  ASSERT_TRUE(bench.until([&] { return !bench.exists("p"); }));
  json pod = RuntimeBench::pod("next", "echo $CUDA_VISIBLE_DEVICES");
  pod["spec"]["containers"][0]["resources"]["requests"] = {{"nvidia.com/gpu", "1"}};
  pod["spec"]["containers"][0]["resources"]["limits"] = {{"nvidia.com/gpu", "1"}};
  bench.create(pod);
  ASSERT_TRUE(bench.until_phase("next", "Succeeded"));
  EXPECT_EQ(bench.logs("next"), "GPU-a\n");
}

TEST(Runtime, Pods_that_name_the_same_shared_device_have_one_together_until_the_last_has_gone) {
  RuntimeBench bench;
  bench.options.shared_device_annotation = "x/shared";
  bench.options.nodes[0].devices["nvidia.com/gpu"] = {"GPU-a"};
  bench.start_runtime();
  const auto sharer = [&](const char* name) {
    json pod = RuntimeBench::pod(name, "echo $CUDA_VISIBLE_DEVICES; sleep 1000");
    pod["metadata"]["annotations"] = {{"x/shared", "nvidia.com/gpu#3"}};
    bench.create(pod);
    ASSERT_TRUE(bench.until_phase(name, "Running"));
    ASSERT_TRUE(bench.until_seen([&] { return bench.logs(name) == "GPU-a\n"; }));
  };
  const auto asks_for_a_whole_one = [&](const char* name, const char* phase) {
    json pod = RuntimeBench::pod(name, "echo $CUDA_VISIBLE_DEVICES");
    pod["spec"]["containers"][0]["resources"]["requests"] = {{"nvidia.com/gpu", "1"}};
    pod["spec"]["containers"][0]["resources"]["limits"] = {{"nvidia.com/gpu", "1"}};
    bench.create(pod);
    return bench.until_phase(name, phase);
  };
  sharer("p");
  sharer("q");
  ASSERT_TRUE(asks_for_a_whole_one("early", "Failed"));
  EXPECT_EQ(bench.get("early")["status"]["reason"], "OutOfnvidia.com/gpu");
  // A restart of the runtime forgets no device, nor who shares it.
  bench.drop_runtime();
  bench.start_runtime();
  bench.remove("p", 1);
  ASSERT_TRUE(bench.until([&] { return !bench.exists("p"); }));
  ASSERT_TRUE(asks_for_a_whole_one("soon", "Failed"));
  sharer("r");
  for (const char* name : {"q", "r"}) {
    bench.remove(name, 1);
    ASSERT_TRUE(bench.until([&] { return !bench.exists(name); }));
  }
  ASSERT_TRUE(asks_for_a_whole_one("late", "Succeeded"));
  EXPECT_EQ(bench.logs("late"), "GPU-a\n");
}

TEST(Runtime, A_shared_device_that_is_misspelt_is_refused_in_one_sentence) {
  RuntimeBench bench;
  bench.options.shared_device_annotation = "x/shared";
  bench.start_runtime();
  json pod = RuntimeBench::pod("p", "true");
  pod["metadata"]["annotations"] = {{"x/shared", "the second"}};
  bench.create(pod);
  ASSERT_TRUE(bench.until_phase("p", "Failed"));
  EXPECT_EQ(bench.get("p")["status"]["message"],
            "annotation x/shared: \"the second\" is not allowed; a resource and a number, such as "
            "nvidia.com/gpu#0");
}

TEST(Runtime, A_server_that_is_away_learns_the_newest_state_when_it_is_back) {
  RuntimeBench bench;
  bench.start_runtime();
  const json made = bench.create(RuntimeBench::pod("p", "while ! test -f go; do sleep 0.05; done"));
  ASSERT_TRUE(bench.until_phase("p", "Running"));
  bench.transport().cut(true);
  const std::string folder = bench.options.data_dir + "/pods/" + uid_of(made);
  ASSERT_TRUE(rewrite_in_place(folder + "/work/go", ""));
  ASSERT_TRUE(bench.until([&] { return bench.runtime().running() == 0; }));
  EXPECT_EQ(bench.phase("p"), "Running");
  bench.transport().cut(false);
  EXPECT_TRUE(bench.until_phase("p", "Succeeded"));
}

TEST(Runtime, A_restarted_container_shows_its_last_state_and_its_previous_log) {
  RuntimeBench bench;
  bench.start_runtime();
  json pod = RuntimeBench::pod("p", "echo run; test -f ../ran && sleep 1000; touch ../ran; exit 7");
  pod["spec"]["restartPolicy"] = "Always";
  bench.create(pod);
  ASSERT_TRUE(bench.until([&] {
    const json status = object_at(bench.get("p"), "status");
    return status.contains("containerStatuses") &&
           status["containerStatuses"][0]["restartCount"] == 1 &&
           status["containerStatuses"][0]["ready"] == true;
  }));
  EXPECT_EQ(main_status(bench.get("p"))["lastState"]["terminated"]["exitCode"], 7);
  apiserver::LogRequest previous;
  previous.previous = true;
  EXPECT_EQ(bench.logs("p", previous), "run\n");
}

TEST(Runtime, A_followed_log_comes_as_it_is_written_and_ends_with_the_container) {
  RuntimeBench bench;
  bench.start_runtime();
  const json made = bench.create(
      RuntimeBench::pod("p", "echo one; until test -f go; do sleep 0.02; done; echo two"));
  ASSERT_TRUE(bench.until_phase("p", "Running"));
  apiserver::LogRequest request;
  request.ns = "default";
  request.pod = "p";
  request.pod_uid = uid_of(made);
  request.follow = true;
  Result<std::shared_ptr<apiserver::Stream>> stream = bench.log_source().open(request);
  ASSERT_TRUE(stream);
  std::atomic<int> woken = 1;
  (*stream)->on_ready([&woken] { ++woken; });
  std::string text;
  // Takes only when it was woken, as a server does.
  const auto take = [&] {
    if (woken.exchange(0) > 0) text += (*stream)->take();
  };
  ASSERT_TRUE(eventually([&] { return take(), text == "one\n"; })) << text;
  EXPECT_FALSE((*stream)->ended());
  ASSERT_TRUE(rewrite_in_place(bench.options.data_dir + "/pods/" + uid_of(made) + "/work/go", ""));
  ASSERT_TRUE(eventually([&] { return take(), (*stream)->ended(); })) << text;
  EXPECT_EQ(text, "one\ntwo\n");
}

TEST(Runtime, Logs_of_what_is_not_there_are_refused_with_a_reason) {
  RuntimeBench bench;
  bench.start_runtime();
  bench.create(RuntimeBench::pod("p", "true"));
  ASSERT_TRUE(bench.until_phase("p", "Succeeded"));
  apiserver::LogRequest request;
  request.previous = true;
  EXPECT_EQ(bench.logs("p", request),
            "error: previous terminated container \"main\" in pod \"p\" not found");
  request.previous = false;
  request.container = "../../x";
  EXPECT_TRUE(bench.logs("p", request).starts_with("error: container \"../../x\" is not valid"));
}

TEST(Runtime, An_image_that_no_rule_maps_runs_on_the_host_with_one_warning) {
  RuntimeBench bench;
  bench.start_runtime();
  bench.create(RuntimeBench::pod("p", "true"));
  bench.create(RuntimeBench::pod("q", "true"));
  ASSERT_TRUE(bench.until_phase("p", "Succeeded"));
  ASSERT_TRUE(bench.until_phase("q", "Succeeded"));
  EXPECT_TRUE(bench.until([&] {
    return bench.has_event("p", "ImageNotPulled") || bench.has_event("q", "ImageNotPulled");
  }));
  EXPECT_FALSE(bench.has_event("p", "ImageNotPulled") && bench.has_event("q", "ImageNotPulled"));
}

// A runtime is dropped at any moment of a Pod's life, again and again.
TEST(Runtime, However_often_it_is_restarted_each_Pod_is_started_once) {
  RuntimeBench bench;
  bench.start_runtime();
  constexpr int kPods = 12;
  for (int i = 0; i < kPods; ++i) {
    const std::string name = "p" + std::to_string(i);
    json pod =
        RuntimeBench::pod(name, "echo run >> " + bench.folder() + "/" + name + "; sleep 0.1");
    bench.create(pod);
    bench.run_for(std::chrono::milliseconds(4 * i));
    bench.drop_runtime();
    bench.start_runtime();
  }
  for (int i = 0; i < kPods; ++i) {
    const std::string name = "p" + std::to_string(i);
    ASSERT_TRUE(bench.until_phase(name, "Succeeded"));
    EXPECT_EQ(*read_file(bench.folder() + "/" + name), "run\n") << name;
  }
}

TEST(Runtime, stop_all_ends_every_Pod_and_says_why) {
  RuntimeBench bench;
  bench.start_runtime();
  bench.create(RuntimeBench::pod("p", "sleep 1000"));
  ASSERT_TRUE(bench.until_phase("p", "Running"));
  bool stopped = false;
  bench.runtime().stop_all(std::chrono::seconds(1), [&stopped] { stopped = true; });
  ASSERT_TRUE(bench.until([&stopped] { return stopped; }));
  ASSERT_TRUE(bench.until_phase("p", "Failed"));
  EXPECT_EQ(bench.get("p")["status"]["reason"], "Terminated");
}

TEST(Runtime, A_Node_that_somebody_deleted_is_made_again) {
  RuntimeBench bench;
  bench.options.status_period = std::chrono::milliseconds(50);
  bench.start_runtime();
  bench.call("DELETE", "/api/v1/nodes/n1");
  EXPECT_TRUE(bench.until(
      [&] { return condition(bench.call("GET", "/api/v1/nodes/n1"), "Ready") == "True"; }));
}

}  // namespace
}  // namespace k8s::node::test
