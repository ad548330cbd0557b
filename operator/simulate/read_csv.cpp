// Any table between commas, by a list that says where things stand.
#include <algorithm>
#include <charconv>

#include "operator/simulate/formats.hpp"
#include "operator/simulate/header.hpp"

namespace fermi::simulate {
namespace {

constexpr std::size_t kAbsent = static_cast<std::size_t>(-1);
constexpr const char* kWords[] = {"submit", "runtime", "estimate", "gpus",
                                  "nodes",  "cpu",     "memory",   "tenant"};
constexpr const char* kAllWords = "submit, runtime, estimate, gpus, nodes, cpu, memory, tenant";

using Chosen = std::map<std::string, std::string>;  // word -> the column's name or number

k8s::Status invalid(const std::string& sentence) { return {k8s::Code::kInvalid, sentence}; }

k8s::Result<Chosen> parse_columns(std::string_view text) {
  Chosen chosen;
  Row row(text, ',');
  for (std::size_t i = 0; i < row.size(); ++i) {
    const std::string_view part = row.text(i, "column");
    if (part.empty()) continue;
    const std::string word(part.substr(0, part.find('=')));
    if (std::find(std::begin(kWords), std::end(kWords), word) == std::end(kWords)) {
      return invalid("columns: \"" + word + "\" is not one of " + kAllWords);
    }
    if (word.size() + 1 >= part.size()) return invalid("columns: " + word + "= names no column");
    if (!chosen.emplace(word, part.substr(word.size() + 1)).second) {
      return invalid("columns: " + word + " stands there twice");
    }
  }
  for (const char* needed : {"submit", "runtime"}) {
    if (!chosen.contains(needed)) {
      return invalid(std::string("the format csv needs columns: submit=..,runtime=..; ") + needed +
                     " is missing");
    }
  }
  return chosen;
}

// A column's number from 1 as an index; nothing for a name.
std::optional<std::size_t> numbered(const std::string& column) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(column.data(), column.data() + column.size(), number);
  if (error != std::errc() || end != column.data() + column.size() || number == 0) {
    return std::nullopt;
  }
  return number - 1;
}

class Columns {
 public:
  // Reads the header line when any column is named.
  static k8s::Result<Columns> find(Lines& lines, const Chosen& chosen) {
    Columns columns;
    const bool names = std::any_of(chosen.begin(), chosen.end(),
                                   [](const auto& c) { return !numbered(c.second); });
    const Header header = names ? Header::read(lines) : Header();
    for (const auto& [word, column] : chosen) {
      const auto index = numbered(column);
      auto place = index ? k8s::Result<std::size_t>(*index) : header.column(column);
      if (!place) return lines.error(place.status().message());
      columns.places_[word] = *place;
    }
    return columns;
  }
  std::size_t operator[](const char* word) const {
    const auto found = places_.find(word);
    return found == places_.end() ? kAbsent : found->second;
  }
  bool has(const char* word) const { return places_.contains(word); }

 private:
  std::map<std::string, std::size_t, std::less<>> places_;
};

// Cores may be written with a fraction; their thousandths are kept.
std::int64_t milli(Row& row, std::size_t column) {
  return row.seconds(column, "number of cores", "a number such as 8 or 0.5") / (kSecond / 1000);
}

// What is not said of a job is not known: an empty field.
Job job_of(Row& row, const Columns& at, TraceBuilder& out) {
  const auto says = [&](const char* word) { return at.has(word) && !row.empty(at[word]); };
  Job job;
  job.submit_ns = row.moment(at["submit"], "submit time");
  job.run_ns = says("runtime") ? row.seconds(at["runtime"], "run time") : -kSecond;
  if (says("estimate")) job.estimate_ns = row.seconds(at["estimate"], "estimate");
  if (at.has("nodes")) job.nodes = row.whole(at["nodes"], "number of nodes");
  if (says("gpus")) job.gpus = row.whole(at["gpus"], "number of GPUs");
  if (says("cpu")) job.cpu_milli = milli(row, at["cpu"]);
  if (says("memory")) job.memory_mib = row.whole(at["memory"], "amount of memory in MiB");
  if (!at.has("gpus") && !at.has("cpu")) job.gpus = at.has("nodes") ? job.nodes : 1;
  if (at.has("tenant")) job.tenant = out.tenant(row.text(at["tenant"], "tenant"));
  return job;
}

}  // namespace

k8s::Status read_csv(Lines& lines, std::string_view text, TraceBuilder& out) {
  const auto chosen = parse_columns(text);
  if (!chosen) return chosen.status();
  const auto columns = Columns::find(lines, *chosen);
  if (!columns) return columns.status();
  while (const auto line = lines.next()) {
    if (out.full()) break;
    Row row(*line, ',');
    const Job job = job_of(row, *columns, out);
    if (!row.error().empty()) return lines.error(row.error());
    if (job.nodes < 0 || job.memory_mib < 0) {
      return lines.error("a number of nodes and an amount of memory cannot be negative");
    }
    out.add(job);
  }
  return {};
}

}  // namespace fermi::simulate
