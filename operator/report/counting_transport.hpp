// CountingTransport: passes every exchange on and counts it by verb and HTTP status.
//
// The verb is the HTTP method, or WATCH for a watch. Everything that the operator sends goes
// through one of these, informers and leader election included. Threads: the loop's.
#pragma once

#include "libk8s/http/message.hpp"
#include "operator/report/metrics.hpp"

namespace fermi {

class CountingTransport final : public k8s::http::Transport {
 public:
  // Both outlive this object and every exchange started through it.
  CountingTransport(k8s::http::Transport& next, Metrics& metrics)
      : next_(next), metrics_(metrics) {}

  k8s::http::ExchangeId start(k8s::http::Request request, k8s::http::Handler handler) override;
  void cancel(k8s::http::ExchangeId exchange) override { next_.cancel(exchange); }

 private:
  k8s::http::Transport& next_;
  Metrics& metrics_;
};

}  // namespace fermi
