// ApiWriter: keeps objects' status at the server as it was last wanted, one write at a time each.
//
// `want` says what an object's status patch should be; the newest wish of an object replaces older
// ones, equal wishes cost nothing, failures are tried again with back-off for ever, unless the
// server says that the object is gone or is another one. So a flapping Pod costs one request in
// flight, and a server that is away costs nothing when it comes back but the newest state.
//
// Threads: the loop's. Callbacks are never made from inside a call.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "libk8s/base/loop.hpp"
#include "libk8s/http/message.hpp"
#include "libk8s/request/request.hpp"

namespace k8s::node {

// Waiting times between tries: doubling from `first` to `max`, with up to a quarter of jitter.
class RetryTimer {
 public:
  explicit RetryTimer(Loop& loop) : loop_(loop) {}
  ~RetryTimer() { cancel(); }
  RetryTimer(const RetryTimer&) = delete;
  RetryTimer& operator=(const RetryTimer&) = delete;

  void again(std::function<void()> fn);
  void succeeded() { wait_ = Duration(0); }
  void cancel();

 private:
  Loop& loop_;
  Duration wait_{0};
  TimerId timer_ = TimerId::kNone;
};

class ApiWriter {
 public:
  ApiWriter(Loop& loop, http::Transport& transport);
  ~ApiWriter();

  // `key` names the object for this writer. `make` builds the request for a body.
  void want(const std::string& key, const std::string& body, std::function<http::Request()> make);
  // True when the newest wish has been fulfilled, or has become moot as the object is gone.
  bool settled(const std::string& key) const;
  void forget(const std::string& key);
  // Called after a key has settled.
  void on_settled(std::function<void(const std::string& key)> fn) { on_settled_ = std::move(fn); }

 private:
  struct Wish;
  void send(const std::string& key);
  void answered(const std::string& key, const std::string& body, const Status& status);

  Loop& loop_;
  http::Transport& transport_;
  std::function<void(const std::string&)> on_settled_;
  std::map<std::string, std::unique_ptr<Wish>> wishes_;
};

}  // namespace k8s::node
