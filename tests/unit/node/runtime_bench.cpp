#include "tests/unit/node/runtime_bench.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <random>

#include "libk8s/codec/json.hpp"

namespace k8s::node::test {

using nlohmann::json;

http::ExchangeId DirectTransport::start(http::Request request, http::Handler handler) {
  const http::ExchangeId id{++last_};
  open_[id] = std::make_shared<Exchange>(Exchange{std::move(handler), nullptr});
  loop_.post([this, id, request = std::move(request)] { answer(id, request); });
  return id;
}

void DirectTransport::answer(http::ExchangeId id, const http::Request& request) {
  const auto it = open_.find(id);
  if (it == open_.end()) return;
  const std::shared_ptr<Exchange> exchange = it->second;
  if (away_) {
    open_.erase(it);
    return exchange->handler.on_end(Status(Code::kUnavailable, "the server is away"));
  }
  const apiserver::Reply reply = server_.handle(request, {});
  if (exchange->handler.on_head) {
    exchange->handler.on_head(reply.response.status, reply.response.headers);
  }
  if (reply.stream) {
    exchange->stream = reply.stream;
    reply.stream->on_ready([this, id] { loop_.post([this, id] { pump(id); }); });
    return pump(id);
  }
  if (!open_.contains(id)) return;
  if (exchange->handler.on_data) exchange->handler.on_data(reply.response.body);
  if (open_.erase(id) > 0) exchange->handler.on_end(Status::ok());
}

void DirectTransport::pump(http::ExchangeId id) {
  const auto it = open_.find(id);
  if (it == open_.end()) return;
  const std::shared_ptr<Exchange> exchange = it->second;
  const std::string bytes = exchange->stream->take();
  const bool ended = exchange->stream->ended();
  if (!bytes.empty() && exchange->handler.on_data) exchange->handler.on_data(bytes);
  if (ended && open_.erase(id) > 0) exchange->handler.on_end(Status::ok());
}

RuntimeBench::RuntimeBench() : logs_(make_pod_logs(temp_.path() + "/data")) {
  apiserver::Options server;
  server.now = [this] { return loop_.wall_now(); };
  server.random = [this] { return loop_.random(); };
  server.logs = logs_.get();
  auto opened = apiserver::ApiServer::open(std::move(server));
  EXPECT_TRUE(opened) << opened.status().to_string();
  server_ = std::move(*opened);
  transport_ = std::make_unique<DirectTransport>(loop_, *server_);
  options.data_dir = temp_.path() + "/data";
  options.shim_command = shim_command();
  NodeSpec node;
  node.name = "n1";
  node.labels = {{"zone", "a"}};
  node.capacity = {{"cpu", 4000}, {"memory", 1 << 30}, {"nvidia.com/gpu", 8}};
  options.nodes = {node};
  options.restart_backoff_first = std::chrono::milliseconds(50);
}

RuntimeBench::~RuntimeBench() {
  if (!runtime_) start_runtime();
  bool stopped = false;
  runtime_->stop_all(std::chrono::seconds(0), [&stopped] { stopped = true; });
  EXPECT_TRUE(until([&stopped] { return stopped; })) << "Pods were left running";
}

void RuntimeBench::start_runtime() {
  auto created = NodeRuntime::create(loop_, *transport_, options);
  ASSERT_TRUE(created) << created.status().to_string();
  runtime_ = std::move(*created);
  runtime_->start();
  ASSERT_TRUE(until([this] { return runtime_->ready(); }));
}

json RuntimeBench::call(const std::string& method, const std::string& target, const json& body,
                        const std::string& type) {
  http::Request request;
  request.method = method;
  request.target = target;
  if (!body.is_null()) {
    request.body = body.dump();
    request.headers.set("Content-Type", type);
  }
  const apiserver::Reply reply = server_->handle(request, {});
  Result<json> parsed = parse_json(reply.response.body);
  return parsed ? *parsed : json(nullptr);
}

json RuntimeBench::pod(const std::string& name, const std::string& script) {
  return {
      {"apiVersion", "v1"},
      {"kind", "Pod"},
      {"metadata", {{"name", name}, {"namespace", "default"}}},
      {"spec",
       {{"nodeName", "n1"},
        {"restartPolicy", "Never"},
        {"terminationGracePeriodSeconds", 2},
        {"containers",
         json::array({{{"name", "main"}, {"image", "any"}, {"command", {"sh", "-c", script}}}})}}}};
}

json RuntimeBench::create(const json& object) {
  std::string kind = object["kind"].get<std::string>();
  for (char& c : kind) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const json made = call("POST", "/api/v1/namespaces/default/" + kind + "s", object);
  EXPECT_EQ(made.value("kind", ""), object["kind"]) << made.dump();
  return made;
}

json RuntimeBench::get(const std::string& name) {
  return call("GET", "/api/v1/namespaces/default/pods/" + name);
}

std::string RuntimeBench::phase(const std::string& name) {
  return string_at(object_at(get(name), "status"), "phase");
}

void RuntimeBench::remove(const std::string& name, int grace) {
  call("DELETE", "/api/v1/namespaces/default/pods/" + name, {{"gracePeriodSeconds", grace}});
}

std::string RuntimeBench::logs(const std::string& name, apiserver::LogRequest request) {
  request.ns = "default";
  request.pod = name;
  request.pod_uid = string_at(object_at(get(name), "metadata"), "uid");
  Result<std::shared_ptr<apiserver::Stream>> stream = logs_->open(request);
  if (!stream) return "error: " + stream.status().message();
  std::string text;
  EXPECT_TRUE(eventually([&] {
    text += (*stream)->take();
    return (*stream)->ended();
  }));
  return text;
}

bool RuntimeBench::has_event(const std::string& pod, const std::string& reason) {
  const json events = call("GET", "/apis/events.k8s.io/v1/namespaces/default/events");
  for (const json& event : array_at(events, "items")) {
    if (string_at(event, "reason") == reason &&
        string_at(object_at(event, "regarding"), "name") == pod) {
      return true;
    }
  }
  return false;
}

bool RuntimeBench::until(const std::function<bool()>& done) {
  return loop_.run_until(done, std::chrono::seconds(60));
}

bool RuntimeBench::until_seen(const std::function<bool()>& done) {
  return eventually([&] {
    run_for(std::chrono::milliseconds(1));
    return done();
  });
}

bool RuntimeBench::until_phase(const std::string& name, const std::string& wanted) {
  const bool seen = until([&] { return phase(name) == wanted; });
  if (!seen) ADD_FAILURE() << get(name).dump(1);
  return seen;
}

}  // namespace k8s::node::test
