// Writer: sends single requests and counts how they end. What an answer means is for the caller,
// but for one thing: a server whose store was restored from a copy has versions that go back, and
// what was decided by what it said before is void. The first write that it takes shows that, before
// any write that follows from it is sent. Threads: the loop's. Callbacks come from the loop, unless
// the client is destroyed first.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>

#include "libk8s/transport/client.hpp"
#include "operator/report/metrics.hpp"

namespace fermi {

class Writer {
 public:
  using Done = std::function<void(k8s::Result<nlohmann::json>)>;

  // Both outlive this object.
  Writer(k8s::Client& client, Metrics& metrics) : client_(client), metrics_(metrics) {}

  // Who knows the past. `newest`: the newest version known of a kind, by its plural; "" when that
  // is not known. `lost` is called, before the callback of the write, when an answer has an older
  // one.
  struct Past {
    std::function<std::string(const std::string& plural)> newest;
    std::function<void()> lost;
  };
  void watch_past(Past past) { past_ = std::move(past); }

  void send(k8s::http::Request request, Done done);
  // The same for the change of an object as it was in this version: the answer has that version
  // when nothing changed, else a new one (as a creation). For reading it again: that or a newer.
  void send_change(k8s::http::Request request, const std::string& version, Done done);

  Metrics& metrics() { return metrics_; }
  k8s::Loop& loop() { return client_.loop(); }

 private:
  void send_checked(k8s::http::Request request, const std::string& newest,
                    const std::string& version, Done done);

  k8s::Client& client_;
  Metrics& metrics_;
  Past past_;
};

// Runs `count` pieces of work, at most `limit` at a time, in order. `work(i, next)` calls `next`
// once, with false to begin no further piece. `done` is called when all that were begun have ended.
void in_batches(std::size_t count, std::size_t limit,
                std::function<void(std::size_t, std::function<void(bool)>)> work,
                std::function<void()> done);

}  // namespace fermi
