#include <CLI/CLI.hpp>
#include <cstdio>

#include "operator/cli/commands.hpp"

namespace fermi {

void add_version(CLI::App& app, Run& run) {
  auto* command = app.add_subcommand("version", "Print the version");
  command->callback([&run] {
    run = [](Signals&) {
      std::printf("fermi %s\n", FERMI_VERSION);
      return 0;
    };
  });
}

}  // namespace fermi
