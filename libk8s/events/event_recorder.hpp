// EventRecorder: tells people what happened to an object, as Events of events.k8s.io/v1.
//
//   recorder.record({.regarding = ref, .reason = "Queued", .action = "Queue", .note = "..."});
//
// Events are for people and may be lost; nothing may depend on them. `record` never blocks and
// never fails: equal events become a series (event_series.hpp), an object that causes too many is
// muted, and when more than `queue_limit` wait to be sent, new ones are dropped and counted. One
// event is sent at a time. What could not reach the server is tried twelve times, about ten seconds
// apart; what the server refuses is dropped at once. Threads: the loop's.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "libk8s/base/loop.hpp"
#include "libk8s/base/status.hpp"
#include "libk8s/events/event_series.hpp"
#include "libk8s/transport/client.hpp"

namespace k8s {

// An object as Events name it.
struct ObjectReference {
  std::string api_version, kind, ns, name, uid;
  friend bool operator==(const ObjectReference&, const ObjectReference&) = default;
};

struct EventNote {
  ObjectReference regarding;
  std::optional<ObjectReference> related{};
  bool warning = false;
  std::string reason;  // why, one CamelCase word: "FailedPlacement"
  std::string action;  // what was done or tried: "Place"
  std::string note;    // for people; cut to 1024 bytes
};

class EventRecorder {
 public:
  static constexpr int kTries = 12;
  static constexpr Duration kPause = std::chrono::seconds(10);

  struct Options {
    std::string controller{};  // "example.com/scheduler"
    std::string instance{};    // which replica
    std::size_t queue_limit = 1000;
    std::function<bool()> may_write{};  // asked before each request; none: always
  };

  EventRecorder(Loop& loop, Client& client, Options options);
  ~EventRecorder();
  EventRecorder(const EventRecorder&) = delete;
  EventRecorder& operator=(const EventRecorder&) = delete;

  void record(const EventNote& note);

  std::size_t queued() const { return queue_.size(); }
  std::uint64_t sent() const { return sent_; }
  std::uint64_t dropped() const { return dropped_; }  // queue full, refused, or out of tries
  std::uint64_t muted() const { return muted_; }      // by the spam filter

 private:
  struct Item;

  void enqueue(std::unique_ptr<Item> item);
  void send();
  void on_sent(const Status& status);
  void finish();
  void arm_sweep();
  void sweep();

  Loop& loop_;
  Client& client_;
  Options options_;
  EventSeries series_;
  EventSpamFilter filter_;
  std::deque<std::unique_ptr<Item>> queue_;
  bool sending_ = false;
  Client::CallId call_ = Client::CallId::kNone;
  TimerId send_timer_ = TimerId::kNone;
  TimerId sweep_timer_ = TimerId::kNone;
  std::uint64_t sent_ = 0, dropped_ = 0, muted_ = 0;
};

}  // namespace k8s
