// Worlds: what the simulator's tests are built from: small traces by hand or by seed, and runs.
#pragma once

#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

#include "operator/simulate/figures.hpp"
#include "operator/simulate/reader.hpp"
#include "tests/unit/simulate/textbook.hpp"

namespace fermi::simulate {

// SplitMix64: the same numbers from the same seed everywhere.
class Chance {
 public:
  explicit Chance(std::uint64_t seed) : state_(seed) {}
  std::int64_t between(std::int64_t low, std::int64_t high) {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    const auto span = static_cast<std::uint64_t>(high - low + 1);
    return low + static_cast<std::int64_t>((z ^ (z >> 31)) % span);
  }

 private:
  std::uint64_t state_;
};

// Jobs in seconds, submitted from second 0 on.
inline Trace trace_of(const std::vector<textbook::Job>& jobs) {
  TraceBuilder builder;
  for (const textbook::Job& from : jobs) {
    Job job;
    job.submit_ns = from.submit * kSecond;
    job.run_ns = from.run * kSecond;
    job.estimate_ns = from.estimate * kSecond;
    job.gpus = from.size;
    builder.add(job);
  }
  return builder.finish().value();
}

inline std::vector<textbook::Job> jobs_of(const Trace& trace) {
  std::vector<textbook::Job> jobs;
  for (const Job& job : trace.jobs) {
    jobs.push_back({job.submit_ns, job.run_ns, job.estimate_ns, job.gpus});
  }
  return jobs;
}

inline Outcome replay(const Trace& trace, const Cluster& cluster, const std::string& strategy) {
  const auto strategies = parse_strategies(strategy);
  Replay run(trace, cluster, strategies->front());
  while (run.step()) {
  }
  return run.outcome();
}

inline Figures simulate(const Trace& trace, const Cluster& cluster, const std::string& strategy) {
  return figures_of(trace, cluster, strategy, replay(trace, cluster, strategy));
}

// A text read as a trace, or the sentence that says why not.
struct ReadText {
  Trace trace;
  std::string error;
};
inline ReadText read_text(const std::string& text, Format format, const std::string& columns = "") {
  std::istringstream in(text);
  auto trace = read_trace(in, format, columns);
  if (!trace) return {{}, trace.status().message()};
  return {std::move(*trace), ""};
}

}  // namespace fermi::simulate
