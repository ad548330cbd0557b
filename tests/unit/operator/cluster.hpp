// Cluster: an embedded API server, nodes whose Pods run for a while, and one operator, in virtual
// time. Nothing goes wrong here by itself; what goes wrong in a test, the test does.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "operator/operator.hpp"
#include "operator/report/metrics.hpp"
#include "tests/sim/invariants.hpp"
#include "tests/sim/kubelet.hpp"
#include "tests/sim/process_loop.hpp"
#include "tests/sim/sim_server.hpp"
#include "tests/sim/sim_transport.hpp"
#include "tests/sim/truth.hpp"

namespace fermi::testing {

using Json = nlohmann::json;

// Collections.
inline constexpr const char* kJobs =
    "/apis/fermi-cluster.com/v1alpha1/namespaces/work/trainingjobs";
inline constexpr const char* kQueues = "/apis/fermi-cluster.com/v1alpha1/taskqueues";
inline constexpr const char* kPods = "/api/v1/namespaces/work/pods";
inline constexpr const char* kFermiMaps = "/api/v1/namespaces/fermi-system/configmaps";

// What a job asks for, and how its Pods run.
struct JobWish {
  std::string queue = "medium", run_seconds = "forever", expected = "1h", exit = "0";
  int nodes = 1, gpus = 8, priority = 0, grace_seconds = 30;
};
Json job_for(const JobWish& wish);  // the spec

// The same of a plain Pod of `work`; with a gang, of one of its members.
struct PodWish {
  std::string queue = "medium", gang = "";
  int size = 1, gpus = 8, grace_seconds = 30;
  std::string run_seconds = "forever", expected = "";
  Json annotations = Json::object();
  Json owner{};  // null: nobody brings it back
};
Json pod_for(const std::string& name, const PodWish& wish);

// "1.25" of a currency, with code of its own.
std::int64_t millionths(const std::string& amount);
// The second of a time in an object; 0 when it has none there.
std::int64_t seconds_at(const Json& object, const std::string& pointer);
// The condition of this type of an object; {} when it has none.
Json condition(const Json& object, const std::string& type);

// An operator with this text as its configuration, and one by whose prices a GPU costs a hundredth
// a second: 36.00 an hour.
Options configured(const std::string& text);
Options priced();

class Cluster {
 public:
  struct Layout {
    std::string zone;
    int nodes = 1, gpus = 8;
  };
  // With the definitions, the queues of an installation, namespaces `work` and `fermi-system`.
  explicit Cluster(std::vector<Layout> zones, Options options = {});

  void start_operator();
  void kill_operator();
  // It dies at its n-th write from now on (leases and events left out), at this point of it; what
  // is left of it is for `kill_operator`.
  void kill_at_write(int n, sim::WritePoint point);
  // Once, right before the operator sends its first write from now on that has these in its target
  // and its body.
  void before_write(const std::string& target, const std::string& body, std::function<void()> act);
  // The store goes back to its last backup (`server.back_up`); nodes still run what they ran.
  void restore_store();
  int lives() const { return lives_; }
  bool died() const { return process_ != nullptr && !process_->alive(); }
  Operator& op() { return *operator_; }
  // What goes wrong between the operator and the server from now on.
  sim::Faults& faults() { return faults_; }

  // Fails the test when the server refuses.
  Json create(const std::string& collection, const Json& object);
  int status_of_create(const std::string& collection, const Json& object, std::string* message);
  void patch(const std::string& path, const Json& patch);
  void remove(const std::string& path);
  Json get(const std::string& path);  // null when it is not there
  void add_node(const std::string& name, const std::string& zone, int gpus);

  void make_queue(const std::string& name, const Json& spec);
  Json queue_status(const std::string& name);
  // Something that stands for the Job or ReplicaSet of plain Pods, as their owner reference.
  Json make_owner(const std::string& name = "owner");
  // As another scheduler does it, and as `kubectl drain` does.
  void bind(const std::string& pod, const std::string& node);
  void evict(const std::string& pod);

  // A job of `work`, with the fields of `spec` laid over the smallest one.
  void submit(const std::string& name, const Json& spec);
  // The same, and the test fails when it does not come to run.
  void run(const std::string& name, const Json& spec);
  Json job(const std::string& name);
  std::string phase(const std::string& name);
  std::string message_of(const std::string& job);
  std::vector<Json> pods_of(const std::string& job);
  bool has_pod(const std::string& name);  // in `work`
  // Of a Pod of `work` ("?" when there is none): where it is bound, "" for nowhere, and what it was
  // told of why it waits.
  std::string node_of(const std::string& pod);
  std::string why_waits(const std::string& pod);

  // Runs until `done` holds, at most `span`; false when it never did.
  bool wait(k8s::Duration span, const std::function<bool()>& done);
  bool wait_phase(const std::string& job, const std::string& phase,
                  k8s::Duration span = std::chrono::minutes(2));
  bool wait_attempt(const std::string& job, int attempt);  // until this one runs
  void run_for(k8s::Duration span) { loop.run_for(span); }

  // All records of the ledger whose keys begin so, and what all tasks that are over have spent.
  std::map<std::string, Json> ledger(const std::string& prefix);
  std::int64_t spent();

  // Mutating requests of the operator so far, leases and events left out.
  int operator_writes() const { return writes_; }

  k8s::testing::SimLoop loop{7};
  sim::SimServer server;
  sim::Truth truth;
  sim::Kubelet kubelet;
  sim::Invariants invariants;

 private:
  void load(const std::string& file, const std::string& collection);

  sim::Faults faults_;
  Options options_;
  int lives_ = 0, writes_ = 0;
  std::unique_ptr<sim::ProcessLoop> process_;
  std::unique_ptr<sim::SimTransport> transport_;
  std::unique_ptr<Operator> operator_;
};

}  // namespace fermi::testing
