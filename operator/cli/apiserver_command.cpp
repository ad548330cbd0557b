#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <random>

#include "libk8s/apiserver/https_server.hpp"
#include "libk8s/transport/curl_loop.hpp"
#include "operator/cli/commands.hpp"
#include "operator/cli/signals.hpp"

namespace fermi {
namespace {

struct ServerFlags {
  std::string data_dir = default_data_dir() + "/apiserver";
  std::string kubeconfig, token_file;
  int port = 0;
};

k8s::Result<std::unique_ptr<k8s::apiserver::ApiServer>> open_server(const ServerFlags& flags) {
  std::error_code error;
  std::filesystem::create_directories(flags.data_dir, error);
  if (error) return k8s::Status(k8s::Code::kInvalid, "--data-dir: " + error.message());
  k8s::apiserver::Options options;
  options.database = flags.data_dir + "/api.db";
  options.now = [] {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return k8s::WallTime{std::chrono::duration_cast<std::chrono::nanoseconds>(now).count()};
  };
  options.random = [device = std::make_shared<std::random_device>()] {
    return (std::uint64_t{(*device)()} << 32) | (*device)();
  };
  return k8s::apiserver::ApiServer::open(std::move(options));
}

int run_server(Signals& signals, const ServerFlags& flags) {
  auto api = open_server(flags);
  if (!api) return complain(api.status().message());
  k8s::apiserver::HttpsOptions options;
  options.port = static_cast<std::uint16_t>(flags.port);
  options.data_dir = flags.data_dir;
  options.token_file = flags.token_file;
  auto https = k8s::apiserver::HttpsServer::start(**api, options);
  if (!https) return complain(https.status().message());
  const auto path = flags.kubeconfig.empty() ? flags.data_dir + "/kubeconfig" : flags.kubeconfig;
  if (const auto status = (*https)->write_kubeconfig(path, "fermi"); !status.is_ok()) {
    return complain(status.message());
  }
  std::printf("API server  %s  (export KUBECONFIG=%s)\n", (*https)->url().c_str(), path.c_str());
  std::fflush(stdout);
  k8s::CurlLoop loop;
  const auto delivery = signals.deliver_to(loop, [&loop](int) { loop.stop(); });
  loop.run();
  (*https)->stop();
  return 0;
}

}  // namespace

void add_apiserver(CLI::App& app, Run& run) {
  auto flags = std::make_shared<ServerFlags>();
  auto* command = app.add_subcommand("apiserver", "Run the embedded API server alone");
  command->add_option("--data-dir", flags->data_dir, "Where everything is kept")
      ->capture_default_str();
  command->add_option("--port", flags->port, "On 127.0.0.1; 0: any free one")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  command->add_option("--kubeconfig", flags->kubeconfig, "Where to write the kubeconfig");
  command->add_option("--token-file", flags->token_file, "More callers: token,user,group,...");
  command->callback(
      [flags, &run] { run = [flags](Signals& signals) { return run_server(signals, *flags); }; });
}

}  // namespace fermi
