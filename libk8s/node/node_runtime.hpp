// NodeRuntime: what a kubelet does, for processes of this machine instead of containers.
//
// Picture:
//
//   Pods bound to our nodes (informer) -> admit -> prepare (address, volumes, environment, files)
//     -> one shim process per Pod (shim.hpp), which runs and outlives us
//     -> its records on disk -> Pod status (patches)
//
// One runtime serves several Node objects on one machine: real ones, and simulated ones that let
// a laptop show a cluster. Everything it must not forget stands in files under `data_dir`, written
// by the shims, so that a killed and restarted runtime goes on where it was:
//
//  1. A Pod (by uid) is started at most once, ever. Restarts of its containers are the shim's.
//  2. No process of a Pod outlives the Pod: the shim sees to it, and we see to the shim.
//  3. A Pod whose shim died without a final record is reported Failed with the reason `ShimLost`
//     (or `MachineRestarted`); it is never started again.
//  4. An address or a device belongs to at most one Pod that may still have processes, but for
//     devices that Pods share by name.
//
// Images are not pulled: a container's command runs on the host's own file system, and a container
// without `command` fails with a sentence that says so.
//
// Threads: every method is for the loop's thread. Inside, one helper thread waits for changes of
// files and ends of processes, and reports through Loop::post. The process's SIGCHLD is left alone.
// Errors: of one Pod: in that Pod's status. Of the API server: retried with back-off for ever.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "libk8s/apiserver/server.hpp"
#include "libk8s/base/loop.hpp"
#include "libk8s/base/status.hpp"
#include "libk8s/http/message.hpp"
#include "libk8s/types/meta.hpp"
#include "libk8s/types/node.hpp"

namespace k8s::node {

// One Node object that this machine plays.
struct NodeSpec {
  std::string name;
  StringMap labels;  // zone, pool, GPU model, ...; kubernetes.io/hostname, os, arch are added
  StringMap annotations;
  std::vector<Taint> taints;
  // cpu in milli-cores, memory in bytes, others in pieces. "pods" is 110 when not said.
  ResourceList capacity;
  // What is not for Pods, subtracted to give allocatable.
  ResourceList reserved;
  // Real devices by resource name, e.g. "nvidia.com/gpu": {"GPU-uuid", ...} or indices: what
  // CUDA_VISIBLE_DEVICES shall name. A resource without an entry is simulated: it is counted, and
  // no Pod is told about devices. With an entry, its length is the capacity.
  std::map<std::string, std::vector<std::string>> devices;
};

// Which runner stands behind an image, by the longest matching prefix. "host" is the only runner
// that runs; any other is refused in the Pod's status by name.
struct ImageRule {
  std::string prefix;
  std::string runner = "host";
};

struct NodeOptions {
  std::vector<NodeSpec> nodes;
  // Made if missing, mode 0700. Must be absolute, and on a local file system (flock).
  std::string data_dir;
  // How this same executable is called as a shim: {"/usr/bin/tool", "pod-shim"}. The runtime adds
  // one argument, the Pod's folder, and hands it to shim_main.
  std::vector<std::string> shim_command;

  // The Pods' addresses: a block inside 127.0.0.0/8. Its first and last are not given out.
  std::string address_block = "127.64.0.0/10";
  std::string host_ip = "127.0.0.1";  // status.hostIP and the nodes' InternalIP
  std::string cluster_domain = "cluster.local";

  // Leases in kube-node-lease are renewed this often (zero: none), the Node's status is written
  // again this often even when nothing changed. Writes of many nodes are spread over the period.
  Duration lease_period = std::chrono::seconds(10);
  Duration status_period = std::chrono::minutes(5);

  // A Pod with this annotation has a part of the device that it names (shared_devices.hpp), and is
  // told it like one that it has for itself. Where the resource is simulated the device is, too.
  // "": nobody shares.
  std::string shared_device_annotation;

  std::vector<ImageRule> images;  // no rule matches: "host"
  // Names of variables that containers inherit from this process's environment; PATH has a default.
  std::vector<std::string> inherited_env = {"PATH", "HOME",   "USER", "LOGNAME", "SHELL",
                                            "LANG", "LC_ALL", "TZ",   "TMPDIR",  "LD_LIBRARY_PATH"};
  // Further variables of every container, below what the Pod itself says (KUBERNETES_SERVICE_HOST).
  StringMap env;

  // Container restarts wait first, 2 x first, ... up to max; a run of twice `max` resets it.
  Duration restart_backoff_first = std::chrono::seconds(10);
  Duration restart_backoff_max = std::chrono::minutes(5);
  // A log is cut into files of this size; the newest `log_files` are kept, of this attempt and of
  // the one before it.
  std::int64_t log_file_bytes = 10 << 20;
  int log_files = 5;
  // Turn off namespaces even where the kernel allows them (for tests of that path).
  bool namespaces = true;
};

class NodeRuntime {
 public:
  // Checks the options, makes the folders, takes the data folder's lock and reads what earlier
  // runs left. Contacts nobody. kInvalid: wrong options; kConflict: another process has the folder.
  // `loop` and `transport` outlive the runtime.
  static Result<std::unique_ptr<NodeRuntime>> create(Loop& loop, http::Transport& transport,
                                                     NodeOptions options);
  // Stops looking and writing. The Pods go on; the next runtime on this folder adopts them.
  virtual ~NodeRuntime() = default;

  // Adopts running shims, registers the nodes, starts watching Pods. Once.
  virtual void start() = 0;
  // True once every Node object stands and the first list of Pods has been handled.
  virtual bool ready() const = 0;

  // Stops the processes of every Pod (grace, then kill) without touching the API, and calls `done`
  // when none is left. For the end of a demonstration, not for restarts: the Pods will be Failed.
  virtual void stop_all(std::chrono::seconds grace, std::function<void()> done) = 0;

  // Pods whose shim is running, for tests and health pages.
  virtual std::size_t running() const = 0;
};

// `kubectl logs` over the files under `data_dir`. Needs no runtime and no loop, so it can be made
// before the API server that it is given to; it must outlive that server.
//
// Threads: `open` and the streams' `take` and `ended` may be called from any one thread at a time
// (the server shell's); they read files and never wait. `on_ready`'s callback comes from a thread
// of the source's own, so it must only post (asio::post, Loop::post).
// Errors of open: kInvalid (no such container, "waiting to start"), kNotFound (no logs, no
// previous attempt).
std::unique_ptr<apiserver::LogSource> make_pod_logs(std::string data_dir);

}  // namespace k8s::node
