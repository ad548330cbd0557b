#include "operator/local/up.hpp"

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <set>

#include "libk8s/apiserver/https_server.hpp"
#include "libk8s/base/log.hpp"
#include "libk8s/codec/json.hpp"
#include "libk8s/transport/client.hpp"
#include "libk8s/transport/cluster_config.hpp"
#include "libk8s/transport/curl_transport.hpp"
#include "operator/api/api.hpp"
#include "operator/http/http_server.hpp"
#include "operator/http/pages.hpp"
#include "operator/local/applier.hpp"
#include "operator/local/follower.hpp"
#include "operator/local/journal_file.hpp"
#include "operator/local/manifests.hpp"
#include "operator/local/nodes.hpp"
#include "operator/local/stale_nodes.hpp"
#include "operator/operator.hpp"

namespace fermi {
namespace {

namespace fs = std::filesystem;
using k8s::Code;
using k8s::Status;
using nlohmann::json;

constexpr auto kReadyPoll = std::chrono::milliseconds(50);
constexpr auto kStopGrace = std::chrono::seconds(5);

void print(const std::string& line) {
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fputc('\n', stdout);
  std::fflush(stdout);
}

k8s::WallTime wall_now() {
  return {std::chrono::duration_cast<std::chrono::nanoseconds>(
              std::chrono::system_clock::now().time_since_epoch())
              .count()};
}

std::uint64_t system_random() {
  static thread_local std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

json system_namespace() {
  return {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", "fermi-system"}}}};
}

std::uint16_t remembered_port(const fs::path& file) {
  std::uint16_t port = 0;
  std::ifstream(file) >> port;
  return port;
}

}  // namespace

struct Up::Impl {
  Impl(k8s::CurlLoop& l, UpOptions o) : loop(l), options(std::move(o)) {}

  ~Impl() {
    follower.reset();
    applier.reset();
    client.reset();
    http.reset();
    subject.reset();
    node.reset();
    transport.reset();
    if (https) https->stop();
  }

  Status start() {
    for (const auto step : {&Impl::read_input, &Impl::start_server, &Impl::connect_client,
                            &Impl::make_node, &Impl::make_operator}) {
      if (auto status = (this->*step)(); !status.is_ok()) return status;
    }
    introduce();
    apply_builtin();
    return Status::ok();
  }

  Status read_input() {
    std::error_code error;
    data = fs::absolute(options.data_dir, error).lexically_normal();
    fs::create_directories(data, error);
    if (error) return {Code::kInvalid, "--data-dir: " + data.string() + ": " + error.message()};
    if (options.nodes.empty()) {
      nodes = {this_machine()};
    } else {
      auto parsed = simulated_nodes(options.nodes);
      if (!parsed) return parsed.status();
      nodes = std::move(*parsed);
    }
    for (const auto& path : options.apply) {
      auto read = read_manifests(path);
      if (!read) return {Code::kInvalid, "--apply: " + read.status().message()};
      for (auto& manifest : *read) manifests.push_back(std::move(manifest));
    }
    return Status::ok();
  }

  Status start_server() {
    const auto pods = data / "node";
    logs = k8s::node::make_pod_logs(pods.string());
    k8s::apiserver::Options server;
    server.database = (data / "api.db").string();
    server.now = wall_now;
    server.random = system_random;
    server.logs = logs.get();
    auto opened = k8s::apiserver::ApiServer::open(std::move(server));
    if (!opened) return opened.status();
    api = std::move(*opened);
    return listen();
  }

  // Port 0 means any free one, but the same on every start, so that a kubeconfig stays good.
  Status listen() {
    const auto file = data / "port";
    k8s::apiserver::HttpsOptions wanted;
    wanted.data_dir = (data / "server").string();
    wanted.port = static_cast<std::uint16_t>(options.port);
    if (options.port == 0) wanted.port = remembered_port(file);
    auto started = k8s::apiserver::HttpsServer::start(*api, wanted);
    if (!started && options.port == 0 && wanted.port != 0) {
      wanted.port = 0;
      started = k8s::apiserver::HttpsServer::start(*api, wanted);
    }
    if (!started) return started.status();
    https = std::move(*started);
    std::ofstream(file) << https->port() << '\n';
    kubeconfig = options.kubeconfig.empty() ? data / "kubeconfig" : fs::path(options.kubeconfig);
    return https->write_kubeconfig(kubeconfig.string(), "fermi");
  }

  Status connect_client() {
    k8s::ClusterConfig config;
    config.server = https->url();
    config.ca.data = https->ca_pem();
    config.token = https->admin_token();
    auto connected = k8s::connect(loop, config);
    if (!connected) return connected.status();
    transport = std::move(*connected);
    client = std::make_unique<k8s::Client>(loop, *transport);
    applier = std::make_unique<Applier>(loop, *transport);
    return Status::ok();
  }

  Status make_node() {
    k8s::node::NodeOptions runtime;
    runtime.nodes = nodes;
    runtime.data_dir = (data / "node").string();
    runtime.shim_command = options.shim_command;
    runtime.shared_device_annotation = annotation::kSharedDevice;
    auto made = k8s::node::NodeRuntime::create(loop, *transport, std::move(runtime));
    if (!made) return made.status();
    node = std::move(*made);
    return Status::ok();
  }

  Status make_operator() {
    Options wanted;
    wanted.identity = "fermi-up";
    wanted.leader_elect = false;
    wanted.local_mode = true;
    if (!options.config_file.empty()) {
      auto text = k8s::read_small_file(options.config_file);
      if (!text) return {Code::kInvalid, "--config: " + text.status().message()};
      wanted.config_text = *text;
    }
    journal.emplace((data / "journal").string());
    wanted.journal = [this](std::string_view line) { journal->write(line); };
    subject = std::make_unique<Operator>(loop, *transport, std::move(wanted));
    auto served = HttpServer::start(loop, options.http_address, [this](const auto& request) {
      return answer_page(*subject, request);
    });
    if (!served) return served.status();
    http = std::move(*served);
    return Status::ok();
  }

  void introduce() {
    print("API server  " + https->url() + "  (export KUBECONFIG=" + kubeconfig.string() + ")");
    print("Metrics     http://" + http->address() + "/metrics, /readyz, /healthz");
    std::string names;
    for (std::size_t i = 0; i < nodes.size() && i < 8; ++i) {
      names += (i == 0 ? "" : ", ") + nodes[i].name;
    }
    if (nodes.size() > 8) names += ", ...";
    print("Nodes       " + std::to_string(nodes.size()) + ": " + names + "; data in " +
          data.string());
  }

  void apply_builtin() {
    auto builtin = builtin_manifests();
    builtin.insert(builtin.begin(), system_namespace());
    applier->apply(std::move(builtin), false, [this](auto result) {
      if (!result) return fail("the built-in definitions", result.status());
      start_work();
    });
  }

  void start_work() {
    std::set<std::string> names;
    for (const auto& spec : nodes) names.insert(spec.name);
    remove_stale_nodes(*client, std::move(names), [this](const Status& status) {
      if (!status.is_ok()) return fail("nodes of an earlier start", status);
      node->start();
      subject->start();
      await_ready();
    });
  }

  void await_ready() {
    if (!node->ready() || !subject->leading()) {
      timer = loop.after(kReadyPoll, [this] { await_ready(); });
      return;
    }
    print("Ready.");
    if (manifests.empty()) return nothing_to_follow();
    applier->apply(std::move(manifests), options.fresh, [this](auto result) {
      if (!result) return fail("--apply", result.status());
      if (options.follow || options.once) follow(*result);
    });
  }

  void follow(const std::vector<json>& applied) {
    std::vector<std::string> keys;
    for (const auto& object : applied) {
      if (k8s::string_at(object, "kind") != "TrainingJob") continue;
      const auto& meta = k8s::object_at(object, "metadata");
      keys.push_back(k8s::string_at(meta, "namespace") + "/" + k8s::string_at(meta, "name"));
    }
    if (keys.empty()) return nothing_to_follow();
    follower = std::make_unique<Follower>(loop, *transport, std::move(keys), print,
                                          [this](Follower::Outcome outcome) { followed(outcome); });
    follower->start();
  }

  // With --once the end has come when all jobs have ended, be there none.
  void nothing_to_follow() {
    if (!options.once) return;
    print("There is no TrainingJob to wait for.");
    loop.post([this] { shut_down(); });
  }

  void followed(const Follower::Outcome& outcome) {
    code = outcome.exit_code;
    if (options.once) {
      loop.post([this] { shut_down(); });
    } else {
      print("Serving until Ctrl-C.");
    }
  }

  void fail(const std::string& what, const Status& why) {
    k8s::log::error("cannot go on", {{"with", what}, {"why", why.message()}});
    code = 1;
    shut_down();
  }

  void shut_down() {
    if (stopping) return;
    stopping = true;
    loop.cancel(timer);
    follower.reset();
    subject->stop([this] {
      if (!options.stop_pods) return loop.stop();
      node->stop_all(kStopGrace, [this] { loop.stop(); });
    });
  }

  k8s::CurlLoop& loop;
  UpOptions options;
  fs::path data, kubeconfig;
  std::vector<k8s::node::NodeSpec> nodes;
  std::vector<json> manifests;
  std::unique_ptr<k8s::apiserver::LogSource> logs;
  std::unique_ptr<k8s::apiserver::ApiServer> api;
  std::unique_ptr<k8s::apiserver::HttpsServer> https;
  std::unique_ptr<k8s::http::Transport> transport;
  std::unique_ptr<k8s::Client> client;
  std::optional<JournalFile> journal;
  std::unique_ptr<k8s::node::NodeRuntime> node;
  std::unique_ptr<Operator> subject;
  std::unique_ptr<HttpServer> http;
  std::unique_ptr<Applier> applier;
  std::unique_ptr<Follower> follower;
  k8s::TimerId timer = k8s::TimerId::kNone;
  bool stopping = false;
  int code = 0;
};

Up::Up(k8s::CurlLoop& loop, UpOptions options)
    : impl_(std::make_unique<Impl>(loop, std::move(options))) {}
Up::~Up() = default;
k8s::Status Up::start() { return impl_->start(); }
void Up::shut_down() { impl_->shut_down(); }
int Up::exit_code() const { return impl_->code; }

}  // namespace fermi
