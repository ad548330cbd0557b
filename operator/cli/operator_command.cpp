#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <memory>
#include <optional>

#include "libk8s/base/log.hpp"
#include "libk8s/transport/cluster_config.hpp"
#include "libk8s/transport/curl_loop.hpp"
#include "libk8s/transport/curl_transport.hpp"
#include "operator/cli/commands.hpp"
#include "operator/cli/signals.hpp"
#include "operator/http/http_server.hpp"
#include "operator/http/pages.hpp"
#include "operator/local/journal_file.hpp"
#include "operator/operator.hpp"

namespace fermi {
namespace {

struct OperatorFlags {
  Options options;
  std::string kubeconfig, context, service_account_dir, journal;
  std::string http_address = "0.0.0.0:8080";
  int lease_seconds = 15, renew_seconds = 10, retry_seconds = 2;
};

std::string env_or(const char* name, const std::string& fallback) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? fallback : value;
}

// The name of this replica: its Pod's, or the host's with the process's number.
std::string default_identity() {
  char host[256] = "host";
  if (gethostname(host, sizeof host - 1) != 0) host[0] = '\0';
  return env_or("POD_NAME", std::string(host) + "-" + std::to_string(getpid()));
}

k8s::Result<k8s::ClusterConfig> find_cluster(const OperatorFlags& flags) {
  const bool inside =
      !flags.service_account_dir.empty() || !env_or("KUBERNETES_SERVICE_HOST", "").empty();
  if (flags.kubeconfig.empty() && flags.context.empty() && inside) {
    k8s::InClusterOptions options;
    if (!flags.service_account_dir.empty()) options.directory = flags.service_account_dir;
    return k8s::in_cluster_config(options);
  }
  k8s::KubeconfigOptions options;
  if (!flags.kubeconfig.empty()) options.files = {flags.kubeconfig};
  options.context = flags.context;
  return k8s::load_kubeconfig(options);
}

int serve(Signals& signals, k8s::CurlLoop& loop, Operator& subject) {
  bool stopping = false;
  const auto delivery = signals.deliver_to(loop, [&](int signal) {
    if (stopping) return;
    stopping = true;
    k8s::log::info("stopping", {{"signal", std::to_string(signal)}});
    subject.stop([&loop] { loop.stop(); });
  });
  subject.start();
  loop.run();
  return 0;
}

int run_operator(Signals& signals, OperatorFlags flags) {
  const auto config = find_cluster(flags);
  if (!config) return complain(config.status().message());
  k8s::CurlLoop loop;
  auto transport = k8s::connect(loop, *config);
  if (!transport) return complain(transport.status().message());
  std::optional<JournalFile> journal;
  if (!flags.journal.empty()) {
    journal.emplace(flags.journal);
    flags.options.journal = [&journal](std::string_view line) { journal->write(line); };
  }
  flags.options.lease_duration = std::chrono::seconds(flags.lease_seconds);
  flags.options.renew_deadline = std::chrono::seconds(flags.renew_seconds);
  flags.options.retry_period = std::chrono::seconds(flags.retry_seconds);
  Operator subject(loop, **transport, flags.options);
  auto http = HttpServer::start(loop, flags.http_address, [&subject](const auto& request) {
    return answer_page(subject, request);
  });
  if (!http) return complain(http.status().message());
  k8s::log::info("operator started", {{"identity", flags.options.identity},
                                      {"server", config->server},
                                      {"http", (*http)->address()}});
  return serve(signals, loop, subject);
}

void add_lease_options(CLI::App& command, OperatorFlags& flags) {
  command.add_flag("--leader-elect", flags.options.leader_elect,
                   "Act only while holding the lease; for more than one replica");
  command.add_option("--lease-duration", flags.lease_seconds, "Seconds until a lease is dead")
      ->check(CLI::Range(2, 3600))
      ->capture_default_str();
  command
      .add_option("--renew-deadline", flags.renew_seconds,
                  "Seconds without a renewal after which the leader stops acting")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  command.add_option("--retry-period", flags.retry_seconds, "Seconds between tries")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
}

}  // namespace

void add_operator(CLI::App& app, Run& run) {
  auto flags = std::make_shared<OperatorFlags>();
  flags->options.leader_elect = false;
  flags->options.identity = default_identity();
  flags->options.ns = env_or("POD_NAMESPACE", "fermi-system");
  auto* command = app.add_subcommand("operator", "Run the controller and scheduler of a cluster");
  command->add_option("--kubeconfig", flags->kubeconfig,
                      "The cluster; inside a Pod its ServiceAccount is used");
  command->add_option("--context", flags->context, "A context of the kubeconfig");
  command->add_option("--service-account-dir", flags->service_account_dir,
                      "Where token, ca.crt and namespace are");
  command->add_option("--namespace", flags->options.ns, "Fermi's own namespace")
      ->capture_default_str();
  command->add_option("--identity", flags->options.identity, "This replica among the others")
      ->capture_default_str();
  command->add_option("--http-address", flags->http_address, "For health and metrics")
      ->capture_default_str();
  command->add_option("--journal", flags->journal, "Write the decision journal to this file");
  add_lease_options(*command, *flags);
  command->callback([flags, &run] {
    if (flags->lease_seconds <= flags->renew_seconds ||
        flags->renew_seconds * 5 <= flags->retry_seconds * 6) {
      throw CLI::ValidationError("--lease-duration",
                                 "must be longer than --renew-deadline, and that than 1.2 times "
                                 "--retry-period");
    }
    run = [flags](Signals& signals) { return run_operator(signals, *flags); };
  });
}

}  // namespace fermi
