#include "operator/ledger/books.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

#include "libk8s/codec/json.hpp"
#include "operator/api/duration.hpp"
#include "operator/reconcile/cost.hpp"
#include "scheduler/limits.hpp"

namespace fermi {
namespace {

using Json = nlohmann::json;

constexpr const char* kCost = "cost/";
constexpr const char* kRuns = "runs/";
constexpr const char* kBefore = "before";
constexpr const char* kOthers = "(others)";
constexpr std::size_t kRunsKept = sched::kPastRunsMax;
constexpr std::int64_t kSecondsMax = std::int64_t{1} << 33;  // as nanoseconds still a number
constexpr std::size_t kDayLength = 10, kMonthLength = 7;

std::int64_t micros_of(const Json& value) {
  if (!value.is_string()) return 0;
  const auto micros = parse_micros(value.get<std::string>());
  return micros ? *micros : 0;
}

void add_to(Json& record, const std::string& when, const std::string& pool, std::int64_t micros) {
  if (!record.is_object()) record = Json::object();
  Json& pools = record[when];
  if (!pools.is_object()) pools = Json::object();
  const std::int64_t before = pools.contains(pool) ? micros_of(pools[pool]) : 0;
  pools[pool] = format_micros(before + micros);
}

// The records whose keys begin so.
std::pair<LedgerRecords::iterator, LedgerRecords::iterator> range(LedgerRecords& records,
                                                                  const std::string& prefix) {
  std::string end = prefix;
  ++end.back();
  return {records.lower_bound(prefix), records.lower_bound(end)};
}
std::pair<LedgerRecords::const_iterator, LedgerRecords::const_iterator> range(
    const LedgerRecords& records, const std::string& prefix) {
  std::string end = prefix;
  ++end.back();
  return {records.lower_bound(prefix), records.lower_bound(end)};
}

std::size_t bytes_of(const LedgerRecords& records) {
  std::size_t sum = 0;
  for (const auto& [key, value] : records) sum += ledger_bytes(key, value);
  return sum;
}

// The oldest of the entries with names of this length join another name, until so many are left.
void join(Json& record, std::size_t length, std::size_t kept,
          const std::function<std::string(const std::string&)>& into) {
  std::vector<std::string> names;
  for (const auto& [when, pools] : record.items())
    if (when.size() == length && when != kBefore) names.push_back(when);
  std::sort(names.begin(), names.end());
  for (std::size_t i = 0; i + kept < names.size(); ++i) {
    const Json pools = record[names[i]];
    record.erase(names[i]);
    for (const auto& [pool, micros] : pools.items())
      add_to(record, into(names[i]), pool, micros_of(micros));
  }
}

void shorten(LedgerRecords& records, std::size_t days, std::size_t months) {
  const auto [first, last] = range(records, kCost);
  for (auto at = first; at != last; ++at) {
    if (!at->second.is_object()) continue;
    join(at->second, kDayLength, days,
         [](const std::string& day) { return day.substr(0, kMonthLength); });
    join(at->second, kMonthLength, months, [](const std::string&) { return kBefore; });
  }
}

std::string latest_in(const Json& record) {
  std::string latest;
  for (const auto& [when, pools] : record.items())
    if (when != kBefore) latest = std::max(latest, when);
  return latest;
}

// The tenant whose last entry is the oldest becomes one of the others; false when there is none.
bool merge_a_tenant(LedgerRecords& records) {
  const auto [first, last] = range(records, kCost);
  auto oldest = last;
  for (auto at = first; at != last; ++at) {
    if (at->first.ends_with(std::string("/") + kOthers)) continue;
    if (oldest == last || latest_in(at->second) < latest_in(oldest->second)) oldest = at;
  }
  if (oldest == last) return false;
  const std::string queue = oldest->first.substr(0, oldest->first.rfind('/'));
  const Json whole = oldest->second;
  records.erase(oldest);
  Json& others = records[queue + "/" + kOthers];
  for (const auto& [when, pools] : whole.items())
    for (const auto& [pool, micros] : pools.items()) add_to(others, when, pool, micros_of(micros));
  return true;
}

void drop_old_runs(LedgerRecords& records, std::size_t kept) {
  const auto [first, last] = range(records, kRuns);
  std::vector<std::pair<std::string, std::string>> by_age;
  for (auto at = first; at != last; ++at)
    by_age.emplace_back(k8s::string_at(at->second, "at"), at->first);
  std::sort(by_age.begin(), by_age.end());
  for (std::size_t i = 0; i + kept < by_age.size(); ++i) records.erase(by_age[i].second);
}

// "2x8+3x4": Pods and GPUs of each, group by group.
std::string shape_of(const TrainingJobSpec& spec) {
  std::string out;
  for (const JobGroup& group : spec.groups)
    out +=
        (out.empty() ? "" : "+") + std::to_string(group.nodes) + "x" + std::to_string(group.gpus);
  if (!spec.scheduling.gpu_model.empty()) out += " " + spec.scheduling.gpu_model;
  std::replace(out.begin(), out.end(), '/', '_');
  return out.substr(0, 128);
}

// Of one that ran to its end.
FinishedRun run_of(const TrainingJob& job, const TaskQueue* queue, const std::string& tenant) {
  const TrainingJobStatus& s = job.status;
  FinishedRun run{s.queue, tenant, "TrainingJob", shape_of(job.spec)};
  run.ended_s = s.completion_time->ns / kNsPerSecond;
  run.ran_s = (*s.completion_time - *s.running_since).count() / kNsPerSecond;
  std::int64_t stated = job.spec.scheduling.expected_duration_ns;
  if (stated == 0 && queue != nullptr) stated = queue->spec.default_duration_ns;
  run.stated_s = stated / kNsPerSecond;
  std::int64_t pods = 0;
  for (const JobGroup& group : job.spec.groups) {
    run.size += group.nodes * group.gpus;
    pods += group.nodes;
  }
  if (run.size == 0) run.size = pods;
  const k8s::WallTime submitted = s.submit_time.value_or(job.meta.creation_time);
  const std::int64_t waited = (*s.running_since - submitted).count() / kNsPerSecond;
  run.waited_s = std::max<std::int64_t>(waited, 0);
  return run;
}

using RunNumbers = std::array<std::int64_t, 4>;  // ended, ran, stated, size

std::vector<RunNumbers> numbers_of(const Json& record) {
  std::vector<RunNumbers> all;
  for (const Json& run : k8s::array_at(record, "runs")) {
    RunNumbers numbers{};
    const bool whole = run.is_array() && run.size() == numbers.size() &&
                       std::all_of(run.begin(), run.end(),
                                   [](const Json& part) { return part.is_number_integer(); });
    for (std::size_t i = 0; whole && i < numbers.size(); ++i)
      numbers[i] = std::clamp<std::int64_t>(run[i].get<std::int64_t>(), 0, kSecondsMax);
    if (whole) all.push_back(numbers);
  }
  return all;
}

sched::PastRuns::Run to_run(const RunNumbers& n) {
  return {{n[0] * kNsPerSecond}, n[1] * kNsPerSecond, n[2] * kNsPerSecond, n[3]};
}

}  // namespace

FinishedTask finished_task(const TrainingJob& job, const TaskQueue* queue, k8s::WallTime now) {
  const TrainingJobStatus& s = job.status;
  const std::string strategy =
      queue == nullptr ? "" : std::string(strategy_name(queue->spec.strategy));
  FinishedTask out{job.meta.uid, s.costs, std::nullopt, outcome_of(job, strategy, now), ""};
  const std::string tenant = s.charged_tenant.empty() ? job.meta.ns : s.charged_tenant;
  const k8s::WallTime end =
      s.completion_time.value_or(s.cost_accounted_at.value_or(job.meta.creation_time));
  out.day = day_of(end);
  // What an earlier version counted without saying when.
  std::int64_t rest = s.cost_micros;
  for (const CostPart& part : s.costs) rest -= part.micros;
  if (rest > 0) out.costs.push_back({out.day, s.queue, tenant, "", rest});
  if (is_terminal(s.phase) && s.running_since && s.completion_time &&
      *s.running_since <= *s.completion_time)
    out.run = run_of(job, queue, tenant);
  return out;
}

std::string book_of(const std::string& queue, const std::string& tenant) {
  return queue + "/" + tenant;
}

std::string done_key(const std::string& task_id) { return "done/" + task_id; }

void add_cost(LedgerRecords& records, const CostPart& part) {
  if (part.micros == 0) return;
  add_to(records[kCost + book_of(part.queue, part.tenant)], part.day, part.pool, part.micros);
}

void add_run(LedgerRecords& records, const FinishedRun& run, const std::string& day) {
  Json& record = records[kRuns + book_of(run.queue, run.tenant) + "/" + run.kind + "/" + run.shape];
  std::vector<RunNumbers> all = numbers_of(record);
  const RunNumbers numbers{run.ended_s, run.ran_s, run.stated_s, run.size};
  all.insert(std::upper_bound(all.begin(), all.end(), numbers), numbers);
  if (all.size() > kRunsKept) all.erase(all.begin());
  const std::int64_t waited = std::max(k8s::int_at(record, "longestWait"), run.waited_s);
  record = {{"at", day}, {"longestWait", waited}, {"runs", all}};
}

sched::PastRuns to_engine(const FinishedRun& run) {
  return {run.queue,
          run.kind,
          run.tenant,
          run.shape,
          {to_run({run.ended_s, run.ran_s, run.stated_s, run.size})},
          std::nullopt};
}

void add_runs_of(const LedgerRecords& records, const std::string& queue,
                 std::vector<sched::PastRuns>& out) {
  const std::string prefix = kRuns + queue + "/";
  const auto [first, last] = range(records, prefix);
  for (auto at = first; at != last; ++at) {
    const std::string rest = at->first.substr(prefix.size());
    const std::size_t tenant = rest.find('/'), shape = rest.rfind('/');
    if (tenant == std::string::npos || tenant == shape) continue;
    sched::PastRuns& past = out.emplace_back();
    past.queue = queue;
    past.tenant = rest.substr(0, tenant);
    past.kind = rest.substr(tenant + 1, shape - tenant - 1);
    past.shape = rest.substr(shape + 1);
    for (const RunNumbers& numbers : numbers_of(at->second)) past.runs.push_back(to_run(numbers));
    const std::int64_t waited = k8s::int_at(at->second, "longestWait");
    past.longest_wait_ns = std::clamp<std::int64_t>(waited, 0, kSecondsMax) * kNsPerSecond;
  }
}

void add_costs_of(const LedgerRecords& records, const std::string& day, CostCells& cells) {
  const auto [first, last] = range(records, kCost);
  for (auto at = first; at != last; ++at) {
    const Json& pools = k8s::object_at(at->second, day);
    if (pools.empty()) continue;
    const std::string book = at->first.substr(std::string(kCost).size());
    const std::size_t cut = book.find('/');
    if (cut == std::string::npos) continue;
    for (const auto& [pool, micros] : pools.items())
      cells[{book.substr(0, cut), book.substr(cut + 1), pool}] += micros_of(micros);
  }
}

std::int64_t total_cost(const LedgerRecords& records) {
  std::int64_t sum = 0;
  const auto [first, last] = range(records, kCost);
  for (auto at = first; at != last; ++at)
    for (const auto& [when, pools] : at->second.items())
      for (const auto& [pool, micros] : pools.items()) sum += micros_of(micros);
  return sum;
}

void compact(LedgerRecords& records, const BookLimits& limits) {
  shorten(records, limits.days, limits.months);
  drop_old_runs(records, limits.runs);
  for (const auto& [days, months] : {std::pair<std::size_t, std::size_t>{7, 12}, {2, 1}}) {
    if (bytes_of(records) <= limits.bytes) return;
    shorten(records, std::min(days, limits.days), std::min(months, limits.months));
    drop_old_runs(records, limits.runs / 4);
  }
  while (bytes_of(records) > limits.bytes && merge_a_tenant(records)) {
  }
}

}  // namespace fermi
