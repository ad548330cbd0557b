#include "operator/simulate/print.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "libk8s/codec/json.hpp"

namespace fermi::simulate {
namespace {

std::string fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

// "1,261,249": whole numbers from a thousand on are easier to compare so.
std::string grouped(double value) {
  std::string digits = fixed(value, 0);
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, ",");
  return digits;
}

// "1 job", "1,234 jobs".
std::string counted(std::int64_t count, const std::string& what) {
  return grouped(static_cast<double>(count)) + " " + what + (count == 1 ? "" : "s");
}

std::string percent(double share) { return fixed(share * 100, 1) + " %"; }

// One note a line, of what was not taken as it stood.
std::string notes_of(const Trace::Notes& notes) {
  const std::pair<std::int64_t, const char*> lines[] = {
      {notes.without_run_time, "left out: no known run time"},
      {notes.without_size, "left out: neither GPUs nor CPU asked for"},
      {notes.without_estimate, "without an estimate: the true run time is taken for it"},
      {notes.out_of_order, "written before one that was submitted earlier: sorted"},
      {notes.shared_gpus, "for a part of a GPU: GPUs are shared"}};
  std::string text;
  for (const auto& [count, sentence] : lines) {
    if (count > 0) text += counted(count, "job") + " " + sentence + "\n";
  }
  return text;
}

using Cells = std::vector<std::string>;

// The first column to the left, the others to the right.
std::string aligned(const std::vector<Cells>& rows) {
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (const Cells& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Cells& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string fill(widths[i] - row[i].size(), ' ');
      if (i > 0) text += "   ";
      text += i == 0 ? row[i] + fill : fill + row[i];
    }
    text += "\n";
  }
  return text;
}

// Rounded, so that the text is short: a millionth is finer than anybody reads.
double rounded(double value) { return std::round(value * 1e6) / 1e6; }

nlohmann::json json_of(const Figures& f) {
  nlohmann::json sizes = nlohmann::json::array();
  for (const SizeClass& size : f.sizes) {
    sizes.push_back({{"gpus", size.name},
                     {"jobs", size.jobs},
                     {"meanWaitSeconds", rounded(size.mean_wait_s)},
                     {"maxWaitSeconds", rounded(size.max_wait_s)}});
  }
  return {{"strategy", f.strategy},
          {"jobs", f.jobs},
          {"neverStarted", f.never_started},
          {"meanWaitSeconds", rounded(f.mean_wait_s)},
          {"p95WaitSeconds", rounded(f.p95_wait_s)},
          {"maxWaitSeconds", rounded(f.max_wait_s)},
          {"boundedSlowdown", rounded(f.bounded_slowdown)},
          {"utilisation", rounded(f.utilisation)},
          {"allocation", f.allocation ? nlohmann::json(rounded(*f.allocation)) : nlohmann::json()},
          {"preemptions", f.preemptions},
          {"fairness", rounded(f.fairness)},
          {"makespanSeconds", rounded(f.makespan_s)},
          {"sizeClasses", std::move(sizes)}};
}

}  // namespace

std::string as_table(const Trace& trace, const Cluster& cluster,
                     const std::vector<Figures>& figures) {
  std::vector<Cells> rows = {{"STRATEGY", "JOBS", "MEAN WAIT", "P95 WAIT", "MAX WAIT", "SLOWDOWN",
                              "UTILISATION", "ALLOCATION", "PREEMPTIONS", "FAIRNESS"}};
  std::string never;
  for (const Figures& f : figures) {
    rows.push_back({f.strategy, grouped(static_cast<double>(f.jobs)), grouped(f.mean_wait_s) + " s",
                    grouped(f.p95_wait_s) + " s", grouped(f.max_wait_s) + " s",
                    fixed(f.bounded_slowdown, 1), percent(f.utilisation),
                    f.allocation ? percent(*f.allocation) : "-",
                    grouped(static_cast<double>(f.preemptions)), fixed(f.fairness, 3)});
    if (f.never_started > 0) {
      never += f.strategy + ": " + counted(static_cast<std::int64_t>(f.never_started), "job") +
               " never started\n";
    }
  }
  return aligned(rows) + "\n" + counted(static_cast<std::int64_t>(trace.jobs.size()), "job") +
         " on " + counted(cluster.nodes_said, "node") + " with " + counted(cluster.gpus, "GPU") +
         "\n" + never + notes_of(trace.notes);
}

std::string as_json(const Trace& trace, const Cluster& cluster,
                    const std::vector<Figures>& figures) {
  nlohmann::json strategies = nlohmann::json::array();
  for (const Figures& f : figures) strategies.push_back(json_of(f));
  const Trace::Notes& notes = trace.notes;
  const nlohmann::json whole = {
      {"trace",
       {{"jobs", trace.jobs.size()},
        {"tenants", trace.tenants.size()},
        {"withoutRunTime", notes.without_run_time},
        {"withoutSize", notes.without_size},
        {"withoutEstimate", notes.without_estimate},
        {"outOfOrder", notes.out_of_order},
        {"sharedGpus", notes.shared_gpus}}},
      {"cluster", {{"nodes", cluster.nodes_said}, {"gpus", cluster.gpus}}},
      {"strategies", std::move(strategies)}};
  return k8s::json_text(whole) + "\n";
}

}  // namespace fermi::simulate
