// `kubectl logs` from the files under the data directory (make_pod_logs in node_runtime.hpp).
//
// A stream reads when it is asked; one thread sleeps on inotify and wakes the streams that follow.

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "libk8s/node/log_reader.hpp"
#include "libk8s/node/node_runtime.hpp"
#include "libk8s/node/prepare.hpp"
#include "libk8s/node/shim_handle.hpp"

namespace k8s::node {
namespace {

using apiserver::LogRequest;
using apiserver::Stream;
using State = ContainerStatus::State;

// Wake-ups of one stream are at least this far apart, however much is written.
constexpr int kPauseMs = 20;

// One run of one container, found for a request.
struct Run {
  std::string pod_folder, container;
  int attempt = 0;
  std::string log_folder() const { return pod_folder + "/logs/" + container; }
};

// Whether nothing more will be written to this run's log.
bool is_over(const Run& run) {
  const Result<std::string> text = read_file(run.pod_folder + "/state.json");
  const Result<PodRecord> record = text ? decode_record(*text) : Result<PodRecord>(text.status());
  if (!record || record->final) return true;
  for (const ContainerRecord& container : record->containers) {
    if (container.name != run.container) continue;
    if (container.now.state == State::kWaiting) return container.last.has_value();
    return container.now.attempt != run.attempt || container.now.state == State::kTerminated;
  }
  return true;
}

class LogStreamImpl final : public Stream {
 public:
  LogStreamImpl(Run run, LogReadOptions options, bool follow)
      : run_(std::move(run)), reader_(run_.log_folder(), run_.attempt, options), follow_(follow) {}

  std::string take() override {
    if (ended_) return "";
    // Asked first: what is over before the reading was wholly written before it.
    const bool over = !follow_ || is_over(run_) || shim_is_dead();
    std::string text = reader_.read();
    if (reader_.exhausted() || (text.empty() && over)) ended_ = true;
    if (!text.empty() || ended_) wake();  // there may be more, and there is the end to be told
    return text;
  }

  bool ended() const override { return ended_; }

  void on_ready(std::function<void()> ready) override {
    const std::lock_guard lock(mutex_);
    ready_ = std::move(ready);
  }

  // From any thread.
  void wake() {
    std::function<void()> ready;
    {
      const std::lock_guard lock(mutex_);
      ready = ready_;
    }
    if (ready) ready();
  }

  const Run& run() const { return run_; }

 private:
  // A shim that was killed leaves a record that never becomes final.
  bool shim_is_dead() const {
    const Result<std::string> text = read_file(run_.pod_folder + "/shim.json");
    const Result<ShimIdentity> shim =
        text ? decode_shim(*text) : Result<ShimIdentity>(text.status());
    return shim && !alive(shim->process);
  }

  const Run run_;
  LogReader reader_;
  const bool follow_;
  std::atomic<bool> ended_ = false;
  std::mutex mutex_;  // guards ready_
  std::function<void()> ready_;
};

// Wakes streams whose folders change, until they are dropped.
class Followers {
 public:
  Followers()
      : inotify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)),
        wakeup_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        thread_([this] { run(); }) {}
  ~Followers() {
    stopping_ = true;
    const std::uint64_t one = 1;
    (void)!::write(wakeup_.get(), &one, sizeof one);
    thread_.join();
  }
  Followers(const Followers&) = delete;
  Followers& operator=(const Followers&) = delete;

  void add(const std::shared_ptr<LogStreamImpl>& stream) {
    const std::lock_guard lock(mutex_);
    watch(stream->run().pod_folder, IN_MOVED_TO | IN_DELETE_SELF, stream);
    watch(stream->run().log_folder(), IN_MODIFY | IN_CREATE, stream);
  }

 private:
  using Streams = std::vector<std::weak_ptr<LogStreamImpl>>;

  void watch(const std::string& folder, std::uint32_t events,
             const std::shared_ptr<LogStreamImpl>& stream) {
    const int id = ::inotify_add_watch(inotify_.get(), folder.c_str(), events);
    if (id >= 0) streams_[id].push_back(stream);
  }

  void run() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
    while (!stopping_) {
      pollfd waits[] = {{wakeup_.get(), POLLIN, 0}, {inotify_.get(), POLLIN, 0}};
      // The timeout is for the one end that changes no file: a shim that was killed.
      (void)::poll(waits, 2, 1000);
      for (const auto& stream : changed(waits[1].revents == 0)) stream->wake();
      ::poll(waits, 1, kPauseMs);
    }
  }

  // The streams to wake; all of them when `every`. Watches that nobody needs are dropped.
  std::set<std::shared_ptr<LogStreamImpl>> changed(bool every) {
    std::set<int> ids;
    alignas(inotify_event) char buffer[16384];
    ssize_t n = 0;
    while ((n = ::read(inotify_.get(), buffer, sizeof buffer)) > 0) {
      for (const char* at = buffer; at < buffer + n;) {
        const auto* event = reinterpret_cast<const inotify_event*>(at);
        ids.insert(event->wd);
        at += sizeof(inotify_event) + event->len;
      }
    }
    const std::lock_guard lock(mutex_);
    std::set<std::shared_ptr<LogStreamImpl>> out;
    for (auto entry = streams_.begin(); entry != streams_.end();) {
      std::erase_if(entry->second, [](const auto& stream) { return stream.expired(); });
      if (entry->second.empty()) {
        ::inotify_rm_watch(inotify_.get(), entry->first);
        entry = streams_.erase(entry);
        continue;
      }
      if (every || ids.contains(entry->first) || ids.contains(-1)) {
        for (const auto& stream : entry->second) out.insert(stream.lock());
      }
      ++entry;
    }
    out.erase(nullptr);
    return out;
  }

  Fd inotify_, wakeup_;
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;  // guards streams_
  std::map<int, Streams> streams_;
  std::thread thread_;
};

class PodLogs final : public apiserver::LogSource {
 public:
  explicit PodLogs(std::string data_dir) : data_dir_(std::move(data_dir)) {}

  Result<std::shared_ptr<Stream>> open(const LogRequest& request) override {
    const Result<Run> run = find(request);
    if (!run) return run.status();
    LogReadOptions options{request.timestamps, request.tail_lines, request.limit_bytes,
                           request.since_time};
    if (request.since_seconds) {
      const auto now = std::chrono::system_clock::now().time_since_epoch();
      const std::int64_t back = std::clamp<std::int64_t>(*request.since_seconds, 0, 4'000'000'000);
      options.since = WallTime{std::chrono::nanoseconds(now).count()} - std::chrono::seconds(back);
    }
    auto stream = std::make_shared<LogStreamImpl>(*run, options, request.follow);
    if (request.follow) followers().add(stream);
    return std::shared_ptr<Stream>(stream);
  }

 private:
  Result<Run> find(const LogRequest& request) const;

  Followers& followers() {
    if (!followers_) followers_ = std::make_unique<Followers>();
    return *followers_;
  }

  const std::string data_dir_;
  std::unique_ptr<Followers> followers_;  // made for the first that follows
};

Result<Run> find_run(const ContainerRecord& container, const LogRequest& request) {
  Run run;
  run.container = container.name;
  if (request.previous) {
    if (!container.last) {
      return Status(Code::kInvalid, "previous terminated container \"" + container.name +
                                        "\" in pod \"" + request.pod + "\" not found");
    }
    run.attempt = container.last->attempt;
  } else if (container.now.state != State::kWaiting) {
    run.attempt = container.now.attempt;
  } else if (container.last) {
    run.attempt = container.last->attempt;
  } else {
    return Status(Code::kInvalid, "container \"" + container.name + "\" in pod \"" + request.pod +
                                      "\" is waiting to start: " + container.now.reason);
  }
  return run;
}

Result<Run> PodLogs::find(const LogRequest& request) const {
  // Both become parts of a path.
  if (!is_file_name(request.pod_uid)) return Status(Code::kInvalid, "no such Pod");
  const std::string folder = data_dir_ + "/pods/" + request.pod_uid;
  const Result<std::string> text = read_file(folder + "/state.json");
  const Result<PodRecord> record = text ? decode_record(*text) : Result<PodRecord>(text.status());
  if (!record) {
    return Status(Code::kInvalid, "container \"" + request.container + "\" in pod \"" +
                                      request.pod + "\" is waiting to start: ContainerCreating");
  }
  const auto named = std::find_if(
      record->containers.begin(), record->containers.end(), [&request](const auto& container) {
        return request.container.empty() ? container.kind == ContainerKind::kMain
                                         : container.name == request.container;
      });
  if (named == record->containers.end() || !is_file_name(named->name)) {
    return Status(Code::kInvalid, "container \"" + request.container +
                                      "\" is not valid for pod \"" + request.pod + "\"");
  }
  Result<Run> run = find_run(*named, request);
  if (run) run->pod_folder = folder;
  return run;
}

}  // namespace

std::unique_ptr<apiserver::LogSource> make_pod_logs(std::string data_dir) {
  return std::make_unique<PodLogs>(std::move(data_dir));
}

}  // namespace k8s::node
