#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

#include "libk8s/transport/curl_loop.hpp"
#include "operator/api/duration.hpp"
#include "operator/cli/commands.hpp"
#include "operator/cli/signals.hpp"
#include "operator/simulate/print.hpp"
#include "operator/simulate/reader.hpp"

namespace fermi {
namespace {

using namespace simulate;

// Instants between two looks at signals and the progress bar.
constexpr int kStepsOfSlice = 500;

struct SimulateFlags {
  std::string trace, format, columns, cluster, strategies = "FIFO,EASY,Backfill";
  std::string output = "table", quantum = "30m", half_life = "24h";
  bool says_quantum = false, says_half_life = false;
};

k8s::Status cannot_read(const std::string& path) {
  return {k8s::Code::kInvalid, "cannot read " + path};
}

// A sentence about a file begins with its name.
k8s::Status in_file(const std::string& path, const k8s::Status& status) {
  return {status.code(), path + ": " + status.message()};
}

k8s::Result<Cluster> open_cluster(const std::string& text) {
  std::error_code error;
  if (!std::filesystem::exists(text, error)) return parse_cluster(text);
  std::ifstream in(text, std::ios::binary);
  if (!in || std::filesystem::is_directory(text, error)) return cannot_read(text);
  if (text.ends_with(".csv")) {
    auto cluster = read_cluster_csv(in);
    return cluster ? std::move(cluster) : in_file(text, cluster.status());
  }
  std::stringstream whole;
  whole << in.rdbuf();
  auto cluster = read_cluster_yaml(whole.str());
  return cluster ? std::move(cluster) : in_file(text, cluster.status());
}

k8s::Result<Trace> open_trace(const SimulateFlags& flags) {
  const auto format = parse_format(flags.format);
  if (!format) return format.status();
  std::error_code error;
  std::ifstream in(flags.trace, std::ios::binary);
  if (!in || std::filesystem::is_directory(flags.trace, error)) return cannot_read(flags.trace);
  auto trace = read_trace(in, *format, flags.columns);
  return trace ? std::move(trace) : in_file(flags.trace, trace.status());
}

k8s::Result<std::vector<Strategy>> open_strategies(const SimulateFlags& flags) {
  const auto quantum = parse_duration_ns(flags.quantum);
  if (!quantum) return in_file("--quantum", quantum.status());
  const auto half_life = parse_duration_ns(flags.half_life);
  if (!half_life) return in_file("--half-life", half_life.status());
  return parse_strategies(flags.strategies,
                          {*quantum, *half_life, flags.says_quantum, flags.says_half_life});
}

// On a terminal alone, and on stderr, so that the result can be piped.
class Progress {
 public:
  explicit Progress(std::size_t jobs) : jobs_(jobs), shown_(isatty(STDERR_FILENO) == 1) {}
  ~Progress() { clear(); }

  void show(const std::string& strategy, std::size_t ended) {
    const std::size_t percent = ended * 100 / std::max<std::size_t>(jobs_, 1);
    if (!shown_ || (percent == percent_ && strategy == strategy_)) return;
    percent_ = percent;
    strategy_ = strategy;
    const std::string bar(percent * 40 / 100, '#');
    std::fprintf(stderr, "\r%-16s [%-40s] %3zu %%", strategy.c_str(), bar.c_str(), percent);
  }
  void clear() {
    if (shown_ && !strategy_.empty()) std::fprintf(stderr, "\r%64s\r", "");
    strategy_.clear();
  }

 private:
  std::size_t jobs_, percent_ = 0;
  bool shown_;
  std::string strategy_;
};

// One strategy after the other, a slice at a time, so that a signal ends it soon.
class Comparison {
 public:
  Comparison(Trace trace, Cluster cluster, std::vector<Strategy> strategies)
      : trace_(std::move(trace)),
        cluster_(std::move(cluster)),
        strategies_(std::move(strategies)),
        progress_(trace_.jobs.size()) {}

  // Calls `done` after the last slice of the last strategy.
  void slice(k8s::CurlLoop& loop, const std::function<void()>& done) {
    if (replays_.empty() || over_) {
      if (replays_.size() == strategies_.size() || !status_.is_ok()) return finish(done);
      replays_.push_back(std::make_unique<Replay>(trace_, cluster_, strategies_[replays_.size()]));
      over_ = false;
    }
    Replay& replay = *replays_.back();
    for (int i = 0; i < kStepsOfSlice && !over_; ++i) over_ = !replay.step();
    progress_.show(strategies_[replays_.size() - 1].name, replay.ended());
    if (!replay.status().is_ok()) status_ = replay.status();
    loop.post([this, &loop, done] { slice(loop, done); });
  }

  const k8s::Status& status() const { return status_; }

  std::string text(const std::string& output) const {
    std::vector<Figures> figures;
    std::vector<const Outcome*> outcomes;
    for (std::size_t i = 0; i < replays_.size(); ++i) {
      outcomes.push_back(&replays_[i]->outcome());
      figures.push_back(figures_of(trace_, cluster_, strategies_[i].name, *outcomes.back()));
    }
    draw_usage(cluster_, outcomes, figures);
    if (output == "json") return as_json(trace_, cluster_, figures);
    if (output == "svg") return as_svg(trace_, cluster_, figures);
    return as_table(trace_, cluster_, figures);
  }

 private:
  void finish(const std::function<void()>& done) {
    progress_.clear();
    done();
  }

  const Trace trace_;
  const Cluster cluster_;
  const std::vector<Strategy> strategies_;
  Progress progress_;
  std::vector<std::unique_ptr<Replay>> replays_;
  bool over_ = false;
  k8s::Status status_;
};

int run_simulate(Signals& signals, const SimulateFlags& flags) {
  auto strategies = open_strategies(flags);
  if (!strategies) return complain(strategies.status().message());
  auto cluster = open_cluster(flags.cluster);
  if (!cluster) return complain(cluster.status().message());
  auto trace = open_trace(flags);
  if (!trace) return complain(trace.status().message());
  Comparison comparison(std::move(*trace), std::move(*cluster), std::move(*strategies));
  k8s::CurlLoop loop;
  int caught = 0;
  const auto delivery = signals.deliver_to(loop, [&](int signal) {
    caught = signal;
    loop.stop();
  });
  loop.post([&] { comparison.slice(loop, [&loop] { loop.stop(); }); });
  loop.run();
  if (caught != 0) return 128 + caught;
  if (!comparison.status().is_ok()) return complain(comparison.status().message());
  std::fputs(comparison.text(flags.output).c_str(), stdout);
  return 0;
}

}  // namespace

void add_simulate(CLI::App& app, Run& run) {
  auto flags = std::make_shared<SimulateFlags>();
  auto* command =
      app.add_subcommand("simulate", "Compare strategies by running the engine over a trace");
  command->add_option("--trace", flags->trace, "The log of a cluster's jobs")->required();
  command->add_option("--format", flags->format, "swf, cqsim, philly, openb, csv or journal")
      ->required();
  command->add_option("--columns", flags->columns,
                      "For csv: submit=COLUMN,runtime=COLUMN and, where there are such, estimate, "
                      "gpus, nodes, cpu (cores), memory (MiB), tenant; by name or number from 1");
  command
      ->add_option("--cluster", flags->cluster,
                   "NODESxGPUS such as 128x1, NODESxGPUSxCORES, or a file: nodes as CSV (sn, "
                   "cpu_milli, memory_mib, gpu, model) or a YAML list of {count, gpus, cpu, ...}")
      ->required();
  command->add_option("--strategy", flags->strategies, "Which, with commas between")
      ->capture_default_str();
  auto* const quantum =
      command->add_option("--quantum", flags->quantum, "TimeSlicing: how long a turn lasts")
          ->capture_default_str();
  auto* const half_life = command
                              ->add_option("--half-life", flags->half_life,
                                           "FairSharing and Hybrid: after which usage counts half")
                              ->capture_default_str();
  command->add_option("-o,--output", flags->output, "table, json or svg")
      ->check(CLI::IsMember({"table", "json", "svg"}))
      ->capture_default_str();
  command->callback([flags, quantum, half_life, &run] {
    flags->says_quantum = quantum->count() > 0;
    flags->says_half_life = half_life->count() > 0;
    run = [flags](Signals& signals) { return run_simulate(signals, *flags); };
  });
}

}  // namespace fermi
