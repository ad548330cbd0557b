// Watcher: carries out what the WatchMachine decides, over a Transport, and hands what it reads to
// a WatchSink.
//
// Picture:  WatchMachine (what next) -> Watcher (exchange, deadlines, readers) -> WatchSink (store)
//
// Deadlines are its own, because a server's timeoutSeconds does not end a dead connection:
//   - a list fails when nothing comes for 60 s, or after 10 min in all;
//   - a watch is cut, and resumed from its last resourceVersion, when nothing comes for 90 s
//     (bookmarks come about every minute) or 30 s after the server should have ended it.
//
// An object that cannot be read is skipped and told in `last_error`; it never stops the stream.
// What is cached under its name stays as it is, also over a relist: an object that is there must
// not be told as deleted because a newer form of it is not understood. Its deletion is told all the
// same. An object without so much as a readable name could be any: a list that has one fails as a
// whole, and is tried again after back-off; in a watch it is skipped.
//
// Threads: the loop's. The sink's calls come from loop callbacks; `stop` may be called in them, the
// destructor may not.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "libk8s/base/loop.hpp"
#include "libk8s/base/status.hpp"
#include "libk8s/codec/encoding.hpp"
#include "libk8s/codec/list_stream.hpp"
#include "libk8s/codec/watch_stream.hpp"
#include "libk8s/http/message.hpp"
#include "libk8s/request/request.hpp"
#include "libk8s/watch/watch_machine.hpp"

namespace k8s {

// Where objects go. One object is read at a time: `read` keeps it, the next call says what for.
class WatchSink {
 public:
  virtual ~WatchSink() = default;
  // A whole state begins to come in; what was staged before is void.
  virtual void begin() = 0;
  // Reads one object and keeps it for `stage` or `apply`. Gives its resourceVersion.
  virtual Result<std::string> read(Encoding encoding, std::string_view bytes) = 0;
  // The object read last belongs to the state that comes in (kDeleted: no longer).
  virtual void stage(WatchEventType type) = 0;
  // What was staged is the state now; replaces the one before as a whole.
  virtual void commit() = 0;
  // The object read last has changed.
  virtual void apply(WatchEventType type) = 0;
  // The same for an object that could not be read, known by its key alone. What the state before
  // holds under it belongs to the state that comes in (kDeleted: no longer).
  virtual void stage_unread(WatchEventType type, const std::string& key) = 0;
  // Nothing changes, but for kDeleted.
  virtual void apply_unread(WatchEventType type, const std::string& key) = 0;
  // The server has lost its past: some of what was told may never have been. Told when that is
  // noticed, before or after the state that the server has now.
  virtual void went_back() {}
};

struct WatcherOptions {
  Resource resource;
  bool protobuf = false;
  std::string ns;
  std::string label_selector;
  std::string field_selector;
  WatchMachine::Options machine;
};

class Watcher {
 public:
  static constexpr Duration kListSilence = std::chrono::seconds(60);
  static constexpr Duration kListLimit = std::chrono::minutes(10);
  static constexpr Duration kWatchSilence = std::chrono::seconds(90);
  static constexpr Duration kWatchGrace = std::chrono::seconds(30);

  Watcher(Loop& loop, http::Transport& transport, WatcherOptions options, WatchSink& sink);
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  // Begins, or goes on after a `stop` from where it was.
  void start();
  void stop();

  WatchState state() const { return machine_.state(); }
  const std::string& resource_version() const { return machine_.resource_version(); }
  // The last thing that went wrong; ok again once a whole state has been read after it.
  const Status& last_error() const { return last_error_; }
  // Objects that could not be read so far.
  std::uint64_t skipped() const { return skipped_; }

 private:
  struct Attempt;  // one exchange
  using AttemptPtr = std::shared_ptr<Attempt>;

  void schedule();
  void begin();
  http::Request make_request(const WatchMachine::Step& step) const;
  void guard(const AttemptPtr& attempt, Duration silence, Duration limit);
  void check_silence(const AttemptPtr& attempt, Duration silence);
  void give_up(const AttemptPtr& attempt, std::string why);

  void on_head(const AttemptPtr& attempt, int status, const http::Headers& headers);
  void on_data(const AttemptPtr& attempt, std::string_view bytes);
  void on_end(const AttemptPtr& attempt, const Status& status);
  Status finish(Attempt& attempt, const Status& status);

  Status on_item(Attempt& attempt, std::string_view object);
  Status on_event(Attempt& attempt, const WatchEvent& event);
  Status on_change(Attempt& attempt, const WatchEvent& event);
  Status on_unread_change(Attempt& attempt, const WatchEvent& event);
  bool is_older(std::string_view version) const;
  Status on_bookmark(Attempt& attempt, const WatchEvent& event);
  void tell_past_lost(bool older);
  Status check_order(Attempt& attempt, std::string_view version);
  bool read_object(Encoding encoding, std::string_view bytes, std::string& version);

  void conclude(const AttemptPtr& attempt, const Status& status);
  void on_list_ended(Attempt& attempt, const Status& status);
  void close(Attempt& attempt);

  Loop& loop_;
  http::Transport& transport_;
  WatcherOptions options_;
  WatchSink& sink_;
  WatchMachine machine_;
  bool running_ = false;
  TimerId next_timer_ = TimerId::kNone;
  AttemptPtr attempt_;
  Status last_error_;
  std::uint64_t skipped_ = 0;
  bool past_lost_ = false;  // told, and no list has come since
};

}  // namespace k8s
