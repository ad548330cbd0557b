// ApiServer: a Kubernetes API server as a pure function over a store with revisions.
//
// `handle` takes one request and answers at once; it opens no socket, starts no thread, and takes
// time and chance from its options. A watch or a followed log answers with a Stream that fills as
// other requests change the store. The HTTPS shell (https_server.hpp) and the simulation are its
// two users. For one machine and for tests; nothing in a cluster uses it.
//
// Threads: none of its own; calls must not overlap (the shell calls from one thread).
// Errors: always a Kubernetes Status object with the right HTTP status; never a wrong success.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "libk8s/base/loop.hpp"
#include "libk8s/base/status.hpp"
#include "libk8s/http/message.hpp"

namespace k8s::apiserver {

// A response body that grows. The reader takes what is there, then asks to be woken.
class Stream {
 public:
  virtual ~Stream() = default;
  // What has come since the last call; "" when nothing has.
  virtual std::string take() = 0;
  // Nothing will come after what `take` has given.
  virtual bool ended() const = 0;
  // `ready` is called (at least) once after new bytes or the end have come, from whatever made
  // them come; it must only arrange a `take`, not call it. Replaces the one set before.
  virtual void on_ready(std::function<void()> ready) = 0;
};

struct Reply {
  http::Response response;         // the whole answer, or the head of a stream
  std::shared_ptr<Stream> stream;  // the body, when not null
};

// Who asks. The shell authenticates; the server records and answers reviews with it.
struct Caller {
  std::string user = "admin";
  std::vector<std::string> groups = {"system:masters"};
};

// What `kubectl logs` asks for.
struct LogRequest {
  std::string ns, pod, container;
  std::string pod_uid;
  bool follow = false, previous = false, timestamps = false;
  std::optional<std::int64_t> tail_lines, since_seconds, limit_bytes;
  std::optional<WallTime> since_time;
};

// Where logs come from: the node runtime of local mode. Absent: 501.
class LogSource {
 public:
  virtual ~LogSource() = default;
  virtual Result<std::shared_ptr<Stream>> open(const LogRequest& request) = 0;
};

struct Backup;  // store/store.hpp

struct Options {
  std::string database = ":memory:";  // SQLite file, WAL mode
  std::function<WallTime()> now;
  std::function<std::uint64_t()> random;  // uids, generateName
  LogSource* logs = nullptr;              // not owned; outlives the server
  // Events of each type kept for watches that resume; older ones are 410.
  std::size_t watch_history = 10'000;
  Duration bookmark_period = std::chrono::seconds(60);
  std::string version = "v1.36.3";  // what /version says
  // What an empty database begins with, as after a restore: its versions go back.
  std::shared_ptr<const Backup> restored_from{};
};

class ApiServer {
 public:
  // Opens or creates the database. Fails when it cannot be read or written.
  static Result<std::unique_ptr<ApiServer>> open(Options options);
  virtual ~ApiServer() = default;

  virtual Reply handle(const http::Request& request, const Caller& caller) = 0;

  // Does what is due: garbage collection, namespace clean-up, bookmarks, watch deadlines. The
  // shell calls it a few times a second; returns when it next has something to do, if known.
  virtual std::optional<WallTime> tick() = 0;

  // Forgets the watch history up to now and ends open watches with 410, as a server whose cache
  // was compacted would. For tests and simulation.
  virtual void compact() = 0;

  // All that is stored now, for `Options::restored_from`. Costs no copies of objects.
  virtual std::shared_ptr<const Backup> backup() const = 0;
};

}  // namespace k8s::apiserver
