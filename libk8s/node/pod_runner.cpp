#include "libk8s/node/pod_runner.hpp"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "libk8s/base/log.hpp"
#include "libk8s/node/mark.hpp"
#include "libk8s/node/registrar.hpp"

namespace k8s::node {

void Machine::warn(const NodePod& pod, const std::string& reason, const std::string& note) {
  const ObjectMeta& meta = pod.meta();
  recorder.record({.regarding = {"v1", "Pod", meta.ns, meta.name, meta.uid},
                   .warning = true,
                   .reason = reason,
                   .action = "Run",
                   .note = note});
}

void Machine::note_images(const NodePod& pod) {
  for (const ContainerSpec& container : pod.containers) {
    const bool known = is_mapped(container.image, options.images);
    if (known || images_noted.size() >= kImagesNoted) continue;
    if (!images_noted.insert(container.image).second) continue;
    warn(pod, "ImageNotPulled",
         "image \"" + container.image +
             "\" is not pulled: the command runs on this machine's own " + "file system");
  }
}

void Machine::note_limits(const NodePod& pod) {
  const auto limited = [](const ContainerSpec& c) {
    return c.limits.contains("cpu") || c.limits.contains("memory");
  };
  if (limits_noted || std::ranges::none_of(pod.containers, limited)) return;
  limits_noted = true;
  log::warn("limits of cpu and memory count when room is given, but no process is held to them",
            {{"pod", pod.meta().key()}});
}

namespace {

constexpr Duration kLookAgain = std::chrono::seconds(2);
constexpr Duration kKillAgain = std::chrono::milliseconds(20);
// Grace for a Pod that was taken from the API without warning.
constexpr std::int64_t kVanishedGraceSeconds = 1;

Refusal lost(const ShimState& state, const std::string& folder) {
  if (state.identity && state.identity->boot != boot_id()) {
    return {"MachineRestarted",
            "the machine was restarted while the Pod ran; it is not started "
            "a second time"};
  }
  std::error_code error;
  if (!std::filesystem::exists(folder, error)) {
    return {"ShimLost", "the Pod's folder was removed while it ran: " + folder +
                            "; its processes were ended, and they are not started a second time"};
  }
  std::string message =
      "the process that watched over the Pod died without a final record; its "
      "containers were killed, and they are not started a second time";
  if (!state.identity) message = "the Pod's processes could not be started";
  const Result<std::string> log = read_file(folder + "/shim.log", 64 << 10);
  if (log && !log->empty()) message += ": " + log->substr(0, 300);
  return {"ShimLost", message};
}

}  // namespace

PodRunner::PodRunner(Machine& machine, const NodeSpec& node, std::shared_ptr<const NodePod> pod)
    : machine_(machine),
      uid_(pod->meta().uid),
      key_(pod->meta().key()),
      node_name_(node.name),
      folder_(machine.pods_folder() + "/" + uid_),
      node_(&node),
      pod_(std::move(pod)),
      requests_(pod_->base.requests),
      retry_(machine.loop) {}

PodRunner::PodRunner(Machine& machine, PodPlan plan, const ShimState& state)
    : machine_(machine),
      stage_(Stage::kRunning),
      uid_(plan.uid),
      key_(plan.ns + "/" + plan.name),
      node_name_(plan.node),
      folder_(machine.pods_folder() + "/" + uid_),
      requests_(plan.requests),
      address_(plan.address),
      devices_(plan.devices),
      shared_(SharedName::parse(plan.shared_name)),
      shared_device_(plan.shared_device),
      started_at_(plan.started_at),
      record_(state.record),
      retry_(machine.loop) {
  const auto node = std::find_if(machine.options.nodes.begin(), machine.options.nodes.end(),
                                 [this](const NodeSpec& spec) { return spec.name == node_name_; });
  if (node != machine.options.nodes.end()) node_ = &*node;
  const bool over = record_ && record_->final && !state.locked;
  if (!over) {
    machine_.addresses.claim(uid_, address_);
    for (const auto& [resource, devices] : devices_) {
      const auto pool = machine_.devices[node_name_].find(resource);
      if (pool != machine_.devices[node_name_].end()) pool->second.claim(uid_, devices);
    }
    if (shared_) {
      machine_.shared.join(node_name_, *shared_, shared_device_, uid_);
      const auto pool = machine_.devices[node_name_].find(shared_->resource);
      if (pool != machine_.devices[node_name_].end())
        pool->second.claim(shared_->text, {shared_device_});
    }
  }
  log::info("pod adopted", {{"pod", key_}, {"state", state.locked ? "running" : "ended"}});
  if (state.locked && state.identity) {
    watch_shim(state.identity->process);
  } else {
    shim_ended();
  }
}

PodRunner::~PodRunner() {
  machine_.loop.cancel(timer_);
  machine_.transport.cancel(deletion_);
  machine_.watcher.forget_folder(folder_);
}

bool PodRunner::holds_room() const {
  return stage_ == Stage::kReading || stage_ == Stage::kRetrying || stage_ == Stage::kRunning ||
         stage_ == Stage::kCleaning;
}

StatusInputs PodRunner::status_inputs() const {
  return {*pod_, machine_.options.host_ip, address_, started_at_, record_, failure_, waiting_};
}

bool PodRunner::ready() const { return pod_ && !silent_ && is_ready(status_inputs()); }

void PodRunner::begin() {
  if (stage_ != Stage::kNew || machine_.shutting_down) return;
  if (pod_->base.finished() || pod_->base.meta.deleting()) {
    silent_ = true;
    stage_ = Stage::kEnded;
    return follow_deletion();
  }
  if (pod_->base.phase == PodPhase::kRunning) {
    return fail({"RecordLost",
                 "the Pod was running, but this machine has no record of it; it is "
                 "not started a second time"});
  }
  admit();
}

void PodRunner::admit() {
  started_at_ = machine_.loop.wall_now();
  std::optional<Refusal> refusal = refuse(*pod_, machine_.options);
  if (!refusal) refusal = read_shared();
  if (!refusal) {
    ResourceList request = requests_;
    request["pods"] = 1;
    if (shared_ && !machine_.shared.device(node_name_, *shared_)) ++request[shared_->resource];
    refusal = check_room(allocatable_of(*node_), machine_.used(node_name_), request);
  }
  if (!refusal) refusal = take_room();
  if (refusal) return fail(*refusal);
  machine_.note_images(*pod_);
  machine_.note_limits(*pod_);
  read_objects();
}

// An address and devices; what was taken is given back when the Pod ends.
std::optional<Refusal> PodRunner::take_room() {
  const std::optional<std::string> address = machine_.addresses.take(uid_, key_);
  if (!address) return Refusal{"OutOfaddresses", "no address is free in the address block"};
  address_ = *address;
  for (auto& [resource, pool] : machine_.devices[node_name_]) {
    const auto wanted = requests_.find(resource);
    if (wanted == requests_.end() || wanted->second <= 0) continue;
    auto devices = pool.take(uid_, static_cast<std::size_t>(wanted->second));
    if (!devices) return Refusal{"OutOf" + resource, "no device of " + resource + " is free"};
    devices_[resource] = std::move(*devices);
  }
  if (shared_) {
    if (std::optional<Refusal> refusal = share_device()) return refusal;
  }
  machine_.changed();
  return std::nullopt;
}

std::optional<Refusal> PodRunner::read_shared() {
  const std::string& key = machine_.options.shared_device_annotation;
  const std::string text(key.empty() ? "" : pod_->meta().annotation(key));
  if (text.empty()) return std::nullopt;
  shared_ = SharedName::parse(text);
  if (shared_) return std::nullopt;
  return Refusal{"UnsupportedByNode", "annotation " + key + ": \"" + text.substr(0, 60) +
                                          "\" is not allowed; a resource and a number, such as "
                                          "nvidia.com/gpu#0"};
}

// The first of those who share it finds a free one.
std::optional<Refusal> PodRunner::share_device() {
  const std::optional<std::string> known = machine_.shared.device(node_name_, *shared_);
  shared_device_ =
      known.value_or("simulated-" + node_name_ + "-" + std::to_string(shared_->number));
  const auto pool = machine_.devices[node_name_].find(shared_->resource);
  if (!known && pool != machine_.devices[node_name_].end()) {
    const auto taken = pool->second.take(shared_->text, 1);
    if (!taken) {
      return Refusal{"OutOf" + shared_->resource, "no device of " + shared_->resource + " is free"};
    }
    shared_device_ = taken->front();
  }
  machine_.shared.join(node_name_, *shared_, shared_device_, uid_);
  return std::nullopt;
}

void PodRunner::read_objects() {
  stage_ = Stage::kReading;
  reader_ = std::make_unique<ObjectReader>(
      machine_.loop, machine_.transport, pod_->meta().ns, references_of(*pod_),
      [this](const Result<ReadObjects>& read) { prepare(read); });
}

void PodRunner::prepare(const Result<ReadObjects>& read) {
  if (machine_.shutting_down) return;
  if (!read) return wait_and_retry("CreateContainerConfigError", read.status().message());
  if (!read->missing_claims.empty()) {
    return wait_and_retry(
        "CreateContainerConfigError",
        "persistentvolumeclaim \"" + *read->missing_claims.begin() + "\" not found");
  }
  const Result<PodPlan> plan = make_plan(*read);
  if (!plan && plan.status().code() == Code::kInvalid) {
    return fail({"CreateContainerConfigError", plan.status().message()});
  }
  const Status status = plan ? launch(*plan) : plan.status();
  if (!status) wait_and_retry("CreateContainerConfigError", status.message());
}

Result<PodPlan> PodRunner::make_plan(const ReadObjects& read) {
  if (Status bad = make_open_folder(folder_ + "/work"); !bad) return bad;
  const Preparation preparation{
      *pod_,
      machine_.options,
      *node_,
      folder_,
      {node_name_, address_, machine_.options.host_ip, allocatable_of(*node_)},
      read.objects,
      pod_->service_links ? machine_.service_environment(*pod_) : StringMap{},
      machine_.inherited_env,
      devices_,
      *started_at_,
      shared_,
      shared_device_};
  const Result<VolumePaths> volumes = prepare_volumes(preparation);
  if (!volumes) return volumes.status();
  return build_plan(preparation, *volumes);
}

Status PodRunner::launch(const PodPlan& plan) {
  hosts_ = machine_.hosts(*pod_, address_);
  if (Status bad = rewrite_in_place(folder_ + "/hosts", hosts_); !bad) return bad;
  if (Status bad = write_file(folder_ + "/plan.json", encode(plan), Sync::kDisk); !bad) return bad;
  const Result<ProcessId> shim = start_shim(machine_.options.shim_command, folder_);
  if (!shim) return shim.status();
  stage_ = Stage::kRunning;
  watch_shim(*shim);
  return Status::ok();
}

void PodRunner::wait_and_retry(const std::string& reason, const std::string& message) {
  stage_ = Stage::kRetrying;
  waiting_ = {reason, message};
  publish();
  machine_.loop.cancel(timer_);
  timer_ = machine_.loop.after(kLookAgain, [this] {
    timer_ = TimerId::kNone;
    if (stage_ == Stage::kRetrying) read_objects();
  });
}

void PodRunner::watch_shim(const ProcessId& process) {
  const auto while_alive = [this](void (PodRunner::*what)()) {
    return [this, what, alive = std::weak_ptr<bool>(alive_)] {
      if (!alive.expired()) (this->*what)();
    };
  };
  machine_.watcher.watch_folder(folder_, while_alive(&PodRunner::records_changed));
  machine_.watcher.watch_process(process, while_alive(&PodRunner::shim_ended));
  records_changed();  // what was written before the watch stood
}

void PodRunner::records_changed() {
  if (stage_ != Stage::kRunning) return;
  const Result<std::string> text = read_file(folder_ + "/state.json");
  if (!text) return;
  Result<PodRecord> record = decode_record(*text);
  // Until the shim has ended, the record is not over: its last processes may just be going.
  if (!record || record->final) return;
  record_ = std::move(*record);
  publish();
  machine_.changed();
}

void PodRunner::shim_ended() {
  const ShimState state = look_at_shim(folder_);
  if (state.locked) {
    // It is just beginning and has not said who it is, or is not quite gone.
    if (state.identity && alive(state.identity->process)) {
      return watch_shim(state.identity->process);
    }
    timer_ = machine_.loop.after(kKillAgain, [this] { shim_ended(); });
    return;
  }
  if (state.record) record_ = state.record;
  if (record_ && record_->final) return end();
  stage_ = Stage::kCleaning;
  clean();
}

void PodRunner::clean() {
  if (!kill_marked(uid_)) {
    timer_ = machine_.loop.after(kKillAgain, [this] { clean(); });
    return;
  }
  // The shim can say no more, so we close its record: from now on it is like any that has ended.
  const Refusal why = lost(look_at_shim(folder_), folder_);
  record_ = closed_record(record_.value_or(PodRecord{}), why.reason, why.message,
                          machine_.loop.wall_now());
  const Status written = write_file(folder_ + "/state.json", encode(*record_), Sync::kDisk);
  const bool no_folder = written.code() == Code::kNotFound;
  if (!written && !no_folder)
    log::error("record not closed", {{"pod", key_}, {"why", written.message()}});
  tell(why);
  end();
}

void PodRunner::fail(Refusal refusal) {
  tell(refusal);
  failure_ = std::move(refusal);
  end();
}

void PodRunner::tell(const Refusal& refusal) {
  log::warn("pod failed", {{"pod", key_}, {"reason", refusal.reason}, {"why", refusal.message}});
  if (pod_) machine_.warn(*pod_, refusal.reason, refusal.message);
}

void PodRunner::end() {
  stage_ = Stage::kEnded;
  machine_.watcher.forget_folder(folder_);
  release();
  if (vanished_) return disappear();
  publish();
  follow_deletion();
}

void PodRunner::release() {
  reader_.reset();
  machine_.addresses.release(uid_);
  for (auto& [resource, pool] : machine_.devices[node_name_]) pool.release(uid_);
  if (const auto last = machine_.shared.leave(node_name_, uid_)) {
    const auto pool = machine_.devices[node_name_].find(last->resource);
    if (pool != machine_.devices[node_name_].end()) pool->second.release(last->text);
  }
  machine_.changed();
}

void PodRunner::publish() {
  if (!pod_ || silent_ || vanished_) return;
  const nlohmann::json patch =
      status_patch(status_inputs(), condition_times_, machine_.loop.wall_now());
  machine_.writer.want(uid_, patch.dump(), [pod = pod_, patch] {
    return request::patch(resources::pods(), pod->meta().ns, pod->meta().name, "status",
                          PatchType::kStrategicMerge, patch);
  });
}

void PodRunner::observe(std::shared_ptr<const NodePod> pod) {
  pod_ = std::move(pod);
  if (stage_ == Stage::kNew) return;
  const bool ours = stage_ == Stage::kEnded || phase_of(status_inputs()) == pod_->base.phase;
  if (pod_->base.finished() && !ours) {  // somebody else ended it: what they said stays
    silent_ = true;
    stop({pod_->grace_s, "", ""});
  }
  follow_deletion();
  publish();
}

// The Pod is to be deleted: end its processes, then tell the server that they have ended.
void PodRunner::follow_deletion() {
  if (!pod_ || !pod_->base.meta.deleting()) return;
  const ObjectMeta& meta = pod_->base.meta;
  if (stage_ == Stage::kNew || stage_ == Stage::kReading || stage_ == Stage::kRetrying) {
    machine_.loop.cancel(timer_);
    silent_ = true;
    return end();
  }
  if (stage_ == Stage::kRunning) {
    // After a time without a runtime, part of the grace has passed already.
    const auto left = std::chrono::duration_cast<std::chrono::seconds>(*meta.deletion_time -
                                                                       machine_.loop.wall_now());
    const std::int64_t grace = std::min<std::int64_t>(meta.deletion_grace_seconds,
                                                      std::max<std::int64_t>(1, left.count() + 1));
    if (!stop_grace_ || meta.deletion_grace_seconds < *stop_grace_) {
      stop_grace_ = meta.deletion_grace_seconds;
      stop({grace, "", ""});
    }
  }
  if (stage_ == Stage::kEnded && machine_.writer.settled(uid_)) send_delete();
}

void PodRunner::settled() {
  if (stage_ == Stage::kEnded) follow_deletion();
}

void PodRunner::send_delete() {
  stage_ = Stage::kDeleting;
  DeleteOptions options;
  options.uid = uid_;
  options.grace_seconds = 0;
  deletion_ = http::fetch(
      machine_.transport,
      request::remove(resources::pods(), pod_->meta().ns, pod_->meta().name, options),
      [this](const Result<http::Response>& response) {
        deletion_ = http::ExchangeId::kNone;
        const Status status = response ? to_status(*response) : response.status();
        const bool gone = status.code() == Code::kNotFound || status.code() == Code::kConflict;
        if (status || gone) return;  // the watch will tell
        log::warn("pod not deleted, trying again", {{"pod", key_}, {"why", status.message()}});
        retry_.again([this] {
          if (stage_ == Stage::kDeleting) send_delete();
        });
      });
}

void PodRunner::stop(const StopOrder& order) {
  if (stage_ != Stage::kRunning) return;
  const Status status = order_stop(folder_, order);
  if (!status) log::error("stop order not written", {{"pod", key_}, {"why", status.message()}});
}

void PodRunner::vanish() {
  vanished_ = true;
  machine_.writer.forget(uid_);
  if (stage_ == Stage::kRunning) return stop({kVanishedGraceSeconds, "", ""});
  if (stage_ == Stage::kCleaning) return;
  machine_.loop.cancel(timer_);
  release();
  disappear();
}

void PodRunner::disappear() {
  stage_ = Stage::kGone;
  machine_.loop.cancel(timer_);
  retry_.cancel();
  machine_.writer.forget(uid_);
  remove_tree(folder_);
  machine_.remove(uid_);
}

void PodRunner::refresh_hosts() {
  if (stage_ != Stage::kRunning || !pod_) return;
  std::string text = machine_.hosts(*pod_, address_);
  if (text == hosts_) return;
  hosts_ = std::move(text);
  (void)rewrite_in_place(folder_ + "/hosts", hosts_);
}

}  // namespace k8s::node
