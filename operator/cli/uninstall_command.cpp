#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "libk8s/transport/cluster_config.hpp"
#include "libk8s/transport/curl_loop.hpp"
#include "libk8s/transport/curl_transport.hpp"
#include "operator/cli/commands.hpp"
#include "operator/cli/signals.hpp"
#include "operator/commit/let_go.hpp"

namespace fermi {
namespace {

struct UninstallFlags {
  LetGoOptions options;
  std::string kubeconfig, context;
};

int run_uninstall(const UninstallFlags& flags) {
  k8s::KubeconfigOptions where;
  if (!flags.kubeconfig.empty()) where.files = {flags.kubeconfig};
  where.context = flags.context;
  const auto config = k8s::load_kubeconfig(where);
  if (!config) return complain(config.status().message());
  k8s::CurlLoop loop;
  auto transport = k8s::connect(loop, *config);
  if (!transport) return complain(transport.status().message());
  k8s::Client client(loop, **transport);
  LetGoReport report;
  let_go(client, flags.options, [&](LetGoReport end) {
    report = std::move(end);
    loop.stop();
  });
  loop.run();
  if (!report.error.empty() && report.failed == 0) return complain(report.error);
  std::cout << "let go of " << report.jobs << " jobs and " << report.queues << " queues\n";
  if (report.failed == 0) return 0;
  return complain(std::to_string(report.failed) + " failed, the first with: " + report.error);
}

}  // namespace

void add_uninstall(CLI::App& app, Run& run) {
  auto flags = std::make_shared<UninstallFlags>();
  auto* command = app.add_subcommand(
      "uninstall", "Take Fermi's finalizers off all jobs and queues, so that nothing waits for it");
  command->add_option("--kubeconfig", flags->kubeconfig, "The cluster");
  command->add_option("--context", flags->context, "A context of the kubeconfig");
  command->add_option("--namespace", flags->options.ns, "Fermi's own namespace")
      ->capture_default_str();
  command->add_flag("--force", flags->options.force, "Even while a leader holds its lease");
  command->callback([flags, &run] { run = [flags](Signals&) { return run_uninstall(*flags); }; });
}

}  // namespace fermi
