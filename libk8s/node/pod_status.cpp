#include "libk8s/node/pod_status.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "libk8s/codec/rfc3339.hpp"

namespace k8s::node {
namespace {

using nlohmann::json;
using State = ContainerStatus::State;

const ContainerRecord* record_of(const StatusInputs& in, const std::string& name) {
  if (!in.record) return nullptr;
  const auto& all = in.record->containers;
  const auto it =
      std::find_if(all.begin(), all.end(), [&](const auto& c) { return c.name == name; });
  return it == all.end() ? nullptr : &*it;
}

std::string container_id(const StatusInputs& in, const std::string& name, int attempt) {
  return "process://" + in.pod.meta().uid + "/" + name + "/" + std::to_string(attempt);
}

json text_or_null(const std::string& text) { return text.empty() ? json(nullptr) : json(text); }

// What is empty is null, so that a merge takes away what stood there before.
json run_json(const StatusInputs& in, const std::string& name, const RunState& run) {
  json j = json::object();
  if (run.started) j["startedAt"] = format_time(*run.started);
  if (run.state == State::kRunning) return j;
  j["reason"] = text_or_null(run.reason);
  j["message"] = text_or_null(run.message);
  if (run.state == State::kWaiting) return j;
  j["exitCode"] = run.exit_code;
  j["signal"] = run.signal == 0 ? json(nullptr) : json(run.signal);
  if (run.finished) j["finishedAt"] = format_time(*run.finished);
  j["containerID"] = container_id(in, name, run.attempt);
  return j;
}

// One of the three has the value, the others are null, so that a merge takes the old one away.
json state_json(const StatusInputs& in, const std::string& name, const RunState& run) {
  json state = {{"waiting", nullptr}, {"running", nullptr}, {"terminated", nullptr}};
  const char* key = run.state == State::kWaiting   ? "waiting"
                    : run.state == State::kRunning ? "running"
                                                   : "terminated";
  state[key] = run_json(in, name, run);
  return state;
}

json container_json(const StatusInputs& in, const ContainerSpec& spec) {
  const ContainerRecord* record = record_of(in, spec.name);
  RunState run;
  run.reason = in.waiting.reason;
  run.message = in.waiting.message;
  if (record != nullptr) run = record->now;
  const bool began = record != nullptr && (run.state != State::kWaiting || record->last);
  json j = {{"name", spec.name},
            {"image", spec.image},
            {"imageID", began ? "host" : ""},
            {"restartCount", record == nullptr ? 0 : record->restarts},
            {"ready", record != nullptr && record->ready},
            {"started", record != nullptr && record->started},
            {"state", state_json(in, spec.name, run)}};
  if (began) j["containerID"] = container_id(in, spec.name, record->restarts);
  if (record != nullptr && record->last) {
    j["lastState"] = {{"terminated", run_json(in, spec.name, *record->last)}};
  }
  return j;
}

std::string names_of_unready(const StatusInputs& in, bool init) {
  std::string names;
  for (const ContainerSpec& spec : in.pod.containers) {
    const ContainerRecord* record = record_of(in, spec.name);
    if ((spec.kind == ContainerKind::kInit) != init) continue;
    if (record == nullptr || !record->ready) names += (names.empty() ? "" : " ") + spec.name;
  }
  return names;
}

struct Verdict {
  bool value = true;
  std::string reason, message;
};

Verdict containers_ready(const StatusInputs& in, PodPhase phase) {
  if (phase == PodPhase::kSucceeded) return {false, "PodCompleted", ""};
  if (phase == PodPhase::kFailed) return {false, "PodFailed", ""};
  const std::string unready = names_of_unready(in, false);
  if (unready.empty()) return {};
  return {false, "ContainersNotReady", "containers with unready status: [" + unready + "]"};
}

Verdict initialized(const StatusInputs& in, PodPhase phase) {
  if (phase == PodPhase::kSucceeded) return {true, "PodCompleted", ""};
  if (in.record && in.record->initialized) return {};
  const bool has_init =
      !in.pod.containers.empty() && in.pod.containers.front().kind != ContainerKind::kMain;
  if (!has_init) return {};
  return {false, "ContainersNotInitialized",
          "containers with incomplete status: [" + names_of_unready(in, true) + "]"};
}

Verdict pod_ready(const StatusInputs& in, const Verdict& containers) {
  if (!containers.value) return containers;
  for (const std::string& gate : in.pod.readiness_gates) {
    const PodCondition* condition = in.pod.base.condition(gate);
    if (condition == nullptr || condition->status != "True") {
      return {false, "ReadinessGatesNotReady", "readiness gate \"" + gate + "\" is not True"};
    }
  }
  return {};
}

class Conditions {
 public:
  Conditions(const StatusInputs& in, ConditionTimes& times, WallTime now)
      : in_(in), times_(times), now_(now) {}

  void add(const std::string& type, const Verdict& verdict) {
    json j = {{"type", type},
              {"status", verdict.value ? "True" : "False"},
              {"reason", text_or_null(verdict.reason)},
              {"message", text_or_null(verdict.message)}};
    if (const std::optional<WallTime> since = since_when(type, verdict.value)) {
      j["lastTransitionTime"] = format_time(*since);
    }
    list_.push_back(std::move(j));
  }
  json list() { return std::move(list_); }

 private:
  // Without a time the server keeps the one it has.
  std::optional<WallTime> since_when(const std::string& type, bool value) {
    const auto known = times_.find(type);
    if (known != times_.end() && known->second.value == value) return known->second.since;
    const PodCondition* observed = in_.pod.base.condition(type);
    const bool same = known == times_.end() && observed != nullptr &&
                      observed->status == (value ? "True" : "False");
    times_[type] = {value, same ? std::nullopt : std::optional(now_)};
    return times_[type].since;
  }

  const StatusInputs& in_;
  ConditionTimes& times_;
  WallTime now_;
  json list_ = json::array();
};

json conditions_json(const StatusInputs& in, PodPhase phase, ConditionTimes& times, WallTime now) {
  Conditions conditions(in, times, now);
  const bool over = phase == PodPhase::kSucceeded || phase == PodPhase::kFailed;
  const Verdict containers = containers_ready(in, phase);
  conditions.add("PodReadyToStartContainers", {!over && !in.address.empty(), "", ""});
  conditions.add("Initialized", initialized(in, phase));
  conditions.add("Ready", pod_ready(in, containers));
  conditions.add("ContainersReady", containers);
  // Whoever bound the Pod has said this already; here only for one created with a nodeName.
  if (in.pod.base.condition("PodScheduled") == nullptr) {
    conditions.add("PodScheduled", {});
  }
  return conditions.list();
}

}  // namespace

PodPhase phase_of(const StatusInputs& in) {
  if (in.failure) return PodPhase::kFailed;
  return in.record ? in.record->phase : PodPhase::kPending;
}

bool is_ready(const StatusInputs& in) {
  return pod_ready(in, containers_ready(in, phase_of(in))).value;
}

nlohmann::json status_patch(const StatusInputs& in, ConditionTimes& times, WallTime now) {
  const PodPhase phase = phase_of(in);
  json status = {{"phase", phase_name(phase)},
                 {"hostIP", in.host_ip},
                 {"hostIPs", json::array({{{"ip", in.host_ip}}})},
                 {"qosClass", in.pod.qos},
                 {"conditions", conditions_json(in, phase, times, now)}};
  if (!in.address.empty()) {
    status["podIP"] = in.address;
    status["podIPs"] = json::array({{{"ip", in.address}}});
  }
  if (in.started_at) status["startTime"] = format_time(*in.started_at);
  const std::string& reason = in.failure  ? in.failure->reason
                              : in.record ? in.record->reason
                                          : in.pod.base.reason;
  const std::string& message = in.failure  ? in.failure->message
                               : in.record ? in.record->message
                                           : in.pod.base.message;
  if (!reason.empty()) status["reason"] = reason;
  if (!message.empty()) status["message"] = message;
  json main = json::array(), init = json::array();
  for (const ContainerSpec& spec : in.pod.containers) {
    (spec.kind == ContainerKind::kMain ? main : init).push_back(container_json(in, spec));
  }
  status["containerStatuses"] = std::move(main);
  if (!init.empty()) status["initContainerStatuses"] = std::move(init);
  return {{"metadata", {{"uid", in.pod.meta().uid}}}, {"status", std::move(status)}};
}

}  // namespace k8s::node
