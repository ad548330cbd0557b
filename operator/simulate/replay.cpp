#include "operator/simulate/replay.hpp"

#include <algorithm>
#include <charconv>

namespace fermi::simulate {
namespace {

// Plans of one instant that preempt: more would be an engine that goes round in circles.
constexpr int kRoundsMax = 1000;
// Wake-ups in a row, with nothing running and nothing to come, at which nothing happens.
constexpr std::int64_t kIdleWakesMax = 1000;
// Far enough below the time that the engine takes for never.
constexpr std::int64_t kTimeMax = std::int64_t{1} << 61;
constexpr const char* kModelLabel = "nvidia.com/gpu.product";

// The engine's last tie is broken by uid: the order of these is the order of the trace.
std::string uid_of(std::size_t job) {
  char digits[] = "00000000";
  for (std::size_t i = sizeof digits - 1; i-- > 0; job /= 10) {
    digits[i] = static_cast<char>('0' + job % 10);
  }
  return digits;
}

std::size_t job_of(const std::string& uid) {
  std::size_t job = 0;
  std::from_chars(uid.data(), uid.data() + uid.size(), job);
  return job;
}

// "A100|H100" as one requirement on the nodes' label.
sched::Requirement one_of(std::string_view models) {
  sched::Requirement requirement{kModelLabel, "In", {}};
  while (true) {
    const auto end = models.find('|');
    requirement.values.emplace_back(models.substr(0, end));
    if (end == std::string_view::npos) return requirement;
    models.remove_prefix(end + 1);
  }
}

}  // namespace

Replay::Replay(const Trace& trace, const Cluster& cluster, const Strategy& strategy)
    : trace_(trace),
      cluster_(cluster),
      strategy_(strategy),
      forward_({},
               {.started = [this](const sched::Start& start,
                                  sched::Time now) { return started(job_of(start.task), now.ns); },
                .ended = [this](const std::string& task,
                                sched::Time now) { ended(job_of(task), now.ns); },
                .stopped = [this](const std::string& task, bool,
                                  sched::Time now) { return stopped(job_of(task), now.ns); }}),
      runs_(trace.jobs.size()) {
  static_assert(kJobsMax < 100'000'000, "a uid has eight digits");
  outcome_.start_ns.assign(trace.jobs.size(), -1);
  outcome_.end_ns.assign(trace.jobs.size(), -1);
  sched::Engine& engine = forward_.engine();
  engine.apply(strategy.config);
  engine.apply(sched::QueueUpsert{strategy.queue});
  for (const sched::Node& node : cluster.nodes) engine.apply(sched::NodeUpsert{node});
}

bool Replay::step() {
  const auto now = next_instant();
  if (!now || !status_.is_ok()) return false;
  forward_.end({*now});
  submit_jobs(*now);
  decide(*now);
  record(*now);
  return status_.is_ok();
}

// The engine's own next time counts while something can still come of it.
std::optional<std::int64_t> Replay::next_instant() {
  std::optional<std::int64_t> next;
  const auto consider = [&next](std::int64_t at) { next = next ? std::min(*next, at) : at; };
  if (const auto end = forward_.next_end()) consider(end->ns);
  if (arrived_ < trace_.jobs.size()) consider(trace_.jobs[arrived_].submit_ns);
  if (next) {
    idle_wakes_ = 0;
  } else if (++idle_wakes_ > kIdleWakesMax || waiting_ == 0) {
    return next;
  }
  if (const auto wake = forward_.wake()) consider(wake->ns);
  if (next && *next > kTimeMax) {
    status_ = {k8s::Code::kInvalid, "the simulation runs on for more than 73 years"};
  }
  return next;
}

void Replay::submit_jobs(std::int64_t now) {
  for (; arrived_ < trace_.jobs.size() && trace_.jobs[arrived_].submit_ns == now; ++arrived_) {
    // More than there is: it would head a strict queue for ever.
    if (trace_.jobs[arrived_].gpus > cluster_.gpus) continue;
    forward_.engine().apply(sched::TaskUpsert{task_of(arrived_)});
    ++waiting_;
  }
}

sched::Task Replay::task_of(std::size_t job) const {
  const Job& from = trace_.jobs[job];
  const Run& run = runs_[job];
  sched::Task task;
  task.uid = uid_of(job);
  task.name = task.uid;
  task.ns = trace_.tenants[from.tenant];
  task.kind = "Job";
  task.queue = strategy_.queue.name;
  task.tenant = task.ns;
  task.submitted = {from.submit_ns};
  task.expected_duration_ns = std::max<std::int64_t>(from.estimate_ns - run.done_ns, 1);
  task.groups = pods_of(from, cluster_);
  const std::string& models = trace_.models[from.models];
  if (models.find('|') != std::string::npos) {
    task.affinity = {{one_of(models)}};
  } else {
    task.gpu_model = models;
  }
  task.attempt = run.times;
  task.preemptions = run.times;
  return task;
}

// --- decisions

void Replay::decide(std::int64_t now) {
  for (int round = 0; round < kRoundsMax; ++round) {
    const sched::Plan plan = forward_.decide({now});
    ++outcome_.plans;
    outcome_.work.tasks += plan.work.tasks;
    outcome_.work.shapes += plan.work.shapes;
    outcome_.work.nodes += plan.work.nodes;
    if (!plan.starts.empty() || !plan.preemptions.empty()) idle_wakes_ = 0;
    if (!sched::Forward::goes_on(plan)) break;
  }
}

std::optional<sched::Time> Replay::started(std::size_t job, std::int64_t now) {
  Run& run = runs_[job];
  if (outcome_.start_ns[job] < 0) outcome_.start_ns[job] = now;
  run.since_ns = now;
  gpu_milli_ += trace_.jobs[job].gpu_milli();
  --waiting_;
  std::int64_t end = 0;
  if (__builtin_add_overflow(now, trace_.jobs[job].run_ns - run.done_ns, &end)) end = kTimeMax + 1;
  return sched::Time{end};
}

void Replay::ended(std::size_t job, std::int64_t now) {
  if (strategy_.queue.learned) {
    const sched::Task task = task_of(job);
    const std::int64_t size = trace_.jobs[job].gpus, stated = task.expected_duration_ns;
    const std::string shape = std::to_string(size) + " for " + std::to_string(stated);
    const sched::PastRuns::Run run{{now}, now - runs_[job].since_ns, stated, size};
    forward_.engine().apply(sched::PastRuns{task.queue, task.kind, task.tenant, shape, {run}, {}});
  }
  outcome_.end_ns[job] = now;
  gpu_milli_ -= trace_.jobs[job].gpu_milli();
  ++ended_;
}

sched::Task Replay::stopped(std::size_t job, std::int64_t now) {
  Run& run = runs_[job];
  run.done_ns += now - run.since_ns;
  run.since_ns = -1;
  ++run.times;
  ++outcome_.preemptions;
  gpu_milli_ -= trace_.jobs[job].gpu_milli();
  ++waiting_;
  sched::Task task = task_of(job);
  task.submitted = {now};
  task.last_preempted = {now};
  return task;
}

// Instants that change nothing are left out, and of one instant that comes twice the last counts.
void Replay::record(std::int64_t now) {
  auto& levels = outcome_.levels;
  if (!levels.empty() && levels.back().at_ns == now) levels.pop_back();
  const bool same = !levels.empty() && levels.back().gpu_milli == gpu_milli_;
  if (same && levels.back().waiting == waiting_) return;
  levels.push_back({now, gpu_milli_, waiting_});
}

}  // namespace fermi::simulate
