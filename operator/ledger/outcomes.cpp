#include "operator/ledger/outcomes.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "libk8s/codec/json.hpp"
#include "operator/api/duration.hpp"
#include "operator/report/statistics.hpp"

namespace fermi {
namespace {

using Json = nlohmann::json;

constexpr const char* kFigures = "figures/";
constexpr std::int64_t kSteps = 16;  // in each power of two

void add(Json& record, const char* key, std::int64_t amount) {
  if (amount != 0) record[key] = k8s::int_at(record, key) + amount;
}

std::int64_t gpus_of(const TrainingJobSpec& spec) {
  std::int64_t sum = 0;
  for (const JobGroup& group : spec.groups) sum += group.nodes * group.gpus;
  return sum;
}

std::int64_t permille(double value) { return std::llround(value * 1000); }

// The parts of "figures/queue/tenant/strategy".
bool read_key(const std::string& key, std::string& queue, std::string& tenant,
              std::string& strategy) {
  const std::string rest = key.substr(std::string(kFigures).size());
  const std::size_t first = rest.find('/'), last = rest.rfind('/');
  if (first == std::string::npos || first == last) return false;
  queue = rest.substr(0, first);
  tenant = rest.substr(first + 1, last - first - 1);
  strategy = rest.substr(last + 1);
  return true;
}

std::int64_t percentile(const StrategySums& sums, std::size_t percent) {
  std::int64_t count = 0, below = 0;
  for (const auto& [step, tasks] : sums.waits) count += tasks;
  if (count == 0) return 0;
  const auto index = percentile_index(static_cast<std::size_t>(count), percent);
  for (const auto& [step, tasks] : sums.waits) {
    below += tasks;
    if (static_cast<std::size_t>(below) > index) return longest_of_step(step);
  }
  return 0;
}

}  // namespace

// 0 to 31 seconds are steps of their own; above, 16 to each power of two.
std::int64_t wait_step(std::int64_t seconds) {
  if (seconds < 2 * kSteps) return std::max<std::int64_t>(seconds, 0);
  std::int64_t shift = 0;
  while ((seconds >> shift) >= 2 * kSteps) ++shift;
  return shift * kSteps + (seconds >> shift);
}

std::int64_t longest_of_step(std::int64_t step) {
  if (step < 2 * kSteps) return step;
  const std::int64_t shift = step / kSteps - 1;
  if (shift > 50) return std::int64_t{1} << 55;
  return (((step - shift * kSteps) + 1) << shift) - 1;
}

std::optional<TaskOutcome> outcome_of(const TrainingJob& job, const std::string& strategy,
                                      k8s::WallTime now) {
  const TrainingJobStatus& s = job.status;
  if (s.charged_queue.empty()) return std::nullopt;
  const auto seconds = [](k8s::WallTime at) { return at.ns / kNsPerSecond; };
  TaskOutcome out{s.charged_queue, s.charged_tenant, strategy};
  out.completed = s.phase == Phase::kCompleted;
  out.failed = s.phase == Phase::kFailed;
  out.submitted_s = seconds(s.submit_time.value_or(job.meta.creation_time));
  const auto left = s.timeline.empty() ? now : s.timeline.back().time;
  out.ended_s = std::max(seconds(s.completion_time.value_or(left)), out.submitted_s);
  out.ran_s = s.ran_seconds;
  out.wait_s =
      std::max<std::int64_t>(out.ended_s - out.submitted_s - s.ran_seconds - s.held_seconds, 0);
  out.gpus = gpus_of(job.spec);
  out.preemptions = s.preemptions;
  out.lost_gpu_s = s.lost_gpu_seconds;
  return out;
}

void add_outcome(LedgerRecords& records, const TaskOutcome& o) {
  Json& record = records[kFigures + o.queue + "/" + o.tenant + "/" + o.strategy];
  if (!record.is_object()) record = Json::object();
  // Without GPUs it counts as one with one between tenants.
  const std::int64_t weight = std::max<std::int64_t>(o.gpus, 1);
  add(record, o.completed ? "completed" : o.failed ? "failed" : "withdrawn", 1);
  add(record, "preemptions", o.preemptions);
  add(record, "lostGpuSeconds", o.lost_gpu_s);
  add(record, "waitSeconds", o.wait_s);
  add(record, "gpuSeconds", o.ran_s * o.gpus);
  add(record, "ran", o.ran_s * weight);
  add(record, "stayed", (o.ran_s + o.wait_s) * weight);
  const std::int64_t first = k8s::int_at(record, "first");
  record["first"] = first == 0 ? o.submitted_s : std::min(first, o.submitted_s);
  record["last"] = std::max(k8s::int_at(record, "last"), o.ended_s);
  Json& waits = record["waits"];
  if (!waits.is_object()) waits = Json::object();
  const std::string step = std::to_string(wait_step(o.wait_s));
  waits[step] = k8s::int_at(waits, step) + 1;
}

void add_sums_of(const LedgerRecords& records, AllSums& all) {
  for (auto at = records.lower_bound(kFigures);
       at != records.end() && at->first.starts_with(kFigures); ++at) {
    std::string queue, tenant, strategy;
    if (!at->second.is_object() || !read_key(at->first, queue, tenant, strategy)) continue;
    const Json& record = at->second;
    StrategySums& sums = all[queue][strategy];
    sums.completed += k8s::int_at(record, "completed");
    sums.failed += k8s::int_at(record, "failed");
    sums.withdrawn += k8s::int_at(record, "withdrawn");
    sums.preemptions += k8s::int_at(record, "preemptions");
    sums.lost_gpu_s += k8s::int_at(record, "lostGpuSeconds");
    sums.wait_s += k8s::int_at(record, "waitSeconds");
    sums.gpu_s += k8s::int_at(record, "gpuSeconds");
    const std::int64_t first = k8s::int_at(record, "first");
    sums.first_s = sums.first_s == 0 ? first : std::min(sums.first_s, first);
    sums.last_s = std::max(sums.last_s, k8s::int_at(record, "last"));
    sums.tenants[tenant] = {k8s::int_at(record, "ran"), k8s::int_at(record, "stayed")};
    for (const auto& [step, tasks] : k8s::object_at(record, "waits").items())
      if (tasks.is_number_integer() && step.size() < 6 &&
          step.find_first_not_of("0123456789") == std::string::npos && !step.empty())
        sums.waits[std::stoll(step)] += tasks.get<std::int64_t>();
  }
}

StrategyFigures to_figures(const std::string& strategy, const StrategySums& sums,
                           std::int64_t gpus_total, std::int64_t pending, std::int64_t running) {
  StrategyFigures out;
  out.strategy = strategy;
  const std::int64_t ended = sums.completed + sums.failed + sums.withdrawn;
  out.tried = ended + pending + running;
  out.placed = ended + running;
  out.completed = sums.completed;
  out.failed = sums.failed;
  out.preemptions = sums.preemptions;
  out.lost_gpu_seconds = sums.lost_gpu_s;
  if (ended == 0) return out;
  const auto ratio = [](std::int64_t part, std::int64_t whole) {
    return whole <= 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
  };
  if (sums.completed + sums.failed > 0)
    out.success_permille = permille(ratio(sums.completed, sums.completed + sums.failed));
  out.mean_wait_s = sums.wait_s / ended;
  out.p50_wait_s = percentile(sums, 50);
  out.p95_wait_s = percentile(sums, 95);
  const std::int64_t span = sums.last_s - sums.first_s;
  if (gpus_total > 0 && span > 0)
    out.utilisation_permille = permille(ratio(sums.gpu_s, span) / static_cast<double>(gpus_total));
  std::vector<double> shares;
  for (const auto& [tenant, sum] : sums.tenants)
    if (sum.stayed > 0) shares.push_back(ratio(sum.ran, sum.stayed));
  if (!shares.empty()) out.fairness_permille = permille(jains_index(shares));
  return out;
}

}  // namespace fermi
