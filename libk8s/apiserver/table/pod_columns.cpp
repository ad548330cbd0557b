#include <nlohmann/json.hpp>
#include <optional>

#include "libk8s/apiserver/table/columns.hpp"
#include "libk8s/codec/json.hpp"
#include "libk8s/codec/rfc3339.hpp"

namespace k8s::apiserver::table {
namespace {

bool condition_true(const Json& pod, std::string_view type) {
  for (const Json& c : array_at(object_at(pod, "status"), "conditions")) {
    if (string_at(c, "type") == type) return string_at(c, "status") == "True";
  }
  return false;
}

// Why a container ended: its reason, or the signal or exit code.
std::string ended_because(const Json& terminated) {
  std::string reason = string_at(terminated, "reason");
  if (!reason.empty()) return reason;
  std::int64_t signal = int_at(terminated, "signal");
  if (signal != 0) return "Signal:" + std::to_string(signal);
  return "ExitCode:" + std::to_string(int_at(terminated, "exitCode"));
}

bool is_sidecar(const Json& pod, const std::string& container) {
  for (const Json& c : array_at(object_at(pod, "spec"), "initContainers")) {
    if (string_at(c, "name") == container) return string_at(c, "restartPolicy") == "Always";
  }
  return false;
}

// "Init:1/2", "Init:Error": where the init containers stand; nothing when they are through.
std::optional<std::string> init_status(const Json& pod) {
  const Json& statuses = array_at(object_at(pod, "status"), "initContainerStatuses");
  std::size_t total = array_at(object_at(pod, "spec"), "initContainers").size();
  for (std::size_t i = 0; i < statuses.size(); ++i) {
    const Json& state = object_at(statuses[i], "state");
    const Json& terminated = object_at(state, "terminated");
    if (state.contains("terminated") && int_at(terminated, "exitCode") == 0) continue;
    if (is_sidecar(pod, string_at(statuses[i], "name")) && bool_at(statuses[i], "started"))
      continue;
    if (state.contains("terminated")) return "Init:" + ended_because(terminated);
    std::string waiting = string_at(object_at(state, "waiting"), "reason");
    if (!waiting.empty() && waiting != "PodInitializing") return "Init:" + waiting;
    return "Init:" + std::to_string(i) + "/" + std::to_string(total);
  }
  return std::nullopt;
}

// What the containers say; the first of the list wins.
void container_status(const Json& pod, std::string& reason) {
  const Json& statuses = array_at(object_at(pod, "status"), "containerStatuses");
  bool running = false;
  for (std::size_t i = statuses.size(); i-- > 0;) {
    const Json& state = object_at(statuses[i], "state");
    std::string waiting = string_at(object_at(state, "waiting"), "reason");
    if (!waiting.empty()) {
      reason = waiting;
    } else if (state.contains("terminated")) {
      reason = ended_because(state["terminated"]);
    } else if (state.contains("running") && bool_at(statuses[i], "ready")) {
      running = true;
    }
  }
  if (reason == "Completed" && running) {
    reason = condition_true(pod, "Ready") ? "Running" : "NotReady";
  }
}

std::string pod_status(const Json& pod) {
  const Json& status = object_at(pod, "status");
  std::string reason = string_at(status, "phase", "Unknown");
  if (std::string own = string_at(status, "reason"); !own.empty()) reason = own;
  if (!array_at(object_at(pod, "spec"), "schedulingGates").empty() && reason == "Pending") {
    reason = "SchedulingGated";
  }
  std::optional<std::string> init = init_status(pod);
  if (init) {
    reason = *init;
  } else {
    container_status(pod, reason);
  }
  if (object_at(pod, "metadata").contains("deletionTimestamp")) {
    std::string phase = string_at(status, "phase");
    if (string_at(status, "reason") == "NodeLost") return "Unknown";
    if (phase != "Failed" && phase != "Succeeded") return "Terminating";
  }
  return reason;
}

std::string ready(const Json& pod) {
  std::size_t total = array_at(object_at(pod, "spec"), "containers").size(), count = 0;
  const Json& status = object_at(pod, "status");
  for (const Json& c : array_at(status, "containerStatuses")) {
    count += bool_at(c, "ready") && object_at(c, "state").contains("running");
  }
  for (const Json& c : array_at(status, "initContainerStatuses")) {
    if (!is_sidecar(pod, string_at(c, "name"))) continue;
    ++total;
    count += bool_at(c, "ready");
  }
  return std::to_string(count) + "/" + std::to_string(total);
}

// "3", or "3 (5m ago)".
std::string restarts(const Json& pod, WallTime now) {
  std::int64_t count = 0;
  std::optional<WallTime> last;
  const Json& status = object_at(pod, "status");
  for (const char* list : {"initContainerStatuses", "containerStatuses"}) {
    for (const Json& c : array_at(status, list)) {
      count += int_at(c, "restartCount");
      const Json& ended = object_at(object_at(c, "lastState"), "terminated");
      Result<WallTime> time = parse_time(string_at(ended, "finishedAt"));
      if (time && (!last || *last < *time)) last = *time;
    }
  }
  std::string text = std::to_string(count);
  return count > 0 && last ? text + " (" + human_duration(now - *last) + " ago)" : text;
}

std::string gates(const Json& pod) {
  const Json& list = array_at(object_at(pod, "spec"), "readinessGates");
  if (list.empty()) return "<none>";
  std::size_t passed = 0;
  for (const Json& gate : list) passed += condition_true(pod, string_at(gate, "conditionType"));
  return std::to_string(passed) + "/" + std::to_string(list.size());
}

}  // namespace

Columns pod_columns() {
  return {name_column(),
          {"Ready", "string", "", "Containers that are ready, of all.", 0,
           [](const Json& o, WallTime) { return ready(o); }},
          {"Status", "string", "", "Where the pod stands.", 0,
           [](const Json& o, WallTime) { return pod_status(o); }},
          {"Restarts", "string", "", "How often its containers were started again.", 0,
           [](const Json& o, WallTime now) { return restarts(o, now); }},
          age_column(),
          text_column("IP", {"status", "podIP"}, "<none>", 1),
          text_column("Node", {"spec", "nodeName"}, "<none>", 1),
          text_column("Nominated Node", {"status", "nominatedNodeName"}, "<none>", 1),
          {"Readiness Gates", "string", "", "Readiness gates that are open, of all.", 1,
           [](const Json& o, WallTime) { return gates(o); }}};
}

}  // namespace k8s::apiserver::table
