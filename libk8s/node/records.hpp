// The files between the runtime and the shims: one folder per Pod, `<data_dir>/pods/<uid>/`.
//
//   lock        flock-ed from before the shim starts until it ends, by whatever end
//   plan.json   runtime -> shim: all it needs to know, resolved; holds Secrets, so mode 0600
//   shim.json   shim -> runtime: who it is; on disk before the first container starts
//   state.json  shim -> runtime: every container, after each change; on disk after each exit
//   stop.json   runtime -> shim: end the Pod; read at start and on SIGUSR1
//   hosts       the Pod's /etc/hosts, rewritten in place
//   logs/<container>/<attempt>.<segment>.log, work/, volumes/<name>/
//
// From lock and files alone follows what to do after a restart of the runtime:
//   lock held                       the shim lives: adopt it
//   free, state.json final          done: report it
//   free, shim.json, not final      the shim died: the Pod failed
//   free, no shim.json              no container ever started: start it (or drop it)
//
// Decoding trusts nothing: a file that is not what it should be is kMalformed.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "libk8s/base/loop.hpp"
#include "libk8s/base/status.hpp"
#include "libk8s/node/process.hpp"
#include "libk8s/types/meta.hpp"
#include "libk8s/types/pod.hpp"

namespace k8s::node {

enum class RestartPolicy : std::uint8_t { kAlways, kOnFailure, kNever };
enum class ContainerKind : std::uint8_t {
  kInit,     // runs to success before what comes after it
  kSidecar,  // an init container with restartPolicy Always: runs beside all that come after it
  kMain,
};

// One bind mount in a container.
struct Mount {
  std::string source;    // on the host
  std::string sub_path;  // inside `source`, made if missing; "" for all of it
  std::string target;    // absolute, in the container
  bool read_only = false;
  friend bool operator==(const Mount&, const Mount&) = default;
};

struct ProbePlan {
  enum class Kind : std::uint8_t { kExec, kHttp, kTcp } kind = Kind::kExec;
  std::vector<std::string> command;
  std::string host;  // an address
  int port = 0;
  std::string path;  // of kHttp
  std::vector<std::pair<std::string, std::string>> headers;
  int initial_delay_s = 0, period_s = 10, timeout_s = 1, success_threshold = 1,
      failure_threshold = 3;
  friend bool operator==(const ProbePlan&, const ProbePlan&) = default;
};

struct ContainerPlan {
  std::string name;
  ContainerKind kind = ContainerKind::kMain;
  std::vector<std::string> argv;  // never empty
  std::vector<std::string> env;   // "NAME=value"
  std::string cwd;
  std::vector<Mount> mounts;
  std::optional<std::uint32_t> run_as_user, run_as_group;
  std::optional<ProbePlan> startup, readiness, liveness;
  friend bool operator==(const ContainerPlan&, const ContainerPlan&) = default;
};

struct PodPlan {
  std::string uid, ns, name, node;
  std::string hostname, address;
  RestartPolicy restart_policy = RestartPolicy::kAlways;
  std::vector<ContainerPlan> containers;  // init containers first, in order
  std::int64_t grace_s = 30;
  std::optional<std::int64_t> active_deadline_s;
  WallTime started_at;  // status.startTime
  // Devices held, by resource name: {"nvidia.com/gpu": {"GPU-uuid"}}.
  std::map<std::string, std::vector<std::string>> devices;
  // The device of which it has a part, by its name on the node and what that is:
  // "nvidia.com/gpu#0", "GPU-uuid"; "" for none.
  std::string shared_name, shared_device;
  ResourceList requests;  // what the Pod takes from its node
  Duration backoff_first = std::chrono::seconds(10), backoff_max = std::chrono::minutes(5);
  std::int64_t log_file_bytes = 10 << 20;
  int log_files = 5;
  bool namespaces = true;
  friend bool operator==(const PodPlan&, const PodPlan&) = default;
};

// How far a Pod is kept apart from the host.
enum class Isolation : std::uint8_t {
  kNone,        // subreapers only
  kNamespaces,  // PID, mount and UTS namespaces; within a user namespace when not root
};

struct ShimIdentity {
  ProcessId process;
  std::string boot;
  Isolation isolation = Isolation::kNone;
};

// One state of one run of a container, as containerStatuses[].state has it.
struct RunState {
  ContainerStatus::State state = ContainerStatus::State::kWaiting;
  std::string reason, message;
  int attempt = 0;  // 0 for the first start; names the log files
  std::optional<WallTime> started, finished;
  int exit_code = 0;  // terminated only; 128 + signal when killed by one
  int signal = 0;
  friend bool operator==(const RunState&, const RunState&) = default;
};

struct ContainerRecord {
  std::string name;
  ContainerKind kind = ContainerKind::kMain;
  RunState now;
  std::optional<RunState> last;  // how the run before ended
  int restarts = 0;
  bool started = false, ready = false;
  friend bool operator==(const ContainerRecord&, const ContainerRecord&) = default;
};

struct PodRecord {
  PodPhase phase = PodPhase::kPending;
  std::string reason, message;
  bool initialized = false;  // every init container has done its part
  bool final = false;        // no process is left and none will come
  std::vector<ContainerRecord> containers;
  friend bool operator==(const PodRecord&, const PodRecord&) = default;
};

// The record of a Pod whose shim died: final and Failed; what ran has ended, nobody saw how.
PodRecord closed_record(PodRecord last, const std::string& reason, const std::string& message,
                        WallTime now);

struct StopOrder {
  std::int64_t grace_s = 30;
  std::string reason, message;  // become the Pod's, when given
};

std::string encode(const PodPlan& plan);
std::string encode(const ShimIdentity& shim);
std::string encode(const PodRecord& record);
std::string encode(const StopOrder& order);
Result<PodPlan> decode_plan(std::string_view text);
Result<ShimIdentity> decode_shim(std::string_view text);
Result<PodRecord> decode_record(std::string_view text);
Result<StopOrder> decode_stop(std::string_view text);

std::string_view phase_name(PodPhase phase);  // "Pending", ...

}  // namespace k8s::node
