#include <unistd.h>

#include <CLI/CLI.hpp>
#include <climits>
#include <string_view>

#include "libk8s/base/log.hpp"
#include "libk8s/node/shim.hpp"
#include "operator/cli/commands.hpp"
#include "operator/cli/signals.hpp"

namespace {

constexpr std::string_view kShim = "pod-shim";

std::string self_path(const char* argv0) {
  char path[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path);
  return length > 0 ? std::string(path, static_cast<std::size_t>(length)) : std::string(argv0);
}

void add_logging(CLI::App& app, std::string& level, std::string& format) {
  app.add_option("--log-level", level, "What is logged")
      ->check(CLI::IsMember({"debug", "info", "warn", "error", "off"}))
      ->capture_default_str();
  app.add_option("--log-format", format, "text, or one JSON object a line")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
}

void set_logging(const std::string& level, const std::string& format) {
  using k8s::log::Level;
  const std::pair<const char*, Level> levels[] = {{"debug", Level::kDebug},
                                                  {"info", Level::kInfo},
                                                  {"warn", Level::kWarn},
                                                  {"error", Level::kError},
                                                  {"off", Level::kOff}};
  for (const auto& [name, value] : levels) {
    if (level == name) k8s::log::set_level(value);
  }
  if (format == "json") k8s::log::set_format(k8s::log::Format::kJson);
}

}  // namespace

int main(int argc, char** argv) {
  // Before any thread is made: the shim starts processes and namespaces.
  if (argc > 1 && argv[1] == kShim) return k8s::node::shim_main(argc - 1, argv + 1);

  CLI::App app("Fermi: one queue that keeps its promises, for GPU workloads on Kubernetes.");
  app.name("fermi");
  app.require_subcommand(1);
  app.fallthrough();
  std::string level = "info", format = "text";
  add_logging(app, level, format);
  fermi::Run run;
  fermi::add_up(app, self_path(argv[0]), run);
  fermi::add_operator(app, run);
  fermi::add_apiserver(app, run);
  fermi::add_simulate(app, run);
  fermi::add_uninstall(app, run);
  fermi::add_version(app, run);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  set_logging(level, format);
  fermi::Signals signals;
  return run(signals);
}
