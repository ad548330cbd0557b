// GuardedTransport: the last gate before the network. A request that changes something passes only
// while the leader's term lasts, asked at the very moment at which it is sent; retries included.
//
// A refused request ends as kCancelled, as if it had never been made. Reads always pass.
// Threads: the loop's.
#pragma once

#include <functional>

#include "libk8s/base/loop.hpp"
#include "libk8s/http/message.hpp"

namespace fermi {

class GuardedTransport final : public k8s::http::Transport {
 public:
  GuardedTransport(k8s::Loop& loop, k8s::http::Transport& next, std::function<bool()> may_write)
      : loop_(loop), next_(next), may_write_(std::move(may_write)) {}

  k8s::http::ExchangeId start(k8s::http::Request request, k8s::http::Handler handler) override;
  void cancel(k8s::http::ExchangeId exchange) override { next_.cancel(exchange); }

 private:
  k8s::Loop& loop_;
  k8s::http::Transport& next_;
  std::function<bool()> may_write_;
};

}  // namespace fermi
