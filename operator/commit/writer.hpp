// Writer: sends single requests and counts how they end. What an answer means is for the caller.
// Threads: the loop's. Callbacks come from the loop, unless the client is destroyed first.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "libk8s/transport/client.hpp"
#include "operator/report/metrics.hpp"

namespace fermi {

class Writer {
 public:
  using Done = std::function<void(k8s::Result<nlohmann::json>)>;

  // Both outlive this object.
  Writer(k8s::Client& client, Metrics& metrics) : client_(client), metrics_(metrics) {}

  void send(k8s::http::Request request, Done done);

  Metrics& metrics() { return metrics_; }
  k8s::Loop& loop() { return client_.loop(); }

 private:
  k8s::Client& client_;
  Metrics& metrics_;
};

// Runs `count` pieces of work, at most `limit` at a time, in order. `work(i, next)` calls `next`
// once, with false to begin no further piece. `done` is called when all that were begun have ended.
void in_batches(std::size_t count, std::size_t limit,
                std::function<void(std::size_t, std::function<void(bool)>)> work,
                std::function<void()> done);

}  // namespace fermi
