// A bench for the whole runtime: the embedded API server in this process, a real loop, real Pods.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "libk8s/apiserver/server.hpp"
#include "libk8s/node/node_runtime.hpp"
#include "libk8s/transport/curl_loop.hpp"
#include "tests/unit/node/shim_bench.hpp"

namespace k8s::node::test {

// Joins a client to an ApiServer without a socket.
class DirectTransport final : public http::Transport {
 public:
  DirectTransport(Loop& loop, apiserver::ApiServer& server) : loop_(loop), server_(server) {}
  http::ExchangeId start(http::Request request, http::Handler handler) override;
  void cancel(http::ExchangeId exchange) override { open_.erase(exchange); }
  // Answers nothing any more, as a server that is away.
  void cut(bool away) { away_ = away; }

 private:
  struct Exchange {
    http::Handler handler;
    std::shared_ptr<apiserver::Stream> stream;
  };
  void answer(http::ExchangeId id, const http::Request& request);
  void pump(http::ExchangeId id);

  Loop& loop_;
  apiserver::ApiServer& server_;
  bool away_ = false;
  std::uint64_t last_ = 0;
  std::map<http::ExchangeId, std::shared_ptr<Exchange>> open_;
};

class RuntimeBench {
 public:
  RuntimeBench();
  ~RuntimeBench();

  NodeOptions options;  // change before start_runtime
  void start_runtime();
  // As a kill -9 of the runtime: Pods go on, nothing is written.
  void drop_runtime() { runtime_.reset(); }

  nlohmann::json call(const std::string& method, const std::string& target,
                      const nlohmann::json& body = nullptr,
                      const std::string& type = "application/json");
  // A Pod bound to node "n1" with one container that runs `script`.
  static nlohmann::json pod(const std::string& name, const std::string& script);
  nlohmann::json create(const nlohmann::json& object);
  nlohmann::json get(const std::string& name);
  std::string phase(const std::string& name);
  void remove(const std::string& name, int grace);
  bool exists(const std::string& name) { return get(name).value("kind", "") == "Pod"; }
  std::string logs(const std::string& name, apiserver::LogRequest request = {});

  bool has_event(const std::string& pod, const std::string& reason);

  // Looks after each turn of the loop: for what the runtime itself does.
  bool until(const std::function<bool()>& done);
  // Looks again and again: for what processes do, of which the loop hears nothing.
  bool until_seen(const std::function<bool()>& done);
  void run_for(Duration time) {
    loop_.run_until([] { return false; }, time);
  }
  bool until_phase(const std::string& name, const std::string& wanted);
  NodeRuntime& runtime() { return *runtime_; }
  DirectTransport& transport() { return *transport_; }
  apiserver::LogSource& log_source() { return *logs_; }
  const std::string& folder() const { return temp_.path(); }

 private:
  TempFolder temp_;
  CurlLoop loop_;
  std::unique_ptr<apiserver::LogSource> logs_;
  std::unique_ptr<apiserver::ApiServer> server_;
  std::unique_ptr<DirectTransport> transport_;
  std::unique_ptr<NodeRuntime> runtime_;
};

}  // namespace k8s::node::test
