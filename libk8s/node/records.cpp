#include "libk8s/node/records.hpp"

#include <array>
#include <nlohmann/json.hpp>

#include "libk8s/codec/json.hpp"
#include "libk8s/codec/rfc3339.hpp"

namespace k8s::node {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 3> kPolicies = {"Always", "OnFailure", "Never"};
constexpr std::array<std::string_view, 3> kKinds = {"init", "sidecar", "main"};
constexpr std::array<std::string_view, 3> kProbes = {"exec", "http", "tcp"};
constexpr std::array<std::string_view, 3> kStates = {"waiting", "running", "terminated"};
constexpr std::array<std::string_view, 2> kIsolations = {"none", "namespaces"};
constexpr std::array<std::string_view, 5> kPhases = {"Pending", "Running", "Succeeded", "Failed",
                                                     "Unknown"};

template <class E, std::size_t N>
std::string word(const std::array<std::string_view, N>& words, E value) {
  return std::string(words.at(static_cast<std::size_t>(value)));
}

// The enumerator that `text` names, or the first.
template <class E, std::size_t N>
E from_word(const std::array<std::string_view, N>& words, std::string_view text) {
  for (std::size_t i = 0; i < N; ++i) {
    if (words[i] == text) return static_cast<E>(i);
  }
  return E{};
}

int small_int(const json& from, std::string_view key, int fallback = 0) {
  return static_cast<int>(int_at(from, key, fallback));
}

std::vector<std::string> strings_at(const json& from, std::string_view key) {
  std::vector<std::string> out;
  for (const json& item : array_at(from, key)) {
    if (item.is_string()) out.push_back(item.get<std::string>());
  }
  return out;
}

void put_time(json& to, const char* key, const std::optional<WallTime>& time) {
  if (time) to[key] = time->ns;
}

std::optional<WallTime> time_at(const json& from, std::string_view key) {
  if (!has(from, key)) return std::nullopt;
  return WallTime{int_at(from, key)};
}

json to_json(const Mount& mount) {
  return {{"source", mount.source},
          {"subPath", mount.sub_path},
          {"target", mount.target},
          {"readOnly", mount.read_only}};
}

Mount mount_from(const json& j) {
  return {string_at(j, "source"), string_at(j, "subPath"), string_at(j, "target"),
          bool_at(j, "readOnly")};
}

json to_json(const ProbePlan& probe) {
  return {{"kind", word(kProbes, probe.kind)},
          {"command", probe.command},
          {"host", probe.host},
          {"port", probe.port},
          {"path", probe.path},
          {"headers", probe.headers},
          {"initialDelay", probe.initial_delay_s},
          {"period", probe.period_s},
          {"timeout", probe.timeout_s},
          {"successes", probe.success_threshold},
          {"failures", probe.failure_threshold}};
}

std::optional<ProbePlan> probe_at(const json& from, std::string_view key) {
  if (!has(from, key)) return std::nullopt;
  const json& j = object_at(from, key);
  ProbePlan probe;
  probe.kind = from_word<ProbePlan::Kind>(kProbes, string_at(j, "kind"));
  probe.command = strings_at(j, "command");
  probe.host = string_at(j, "host");
  probe.port = small_int(j, "port");
  probe.path = string_at(j, "path");
  for (const json& header : array_at(j, "headers")) {
    if (!header.is_array() || header.size() != 2 || !header[0].is_string()) continue;
    if (header[1].is_string()) {
      probe.headers.emplace_back(header[0].get<std::string>(), header[1].get<std::string>());
    }
  }
  probe.initial_delay_s = small_int(j, "initialDelay");
  probe.period_s = small_int(j, "period", 10);
  probe.timeout_s = small_int(j, "timeout", 1);
  probe.success_threshold = small_int(j, "successes", 1);
  probe.failure_threshold = small_int(j, "failures", 3);
  return probe;
}

json to_json(const ContainerPlan& container) {
  json mounts = json::array();
  for (const Mount& mount : container.mounts) mounts.push_back(to_json(mount));
  json j = {{"name", container.name}, {"kind", word(kKinds, container.kind)},
            {"argv", container.argv}, {"env", container.env},
            {"cwd", container.cwd},   {"mounts", std::move(mounts)}};
  if (container.run_as_user) j["runAsUser"] = *container.run_as_user;
  if (container.run_as_group) j["runAsGroup"] = *container.run_as_group;
  if (container.startup) j["startup"] = to_json(*container.startup);
  if (container.readiness) j["readiness"] = to_json(*container.readiness);
  if (container.liveness) j["liveness"] = to_json(*container.liveness);
  return j;
}

std::optional<std::uint32_t> id_at(const json& from, std::string_view key) {
  if (!has(from, key)) return std::nullopt;
  return static_cast<std::uint32_t>(int_at(from, key));
}

ContainerPlan container_from(const json& j) {
  ContainerPlan container;
  container.name = string_at(j, "name");
  container.kind = from_word<ContainerKind>(kKinds, string_at(j, "kind"));
  container.argv = strings_at(j, "argv");
  container.env = strings_at(j, "env");
  container.cwd = string_at(j, "cwd");
  for (const json& mount : array_at(j, "mounts")) container.mounts.push_back(mount_from(mount));
  container.run_as_user = id_at(j, "runAsUser");
  container.run_as_group = id_at(j, "runAsGroup");
  container.startup = probe_at(j, "startup");
  container.readiness = probe_at(j, "readiness");
  container.liveness = probe_at(j, "liveness");
  return container;
}

json to_json(const RunState& run) {
  json j = {{"state", word(kStates, run.state)}, {"attempt", run.attempt}};
  if (!run.reason.empty()) j["reason"] = run.reason;
  if (!run.message.empty()) j["message"] = run.message;
  put_time(j, "started", run.started);
  put_time(j, "finished", run.finished);
  if (run.state == ContainerStatus::State::kTerminated) {
    j["exitCode"] = run.exit_code;
    j["signal"] = run.signal;
  }
  return j;
}

RunState run_from(const json& j) {
  RunState run;
  run.state = from_word<ContainerStatus::State>(kStates, string_at(j, "state"));
  run.attempt = small_int(j, "attempt");
  run.reason = string_at(j, "reason");
  run.message = string_at(j, "message");
  run.started = time_at(j, "started");
  run.finished = time_at(j, "finished");
  run.exit_code = small_int(j, "exitCode");
  run.signal = small_int(j, "signal");
  return run;
}

json to_json(const ContainerRecord& container) {
  json j = {{"name", container.name},        {"kind", word(kKinds, container.kind)},
            {"now", to_json(container.now)}, {"restarts", container.restarts},
            {"started", container.started},  {"ready", container.ready}};
  if (container.last) j["last"] = to_json(*container.last);
  return j;
}

ContainerRecord container_record_from(const json& j) {
  ContainerRecord container;
  container.name = string_at(j, "name");
  container.kind = from_word<ContainerKind>(kKinds, string_at(j, "kind"));
  container.now = run_from(object_at(j, "now"));
  if (has(j, "last")) container.last = run_from(object_at(j, "last"));
  container.restarts = small_int(j, "restarts");
  container.started = bool_at(j, "started");
  container.ready = bool_at(j, "ready");
  return container;
}

// One object, or why not; `what` names the file.
Result<json> parse(std::string_view text, const char* what) {
  Result<json> parsed = parse_json(text);
  if (!parsed)
    return Status(Code::kMalformed, std::string(what) + ": " + parsed.status().message());
  if (!parsed->is_object()) return Status(Code::kMalformed, std::string(what) + " is no object");
  return parsed;
}

Status check(const PodPlan& plan) {
  if (plan.uid.empty()) return {Code::kMalformed, "plan.json: no uid"};
  if (plan.containers.empty()) return {Code::kMalformed, "plan.json: no containers"};
  for (const ContainerPlan& container : plan.containers) {
    if (container.name.empty() || container.argv.empty()) {
      return {Code::kMalformed, "plan.json: a container without name or command"};
    }
  }
  return Status::ok();
}

}  // namespace

std::string_view phase_name(PodPhase phase) { return kPhases.at(static_cast<std::size_t>(phase)); }

std::string encode(const PodPlan& plan) {
  json containers = json::array();
  for (const ContainerPlan& container : plan.containers) containers.push_back(to_json(container));
  json j = {{"uid", plan.uid},
            {"namespace", plan.ns},
            {"name", plan.name},
            {"node", plan.node},
            {"hostname", plan.hostname},
            {"address", plan.address},
            {"restartPolicy", word(kPolicies, plan.restart_policy)},
            {"containers", std::move(containers)},
            {"graceSeconds", plan.grace_s},
            {"startedAt", plan.started_at.ns},
            {"devices", plan.devices},
            {"requests", plan.requests},
            {"backoffFirst", plan.backoff_first.count()},
            {"backoffMax", plan.backoff_max.count()},
            {"logFileBytes", plan.log_file_bytes},
            {"logFiles", plan.log_files},
            {"namespaces", plan.namespaces}};
  if (!plan.shared_name.empty())
    j["sharedDevice"] = {{"name", plan.shared_name}, {"device", plan.shared_device}};
  if (plan.active_deadline_s) j["activeDeadlineSeconds"] = *plan.active_deadline_s;
  return json_text(j);
}

Result<PodPlan> decode_plan(std::string_view text) {
  const Result<json> j = parse(text, "plan.json");
  if (!j) return j.status();
  PodPlan plan;
  plan.uid = string_at(*j, "uid");
  plan.ns = string_at(*j, "namespace");
  plan.name = string_at(*j, "name");
  plan.node = string_at(*j, "node");
  plan.hostname = string_at(*j, "hostname");
  plan.address = string_at(*j, "address");
  plan.restart_policy = from_word<RestartPolicy>(kPolicies, string_at(*j, "restartPolicy"));
  for (const json& item : array_at(*j, "containers"))
    plan.containers.push_back(container_from(item));
  plan.grace_s = int_at(*j, "graceSeconds", 30);
  plan.started_at = WallTime{int_at(*j, "startedAt")};
  for (const auto& [resource, _] : object_at(*j, "devices").items()) {
    plan.devices[resource] = strings_at(object_at(*j, "devices"), resource);
  }
  plan.shared_name = string_at(object_at(*j, "sharedDevice"), "name");
  plan.shared_device = string_at(object_at(*j, "sharedDevice"), "device");
  for (const auto& [resource, _] : object_at(*j, "requests").items()) {
    plan.requests[resource] = int_at(object_at(*j, "requests"), resource);
  }
  plan.backoff_first = Duration(int_at(*j, "backoffFirst", plan.backoff_first.count()));
  plan.backoff_max = Duration(int_at(*j, "backoffMax", plan.backoff_max.count()));
  plan.log_file_bytes = int_at(*j, "logFileBytes", plan.log_file_bytes);
  plan.log_files = small_int(*j, "logFiles", plan.log_files);
  plan.namespaces = bool_at(*j, "namespaces", true);
  if (has(*j, "activeDeadlineSeconds"))
    plan.active_deadline_s = int_at(*j, "activeDeadlineSeconds");
  if (Status bad = check(plan); !bad) return bad;
  return plan;
}

std::string encode(const ShimIdentity& shim) {
  return json_text({{"pid", shim.process.pid},
                    {"startTicks", shim.process.start_ticks},
                    {"boot", shim.boot},
                    {"isolation", word(kIsolations, shim.isolation)}});
}

Result<ShimIdentity> decode_shim(std::string_view text) {
  const Result<json> j = parse(text, "shim.json");
  if (!j) return j.status();
  ShimIdentity shim;
  shim.process.pid = static_cast<pid_t>(int_at(*j, "pid"));
  shim.process.start_ticks = static_cast<std::uint64_t>(int_at(*j, "startTicks"));
  shim.boot = string_at(*j, "boot");
  shim.isolation = from_word<Isolation>(kIsolations, string_at(*j, "isolation"));
  if (shim.process.pid <= 0) return Status(Code::kMalformed, "shim.json: no pid");
  return shim;
}

std::string encode(const PodRecord& record) {
  json containers = json::array();
  for (const ContainerRecord& item : record.containers) containers.push_back(to_json(item));
  return json_text({{"phase", phase_name(record.phase)},
                    {"reason", record.reason},
                    {"message", record.message},
                    {"initialized", record.initialized},
                    {"final", record.final},
                    {"containers", std::move(containers)}});
}

Result<PodRecord> decode_record(std::string_view text) {
  const Result<json> j = parse(text, "state.json");
  if (!j) return j.status();
  PodRecord record;
  record.phase = from_word<PodPhase>(kPhases, string_at(*j, "phase"));
  record.reason = string_at(*j, "reason");
  record.message = string_at(*j, "message");
  record.initialized = bool_at(*j, "initialized");
  record.final = bool_at(*j, "final");
  for (const json& item : array_at(*j, "containers")) {
    record.containers.push_back(container_record_from(item));
  }
  return record;
}

PodRecord closed_record(PodRecord last, const std::string& reason, const std::string& message,
                        WallTime now) {
  last.phase = PodPhase::kFailed;
  last.reason = reason;
  last.message = message;
  last.final = true;
  for (ContainerRecord& container : last.containers) {
    container.ready = container.started = false;
    if (container.now.state != ContainerStatus::State::kRunning) continue;
    container.now.state = ContainerStatus::State::kTerminated;
    container.now.reason = "ContainerStatusUnknown";
    container.now.message = message;
    container.now.exit_code = 137;
    container.now.finished = now;
  }
  return last;
}

std::string encode(const StopOrder& order) {
  return json_text(
      {{"graceSeconds", order.grace_s}, {"reason", order.reason}, {"message", order.message}});
}

Result<StopOrder> decode_stop(std::string_view text) {
  const Result<json> j = parse(text, "stop.json");
  if (!j) return j.status();
  return StopOrder{int_at(*j, "graceSeconds", 30), string_at(*j, "reason"),
                   string_at(*j, "message")};
}

}  // namespace k8s::node
