// Client: whole requests and answers over a Transport, with the retries that are always right.
//
//   Client client(loop, transport);
//   client.call(request::get(resources::pods(), "ns", "a"), [](Result<nlohmann::json> pod) {...});
//
// It retries answers of 429 and 5xx that carry Retry-After, after that time, at most ten times in
// all, and nothing else. In particular a request that was certainly not sent (kUnavailable without
// an HTTP status) is the caller's to back off from, and an outcome that is not known
// (kUnknownOutcome) is never sent again: the caller has to look first.
// Every try, retries included, waits for its turn in the rate limiter, if one is set.
//
// Threads: the loop's. The callback is called exactly once, never from inside `call`, unless the
// Client is destroyed first: then it is not called and the exchange is cancelled.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>

#include "libk8s/base/loop.hpp"
#include "libk8s/base/status.hpp"
#include "libk8s/http/message.hpp"

namespace k8s {

// A token bucket: `per_second` on average, `burst` at once. Zero: no limit.
struct RateLimit {
  double per_second = 0;
  int burst = 0;
};

class Client {
 public:
  using Callback = std::function<void(Result<nlohmann::json>)>;

  Client(Loop& loop, http::Transport& transport, RateLimit limit = {});
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  enum class CallId : std::uint64_t { kNone = 0 };

  // The answer's JSON for 2xx, else the Status that `to_status` makes of it.
  CallId call(http::Request request, Callback done);
  // Forgets a call; its callback is not called. A write may have happened all the same.
  void cancel(CallId call);

  // How many exchanges were started so far, retries included.
  std::uint64_t exchanges() const;
  // How many calls wait for an answer or for their turn.
  std::size_t pending() const;

  Loop& loop();
  http::Transport& transport();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace k8s
