#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "libk8s/base/log.hpp"
#include "libk8s/node/hosts.hpp"
#include "libk8s/node/node_runtime.hpp"
#include "libk8s/node/pod_runner.hpp"
#include "libk8s/node/registrar.hpp"
#include "libk8s/watch/informer.hpp"

namespace k8s::node {
namespace {

namespace fs = std::filesystem;

// Changes of addresses and readiness within this time lead to one rewriting of hosts files.
constexpr Duration kHostsDelay = std::chrono::milliseconds(10);

StringMap inherited(const std::vector<std::string>& names) {
  StringMap env;
  for (const std::string& name : names) {
    if (const char* value = std::getenv(name.c_str())) env[name] = value;
  }
  return env;
}

class Runtime final : public NodeRuntime {
 public:
  Runtime(Loop& loop, http::Transport& transport, NodeOptions options, AddressPool addresses,
          Fd lock);
  ~Runtime() override;

  void start() override;
  bool ready() const override { return open_ && registrar_.registered(); }
  void stop_all(std::chrono::seconds grace, std::function<void()> done) override;
  std::size_t running() const override;

 private:
  using Runners = std::map<std::string, std::unique_ptr<PodRunner>>;  // by uid

  void connect();
  void adopt();
  void adopt_folder(const std::string& folder);
  void pod_event(const Informer<NodePod>::Event& event);
  void appeared(const std::shared_ptr<const NodePod>& pod);
  void synced();
  ResourceList used(const std::string& node) const;
  StringMap service_environment(const NodePod& pod) const;
  std::string hosts(const NodePod& pod, const std::string& address);
  std::vector<HostEntry> host_entries() const;
  void hosts_changed();
  void rewrite_hosts();
  void remove(const std::string& uid);
  void check_stopped();

  Loop& loop_;
  const NodeOptions options_;
  Fd lock_;  // of the data folder
  Machine machine_;
  Registrar registrar_;
  Informer<NodePod> pods_;
  Informer<Service> services_;
  Runners runners_;
  bool open_ = false;  // both informers have synced: Pods may start
  std::map<std::string, std::string> hosts_of_namespace_;
  TimerId hosts_timer_ = TimerId::kNone;
  std::vector<std::string> dead_;  // uids of runners to be destroyed
  TimerId removal_ = TimerId::kNone, stop_timer_ = TimerId::kNone;
  std::function<void()> stopped_;
};

Runtime::Runtime(Loop& loop, http::Transport& transport, NodeOptions options, AddressPool addresses,
                 Fd lock)
    : loop_(loop),
      options_(std::move(options)),
      lock_(std::move(lock)),
      machine_{.loop = loop,
               .transport = transport,
               .options = options_,
               .addresses = std::move(addresses),
               .devices = {},
               .shared = {},
               .watcher = WatcherThread(loop),
               .writer = ApiWriter(loop, transport),
               .client = Client(loop, transport),
               .recorder = EventRecorder(
                   loop, machine_.client,
                   {.controller = "process-runtime",
                    .instance = options_.nodes.empty() ? std::string("none")
                                                       : options_.nodes.front().name}),
               .inherited_env = inherited(options_.inherited_env),
               .shutting_down = false,
               .images_noted = {},
               .limits_noted = false,
               .used = {},
               .service_environment = {},
               .hosts = {},
               .changed = {},
               .remove = {}},
      registrar_(loop, transport, options_),
      pods_(loop, transport),
      services_(loop, transport) {
  for (const NodeSpec& node : options_.nodes) {
    for (const auto& [resource, devices] : node.devices) {
      machine_.devices[node.name].emplace(resource, DevicePool(devices));
    }
  }
  connect();
}

Runtime::~Runtime() {
  loop_.cancel(hosts_timer_);
  loop_.cancel(removal_);
  loop_.cancel(stop_timer_);
  runners_.clear();
}

void Runtime::connect() {
  machine_.used = [this](const std::string& node) { return used(node); };
  machine_.service_environment = [this](const NodePod& pod) { return service_environment(pod); };
  machine_.hosts = [this](const NodePod& pod, const std::string& address) {
    return hosts(pod, address);
  };
  machine_.changed = [this] { hosts_changed(); };
  machine_.remove = [this](const std::string& uid) { remove(uid); };
  machine_.writer.on_settled([this](const std::string& uid) {
    const auto runner = runners_.find(uid);
    if (runner != runners_.end()) runner->second->settled();
  });
  pods_.on_event([this](const auto& event) { pod_event(event); });
  pods_.on_synced([this] { synced(); });
  services_.on_event([this](const auto&) { hosts_changed(); });
  services_.on_synced([this] { synced(); });
}

void Runtime::start() {
  adopt();
  registrar_.start();
  services_.start();
  pods_.start();
}

void Runtime::adopt() {
  std::error_code error;
  std::vector<std::string> folders;
  for (const auto& entry : fs::directory_iterator(machine_.pods_folder(), error)) {
    folders.push_back(entry.path().string());
  }
  std::sort(folders.begin(), folders.end());
  for (const std::string& folder : folders) adopt_folder(folder);
}

void Runtime::adopt_folder(const std::string& folder) {
  const ShimState state = look_at_shim(folder);
  const Result<std::string> text = read_file(folder + "/plan.json");
  Result<PodPlan> plan = text ? decode_plan(*text) : Result<PodPlan>(text.status());
  if (!state.locked && !state.identity) {
    // Nothing of it ever started: the Pod, if it is still wanted, is begun afresh.
    remove_tree(folder);
  } else if (!plan || plan->uid != fs::path(folder).filename()) {
    log::error("a Pod's folder cannot be read and is left alone", {{"folder", folder}});
  } else {
    const std::string uid = plan->uid;
    runners_[uid] = std::make_unique<PodRunner>(machine_, std::move(*plan), state);
  }
}

void Runtime::pod_event(const Informer<NodePod>::Event& event) {
  if (event.after) return appeared(event.after);
  const auto runner = runners_.find(event.before->meta().uid);
  if (runner != runners_.end()) runner->second->vanish();
}

void Runtime::appeared(const std::shared_ptr<const NodePod>& pod) {
  const auto known = runners_.find(pod->meta().uid);
  if (known != runners_.end()) return known->second->observe(pod);
  const auto node =
      std::find_if(options_.nodes.begin(), options_.nodes.end(),
                   [&pod](const NodeSpec& spec) { return spec.name == pod->base.node_name; });
  if (node == options_.nodes.end()) return;
  std::unique_ptr<PodRunner>& runner = runners_[pod->meta().uid];
  runner = std::make_unique<PodRunner>(machine_, *node, pod);
  if (open_) runner->begin();
}

// Pods may begin once all Pods and Services are known: in the order in which they were made, so
// that admission does not depend on the order of a list.
void Runtime::synced() {
  if (open_ || !pods_.synced() || !services_.synced()) return;
  open_ = true;
  std::vector<PodRunner*> fresh, strangers;
  for (const auto& [uid, runner] : runners_) {
    if (runner->pod() == nullptr) strangers.push_back(runner.get());
    if (runner->stage() == PodRunner::Stage::kNew) fresh.push_back(runner.get());
  }
  for (PodRunner* runner : strangers) runner->vanish();
  std::sort(fresh.begin(), fresh.end(), [](const PodRunner* a, const PodRunner* b) {
    const ObjectMeta &x = a->pod()->meta(), &y = b->pod()->meta();
    return std::pair(x.creation_time, x.key()) < std::pair(y.creation_time, y.key());
  });
  for (PodRunner* runner : fresh) runner->begin();
  hosts_changed();
}

ResourceList Runtime::used(const std::string& node) const {
  ResourceList sum = machine_.shared.used(node);
  for (const auto& [uid, runner] : runners_) {
    if (runner->node() != node || !runner->holds_room()) continue;
    add_to(sum, runner->requests());
    add_to(sum, {{"pods", 1}});
  }
  return sum;
}

std::vector<HostEntry> Runtime::host_entries() const {
  std::vector<HostEntry> entries;
  for (const auto& [uid, runner] : runners_) {
    if (runner->pod() == nullptr || !runner->holds_room() || runner->address().empty()) continue;
    entries.push_back({runner->pod(), runner->address(), runner->ready()});
  }
  return entries;
}

// One Pod behind each Service of the namespace, a ready one if there is any.
StringMap Runtime::service_environment(const NodePod& pod) const {
  const std::vector<HostEntry> entries = host_entries();
  std::vector<std::shared_ptr<const Service>> services;
  services_.for_each([&](const std::shared_ptr<const Service>& service) {
    if (service->meta.ns == pod.meta().ns) services.push_back(service);
  });
  std::vector<Backend> backends;
  for (const auto& service : services) {
    const HostEntry* best = nullptr;
    for (const HostEntry& entry : entries) {
      if (!selects(*service, entry.pod->base)) continue;
      if (best == nullptr || (entry.ready && !best->ready)) best = &entry;
    }
    if (best != nullptr) backends.push_back({service.get(), best->pod, best->address});
  }
  return node::service_environment(backends);
}

std::string Runtime::hosts(const NodePod& pod, const std::string& address) {
  const auto [cached, fresh] = hosts_of_namespace_.try_emplace(pod.meta().ns);
  if (fresh) {
    std::vector<std::shared_ptr<const Service>> held;
    std::vector<const Service*> services;
    services_.for_each([&](const std::shared_ptr<const Service>& service) {
      held.push_back(service);
      services.push_back(service.get());
    });
    cached->second =
        hosts_of_namespace(pod.meta().ns, host_entries(), services, options_.cluster_domain);
  }
  return hosts_file(pod, address, options_.cluster_domain, cached->second);
}

void Runtime::hosts_changed() {
  hosts_of_namespace_.clear();
  if (hosts_timer_ != TimerId::kNone || !open_) return;
  hosts_timer_ = loop_.after(kHostsDelay, [this] {
    hosts_timer_ = TimerId::kNone;
    rewrite_hosts();
  });
}

void Runtime::rewrite_hosts() {
  for (const auto& [uid, runner] : runners_) runner->refresh_hosts();
}

// Called from inside the runner: it is destroyed at the loop's next turn.
void Runtime::remove(const std::string& uid) {
  dead_.push_back(uid);
  if (removal_ != TimerId::kNone) return;
  removal_ = loop_.after(Duration(0), [this] {
    removal_ = TimerId::kNone;
    for (const std::string& gone : std::exchange(dead_, {})) runners_.erase(gone);
  });
}

std::size_t Runtime::running() const {
  return static_cast<std::size_t>(
      std::count_if(runners_.begin(), runners_.end(), [](const auto& entry) {
        const PodRunner::Stage stage = entry.second->stage();
        return stage == PodRunner::Stage::kRunning || stage == PodRunner::Stage::kCleaning;
      }));
}

void Runtime::stop_all(std::chrono::seconds grace, std::function<void()> done) {
  machine_.shutting_down = true;
  stopped_ = std::move(done);
  for (const auto& [uid, runner] : runners_) {
    runner->stop({grace.count(), "Terminated", "the node was stopped"});
  }
  check_stopped();
}

void Runtime::check_stopped() {
  if (!stopped_) return;
  if (running() > 0) {
    stop_timer_ = loop_.after(std::chrono::milliseconds(20), [this] { check_stopped(); });
    return;
  }
  std::exchange(stopped_, nullptr)();
}

Status check(const NodeOptions& options) {
  if (!fs::path(options.data_dir).is_absolute()) {
    return {Code::kInvalid, "the data directory \"" + options.data_dir + "\" is not absolute"};
  }
  if (options.shim_command.empty()) return {Code::kInvalid, "no shim command was given"};
  std::set<std::string> names;
  for (const NodeSpec& node : options.nodes) {
    if (!is_file_name(node.name)) return {Code::kInvalid, "node name \"" + node.name + "\""};
    if (!names.insert(node.name).second) {
      return {Code::kInvalid, "two nodes are named \"" + node.name + "\""};
    }
  }
  if (options.log_file_bytes < 1024 || options.log_files < 1) {
    return {Code::kInvalid, "logs need at least one file of at least 1024 bytes"};
  }
  return Status::ok();
}

}  // namespace

Result<std::unique_ptr<NodeRuntime>> NodeRuntime::create(Loop& loop, http::Transport& transport,
                                                         NodeOptions options) {
  if (Status bad = check(options); !bad) return bad;
  Result<AddressPool> addresses = AddressPool::parse(options.address_block);
  if (!addresses) return addresses.status();
  for (const char* folder : {"/pods", "/volumes"}) {
    if (Status bad = make_folders(options.data_dir + folder); !bad) return bad;
  }
  ::chmod(options.data_dir.c_str(), 0700);
  const std::string path = options.data_dir + "/node.lock";
  Fd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return Status(Code::kInternal, errno_text("open " + path, errno));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return Status(Code::kConflict, "another process uses the data directory " + options.data_dir);
  }
  return std::unique_ptr<NodeRuntime>(std::make_unique<Runtime>(
      loop, transport, std::move(options), std::move(*addresses), std::move(lock)));
}

}  // namespace k8s::node
