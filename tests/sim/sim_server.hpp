// SimServer: the embedded API server in virtual time, with a record of what was asked of it.
//
// All simulated processes share it. A request takes effect at the moment of `handle`; lateness and
// loss are the transport's (sim_transport.hpp). The server's own background work runs from the
// simulated loop.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "libk8s/apiserver/server.hpp"
#include "tests/support/sim_loop.hpp"

namespace fermi::sim {

// One request that may have changed something, after it was answered.
struct Served {
  k8s::TimePoint at;
  std::string actor;  // who asked: "operator", "kubelet", "user", "foreign"
  std::string method, target;
  int status = 0;
  std::string body;
};

class SimServer {
 public:
  SimServer(k8s::testing::SimLoop& loop, std::uint64_t seed);
  ~SimServer();

  k8s::apiserver::Reply handle(const std::string& actor, const k8s::http::Request& request);

  struct Answer {
    int status = 0;
    nlohmann::json body;
    bool ok() const { return status >= 200 && status < 300; }
  };
  // The same for actors that need no transport. `content_type` "" is JSON.
  Answer call(const std::string& actor, const std::string& method, const std::string& target,
              const nlohmann::json& body = nullptr, const std::string& content_type = "");

  // Takes a copy of all that is stored, in place of the one before; and puts the store back to it,
  // as an operator of the cluster would after losing it: objects and versions are those of then,
  // and every watch brings nothing more. Connections are for the caller to break.
  void back_up();
  bool backed_up() const { return backup_ != nullptr; }
  void restore();

  // Forgets the watch history, as a compaction would: all watches get 410.
  void compact();

  // Called after each mutating request, and after anything that may have changed an object.
  void on_served(std::function<void(const Served&)> fn) { served_.push_back(std::move(fn)); }
  void on_changed(std::function<void()> fn) { changed_.push_back(std::move(fn)); }

  std::uint64_t requests(const std::string& actor) const;
  k8s::testing::SimLoop& loop() { return loop_; }

 private:
  void open();
  void tick();
  void arrange_tick(k8s::Duration delay);
  void tell_changed();

  k8s::testing::SimLoop& loop_;
  k8s::testing::Random random_;
  std::unique_ptr<k8s::apiserver::ApiServer> api_;
  std::shared_ptr<const k8s::apiserver::Backup> backup_;
  // Before a restore: somebody may hold a stream of it still.
  std::vector<std::unique_ptr<k8s::apiserver::ApiServer>> lost_;
  std::vector<std::function<void(const Served&)>> served_;
  std::vector<std::function<void()>> changed_;
  std::map<std::string, std::uint64_t> requests_;
  k8s::TimerId tick_timer_ = k8s::TimerId::kNone;
  k8s::TimePoint tick_at_;
};

}  // namespace fermi::sim
