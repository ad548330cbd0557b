#include "operator/reconcile/job_status.hpp"

#include <algorithm>
#include <utility>

#include "operator/api/duration.hpp"
#include "operator/reconcile/cost.hpp"

namespace fermi {
namespace {

constexpr std::string_view kInvalid = "Invalid";

// Sentences come from anywhere; a status keeps the beginning of them.
std::string cut(std::string_view text, std::size_t most) {
  if (text.size() <= most) return std::string(text);
  std::size_t end = most - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return std::string(text.substr(0, end)) + "...";
}

std::string places(const JobPlacement& placement, const Configuration* config) {
  const std::map<std::string, std::string> none;
  std::string out;
  for (const auto& [zone, nodes] : placement.zones) {
    out += (out.empty() ? "" : ", ") + std::to_string(nodes) + (nodes == 1 ? " node" : " nodes");
    if (!zone.empty()) out += " in " + called(config != nullptr ? config->zone_names : none, zone);
  }
  return out;
}

std::string latency(std::int64_t us) {
  return us % 1000 == 0 ? std::to_string(us / 1000) + "ms" : std::to_string(us) + "us";
}

// Of several regions a gang is warned; when its next decision is for one, that is taken back.
void tell_regions(Draft& d) {
  constexpr std::string_view kType = "AcrossRegions";
  const Regions& regions = d.view.regions;
  if (regions.names.size() < 2) {
    if (find_condition(d.status.conditions, kType) != nullptr)
      set(d, kType, false, "OneRegion", "its nodes lie in one region");
    return;
  }
  std::string text = "its nodes lie in " + std::to_string(regions.names.size()) + " regions:";
  const std::map<std::string, std::string> none;
  for (const std::string& region : regions.names)
    text += (&region == &regions.names.front() ? " " : ", ") +
            called(d.view.config != nullptr ? d.view.config->region_names : none, region);
  if (regions.max_latency_us > 0 && regions.max_latency_us < sched::kLatencyFar)
    text += ", up to " + latency(regions.max_latency_us) + " apart";
  text += "; training is slower than within one, which zonePolicy SameRegion asks for";
  set(d, kType, true, kType, text);
  d.notices.push_back({true, std::string(kType), text});
}

void leave_line(Draft& d) {
  d.status.queue_position = 0;
  d.status.tasks_ahead = 0;
  d.status.observed_at.reset();
  d.status.estimated_start.reset();
}

// From when on the Pods hold what they asked for: the first time a node took one of them.
std::optional<k8s::WallTime> held_since(const JobFacts& view) {
  std::optional<k8s::WallTime> since;
  for (const auto& pod : view.pods) {
    if (pod->node_name.empty()) continue;
    const k8s::WallTime at = pod->start_time.value_or(view.now);
    if (!since || at < *since) since = at;
  }
  return since;
}

std::string problems_of(const TrainingJob& job) {
  std::string all;
  for (const std::string& problem : job.problems) all += (all.empty() ? "" : "; ") + problem;
  return all;
}

std::string waits_in(const TrainingJob& job) {
  return "waits in queue \"" + job.spec.scheduling.queue + "\"";
}

// The guarantee runs while the gang runs. Only a preemption ends it; after anything else the next
// run gets what was left.
void keep_guarantee(Draft& d, Phase to, std::string_view reason) {
  TrainingJobStatus& s = d.status;
  if (s.phase != Phase::kRunning || to == Phase::kRunning || !s.guarantee_until) return;
  const bool ends = reason == kPreempted || is_terminal(to);
  const std::int64_t left = s.guarantee_until->ns - whole_seconds(d.view.now).ns;
  s.guarantee_until.reset();
  if (!ends) s.guarantee_left_ns = std::max<std::int64_t>(left, 0);
}

// How long it has run and was suspended, and what a preemption cost, for the figures of its queue.
void keep_times(Draft& d, Phase to, std::string_view reason) {
  TrainingJobStatus& s = d.status;
  const k8s::WallTime now = whole_seconds(d.view.now);
  const auto since = [&now](k8s::WallTime from) {
    return std::max<std::int64_t>((now - from).count() / kNsPerSecond, 0);
  };
  if (s.phase == Phase::kStopped && !s.timeline.empty())
    s.held_seconds += since(s.timeline.back().time);
  if (s.phase != Phase::kRunning || to == Phase::kRunning || !s.running_since) return;
  const std::int64_t ran = since(*s.running_since);
  s.ran_seconds += ran;
  if (reason != kPreempted) return;
  const TrainingJobSpec& spec = d.view.job->spec;
  if (spec.most_nodes > 0 && s.placement) {
    s.lost_gpu_seconds += ran * std::ssize(s.placement->nodes) * spec.groups.front().gpus;
    return;
  }
  for (const JobGroup& group : spec.groups) s.lost_gpu_seconds += ran * group.nodes * group.gpus;
}

void next_attempt(Draft& d) {
  ++d.status.attempt;
  d.status.running_since.reset();
  d.status.succeeded.clear();
  d.status.succeeded_at.reset();
}

}  // namespace

Draft::Draft(const JobFacts& v) : view(v), status(v.job->status) {}

Step Draft::done(std::optional<k8s::WallTime> look_again, bool position_only) {
  if (status == view.job->status) return Wait{look_again};
  status.observed_generation = view.job->meta.generation;
  return WriteStatus{std::move(status), std::move(notices), position_only};
}

void set(Draft& d, std::string_view type, bool value, std::string_view reason,
         std::string_view message) {
  Condition c;
  c.type = type;
  c.status = value ? "True" : "False";
  c.reason = cut(reason, 128);
  c.message = cut(message, 1024);
  c.observed_generation = d.view.job->meta.generation;
  set_condition(d.status.conditions, std::move(c), d.view.now);
}

void move_to(Draft& d, Phase to, std::string_view reason, std::string_view message, bool warning) {
  keep_times(d, to, reason);
  TimelineEntry entry{whole_seconds(d.view.now), std::string(name(d.status.phase)),
                      std::string(name(to)), cut(message, 512)};
  auto& timeline = d.status.timeline;
  timeline.push_back(std::move(entry));
  if (timeline.size() > kTimelineLength)
    timeline.erase(timeline.begin(), timeline.end() - static_cast<std::ptrdiff_t>(kTimelineLength));
  keep_guarantee(d, to, reason);
  d.status.phase = to;
  d.status.reason = cut(reason, 128);
  d.status.message = cut(message, 1024);
  d.notices.push_back({warning, d.status.reason, d.status.message});
}

void account(Draft& d, bool still_held) {
  TrainingJobStatus& s = d.status;
  const k8s::WallTime now = whole_seconds(d.view.now);
  auto from = s.cost_accounted_at;
  if (!from) {
    from = held_since(d.view);
    if (from) from = whole_seconds(*from);
  }
  if (!from) return;
  const TrainingJob& job = *d.view.job;
  // Who was charged is written with the decision; a status of an earlier version has no rates.
  const auto& at = s.placement ? s.placement : job.status.placement;
  std::vector<PoolRate> rates;
  if (at) rates = at->rates;
  if (rates.empty() && s.cost_per_hour_micros > 0) rates.push_back({"", s.cost_per_hour_micros});
  const std::string tenant = at && !at->tenant.empty() ? at->tenant : job.meta.ns;
  s.cost_micros += accrue(rates, *from, now, s.queue, tenant, s.costs);
  // A clock that went back must not lead to counting a span twice.
  s.cost_accounted_at = std::max(*from, now);
  if (!still_held) s.cost_accounted_at.reset();
}

void first_seen(Draft& d) {
  const TrainingJob& job = *d.view.job;
  d.status.task_id = job.meta.uid;
  d.status.submit_time = whole_seconds(job.meta.creation_time);
  d.status.currency = d.view.currency;
  if (!job.problems.empty()) {
    move_to(d, Phase::kPending, kInvalid, problems_of(job), true);
    return refuse(d);
  }
  move_to(d, Phase::kPending, "Queued", waits_in(job));
  set(d, "Accepted", true, "Accepted", "the job is well formed");
  set(d, "Queued", true, "Queued", d.status.message);
}

void refuse(Draft& d) {
  const std::string all = problems_of(*d.view.job);
  if (d.status.reason != kInvalid) d.notices.push_back({true, std::string(kInvalid), all});
  leave_line(d);
  d.status.reason = kInvalid;
  d.status.message = cut(all, 1024);
  set(d, "Accepted", false, kInvalid, all);
  set(d, "Queued", false, kInvalid, "it is in no queue until its spec is mended");
}

std::optional<k8s::WallTime> show_waiting(Draft& d) {
  constexpr std::int64_t kShown = 20;
  constexpr std::int64_t kRefreshNs = 10 * kNsPerSecond;
  TrainingJobStatus& s = d.status;
  const bool in_queue = !d.view.waiting || d.view.waiting->in_queue;
  if (in_queue) s.queue = d.view.job->spec.scheduling.queue;
  s.priority = d.view.queue_tier;
  if (!d.view.waiting) return std::nullopt;
  const Waiting& w = *d.view.waiting;
  const std::string reason = w.reason.empty() ? "Queued" : w.reason;
  const bool moved =
      w.position != s.queue_position &&
      (w.position <= kShown || (s.queue_position != 0 && s.queue_position <= kShown));
  const bool renamed = reason != s.reason;
  const bool other = renamed || d.view.after_met != s.after_met;
  const bool says_more = w.estimated_start != s.estimated_start ||
                         w.hourly_micros != s.cost_per_hour_micros ||
                         (cut(w.message, 1024) != s.message && !w.message.empty());
  // Further back, an estimate that stands is kept true, and nothing else is told by itself.
  const bool outdated = s.estimated_start && w.estimated_start != s.estimated_start;
  const bool news = outdated || (w.position <= kShown && says_more);
  const k8s::WallTime due = s.observed_at.value_or(k8s::WallTime{}) + k8s::Duration(kRefreshNs);
  // An observation of the future was made by another clock.
  const bool stale = news && (d.view.now >= due || (s.observed_at && *s.observed_at > d.view.now));
  set(d, "Accepted", !w.hopeless, w.hopeless ? reason : "Accepted",
      w.hopeless ? w.message : "the job is well formed");
  const Condition* queued = find_condition(s.conditions, "Queued");
  if (!in_queue)
    set(d, "Queued", false, reason, w.message);
  else if (queued == nullptr || queued->status != "True")
    set(d, "Queued", true, "Queued", waits_in(*d.view.job));
  if (!moved && !other && !stale) return news ? std::optional(due) : std::nullopt;
  s.queue_position = w.position;
  s.tasks_ahead = w.ahead;
  s.reason = reason;
  if (!w.message.empty()) s.message = cut(w.message, 1024);
  s.estimated_start = w.estimated_start;
  s.cost_per_hour_micros = w.hourly_micros;
  s.after_met = d.view.after_met;
  s.observed_at = whole_seconds(d.view.now);
  if (renamed && w.hopeless) d.notices.push_back({true, reason, s.message});
  return std::nullopt;
}

void decide(Draft& d) {
  TrainingJobStatus& s = d.status;
  s.placement = d.view.decided;
  s.after_met = d.view.after_met;
  s.charged_queue = d.view.job->spec.scheduling.queue;
  s.charged_tenant = s.placement->tenant;
  s.attempt = s.placement->attempt;
  s.cost_per_hour_micros = sum_of(s.placement->rates);
  s.currency = d.view.currency;
  s.retry_at.reset();
  s.queue = d.view.job->spec.scheduling.queue;
  s.priority = d.view.queue_tier;
  leave_line(d);
  const std::string message = "placed on " + places(*s.placement, d.view.config);
  move_to(d, Phase::kStarting, "Admitted", message);
  set(d, "Accepted", true, "Accepted", "the job is well formed");
  set(d, "Queued", false, "Admitted", "it has left the queue");
  set(d, "Admitted", true, "Admitted", message);
  tell_regions(d);
  if (find_condition(s.conditions, "Suspended") != nullptr)
    set(d, "Suspended", false, "Resumed", "it is not suspended");
  if (find_condition(s.conditions, "Preempted") != nullptr)
    set(d, "Preempted", false, "Admitted", message);
}

void start_running(Draft& d) {
  TrainingJobStatus& s = d.status;
  s.running_since = whole_seconds(d.view.now);
  if (!s.start_time) s.start_time = s.running_since;
  s.start_failures = 0;
  if (d.view.guarantee_ns) {
    const std::int64_t protect = s.guarantee_left_ns.value_or(*d.view.guarantee_ns);
    s.guarantee_until = whole_seconds(d.view.now + k8s::Duration(protect + kNsPerSecond - 1));
  }
  s.guarantee_left_ns.reset();
  account(d, true);
  move_to(d, Phase::kRunning, "Running", "all ranks run");
}

void complete(Draft& d) {
  account(d, false);
  d.status.completion_time = whole_seconds(d.view.now);
  d.status.exit_code = 0;
  d.status.succeeded.clear();
  d.status.succeeded_at.reset();
  d.status.stopping.reset();
  move_to(d, Phase::kCompleted, "Completed", "every rank ended with exit code 0");
  set(d, "Admitted", false, "Completed", "its room is free again");
  set(d, "Complete", true, "Completed", d.status.message);
}

void fail(Draft& d, std::string_view reason, std::string_view message) {
  account(d, false);
  d.status.completion_time = whole_seconds(d.view.now);
  d.status.stopping.reset();
  leave_line(d);
  move_to(d, Phase::kFailed, reason, message, true);
  set(d, "Queued", false, reason, "it has ended");
  set(d, "Admitted", false, reason, "its room is free again");
  set(d, "Failed", true, reason, message);
}

void suspend(Draft& d) {
  account(d, false);
  if (d.status.placement) next_attempt(d);
  d.status.placement.reset();
  d.status.stopping.reset();
  d.status.start_time.reset();
  d.status.retry_at.reset();
  leave_line(d);
  move_to(d, Phase::kStopped, "Suspended", "spec.suspend is true; it keeps its place in the queue");
  set(d, "Queued", false, "Suspended", d.status.message);
  set(d, "Admitted", false, "Suspended", "it holds no room");
  set(d, "Suspended", true, "Suspended", d.status.message);
}

void withdraw(Draft& d, std::string_view message) {
  account(d, false);
  if (is_terminal(d.status.phase)) return;
  d.status.placement.reset();
  d.status.stopping.reset();
  leave_line(d);
  move_to(d, Phase::kStopped, "Deleted", message);
  set(d, "Queued", false, "Deleted", message);
  set(d, "Admitted", false, "Deleted", "it holds no room");
}

void requeue(Draft& d, std::string_view reason, std::string_view message) {
  account(d, false);
  if (d.status.placement) next_attempt(d);
  d.status.placement.reset();
  d.status.stopping.reset();
  move_to(d, Phase::kPending, reason, message);
  set(d, "Queued", true, reason, message);
  set(d, "Admitted", false, reason, message);
  if (find_condition(d.status.conditions, "Suspended") != nullptr)
    set(d, "Suspended", false, "Resumed", "it is not suspended");
}

void restart_in_place(Draft& d, k8s::WallTime at, std::string_view reason,
                      std::string_view message) {
  account(d, true);
  next_attempt(d);
  d.status.placement->attempt = d.status.attempt;
  d.status.placement->epoch = d.view.epoch;
  d.status.placement->decided_at = whole_seconds(d.view.now);
  d.status.retry_at = whole_seconds(at);
  move_to(d, Phase::kStarting, reason, message, true);
}

void resize(Draft& d, const JobResize& to) {
  TrainingJobStatus& s = d.status;
  account(d, true);
  next_attempt(d);
  const std::int64_t before = std::ssize(s.placement->nodes);
  s.placement = to.placement;
  s.placement->attempt = s.attempt;
  s.placement->epoch = d.view.epoch;
  s.placement->tenant = s.charged_tenant;
  s.cost_per_hour_micros = sum_of(s.placement->rates);
  s.retry_at.reset();
  const std::int64_t size = std::ssize(s.placement->nodes);
  ++s.resizes;
  s.resized = JobResized{whole_seconds(d.view.now), before, size, to.by, to.by_task_id};
  const std::string change = "goes on with " + std::to_string(size) + " nodes instead of " +
                             std::to_string(before) + ", from its checkpoint: ";
  if (to.by.empty())
    move_to(d, Phase::kStarting, "Grown", change + "nobody waits for the room");
  else
    move_to(d, Phase::kStarting, "Shrunk", change + "made room for " + to.by);
  set(d, "Admitted", true, "Admitted", "placed on " + places(*s.placement, d.view.config));
  tell_regions(d);
}

void begin_stop(Draft& d, Phase to, std::string_view reason, std::string_view message) {
  account(d, true);
  d.status.stopping = JobStopping{to, cut(reason, 128), cut(message, 1024)};
  move_to(d, Phase::kStopping, reason, message, to != Phase::kStopped);
}

}  // namespace fermi
