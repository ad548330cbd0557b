// The subcommands of `fermi`. Each adds itself to the command line and says how it is run.
//
// Exit codes: 0 it worked; 1 it failed; 2 wrong usage; `up --once` and `up --follow`: the exit code
// of the first job that failed; 128 + n: ended by signal n.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace fermi {

class Signals;

// What a subcommand runs when it was chosen; the value is the exit code.
using Run = std::function<int(Signals&)>;

// `self`: how this executable calls itself.
void add_up(CLI::App& app, const std::string& self, Run& run);
void add_operator(CLI::App& app, Run& run);
void add_apiserver(CLI::App& app, Run& run);
void add_simulate(CLI::App& app, Run& run);
void add_uninstall(CLI::App& app, Run& run);
void add_version(CLI::App& app, Run& run);

// One sentence on stderr; 1.
int complain(const std::string& sentence);

// $XDG_DATA_HOME/fermi or ~/.local/share/fermi.
std::string default_data_dir();

}  // namespace fermi
