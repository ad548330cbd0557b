#include "tests/unit/node/shim_bench.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <sstream>

#include "libk8s/node/log_writer.hpp"
#include "libk8s/node/mark.hpp"

namespace k8s::node::test {

TempFolder::TempFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "node-test-XXXXXX").string();
  path_ = ::mkdtemp(name.data());
}

TempFolder::~TempFolder() { remove_tree(path_); }

std::vector<std::string> shim_command() {
  return {std::filesystem::read_symlink("/proc/self/exe").string(), "pod-shim"};
}

bool eventually(const std::function<bool()>& done, int seconds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    ::poll(nullptr, 0, 5);
  }
  return true;
}

std::string own_sleep() {
  static int count = 0;
  return "1000." + std::to_string(::getpid()) + std::to_string(++count);
}

std::vector<pid_t> processes_with_argument(const std::string& argument) {
  std::vector<pid_t> found;
  for (const pid_t pid : all_processes()) {
    const Result<std::string> words = read_file("/proc/" + std::to_string(pid) + "/cmdline");
    if (words && words->find('\0' + argument + '\0') != std::string::npos) found.push_back(pid);
  }
  return found;
}

std::string hidden_sleep(const std::string& time) {
  return "env -i setsid /bin/sh -c '/bin/sleep " + time + " & exit 0' & ";
}

ContainerPlan container(const std::string& name, const std::string& script, ContainerKind kind) {
  ContainerPlan plan;
  plan.name = name;
  plan.kind = kind;
  plan.argv = {"sh", "-c", script};
  plan.env = {"PATH=/usr/bin:/bin"};
  plan.cwd = "/";
  return plan;
}

PodPlan plan_with(const std::string& script) {
  static int count = 0;
  PodPlan plan;
  plan.uid = "uid-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
  plan.ns = "default";
  plan.name = plan.hostname = "worker-0";
  plan.address = "127.64.0.1";
  plan.restart_policy = RestartPolicy::kNever;
  plan.containers = {container("main", script)};
  plan.grace_s = 5;
  plan.backoff_first = plan.backoff_max = std::chrono::milliseconds(10);
  return plan;
}

ShimBench::ShimBench(PodPlan plan) : plan_(std::move(plan)) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  plan_.started_at = WallTime{std::chrono::nanoseconds(now).count()};
  EXPECT_TRUE(write_file(folder() + "/plan.json", encode(plan_), Sync::kNone));
  EXPECT_TRUE(rewrite_in_place(folder() + "/hosts", "127.0.0.1 localhost\n"));
}

ShimBench::~ShimBench() {
  if (process_.pid > 0 && !gone()) {
    (void)send_signal(process_, SIGKILL);
    EXPECT_TRUE(eventually([this] { return gone(); }));
  }
  EXPECT_TRUE(eventually([this] { return kill_marked(plan_.uid); }));
}

void ShimBench::start() {
  Result<ProcessId> process = start_shim(shim_command(), folder());
  ASSERT_TRUE(process) << process.status().to_string();
  process_ = *process;
}

PodRecord ShimBench::record() const { return look_at_shim(folder()).record.value_or(PodRecord{}); }

bool ShimBench::wait_final() const {
  return eventually([this] { return record().final; }) && eventually([this] { return gone(); });
}

bool ShimBench::wait_running(std::size_t index) const {
  return eventually([this, index] {
    const PodRecord now = record();
    return now.containers.size() > index &&
           now.containers[index].now.state == ContainerStatus::State::kRunning;
  });
}

bool ShimBench::wait_log(const std::string& name, const std::string& text) const {
  return eventually([&] { return log(name).find(text) != std::string::npos; });
}

bool ShimBench::gone() const {
  (void)::waitpid(process_.pid, nullptr, WNOHANG);
  return !alive(process_);
}

std::string ShimBench::log(const std::string& name, int attempt) const {
  std::string out;
  for (int segment = 0;; ++segment) {
    const std::string file = folder() + "/logs/" + name + "/" + log_file_name(attempt, segment);
    const Result<std::string> text = read_file(file);
    if (!text) return out;
    std::istringstream lines(*text);
    for (std::string line; std::getline(lines, line);)
      out += line.substr(line.find(' ') + 1) + "\n";
  }
}

}  // namespace k8s::node::test
