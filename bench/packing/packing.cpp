// Packing: how much of the GPUs each rule of placement gets allocated.
//
//   packing TASKS.csv NODES.csv [--rules BestFit,FragmentGradient,Engine] [--load 130]
//           [--seeds 1-10] [--part 1/3] [--check]
//
// The experiment of operator/simulate/packing.hpp, a column a rule and a line a seed, and the mean.
// --part K/N: on every N-th node alone, from the K-th on. --check fails when the last rule's mean
// is not above the means of all others.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "operator/simulate/packing.hpp"

namespace {

using namespace fermi::simulate;

struct Options {
  std::string tasks, nodes, rules = "BestFit,FragmentGradient,Engine";
  long load = 130, first = 1, last = 10, part = 1, parts = 1;
  bool check = false;
};

int fail(const std::string& sentence) {
  std::fprintf(stderr, "%s\n", sentence.c_str());
  return 2;
}

// Two numbers with a mark between them, or one.
bool numbers(const std::string& words, char mark, long& first, long& second) {
  char* end = nullptr;
  first = second = std::strtol(words.c_str(), &end, 10);
  if (*end == mark) second = std::strtol(end + 1, &end, 10);
  return end != words.c_str() && *end == '\0' && first >= 0 && second >= first;
}

// What may be said on the command line.
void options_of(CLI::App& app, Options& o) {
  app.add_option("TASKS", o.tasks, "openb's list of Pods")->required()->check(CLI::ExistingFile);
  app.add_option("NODES", o.nodes, "openb's list of nodes")->required()->check(CLI::ExistingFile);
  app.add_option("--rules", o.rules, "of placement, separated by commas");
  app.add_option("--load", o.load, "percent of the GPUs")->check(CLI::PositiveNumber);
  app.add_flag("--check", o.check, "fail unless the last rule allocates most");
  app.add_option_function<std::string>(
      "--seeds",
      [&o](const std::string& words) {
        if (!numbers(words, '-', o.first, o.last))
          throw CLI::ValidationError("--seeds", "\"" + words + "\" is not of the form 1-10");
      },
      "from the first to the last, as in 1-10");
  app.add_option_function<std::string>(
      "--part",
      [&o](const std::string& words) {
        if (words.find('/') == std::string::npos || !numbers(words, '/', o.part, o.parts) ||
            o.part < 1)
          throw CLI::ValidationError("--part", "\"" + words + "\" is not of the form 1/3");
      },
      "every N-th node alone, from the K-th on, as in 1/3");
}

// Every so many-th of them.
std::vector<PackingNode> some(const std::vector<PackingNode>& nodes, const Options& options) {
  std::vector<PackingNode> out;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const auto place = static_cast<long>(i) % options.parts;
    if (place == options.part - 1) out.push_back(nodes[i]);
  }
  return out;
}

void print_line(const char* head, const std::vector<double>& cells) {
  std::printf("%-6s", head);
  for (const double cell : cells) std::printf(" %16.3f %%", cell);
  std::printf("\n");
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"How much of the GPUs each rule of placement gets allocated"};
  Options options;
  options_of(app, options);
  CLI11_PARSE(app, argc, argv);
  std::ifstream task_file(options.tasks, std::ios::binary),
      node_file(options.nodes, std::ios::binary);
  if (!task_file || !node_file) return fail("cannot read the tasks or the nodes");
  const auto tasks = read_packing_tasks(task_file);
  if (!tasks) return fail(options.tasks + ": " + tasks.status().message());
  const auto all_nodes = read_packing_nodes(node_file);
  if (!all_nodes) return fail(options.nodes + ": " + all_nodes.status().message());
  const std::vector<PackingNode> nodes = some(*all_nodes, options);
  const auto rules = parse_packing_rules(options.rules);
  if (!rules) return fail(rules.status().message());
  std::printf("%-6s", "seed");
  for (const PackingRule rule : *rules) std::printf(" %18s", name(rule));
  std::printf("\n");
  std::vector<double> means(rules->size(), 0), seconds(rules->size(), 0);
  for (long seed = options.first; seed <= options.last; ++seed) {
    std::vector<double> cells;
    for (std::size_t r = 0; r < rules->size(); ++r) {
      const auto start = std::chrono::steady_clock::now();
      const auto result =
          run_packing(*tasks, nodes, (*rules)[r], static_cast<std::uint64_t>(seed), options.load);
      if (!result) return fail(result.status().message());
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
      cells.push_back(100.0 * static_cast<double>(result->placed_milli) /
                      static_cast<double>(result->gpu_milli));
      means[r] += cells.back() / static_cast<double>(options.last - options.first + 1);
      seconds[r] += took.count();
    }
    print_line(std::to_string(seed).c_str(), cells);
  }
  print_line("mean", means);
  std::printf("%-6s", "took");
  for (const double s : seconds) std::printf(" %16.1f s", s);
  std::printf("\n");
  const bool best = std::all_of(means.begin(), means.end() - 1,
                                [&](double other) { return means.back() > other; });
  return options.check && !best ? 1 : 0;
}
