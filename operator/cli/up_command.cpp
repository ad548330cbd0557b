#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "operator/cli/commands.hpp"
#include "operator/cli/signals.hpp"
#include "operator/local/up.hpp"

namespace fermi {
namespace {

int run_up(Signals& signals, UpOptions options) {
  k8s::CurlLoop loop;
  Up up(loop, std::move(options));
  if (const auto status = up.start(); !status.is_ok()) return complain(status.message());
  const auto delivery = signals.deliver_to(loop, [&up](int) { up.shut_down(); });
  loop.run();
  return up.exit_code();
}

}  // namespace

int complain(const std::string& sentence) {
  std::fprintf(stderr, "fermi: %s\n", sentence.c_str());
  return 1;
}

std::string default_data_dir() {
  if (const char* data = std::getenv("XDG_DATA_HOME"); data != nullptr && *data != '\0') {
    return std::string(data) + "/fermi";
  }
  const char* home = std::getenv("HOME");
  return std::string(home == nullptr ? "." : home) + "/.local/share/fermi";
}

void add_up(CLI::App& app, const std::string& self, Run& run) {
  auto options = std::make_shared<UpOptions>();
  options->data_dir = default_data_dir();
  options->shim_command = {self, "pod-shim"};
  auto* command = app.add_subcommand("up", "Run a whole Fermi on this machine");
  command->add_option("--data-dir", options->data_dir, "Where everything is kept")
      ->capture_default_str();
  command->add_option("--nodes", options->nodes,
                      "Simulate nodes: ZONE=NODESxGPUS,... such as zone-a=2x8,zone-b=3x8; "
                      "without it, this machine is the one node");
  command->add_option("--port", options->port, "The API server's port on 127.0.0.1; 0: any, kept")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  command->add_option("--kubeconfig", options->kubeconfig,
                      "Where to write the kubeconfig; in the data folder by default");
  command->add_option("--http-address", options->http_address, "For health and metrics")
      ->capture_default_str();
  command->add_option("--config", options->config_file, "Prices and latencies (YAML)");
  command->add_option("--apply", options->apply, "Files or folders of manifests to apply");
  command->add_flag("--fresh", options->fresh, "Delete what --apply names before applying it");
  command->add_flag("--follow", options->follow, "Show the applied TrainingJobs live");
  command->add_flag(
      "--once", options->once,
      "End when they have ended (at once when there are none), with their outcome as exit code");
  command->add_flag("--stop-pods", options->stop_pods,
                    "End all processes of Pods at the end; else they go on and are adopted");
  command->callback(
      [options, &run] { run = [options](Signals& signals) { return run_up(signals, *options); }; });
}

}  // namespace fermi
