// PodRunner: one Pod on this machine, from the first sight of it to the last trace.
//
//   kNew -> kReading <-> kRetrying -> kRunning -> kEnded -> kDeleting -> (gone)
//              |                        |  ^        ^
//              +---- refused -----------|--|--------+
//                                       v  | (a shim that died without a record)
//                                     kCleaning
//
// The Pod object tells what should be, the shim's record what is; the runner compares. Threads: the
// loop's.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "libk8s/events/event_recorder.hpp"
#include "libk8s/node/api_writer.hpp"
#include "libk8s/node/object_reader.hpp"
#include "libk8s/node/pod_status.hpp"
#include "libk8s/node/pools.hpp"
#include "libk8s/node/shared_devices.hpp"
#include "libk8s/node/shim_handle.hpp"
#include "libk8s/node/watcher_thread.hpp"

namespace k8s::node {

// What all runners of one runtime share.
struct Machine {
  Loop& loop;
  http::Transport& transport;
  const NodeOptions& options;
  AddressPool addresses;
  // By node name, then resource.
  std::map<std::string, std::map<std::string, DevicePool>> devices;
  SharedDevices shared;
  WatcherThread watcher;
  ApiWriter writer;
  Client client;
  EventRecorder recorder;
  StringMap inherited_env;
  bool shutting_down = false;
  static constexpr std::size_t kImagesNoted = 256;
  std::set<std::string> images_noted;  // whose warning has been given
  bool limits_noted = false;

  // Supplied by the runtime.
  std::function<ResourceList(const std::string& node)> used;
  std::function<StringMap(const NodePod&)> service_environment;
  std::function<std::string(const NodePod&, const std::string& address)> hosts;
  std::function<void()> changed;                       // addresses or readiness did
  std::function<void(const std::string& uid)> remove;  // the runner is gone; destroys it later

  // A Warning event about a Pod.
  void warn(const NodePod& pod, const std::string& reason, const std::string& note);
  // Says once of each image that no rule maps that it is not pulled.
  void note_images(const NodePod& pod);
  // Says once in the log that limits are not enforced, when a Pod with limits comes.
  void note_limits(const NodePod& pod);
  std::string pods_folder() const { return options.data_dir + "/pods"; }
};

class PodRunner {
 public:
  enum class Stage : std::uint8_t {
    kNew,       // nothing done yet
    kReading,   // what it refers to is being read
    kRetrying,  // some of that is missing; looked for again in a while
    kRunning,   // has a shim
    kCleaning,  // the shim is dead, what it left is being killed
    kEnded,     // no process is left and none will be; the last status is on its way
    kDeleting,  // the API server was told to let go of the Pod
    kGone,
  };

  // A Pod that was never seen here.
  PodRunner(Machine& machine, const NodeSpec& node, std::shared_ptr<const NodePod> pod);
  // One that an earlier runtime left: its shim lives, or its record is final, or it died.
  PodRunner(Machine& machine, PodPlan plan, const ShimState& state);
  ~PodRunner();
  PodRunner(const PodRunner&) = delete;
  PodRunner& operator=(const PodRunner&) = delete;

  // Begins with a new Pod: admission, preparation, start.
  void begin();
  // The Pod object as it is now.
  void observe(std::shared_ptr<const NodePod> pod);
  // There is no such Pod (any more): ends it without a word.
  void vanish();
  void stop(const StopOrder& order);
  // Its status reached the server, or need not.
  void settled();
  // Brings /etc/hosts up to date.
  void refresh_hosts();

  Stage stage() const { return stage_; }
  bool holds_room() const;  // counts against its node
  const std::string& uid() const { return uid_; }
  const std::string& node() const { return node_name_; }
  const ResourceList& requests() const { return requests_; }
  const NodePod* pod() const { return pod_.get(); }
  const std::string& address() const { return address_; }
  bool ready() const;

 private:
  StatusInputs status_inputs() const;
  void admit();
  std::optional<Refusal> read_shared();
  std::optional<Refusal> share_device();
  std::optional<Refusal> take_room();
  void read_objects();
  void prepare(const Result<ReadObjects>& read);
  Result<PodPlan> make_plan(const ReadObjects& read);
  Status launch(const PodPlan& plan);
  void wait_and_retry(const std::string& reason, const std::string& message);
  void watch_shim(const ProcessId& process);
  void records_changed();
  void shim_ended();
  void clean();
  void fail(Refusal refusal);
  void tell(const Refusal& refusal);
  void end();
  void release();
  void publish();
  void follow_deletion();
  void send_delete();
  void disappear();

  Machine& machine_;
  Stage stage_ = Stage::kNew;
  std::string uid_, key_, node_name_, folder_;
  const NodeSpec* node_ = nullptr;  // null: a node that this machine no longer plays
  std::shared_ptr<const NodePod> pod_;
  bool vanished_ = false;
  bool silent_ = false;  // ended by others or before our time: its status is not ours to write
  ResourceList requests_;
  std::string address_;
  std::map<std::string, std::vector<std::string>> devices_;
  std::optional<SharedName> shared_;  // of which it has a part, and which one that is
  std::string shared_device_;
  std::optional<WallTime> started_at_;
  std::optional<PodRecord> record_;
  std::optional<Refusal> failure_;
  Refusal waiting_{"ContainerCreating", ""};
  std::optional<std::int64_t> stop_grace_;  // asked for so far
  std::string hosts_;                       // as written last
  ConditionTimes condition_times_;
  std::unique_ptr<ObjectReader> reader_;
  RetryTimer retry_;
  TimerId timer_ = TimerId::kNone;
  http::ExchangeId deletion_ = http::ExchangeId::kNone;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for callbacks that come late
};

}  // namespace k8s::node
